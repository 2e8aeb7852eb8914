"""What a run leaves behind: report.json for programs, report.md for people; either is whole or absent."""

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from numbers import Integral, Real
from pathlib import Path
from typing import Any
from urllib.parse import quote

from omegaconf import OmegaConf

from selfsup.durable import replacing
from selfsup.report.tables import cell, number
from selfsup.versions import versions

PACKAGES = (
    "selfsup", "torch", "torchvision", "lightning", "timm", "kornia", "lightly", "hydra-core", "numpy", "scikit-learn",
)  # fmt: skip


def write_report(  # noqa: PLR0913  (each argument is one part of the page)
    folder: Path,
    *,
    title: str,
    command: str,
    config: Mapping[str, Any],
    metrics: Mapping[str, float],
    comparison: Mapping[str, Mapping[str, float]],
    figures: Sequence[tuple[Path, str]],
    facts: Mapping[str, str | float],
    unreadable: int,
    sections: Sequence[str] = (),
) -> None:
    """Write report.json and report.md into the folder.

    Args:
        folder: the run's folder; figures are linked relative to it.
        title: the page's heading.
        command: what was typed, without secrets.
        config: what ran, plain containers, without secrets.
        metrics: every number measured; one that is not finite becomes null.
        comparison: encoder (trained, untrained, pixels) -> metric -> value: the table.
        figures: (path, caption) in the order of the page.
        facts: short things worth a sentence (galaxies, epochs, seconds, device), name -> value.
        unreadable: images that could not be read and were left out.
        sections: further parts of the page, Markdown, between the table and the figures.
    """
    record = {
        "title": title,
        "command": command,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "facts": dict(facts),
        "unreadable": unreadable,
        "metrics": dict(metrics),
        "comparison": {encoder: dict(values) for encoder, values in comparison.items()},
        "figures": {_relative(path, folder): caption for path, caption in figures},
        "versions": versions(PACKAGES),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
        "config": dict(config),
    }
    page = [
        f"# {title}",
        _paragraph(facts, unreadable),
        f"```bash\n{command}\n```",
        _table(comparison),
        *sections,
        *(f"![{caption}]({quote(_relative(path, folder))})\n\n*{caption}*" for path, caption in figures),
        f"<details><summary>Configuration</summary>\n\n```yaml\n{_yaml(config)}```\n\n</details>",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.json": json.dumps(_finite(record), indent=2, allow_nan=False),
        "report.md": "\n\n".join(part for part in page if part),
    }
    for name, text in texts.items():
        with replacing(folder / name) as file:
            file.write(f"{text}\n".encode())


def _paragraph(facts: Mapping[str, str | float], unreadable: int) -> str:
    parts = [f"{name}: {value if isinstance(value, str) else number(value)}" for name, value in facts.items()]
    if unreadable:
        parts.append(f"**{unreadable:,} images could not be read and were left out**")
    return "; ".join(parts) + "." if parts else ""


def _table(comparison: Mapping[str, Mapping[str, float]]) -> str:
    """Metrics down, encoders across; what was not measured is a dash."""
    names = list(dict.fromkeys(name for values in comparison.values() for name in values))
    if not names:
        return ""
    head = "| | " + " | ".join(map(cell, comparison)) + " |\n|---|" + "---:|" * len(comparison)
    rows = (
        f"| {cell(name)} | " + " | ".join(number(values.get(name, math.nan)) for values in comparison.values()) + " |"
        for name in names
    )
    return "\n".join([head, *rows])


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _yaml(config: Mapping[str, Any]) -> str:
    return OmegaConf.to_yaml(OmegaConf.create({key: _plain(part) for key, part in config.items()}))


def _plain(value: object) -> object:
    """Containers and scalars only: paths and other objects become their text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(part) for part in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)


def _finite(value: object) -> object:
    """The same with null for every number that JSON has no word for."""
    plain = _plain(value)
    if isinstance(plain, dict):
        return {key: _finite(part) for key, part in plain.items()}
    if isinstance(plain, list):
        return [_finite(part) for part in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
