"""From configuration to objects: `validate` reads every fault out at once, `build` is the only way to an object.

A `_target_` is code that a file names, so it passes a gate: its class must subclass the contract of its group and live
in this package or in one that `trust` names, or be one of a few exact names. Wrappers (`_partial_`, `_args_`) and
nested targets are refused: nothing here needs them. The one exception are the named parts of an objective, which are
objectives and pass the same gate.
"""

import difflib
import importlib
import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from selfsup.types import ConfigError

CONTRACTS = {
    "data": "selfsup.data.source.Source",
    "encoder": "selfsup.encoders.base.Encoder",
    "objective": "selfsup.objectives.base.Objective",
    "augmentation": "selfsup.views.multiview.MultiView",
    "probe": "selfsup.probes.base.Probe",
    "optimizer": "torch.optim.Optimizer",
    "logger": "lightning.pytorch.loggers.Logger",
    "trainer": "selfsup.training.settings.TrainerSettings",
}
"""Config group -> the class that its targets must subclass."""

EXACT = ("torch.optim.AdamW", "torch.optim.SGD", "lightly.utils.lars.LARS")
"""Targets of other packages, by their exact name."""

POSITIONAL = {"objective": 1, "optimizer": 1, "logger": 1}
"""Group -> how many leading arguments `build` is given besides the node (encoder, parameter groups, run folder)."""

PARTS = {"objective": "parts"}
"""Group -> its key whose values may be nodes of the same group: built first, with the same leading arguments."""


def build(node: DictConfig, kind: str, *positional: object, trust: Sequence[str] = ()) -> Any:
    """Call the class that `node._target_` names with the node's other keys; positional arguments come first.

    Raises:
        ConfigError: the target is not allowed for this kind, or the keys do not fit it.
    """
    values = _plain(node, kind)
    faults = list(_node_faults(values, kind, kind, tuple(trust)))
    if faults:
        raise ConfigError("\n".join(faults))
    for name, part in _parts(values, kind).items():
        try:
            values[PARTS[kind]][name] = build(OmegaConf.create(part), kind, *positional, trust=trust)
        except ConfigError as error:
            raise ConfigError(f"{kind}.{PARTS[kind]}.{name}: {error}") from error
    target = _resolve(values.pop("_target_"), kind, tuple(trust))
    return target(*positional, **values)


def build_all(nodes: DictConfig, kind: str, trust: Sequence[str] = ()) -> dict[str, Any]:
    """Build every node of a multi-select group: name -> object."""
    return {str(name): build(node, kind, trust=trust) for name, node in nodes.items()}


def validate(cfg: DictConfig, kinds: Sequence[str]) -> None:
    """Check these groups of the configuration, and that the task lacks nothing, before anything is built.

    Raises:
        ConfigError: lists all faults, one line each: the key, what is wrong, the nearest valid spelling.
    """
    faults = [_missing(key) for key in sorted(OmegaConf.missing_keys(cfg.get("task", {})))]
    for kind, name, node in _nodes(cfg, kinds):
        try:
            faults += _node_faults(_plain(node, name), kind, name, tuple(cfg.trust))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))


def nearest(word: str, valid: Sequence[str]) -> str:
    """A clause with the nearest valid spelling, else with all of them."""
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"valid: {', '.join(sorted(valid))}"


def _nodes(cfg: DictConfig, kinds: Sequence[str]) -> Iterator[tuple[str, str, DictConfig]]:
    """The nodes of this configuration that name a target: (kind, dotted key, node)."""
    for kind in kinds:
        if kind not in cfg:
            continue
        if kind == "probe":
            yield from ((kind, f"probe.{name}", node) for name, node in cfg.probe.items())
        else:
            yield kind, kind, cfg[kind]


def _plain(node: DictConfig, name: str) -> dict[str, Any]:
    """The node as plain values, interpolations resolved, `~` and environment untouched."""
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        full = [key if key.startswith(f"{name}.") else f"{name}.{key}" for key in missing]
        raise ConfigError("\n".join(_missing(key) for key in full))
    try:
        values = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{name}: {str(error).splitlines()[0]}") from error
    return typing.cast(dict[str, Any], values)


def _missing(key: str) -> str:
    if key == "data.folder":
        return (
            "data.folder: not set. Name the images to learn from, for example\n"
            "  selfsup                                          nothing: the synthetic sky\n"
            "  selfsup data=images data.folder=DIR              a folder of JPEG or PNG cutouts, labels optional\n"
            "  selfsup data=galaxy_challenge data.folder=DIR    the Galaxy Challenge: DIR/images and DIR/votes.csv"
        )
    return f"{key}: not set; write {key}=VALUE"


