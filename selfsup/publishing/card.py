"""The page of a published encoder: what it is, what it learned from, how well it does, how to use it.

Sections as in Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993), behind the YAML that the
Hugging Face hub reads. Nothing of the machine is on it: no folder, no command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from selfsup.publishing.package import Description
from selfsup.types import DataError

Scores = dict[str, dict[str, float]]
"""Encoder (trained, untrained, pixels) -> metric -> value."""

_TAGS = ("astronomy", "galaxies", "galaxy-morphology", "representation-learning")
_FACTS = ("galaxies", "learned from", "epochs", "scored on")
"""Of a report: what says nothing of who trained it where."""


@dataclass(frozen=True)
class History:
    """How an encoder came about.

    Args:
        facts: name -> value, in the order of the page.
        scores: of the probes; empty without a report.
    """

    facts: dict[str, str | float] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)


def history(path: Path, saved: Mapping[str, Any]) -> History:
    """What a checkpoint, and the report in its run's folder if there is one, says of the training.

    Args:
        path: run folder or checkpoint file.
        saved: what `read_checkpoint` reads there.

    Raises:
        DataError: the report is not one that a training wrote.
    """
    config = saved["config"]
    facts: dict[str, str | float] = {name: _module(config[name]) for name in ("objective", "encoder", "data")}
    facts |= {key: config["data"][key] for key in ("tree", "label") if config["data"].get(key) is not None}
    if "epoch" in saved:
        facts["epochs"] = saved["epoch"]
    report = (path if path.is_dir() else path.absolute().parent.parent) / "report.json"
    if not report.is_file():
        return History(facts)
    try:
        told = json.loads(report.read_text())
        facts |= {key: told["facts"][key] for key in _FACTS if key in told["facts"]}
        scores = {encoder: _known(values) for encoder, values in told["comparison"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{report}: not the report of a training; remove it or bring the training's back") from error
    return History(facts, scores)


def model_card(
    description: Description,
    past: History,
    license_name: str | None = None,
    differences: Mapping[str, float] | None = None,
) -> str:
    """The page, Markdown.

    Args:
        description: of the encoder.
        past: of its training.
        license_name: as the hub spells it; None leaves it open, which on the hub means that nobody may use it.
        differences: file of the graph -> largest absolute difference between its embedding and the encoder's.
    """
    encoder, objective = (_safe(past.facts.get(key, key)) for key in ("encoder", "objective"))
    parts = [
        f"---\n{OmegaConf.to_yaml(OmegaConf.create(_front(past, license_name)))}---",
        f"# {encoder}, trained with {objective}",
        f"It turns a picture of a galaxy into {description.dim} numbers: similar galaxies, similar numbers.",
        _use(),
        _preprocessing(description),
        _list("Training", past.facts),
        _scores(past.scores),
        _graphs(description, differences or {}),
        "## Licence\n\n" + (_safe(license_name) if license_name else "The authors have not stated one: ask them."),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front(past: History, license_name: str | None) -> dict[str, Any]:
    """What the hub reads."""
    methods = [str(past.facts[key]) for key in ("objective", "encoder") if key in past.facts]
    front: dict[str, Any] = {"library_name": "selfsup", "pipeline_tag": "image-feature-extraction"}
    return front | {"tags": [*_TAGS, *methods]} | ({"license": license_name} if license_name else {})


def _use() -> str:
    return """## Use

```python
import selfsup
encoder = selfsup.load_encoder("FOLDER")  # this folder, or hf://owner/name
features = selfsup.embed_images(encoder, ["galaxy.jpg"])
```"""


def _preprocessing(description: Description) -> str:
    size, eight = description.size_px, description.symmetries == 8
    turned = " It is asked about all 8 flips and quarter turns of the picture, and the mean is the answer." * eight
    return (
        f"## Pictures\n\n`embed_images` does all this: the centre square of the picture, resampled to {size} x {size} "
        f"px (bicubic, antialiased), {description.channels} channels, RGB, divided by 255. The encoder itself centres "
        f"and scales the channels.{turned} It knows the bands, the depth and the pixel scale of the pictures that it "
        "learned from: of others it may say less."
    )


def _list(title: str, facts: Mapping[str, str | float]) -> str:
    lines = [f"- {name}: {_safe(value)}" for name, value in facts.items()]
    return f"## {title}\n\n" + "\n".join(lines) if lines else ""


def _scores(scores: Scores) -> str:
    """Metrics down, encoders across; a dash where there is no number."""
    names = list(dict.fromkeys(name for values in scores.values() for name in values))
    if not names:
        return ""
    head = "| | " + " | ".join(map(_safe, scores)) + " |\n|---|" + "---:|" * len(scores)
    rows = (
        f"| {_safe(name)} | " + " | ".join(_safe(values.get(name, "-")) for values in scores.values()) + " |"
        for name in names
    )
    note = "Of probes on frozen features, beside those of an untrained network and of the pixels."
    return "\n".join([f"## Scores\n\n{note}\n", head, *rows])


def _graphs(description: Description, differences: Mapping[str, float]) -> str:
    if not differences:
        return ""
    size = description.size_px
    shape = f"(B, {description.channels}, {size}, {size})"
    lines = [f"- `{name}`: largest difference from the encoder {value:.1e}" for name, value in differences.items()]
    note = (
        f"For programs without this package: input `image` {shape} float32 in [0, 1], any B, output `embedding` "
        f"(B, {description.dim}), preprocessed as above."
    )
    return f"## Graphs\n\n{note}\n\n" + "\n".join(lines)


def _module(node: Mapping[str, Any]) -> str:
    """The name by which a class is chosen: its model's, or its file's."""
    return str(node.get("model") or str(node["_target_"]).split(".")[-2])


def _known(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None}


def _safe(value: object) -> str:
    """Text that stays text in Markdown, and numbers of four digits."""
    text = f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", " ".join(text.split()))
