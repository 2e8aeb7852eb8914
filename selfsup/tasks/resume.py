"""Go on where a run was interrupted: same configuration, same folder, same result as without the interruption."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from selfsup.checkpoint import finished
from selfsup.config import CONTRACTS, validate
from selfsup.tasks.pretrain import CONFIG, pretrain
from selfsup.training.launch import is_parent, launch
from selfsup.training.ranks import together
from selfsup.types import ConfigError

log = logging.getLogger(__name__)

USES = ()  # the configuration that counts is the run's own, checked below


def run(cfg: DictConfig) -> dict[str, float]:
    """Continue the training in `task.run`, with as many devices as it had (or, started by torchrun, `trainer.devices`).

    Raises:
        ConfigError: it is not a run folder.
    """
    folder = Path(cfg.task.run).expanduser()
    file = folder / CONFIG
    if not file.is_file():
        raise ConfigError(f"task.run: {folder} is not a run folder (there is no {CONFIG} in it)")
    started_with = OmegaConf.load(file)
    if not isinstance(started_with, DictConfig):
        raise ConfigError(f"{file}: not a configuration")
    validate(started_with, tuple(CONTRACTS))
    devices = max(started_with.trainer.devices, cfg.trainer.devices)
    if is_parent(devices):
        return launch(devices, folder)
    with together(devices) as ranks:
        if not ranks.is_first:
            return pretrain(started_with, folder, ranks)
        with _logging_into(folder / "resume.log"):
            if not finished(folder):
                log.warning("%s: no checkpoint was finished there; training from the first step", folder)
            return pretrain(started_with, folder, ranks)


@contextmanager
def _logging_into(file: Path) -> Iterator[None]:
    """Log into the run's folder too, as into the file of this command."""
    root = logging.getLogger()
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(next((other.formatter for other in root.handlers if other.formatter), None))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
