"""What every task says: the scores, the command that starts it again, its figures with captions."""

import logging
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

Figures = list[tuple[Path, str]]
log = logging.getLogger(__name__)


def show(scores: Mapping[str, float], part: str = "test") -> None:
    """The scores, a line each, to the log."""
    if not scores:
        log.info("no probe, no scores; for those of labels: 'probe=[knn,linear]'")
        return
    width = max(map(len, scores))
    lines = "\n".join(f"  {n:{width}}  {v:.4f}" for n, v in sorted(scores.items()))
    log.info("scores on the %s part:\n%s", part, lines)


def title(folder: Path, seed: int) -> str:
    """Objective, encoder and data, as they were chosen when the run in this folder was started."""
    kept = folder / ".hydra" / "hydra.yaml"  # a resumed run was started by another command
    choices = (OmegaConf.load(kept).hydra if kept.is_file() else HydraConfig.get()).runtime.choices
    chosen = [str(choices.get(group, "")) for group in ("objective", "encoder", "data")]
    return " · ".join([*chosen, f"seed {seed}"])


def command(folder: Path) -> str:
    """What starts the run in this folder again."""
    kept = folder / ".hydra" / "overrides.yaml"
    return shlex.join(["selfsup", *(OmegaConf.load(kept) if kept.is_file() else sys.argv[1:])])
