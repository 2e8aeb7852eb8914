"""Which question tree the columns of a catalogue are about, and how a page is told of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from selfsup import trees
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree

_SAYS = ("mean", "share")
"""Endings of columns that say something of each answer: of a posterior, and of volunteers' votes."""


def tree_of(columns: Collection[str], named: object) -> QuestionTree | None:
    """The tree of which each answer has its column; None without one.

    Args:
        columns: names of all columns.
        named: what the provenance calls the tree, which is asked first: several have the same questions.
    """
    first = [named] if isinstance(named, str) else []
    # Of two that fit, the one with more answers: the small ones are parts of the large ones.
    for name in [*first, *sorted(trees.TREES, key=lambda name: -len(trees.TREES[name].answers))]:
        try:
            tree = trees.tree(name)
        except ConfigError:  # the provenance names one that this version does not have
            continue
        if any(all(f"{answer}_{said}" in columns for answer in tree.answers) for said in _SAYS):
            return tree
    return None


def told(tree: QuestionTree) -> dict[str, Any]:
    """The tree as plain values: questions with their answers, and after which answers each is asked."""
    questions = [
        {"name": question.name, "answers": list(question.keys), "after": list(question.parents)}
        for question in tree.questions
    ]
    return {"name": tree.name, "questions": questions}
