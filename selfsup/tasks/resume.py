"""Go on where a run was interrupted: same configuration, same folder, same result as without the interruption."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

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
    started_with = _started_with(file, list(cfg.trust))
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


def _started_with(file: Path, trust: Sequence[str]) -> DictConfig:
    """The configuration that a run keeps: plain, and with the trust of nobody but who goes on with it.

    Raises:
        ConfigError: it is none, or trusts packages that the command does not.
    """
    text = file.read_text(errors="replace")
    try:
        aliases = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))
        found = None if aliases or "${" in text else OmegaConf.create(text)
    except (yaml.YAMLError, OmegaConfBaseException, RecursionError) as error:
        raise ConfigError(f"{file}: not a configuration ({error})") from error
    if not isinstance(found, DictConfig):
        raise ConfigError(f"{file}: not a configuration as a run keeps it: plain values, nothing to be looked up")
    said = found.get("trust")
    trusted = [] if said is None else list(said) if isinstance(said, ListConfig) else [said]
    distrusted = [str(name) for name in trusted if name not in trust]
    if distrusted:
        raise ConfigError(f"{file}: trusts {', '.join(distrusted)}; if you do, write trust=[{','.join(distrusted)}]")
    return found


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
