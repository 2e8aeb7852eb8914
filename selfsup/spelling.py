"""How to spell what was mistyped, or what Hydra is to read as it is: an error that knows it says it."""

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches


def nearest(word: str, words: Sequence[str]) -> str:
    """A hint for an error: " (did you mean '...'?)", or "" where no word is near."""
    near = get_close_matches(word, words, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def quoted(text: str, mark: str = "'") -> str:
    """The text as a value of Hydra's grammar, between two of these marks."""
    escaped = re.sub(rf"(\\+)(?={mark}|\Z)", r"\1\1", text).replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def retyped(override: str) -> str:
    """How to type an override that Hydra cannot read."""
    key, given, value = override.partition("=")
    if not given:
        return f"{override}: what is set is written key=value"
    typed = shlex.quote(f"{key}={quoted(value, chr(34))}")
    return f"{override}: the value cannot be read. If it is a text, quote it for the shell and for Hydra: {typed}"
