"""The nearest valid spelling of a mistyped name: an error that knows it says it."""

from collections.abc import Sequence
from difflib import get_close_matches


def nearest(word: str, words: Sequence[str]) -> str:
    """A hint for an error: " (did you mean '...'?)", or "" where no word is near."""
    near = get_close_matches(word, words, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
