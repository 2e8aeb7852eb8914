"""Draw what the chosen augmentation makes of the chosen data."""

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.config import CONTRACTS
from selfsup.tasks._training_report import draw_views
from selfsup.tasks.pretrain import assemble

USES = tuple(CONTRACTS)
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write views.png into the run folder: a galaxy a row, the packed image first, then its views."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    parts = assemble(cfg, folder)
    draw_views(parts.learner.views, parts.data, folder / "views.png", cfg.task.galaxies)
    log.info("contact sheet: %s", folder / "views.png")
    return {"galaxies": float(cfg.task.galaxies)}
