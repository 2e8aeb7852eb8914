"""Ratings on a terminal: a question a galaxy, and each answer is on the disk before the next question."""

import sys
from collections.abc import Sequence

from selfsup.analysis.journal import LEAST, MOST, OFFERED, Journal
from selfsup.types import DataError


def ask(journal: Journal, ids: Sequence[str], who: str) -> bool:
    """Ask about each galaxy, on stdin and stdout -> whether to go on; False after `q`, or at the end of stdin.

    A galaxy that is skipped is not asked about again; those that come after `q` will be.
    """
    for number, galaxy in enumerate(ids, start=1):
        answer = _answer(journal, galaxy, who, f"{number}/{len(ids)}  {galaxy}")
        if answer == "q":
            return False
    return True


def _answer(journal: Journal, galaxy: str, who: str, name: str) -> str:
    """Repeat the question until the answer is one."""
    while True:
        sys.stdout.write(f"{name}: {LEAST:g} to {MOST:g}, s to skip, q to quit? ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        answer = line.strip().lower() if line else "q"
        if answer == "q":
            return answer
        try:
            journal.add([(galaxy, OFFERED if answer == "s" else float(answer))], who)
        except (ValueError, DataError):
            sys.stdout.write(f"  {answer!r} is none of these\n")
            continue
        return answer
