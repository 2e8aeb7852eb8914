"""One job of a sweep before it starts: its composed configuration, its digest, and the command that runs it."""

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from omegaconf import DictConfig, open_dict, read_write

from selfsup.interpreter import running
from selfsup.spelling import quoted
from selfsup.sweeps.ledger import digest

NOT_OF_THE_JOB = (
    *("hydra.mode", "hydra.run.", "hydra.sweep.", "hydra.sweeper", "hydra.launcher", "hydra/sweeper", "hydra/launcher"),
    *("hydra.callbacks.result", "sweep."),
)
"""How the overrides begin that are about the sweep."""
CALLBACK = "selfsup.sweeps.result.Result"


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Args:
        number: its place in the sweep.
        digest: of its configuration.
        overrides: that set it apart from the defaults, as they would be typed.
        subdir: its folder within the sweep's.
        cfg: its composed configuration, with Hydra's own.
    """

    number: int
    digest: str
    overrides: list[str]
    subdir: str
    cfg: DictConfig

    @property
    def gpus(self) -> int:
        """How many it needs, where there are any."""
        return int(self.cfg.hydra.launcher.gpus_per_job)

    def command(self, folder: Path) -> list[str]:
        """What runs it in this folder, in a process of its own."""
        hydra = self.cfg.hydra
        given = [text for text in (*hydra.overrides.hydra, *self.overrides) if _is_of_the_job(text)]
        places = {"hydra.run.dir": folder.absolute(), "hydra.sweep.dir": Path(hydra.sweep.dir).absolute()}
        told = [f"{name}={quoted(str(place))}" for name, place in places.items()]
        told += [f"hydra.job.num={self.number}", f"hydra.job.id='{self.number}'"]
        told += [f"+hydra.callbacks.result._target_={CALLBACK}", f"+hydra.callbacks.result.sweep={os.getpid()}"]
        config = ["--config-name", str(hydra.job.config_name)]
        for source in hydra.runtime.config_sources:
            if source.provider == "command-line":
                config += ["--config-dir", source.path]
        return [*running("selfsup"), *config, *given, *told]

    def returned(self, folder: Path) -> JobReturn:
        """What Hydra's sweepers expect of it, the value and the status left open."""
        with read_write(self.cfg.hydra.runtime), open_dict(self.cfg.hydra.runtime):
            self.cfg.hydra.runtime.output_dir = str(folder.absolute())
        with _as_hydras(self.cfg) as hydra_cfg:
            kept = copy.deepcopy(hydra_cfg)
        return JobReturn(
            overrides=list(self.cfg.hydra.overrides.task),
            cfg=_task(self.cfg),
            hydra_cfg=kept,
            working_dir=str(Path.cwd()),
            task_name=str(self.cfg.hydra.job.name),
        )


def compose(loader: ConfigLoader, sweep: DictConfig, overrides: Sequence[str], number: int) -> Job:
    """The job of these overrides.

    Args:
        loader: Hydra's.
        sweep: the configuration of the sweep, with Hydra's own.
        overrides: that the sweeper chose.
        number: its place in the sweep.
    """
    cfg = loader.load_sweep_config(sweep, list(overrides))
    with open_dict(cfg):
        cfg.hydra.job.num, cfg.hydra.job.id = number, str(number)
        cfg.hydra.sweep.dir = sweep.hydra.sweep.dir
    with _as_hydras(cfg):  # `${hydra:...}` asks there
        subdir = str(cfg.hydra.sweep.subdir)
    given = [text for text in cfg.hydra.overrides.task if _is_of_the_job(text)]
    return Job(number, digest(_task(cfg)), given, subdir, cfg)


def _task(cfg: DictConfig) -> DictConfig:
    """The configuration that the task sees."""
    seen = cfg.copy()
    with read_write(seen), open_dict(seen):
        del seen["hydra"]
    return seen


def _is_of_the_job(override: str) -> bool:
    return not override.lstrip("+~").startswith(NOT_OF_THE_JOB)


@contextmanager
def _as_hydras(cfg: DictConfig) -> Iterator[Any]:
    """Let this be the configuration that Hydra has in hand; yields what of it is Hydra's own."""
    holder = HydraConfig.instance()
    before = holder.cfg
    holder.set_config(cfg)
    try:
        yield holder.cfg
    finally:
        holder.cfg = before
