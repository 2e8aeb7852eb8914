"""What Hydra composes passes a gate before Hydra acts on it: callbacks, plugins, logging, trust, secrets.

Hydra instantiates callbacks, launcher, sweeper and logging, sets environment variables and writes the configuration
down, all before it calls a task; its own list of what a `_target_` must not be lets `open` and `torch.load` through. No
public place is early enough, so its loader, by which every run, sweep and job is composed, is replaced by `Checked`.
"""

import os
from collections.abc import Iterator
from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from selfsup import logging_gate
from selfsup.secrets import faults as secrets
from selfsup.types import ConfigError

ENVIRONMENT = ("HOME", "SCRATCH", "SELFSUP_CACHE", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "TMPDIR", "USER")
"""Variables that ${oc.env:...} may read: what it reads is written down with the configuration."""

PLUGINS = {
    "launcher": (
        "hydra_plugins.selfsup.Processes",
        "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    ),
    "sweeper": ("hydra_plugins.selfsup.Search", "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"),
}
"""Node of Hydra's -> what its target may be."""

CALLBACKS = {"sweeps": ("selfsup.sweeps.plugin.Sweeps",), "result": ("selfsup.sweeps.result.Result",)}
COMMANDS = ("additional_parameters", "python", "setup", "srun_args")
"""Keys of a launcher that a shell will read: the command line's alone, as `trust` is."""

_DEEPEST = 20
_UNFORESEEN = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""How Hydra ends on overrides that it did not expect, such as a number for an option."""
_UNUSED = ("oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.select")


class Checked(ConfigLoaderImpl):
    """Hydra's loader; what it composes is refused where it would run what a file brought, or write a secret down."""

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """As Hydra's.

        Raises:
            ConfigError: with all faults, one line each: the key, and what to do.
        """
        try:
            cfg = super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        except _UNFORESEEN as error:
            raise ConfigError(
                f"the configuration cannot be composed: {(str(error).splitlines() or [type(error).__name__])[0]}"
            ) from error
        if found := list(dict.fromkeys(_faults(cfg))):
            raise ConfigError("\n".join(found))
        return cfg

    def _process_config_searchpath(self, config_name: str | None, parsed_overrides: list[Any], repo: Any) -> None:
        """A search path is a folder: the other kind is a package, which is imported."""
        loaded = repo.load_config(config_path=config_name) if config_name else None
        said = [each.value() for each in parsed_overrides if each.get_key_element() == "hydra.searchpath"]
        if loaded is not None and isinstance(loaded.config, DictConfig):
            hydras = OmegaConf.to_container(loaded.config, resolve=False).get("hydra")  # type: ignore[union-attr]
            said.append(hydras.get("searchpath") if isinstance(hydras, dict) else None)
        if any("pkg:" in str(each) or "${" in str(each) for each in said):
            raise ConfigError("hydra.searchpath: only folders, file://DIR; a package would be imported")
        super()._process_config_searchpath(config_name, parsed_overrides, repo)


def guard() -> None:
    """From now on Hydra composes with `Checked`, and interpolations read nothing but the configuration."""
    vars(hydra._internal.hydra)["ConfigLoaderImpl"] = Checked
    OmegaConf.register_new_resolver("oc.env", _environment, replace=True)
    # In the names of folders: two processes may start in the same microsecond.
    OmegaConf.register_new_resolver("process", os.getpid, replace=True)
    for name in _UNUSED:
        OmegaConf.clear_resolver(name)


def _environment(name: str, *default: str) -> str | None:
    if name not in ENVIRONMENT:
        raise ConfigError(f"${{oc.env:{name}}} is not read; of the environment only {', '.join(ENVIRONMENT)}")
    return oc.env(name, *default)


def _faults(cfg: DictConfig) -> Iterator[str]:
    own = cfg.hydra
    said: Any = OmegaConf.to_container(own.overrides, resolve=False)  # their interpolations are resolved later
    typed = [*said["task"], *said["hydra"]]
    yield from _callbacks(own.callbacks)
    for name, targets in PLUGINS.items():
        yield from _node(own, name, f"hydra.{name}", targets)
    yield from (f"hydra.launcher.{key}: {_BY_YOU}" for key in COMMANDS if _brought(own.launcher, key, typed))
    for name in ("job_logging", "hydra_logging"):
        yield from logging_gate.faults(OmegaConf.to_container(own[name], resolve=False), f"hydra.{name}")
    yield from (f"hydra.job.{key}: set variables in your shell" for key in ("env_set", "env_copy") if own.job[key])
    if cfg.get("trust") and not _typed("trust", typed):
        yield f"trust: {_BY_YOU}"
    yield from secrets(OmegaConf.to_container(cfg, resolve=False), typed)


_BY_YOU = "a file cannot say this for you; write it on the command line if you mean it"


def _typed(key: str, overrides: list[str]) -> bool:
    return any(text.lstrip("+").startswith(f"{key}=") for text in overrides)


def _brought(launcher: Any, key: str, overrides: list[str]) -> bool:
    """Whether a file has set this key of the launcher."""
    said = bool(launcher) and bool(OmegaConf.select(launcher, key))
    return said and not _typed(f"hydra.launcher.{key}", overrides)


def _callbacks(nodes: Any) -> Iterator[str]:
    for name in nodes or ():
        yield from _node(nodes, str(name), f"hydra.callbacks.{name}", CALLBACKS.get(str(name), ()))


def _node(holder: Any, name: str, full: str, targets: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with a node that Hydra instantiates: its target, or another one within."""
    try:
        node = holder[name]
        if node is None:
            return
        if not isinstance(node, DictConfig) or node.get("_target_") not in targets:
            said = node.get("_target_") if isinstance(node, DictConfig) else node
            yield f"{full}: {said} is not called; targets there: {', '.join(targets) or 'none'}"
            return
        yield from _nested(node, full, 0)
    except OmegaConfBaseException as error:
        yield f"{full}: {str(error).splitlines()[0]}"


def _nested(node: DictConfig | ListConfig, full: str, depth: int) -> Iterator[str]:
    """Targets and wrappers below a node, interpolations followed."""
    if depth > _DEEPEST:
        yield f"{full}: deeper than {_DEEPEST}, or within itself"
        return
    keys: list[Any] = list(node) if isinstance(node, DictConfig) else list(range(len(node)))
    for key in keys:
        if isinstance(key, str) and key.startswith("_") and (depth or key != "_target_"):
            yield f"{full}.{key}: not allowed there"
        elif isinstance(node, DictConfig) and OmegaConf.is_missing(node, key):
            continue
        elif isinstance(child := node[key], DictConfig | ListConfig):
            yield from _nested(child, f"{full}.{key}", depth + 1)
