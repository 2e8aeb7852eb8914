"""Embed every readable image of a data set into a Parquet catalogue."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.embed import embed, load_encoder
from selfsup.tasks._sizes import at_trained_size
from selfsup.types import ConfigError

# The encoder is the checkpoint's; the data node is checked when its size is known.
USES = ()
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """One row per readable image: `id`, `embedding`, the columns of the data set, and `colour`.

    Raises:
        ConfigError: the output is not named as a Parquet file.
    """
    checkpoint, output = Path(cfg.task.checkpoint).expanduser(), Path(cfg.task.output).expanduser()
    if output.suffix != ".parquet":
        raise ConfigError(f"task.output: {output} does not end in .parquet")
    trust = tuple(cfg.trust)
    encoder = load_encoder(checkpoint, trust, cfg.task.symmetries)
    source = build(at_trained_size(cfg.data, checkpoint), "data", trust=trust)
    data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=("train",))
    rows = data.rows()
    provenance = {
        "checkpoint": str(checkpoint),
        "symmetries": cfg.task.symmetries,
        "size_px": source.size_px,
        "folder": source.folder,
    }
    catalogue = embed(encoder, data.catalogue_loader(rows), data.catalogue_columns(rows), provenance)
    output.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(output)
    unreadable = len(data.packed.unreadable)
    log.info("%s: %d galaxies of dimension %d, %d unreadable", output, len(catalogue), catalogue.dim, unreadable)
    return {"galaxies": float(len(catalogue)), "unreadable": float(unreadable)}
