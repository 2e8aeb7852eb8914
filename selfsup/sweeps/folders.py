"""The folder of a sweep: a new one that nobody else has, or the one that is to go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig

from selfsup.durable import replacing
from selfsup.locks import claim
from selfsup.sweeps.ledger import LOCK
from selfsup.types import ConfigError

COMMAND = "sweep.json"
"""The overrides that a sweep was started with, in its folder."""


def choose(config: DictConfig, resume: bool) -> Path:
    """The folder; from now on it is known to be a sweep's.

    Args:
        config: of the sweep, with Hydra's own.
        resume: go on with a sweep: the one in `hydra.sweep.dir` where the command line names it, else the newest that
            lies beside it and was started by the same command.

    Raises:
        ConfigError: a new sweep would write into an old one, there is none to go on with, or another is at work.
    """
    folder, given = Path(str(config.hydra.sweep.dir)).expanduser(), _overrides(config)
    if resume and not (folder / COMMAND).is_file():
        named = any(text.lstrip("+").startswith("hydra.sweep.dir=") for text in config.hydra.overrides.hydra)
        folder = _missing(folder) if named else _newest(folder.parent, given)
    with held(folder):
        if not resume and (folder / COMMAND).is_file():
            raise ConfigError(
                f"hydra.sweep.dir: {folder} holds a sweep; write sweep.resume=true to finish it, or name another folder"
            )
        with replacing(folder / COMMAND) as file:
            file.write(json.dumps(given).encode())
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other sweeps out of it.

    Raises:
        ConfigError: one is at work there.
    """
    lock = claim(folder / LOCK)
    if lock is None:
        raise ConfigError(f"hydra.sweep.dir: another process is at work on the sweep in {folder}")
    with lock:
        yield


def _newest(folder: Path, given: list[str]) -> Path:
    """The sweep of this command that was started last."""
    same = [place for place in _sweeps(folder) if json.loads((place / COMMAND).read_text()) == given]
    if not same:
        raise ConfigError(f"sweep.resume: no sweep of this command in {folder}; name its folder: hydra.sweep.dir=DIR")
    return max(same, key=lambda place: (place / COMMAND).stat().st_mtime)


def _missing(folder: Path) -> Path:
    there = ", ".join(sorted(place.name for place in _sweeps(folder.parent))) or "none"
    raise ConfigError(f"sweep.resume: there is no sweep in {folder} (in {folder.parent}: {there})")


def _sweeps(folder: Path) -> Iterator[Path]:
    return (file.parent for file in folder.glob(f"*/{COMMAND}"))


def _overrides(config: DictConfig) -> list[str]:
    """What was typed, in any order, without what says whether it goes on."""
    return sorted(text for text in config.hydra.overrides.task if not text.startswith("sweep."))
