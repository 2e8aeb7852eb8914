"""Publish a trained encoder: a folder that others load in one line, with graphs for those who have not this package."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from selfsup.checkpoint import read_checkpoint
from selfsup.config import build
from selfsup.data.decode import Unreadable
from selfsup.durable import replacing_folder
from selfsup.embed import as_float
from selfsup.publishing.card import history, model_card
from selfsup.publishing.hub import PublishedEncoder
from selfsup.publishing.loading import load_encoder
from selfsup.publishing.package import WEIGHTS, read_package, write_package
from selfsup.publishing.portable import FORMATS, Run, difference, require_formats, trace, write_graph
from selfsup.report.run_report import write_report
from selfsup.tasks._plain import plain
from selfsup.tasks._report import command
from selfsup.tasks._sizes import at_trained_size
from selfsup.types import ConfigError, DataError

# The encoder is the checkpoint's; the data node is checked when its size is known.
USES = ()
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write the folder `task.output`, whole or not at all; each copy in it has been compared with the encoder.

    Raises:
        ConfigError: there is something at the output, a format cannot be written, or batches that cannot be.
        DataError: a copy says something else than the encoder.
    """
    checkpoint, output = Path(cfg.task.checkpoint).expanduser(), Path(cfg.task.output).expanduser()
    _require_room(output)
    require_formats(cfg.task.formats)
    if not cfg.task.batches or min(cfg.task.batches) < 1:
        raise ConfigError(f"task.batches: {list(cfg.task.batches)}; write numbers of 1 and more, such as [1,2,5]")
    trust = tuple(cfg.trust)
    published = load_encoder(checkpoint, trust, cfg.task.symmetries)
    images = {"random": _random(published, cfg), "pictures": _pictures(checkpoint, cfg)}
    past = history(checkpoint, read_checkpoint(checkpoint))
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(output) as folder:
        apart = _write_graphs(published, images, folder, cfg)
        card = model_card(published.description, past, cfg.task.license, apart)
        write_package(folder, published.encoder, published.description, card)
        copy, _, _ = read_package(folder, trust)
        apart[WEIGHTS] = _compare(published, copy, images, WEIGHTS, cfg)
        length = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    scores = {f"publish/difference_{Path(name).suffix[1:]}": value for name, value in apart.items()}
    _report(cfg, published, scores, length)
    told = ", ".join(f"{name} {value:.1e}" for name, value in apart.items())
    log.info("%s: %s; largest difference from the encoder: %s", output, ", ".join(length), told)
    return scores


def _require_room(output: Path) -> None:
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConfigError(f"task.output: {output} is there already; name a folder that is not, or remove it")


def _random(published: PublishedEncoder, cfg: DictConfig) -> Tensor:
    """Noise, which no training has seen: (N, C, H, W) in [0, 1]."""
    shape = (max(cfg.task.batches), published.description.channels, published.size_px, published.size_px)
    return torch.rand(shape, generator=torch.Generator().manual_seed(cfg.seed))


def _pictures(checkpoint: Path, cfg: DictConfig) -> Tensor:
    """The first galaxies of the data, (N, C, H, W) in [0, 1]; where there are fewer they come again."""
    count = max(cfg.task.batches)
    node = at_trained_size(cfg.data, checkpoint)
    fewer = OmegaConf.merge(node, {"count": count} if "count" in node else {})  # no more of a sky than is looked at
    source = build(fewer, "data", trust=tuple(cfg.trust))  # type: ignore[arg-type]
    drawn = source.pictures(source.read())
    pixels = [each for each in drawn.some(range(min(count, len(drawn)))) if not isinstance(each, Unreadable)]
    if not pixels:
        raise DataError(f"{source.folder}: none of its first {count} pictures can be read; name other data")
    rows = np.stack(pixels)[np.arange(count) % len(pixels)]
    return as_float(torch.from_numpy(rows).permute(0, 3, 1, 2)).contiguous()


def _write_graphs(
    published: PublishedEncoder, images: Mapping[str, Tensor], folder: Path, cfg: DictConfig
) -> dict[str, float]:
    """Each format's file -> its largest difference from the encoder."""
    if not cfg.task.formats:
        return {}
    for chatty in ("onnx_ir", "onnxscript"):  # a line for each constant that they fold
        logging.getLogger(chatty).setLevel(logging.WARNING)
    program, found = trace(published), {}
    for kind in cfg.task.formats:
        name = FORMATS[kind]
        log.info("writing %s", name)
        found[name] = _compare(published, write_graph(program, kind, folder / name), images, name, cfg)
    return found


def _compare(published: PublishedEncoder, copy: Run, images: Mapping[str, Tensor], name: str, cfg: DictConfig) -> float:
    """The largest difference on any of the images.

    Raises:
        DataError: it is larger than `task.tolerance`.
    """
    apart = {kind: difference(published, copy, each, cfg.task.batches) for kind, each in images.items()}
    kind, largest = max(apart.items(), key=lambda item: item[1])
    if largest > cfg.task.tolerance:
        raise DataError(
            f"{name}: its embedding differs by {largest:.1e} from the encoder's on {kind} images, more than "
            f"task.tolerance={cfg.task.tolerance:g}; nothing is published. Leave the format out, or allow more"
        )
    return largest


def _report(
    cfg: DictConfig, published: PublishedEncoder, scores: Mapping[str, float], length: Mapping[str, int]
) -> None:
    folder = Path(HydraConfig.get().runtime.output_dir)
    files = "\n".join(f"| {name} | {size:,} |" for name, size in length.items())
    write_report(
        folder,
        title=f"{cfg.task.checkpoint}, published as {cfg.task.output}",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison={"largest difference": scores},
        figures=[],
        facts={"dimension": published.dim, "size": f"{published.size_px} px", "symmetries": cfg.task.symmetries},
        unreadable=0,
        sections=[f"| file | bytes |\n|---|---:|\n{files}"],
    )
