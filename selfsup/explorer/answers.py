"""Answers of people to the questions about galaxies: lines that are only added, each on the disk before it counts.

As the journal of a hunt (`selfsup.analysis.journal`), for paths through a question tree: of each person and galaxy the
latest line counts, and what a killed writer left of a line is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from selfsup.durable import append, sync_folder
from selfsup.types import DataError
from selfsup.votes import QuestionTree


class Answers:
    """A file that several processes may add to at once.

    Args:
        path: of the file; its folder is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, galaxy: str, answers: Sequence[str], who: str) -> None:
        """Add a line; it is on the disk when this returns."""
        said = {"id": galaxy, "answers": list(answers), "who": who, "when": datetime.now(UTC).isoformat()}
        line = f"{json.dumps(said)}\n".encode()
        is_new = not self.path.exists()
        with self.path.open("ab+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            whole = stream.read().rfind(b"\n") + 1
            os.ftruncate(stream.fileno(), whole)  # of a torn line
            append(stream, line, whole)
        if is_new:
            sync_folder(self.path.parent)

    def latest(self) -> dict[tuple[str, str], list[str]]:
        """Galaxy and person -> the answers that count.

        Raises:
            DataError: a line, which is not the torn last one, cannot be read.
        """
        if not self.path.exists():
            return {}
        found: dict[tuple[str, str], list[str]] = {}
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], start=1):
            try:
                said = json.loads(line)
                found[str(said["id"]), str(said["who"])] = [str(answer) for answer in said["answers"]]
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{self.path}, line {number}: {error}; mend or remove the line.") from error
        return found


def fault_of(answers: Sequence[str], tree: QuestionTree) -> str:
    """Why these are not the answers of one person who walks down the tree; "" where they are."""
    given = {question.name: [key for key in question.keys if key in answers] for question in tree.questions}
    if strange := [answer for answer in answers if answer not in tree.answers]:
        return f"{strange[0][:80]!r} is no answer of the tree {tree.name}."
    if len(set(answers)) < len(answers) or any(len(keys) > 1 for keys in given.values()):
        return "Give one answer to each question."
    for question in tree.questions:
        if given[question.name] and question.parents and not set(question.parents) & set(answers):
            return f"{question.name} is not asked after these answers."
    return "" if answers else "Answer one question at least."


def counted(paths: Iterable[tuple[str, Sequence[str]]], tree: QuestionTree) -> tuple[list[str], np.ndarray]:
    """Galaxies and the answers of one person each -> ids, and (n, A) whole votes."""
    votes: dict[str, np.ndarray] = {}
    for galaxy, answers in paths:
        row = votes.setdefault(galaxy, np.zeros(len(tree.answers), dtype=np.int64))
        row[[tree.answers.index(answer) for answer in answers]] += 1
    return list(votes), np.array([*votes.values()], dtype=np.int64).reshape(len(votes), len(tree.answers))
