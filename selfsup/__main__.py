"""The command line: compose the configuration, check it, run the task. Nothing heavy is imported before a task runs."""

import importlib
import logging
import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationResolutionError, OmegaConfBaseException
from yaml import YAMLError

from selfsup import secrets
from selfsup.composition import guard
from selfsup.durable import not_ours
from selfsup.spelling import retyped
from selfsup.types import ConfigError, DataError, Interrupted

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
"""Shipped inside the wheel; beside the package in a checkout."""
TOGETHER = ("pretrain", "resume")
"""Tasks that several processes do together."""
guard()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def run(cfg: DictConfig) -> float | None:
    """Run one composed configuration; what a sweep minimises or maximises is the task's first score."""
    try:
        return first(perform(cfg))
    except (ConfigError, DataError) as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise  # the sweep records it and goes on
        _refuse(str(error), error)
    except OSError as error:
        _refuse_what_is_not_ours(error)


def perform(cfg: DictConfig) -> dict[str, float]:
    """Check the configuration, then run the task that it names.

    Raises:
        ConfigError: with all faults of the configuration.
    """
    from selfsup.config import nearest, validate  # noqa: PLC0415  (what --help does not wait for)

    _resolved(cfg)
    verbs = [file.stem for file in (PACKAGE / "tasks").glob("*.py") if not file.stem.startswith("_")]
    if cfg.task.name not in verbs:
        raise ConfigError(f"task.name: there is no task {cfg.task.name}; {nearest(str(cfg.task.name), verbs)}")
    if rank() and cfg.task.name not in TOGETHER:
        sys.exit(f"\nselfsup: task={cfg.task.name}: runs in one process; start it without torchrun or srun")
    task = importlib.import_module(f"selfsup.tasks.{cfg.task.name}")
    validate(cfg, task.USES)
    scores: dict[str, float] = task.run(cfg)
    return scores


def _resolved(cfg: DictConfig) -> None:
    """Look at every interpolation once, so that what a task reads of the configuration is there."""
    try:
        OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def first(scores: dict[str, float]) -> float | None:
    """The first score, or None."""
    return next(iter(scores.values()), None)


def main() -> None:
    """Entry point of the console script: a fault that the user can mend is one message, a bug keeps its traceback."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        sys.stdout.write(manual())
        return
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # so that errors reach this function whole
    _hush()
    with secrets.guarded(), _stopped():
        _answered()


@contextmanager
def _stopped() -> Iterator[None]:
    """What ends by request says how it goes on, without a traceback."""
    try:
        yield
    except Interrupted as end:
        if end.message:
            sys.stderr.write(f"\nselfsup: {end.message}\n")
        raise
    except KeyboardInterrupt:
        sys.stderr.write("\nselfsup: stopped by Ctrl-C. What is finished stays, and the same command goes on\n")
        sys.excepthook = lambda *_: None  # all that is left for Python is to die by the signal, as shells expect
        raise


def _answered() -> None:
    """Run; what the user can mend is said without a traceback."""
    try:
        _only_ours(get_args_parser().parse_args())
        run()
    except (ConfigError, DataError) as error:
        _refuse(str(error), error)
    except CompactHydraException as error:
        _refuse(explain(error), error)
    except InterpolationResolutionError as error:  # of Hydra's own keys, which it reads itself
        _refuse(_first_line(error), error)
    except OSError as error:  # of the folders that Hydra makes
        _refuse_what_is_not_ours(error)
    except YAMLError as error:
        _refuse(f"a configuration file cannot be read: {error}", error)


def _only_ours(flags: Namespace) -> None:
    """Refuse what of Hydra's command line unpickles a file, or imports a package.

    Raises:
        ConfigError: one of them is there.
    """
    if flags.experimental_rerun is not None:
        raise ConfigError("--experimental-rerun: a pickle runs code; write task=resume task.run=RUN")
    if flags.config_path is not None:
        raise ConfigError("--config-path: the table of contents is selfsup's own; add yours with --config-dir DIR")


def manual() -> str:
    """What Hydra prints for `--help`, without composing the configuration, which takes it four times as long."""
    words = OmegaConf.create({"hydra": {"help": OmegaConf.load(CONF / "hydra" / "help" / "selfsup.yaml")}})
    options: dict[str, list[str]] = {}
    for file in sorted(CONF.glob("*/**/*.yaml")):
        options.setdefault(file.parent.relative_to(CONF).as_posix(), []).append(file.stem)
    shown = [f"{group}: {', '.join(options[group])}\n" for group in sorted(options) if group.split("/")[0] != "hydra"]
    return f"{Template(words.hydra.help.template).substitute(APP_CONFIG_GROUPS=''.join(shown))}\n"


def _refuse(message: str, error: Exception) -> NoReturn:
    """End with a message; of several processes only one says it: the first, or the one that a note names."""
    said_by_the_first = rank() and not hasattr(error, "__notes__")
    sys.exit(1 if said_by_the_first else f"\nselfsup: {secrets.hide(message)}")


def _refuse_what_is_not_ours(error: OSError) -> NoReturn:
    """A full disk and a closed folder are messages; what else the system says is a bug."""
    if said := not_ours(error):
        _refuse(said, error)
    raise error


def _hush() -> None:
    """Of several processes that train together, only the first has a run folder, logs and warns."""
    if rank():
        sys.argv += ["hydra.run.dir=.", "hydra.output_subdir=null"]
        sys.argv += ["hydra/job_logging=none", "hydra/hydra_logging=none"]
        logging.disable()
        warnings.simplefilter("ignore")


def rank() -> int:
    """Number of this process among those that torchrun, srun or `trainer.devices` started; 0 for one alone."""
    names = ("RANK", "LOCAL_RANK") if "LOCAL_RANK" in os.environ else ("SLURM_PROCID",)
    return int(next((os.environ[name] for name in names if name in os.environ), 0))


def explain(error: CompactHydraException) -> str:
    """Hydra's message, with the nearest valid spelling where a name was mistyped."""
    from selfsup.config import nearest  # noqa: PLC0415

    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: no such option; {nearest(name, list(error.options))}"
    if isinstance(error, OverrideParseException):
        return retyped(error.override)
    cause = error.__cause__
    if isinstance(cause, ConfigKeyError | ConfigAttributeError) and isinstance(cause.parent_node, DictConfig):
        valid = [str(key) for key in cause.parent_node]
        return f"{cause.full_key}: no such key; {nearest(str(cause.key), valid)}"
    return str(error) or f"{type(error).__name__}: {cause}"


if __name__ == "__main__":
    main()
