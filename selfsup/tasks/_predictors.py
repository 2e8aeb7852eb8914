"""Who predicted what: each probe of each run, and each run's own head, is one predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfsup.probes.verdict import Relevance, Verdict
from selfsup.tasks._runs import Run, Values, labels


@dataclass(frozen=True)
class Predictor:
    """Who predicted, and what.

    Args:
        name: run and probe.
        run: whose predictions they are.
        questions: of volunteers, those with galaxies.
        classes: columns of classes.
        values: columns of numbers.
    """

    name: str
    run: Run
    questions: dict[str, Verdict]
    classes: dict[str, Verdict]
    values: dict[str, Values]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Questions and classes."""
        return self.questions | self.classes

    def sought(self, question: str) -> list[int]:
        """The answers to look for: of two, the first of volunteers' answers, the second of classes; else all."""
        count = len(self.verdicts[question].names)
        if count > 2:
            return list(range(count))
        return [0] if question in self.questions else [1]


def predictors(runs: Sequence[Run], relevance: Relevance) -> list[Predictor]:
    """Everyone who predicted anything in these runs; where their trees differ, questions bear the tree's name."""
    several = len({one.tree.name for one in runs if one.tree is not None}) > 1
    found = []
    for label, one in zip(labels(runs), runs, strict=True):
        end = f" ({one.tree.name})" if several and one.tree is not None else ""
        for who in one.said:
            questions = {f"{name}{end}": verdict for name, verdict in one.questions(who, relevance).items()}
            found.append(Predictor(f"{label}, {who}", one, questions, one.classes(who), one.values(who)))
    return found