def _node_faults(
    values: Mapping[str, Any], kind: str, name: str, trust: tuple[str, ...], whole: bool = True
) -> Iterator[str]:
    """What is wrong with a node; parts are allowed in a whole one, and not in a part."""
    wrappers = [key for key in values if key.startswith("_") and key != "_target_"]
    yield from (f"{name}.{key}: not allowed; a node holds a _target_ and its parameters" for key in wrappers)
    parts, rest = _parts(values, kind) if whole else {}, dict(values)
    if parts:
        rest[PARTS[kind]] = {key: value for key, value in values[PARTS[kind]].items() if key not in parts}
    yield from (f"{name}.{key}: a nested _target_ is not allowed" for key in _nested_targets(rest))
    for key, node in parts.items():
        yield from _node_faults(node, kind, f"{name}.{PARTS[kind]}.{key}", trust, whole=False)
    if "_target_" not in values:
        yield f"{name}._target_: not set; choose an option of the group: {kind}=OPTION"
        return
    try:
        target = _resolve(values["_target_"], kind, trust)
    except ConfigError as error:
        yield str(error).replace(f"{kind}._target_", f"{name}._target_", 1)
        return
    given = {key: value for key, value in values.items() if not key.startswith("_")}
    yield from _signature_faults(target, given, name, POSITIONAL.get(kind, 0))


def _parts(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The nodes among the parts of a node: name -> node."""
    held = values.get(PARTS.get(kind, ""))
    named = held.items() if isinstance(held, Mapping) else ()
    return {name: value for name, value in named if isinstance(value, Mapping) and "_target_" in value}


def _nested_targets(values: Any, path: str = "") -> Iterator[str]:
    children = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for key, child in children:
        here = f"{path}.{key}" if path else str(key)
        if isinstance(child, Mapping) and "_target_" in child:
            yield here
        yield from _nested_targets(child, here)


def _resolve(target: object, kind: str, trust: tuple[str, ...]) -> type:
    """The class behind a dotted name, if this kind may be built from it."""
    home, _, name = str(target).rpartition(".")
    packages = ("selfsup", *trust)
    if str(target) not in EXACT and not _inside(home, packages):
        raise ConfigError(
            f"{kind}._target_: {target} is not from a trusted package; write trust=[{home.split('.')[0]}]"
        )
    try:
        found = getattr(importlib.import_module(home), name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{kind}._target_: there is no module {error.name}, named by {target}") from error
    except AttributeError as error:
        options = [key for key, value in vars(importlib.import_module(home)).items() if isinstance(value, type)]
        raise ConfigError(f"{kind}._target_: {home} has no {name}; {nearest(name, options)}") from error
    contract = _contract(kind)
    if not (isinstance(found, type) and issubclass(found, contract)):
        raise ConfigError(f"{kind}._target_: {target} is not a {contract.__name__}")
    if str(target) not in EXACT and not _inside(found.__module__, packages):
        raise ConfigError(f"{kind}._target_: {target} is {found.__module__}.{name}, which is not trusted")
    return found


def _inside(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _contract(kind: str) -> type:
    home, _, name = CONTRACTS[kind].rpartition(".")
    return typing.cast(type, getattr(importlib.import_module(home), name))


def _signature_faults(target: type, given: Mapping[str, Any], name: str, positional: int) -> Iterator[str]:
    parameters = list(inspect.signature(target).parameters.values())[positional:]
    named = {p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    hints = _hints(target)
    for key, value in given.items():
        if key not in named and not open_ended:
            yield f"{name}.{key}: {target.__name__} has no such parameter; {nearest(key, list(named))}"
        elif key in hints and not _fits(value, hints[key]):
            yield f"{name}.{key}: {value!r} is not {_spell(hints[key])}"
    for key, parameter in named.items():
        if parameter.default is parameter.empty and key not in given:
            yield f"{name}.{key}: not set; {target.__name__} needs it, write {name}.{key}=VALUE"


def _hints(target: type) -> dict[str, Any]:
    """Parameter -> annotation; none where a module imports a name for type checking alone."""
    try:
        return typing.get_type_hints(inspect.getattr_static(target, "__init__"))
    except NameError:
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a plain value can be what the annotation asks for; annotations beyond plain values are left alone."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in options)
    if origin is typing.Literal:
        return value in options
    if origin in (list, tuple):
        return isinstance(value, list)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, type(None)) else True


def _spell(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if typing.get_origin(hint) is None else str(hint).replace("typing.", "")
