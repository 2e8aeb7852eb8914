"""Python's logging, as a configuration describes it, may name any class, any function and any file: not here.

What is left of `logging.config.dictConfig` are levels, formats, the terminal, and the one log file of the run.
"""

from collections.abc import Iterator, Mapping
from typing import Any

CLASSES = ("logging.StreamHandler", "logging.FileHandler")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
FILE = "${hydra.runtime.output_dir}/${hydra.job.name}.log"
_KEYS: dict[str, tuple[str, ...]] = {
    "": ("version", "disable_existing_loggers", "root", "loggers", "handlers", "formatters"),
    "formatters": ("format", "datefmt"),
    "handlers": ("class", "formatter", "level", "stream", "filename"),
    "loggers": ("level", "handlers", "propagate"),
}
"""Section -> its keys, or those of each part of it."""
_VALUES = {"class": CLASSES, "stream": STREAMS, "filename": (FILE,)}
"""Key of a handler -> what it may be."""


def faults(said: Any, name: str) -> Iterator[str]:
    """What of a logging configuration is not allowed, a line each.

    Args:
        said: plain values, interpolations unresolved; None: Hydra's own default.
        name: of its node.
    """
    if said is None:
        return
    if not isinstance(said, Mapping):
        yield f"{name}: {said!r} is no logging configuration"
        return
    yield from _keys(said, name, "")
    yield from _keys(said.get("root"), f"{name}.root", "loggers")
    for section in ("formatters", "handlers", "loggers"):
        parts = said.get(section)
        if parts is not None and not isinstance(parts, Mapping):
            yield f"{name}.{section}: {parts!r} is not allowed"
            continue
        for key, part in (parts or {}).items():
            yield from _keys(part, f"{name}.{section}.{key}", section)


def _keys(part: Any, name: str, section: str) -> Iterator[str]:
    if part is None:
        return
    if not isinstance(part, Mapping):
        yield f"{name}: {part!r} is not allowed"
        return
    for key, value in part.items():
        if key not in _KEYS[section]:
            yield f"{name}.{key}: not allowed; there are {', '.join(_KEYS[section])}"
        elif section == "handlers" and key in _VALUES and value not in _VALUES[key]:
            yield f"{name}.{key}: {value!r} is not allowed; write {' or '.join(_VALUES[key])}"
