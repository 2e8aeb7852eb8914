"""Secrets reach no file: known by their names, by their looks, and by their values in the environment."""

import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

SECRET_NAME = re.compile(r"key|token|secret|password|credential|auth(?!ors?(_|$))", re.IGNORECASE)
SHORTEST_SECRET = 8
"""Characters; a shorter value of the environment ("1", "true") is only a secret where it is the whole text."""

HIDDEN = "(hidden)"
_CERTAIN_NAME = re.compile(
    r"(^|_)(api_?key|access_?key|private_?key|secret\w*|token|passw(or)?d|passphrase|credentials?|auth)$|^key$",
    re.IGNORECASE,
)
"""A key of the configuration that is called so holds nothing else."""
_LOOKS = re.compile(
    r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # https://user:password@host
    r"|\b(?:hf_|gh[pousr]_|sk-)[A-Za-z0-9]{30,}|\bsk-(?:ant|proj|svcacct)-[\w-]{20,}"
    r"|\b(?:github_pat_|glpat-|wandb_v1_|xox[abpr]-)[\w-]{20,}|\bAKIA[0-9A-Z]{16}\b"
)
"""How the tokens of well-known services begin."""


def redact(value: Any) -> Any:
    """The same tree, plain, with "(hidden)" for what a secret's name points to and for what equals a secret.

    A name is a secret's if it contains key, token, secret, password, credential or auth: better one harmless number
    hidden than one password shown. The values of such environment variables are hidden wherever they occur.
    """
    if isinstance(value, Mapping):
        return {key: HIDDEN if SECRET_NAME.search(str(key)) else redact(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [redact(part) for part in value]
    return hide(value) if isinstance(value, str) else value


def hide(text: str) -> str:
    """The text with "(hidden)" for each value of an environment variable whose name is a secret's, and for tokens."""
    for secret in _environment().values():
        if text == secret:
            return HIDDEN
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return _LOOKS.sub(HIDDEN, text)


def faults(config: Any, overrides: Sequence[str] = (), name: str = "") -> Iterator[str]:
    """Where a configuration holds a secret, a line each that does not say it.

    Args:
        config: plain values, before they are resolved.
        overrides: as they were typed.
        name: of the node.
    """
    known = [value for value in _environment().values() if len(value) >= SHORTEST_SECRET]
    yield from (f"{hide(text.partition('=')[0])}: {_REMEDY}" for text in overrides if _tells(text, known))
    yield from _within(config, name, known)


def _within(config: Any, name: str, known: Sequence[str]) -> Iterator[str]:
    parts = config.items() if isinstance(config, Mapping) else enumerate(config) if isinstance(config, list) else ()
    for key, value in parts:
        full = f"{name}.{key}" if name else str(key)
        plain = str(value) if _is_plain(value) else ""
        if _holds(full, known) or _named(str(key), plain) or _holds(plain, known):
            yield f"{hide(full)}: {_REMEDY}"
        else:
            yield from _within(value, full, known)


_REMEDY = "a secret, which would be written down; set it in the environment, where its program looks for it"


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _named(key: str, value: str) -> bool:
    """Whether a value stands where only secrets do; an interpolation is looked at where it points to."""
    return value not in ("", "null") and "${" not in value and bool(_CERTAIN_NAME.search(key))


def _holds(text: str, known: Sequence[str]) -> bool:
    """Whether a token, or one of the known secrets, is in this text."""
    return bool(_LOOKS.search(text)) or any(secret in text for secret in known)


def _tells(override: str, known: Sequence[str]) -> bool:
    key, _, value = override.partition("=")
    inner = re.findall(r"(\w+)\s*:", value)
    return _holds(override, known) or any(_named(each, value) for each in (key.rpartition(".")[2], *inner))


def _environment() -> dict[str, str]:
    """Secret variables; one that says where something lies is none."""
    named = {name: value for name, value in os.environ.items() if value and SECRET_NAME.search(name)}
    return {name: value for name, value in named.items() if not (value.startswith("/") and os.path.exists(value))}  # noqa: PTH110


@contextmanager
def guarded() -> Iterator[None]:
    """No secret is in a line of the log, nor in the traceback of what ends the process."""
    logging.setLogRecordFactory(_Discreet)
    _hook()
    try:
        yield
    except Exception:
        _hook()  # W&B has put its own in front meanwhile, which tells everything
        raise


def _hook() -> None:
    sys.excepthook = _tell
    threading.excepthook = lambda args: _tell(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)


class _Discreet(logging.LogRecord):
    """A record of the log whose text, and whose traceback, hide secrets."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = hide("".join(traceback.format_exception(*self.exc_info))).rstrip("\n")

    def getMessage(self) -> str:
        return hide(super().getMessage())


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As the interpreter tells of an error that nobody caught."""
    sys.stderr.write(hide("".join(traceback.format_exception(kind, error, trace))))
