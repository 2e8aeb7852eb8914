"""What the page of a report on predictions says in words and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from selfsup.report.tables import Row, beside, markdown, plain_table
from selfsup.tasks._predictors import Predictor
from selfsup.tasks._runs import Run
from selfsup.tasks._tables import Rows

CHOICE = ["galaxies", "accuracy", "precision", "recall", "f1"]
PLAIN = ["precision_plain", "recall_plain", "f1_plain"]


def sections(predictors: Sequence[Predictor], tables: Mapping[str, Rows], notes: Sequence[str], task: Any) -> list[str]:
    """Parts of the page, in their order, as Markdown."""
    votes = {question for p in predictors for question in p.questions}
    return [
        *_compared(predictors, notes),
        *_answers({name: [row for row in rows if row.get("question") in votes] for name, rows in tables.items()}, task),
        *_classes({name: [row for row in rows if row.get("question") not in votes] for name, rows in tables.items()}),
        *_numbers(tables["numbers"]),
        "Every number of this page, and the confusion matrices, label counts and bins: `tables/*.csv`.",
    ]


def differences(runs: Sequence[Run]) -> list[str]:
    """What makes the runs hard to compare."""
    notes = []
    if len({frozenset(run.catalogue.ids) for run in runs}) > 1:
        notes.append("The runs were scored on different galaxies: their numbers do not tell which of them is better.")
    names = sorted({run.tree.name for run in runs if run.tree is not None})
    if len(names) > 1:
        notes.append(f"The votes are of several trees ({', '.join(names)}): a question of one is none of another.")
    return notes


def silent(predictors: Sequence[Predictor], tables: Mapping[str, Rows]) -> list[str]:
    """Where a score is undefined, and why."""
    empty = {q: None for p in predictors for q, verdict in p.verdicts.items() if not len(verdict.rows)}
    alone = {
        f"{row['question']}: {row['answer']}": None
        for row in tables["roc"]
        if math.isnan(float(row["auc"])) and row["question"] not in empty
    }
    notes = []
    if empty:
        notes.append(f"No galaxy counts for {', '.join(empty)}: too few volunteers were asked, or nothing is known.")
    if alone:
        notes.append(f"No ROC curve, since it is true of all galaxies that count or of none: {', '.join(alone)}.")
    return notes


def scores(tables: Mapping[str, Rows]) -> dict[str, float]:
    """The main numbers: <predictor>/<question>/<metric>, `_confident` where volunteers are."""
    found: dict[str, float] = {}
    for row in tables["answers"]:
        end = "" if row["of"] == "all" else "_confident"
        name = f"{row['predictor']}/{row['question']}"
        found |= {f"{name}/{metric}{end}": float(row[metric]) for metric in ("accuracy", "f1")}
    for row in tables["roc"]:
        found[f"{row['predictor']}/{row['question']}/auc_{row['answer']}"] = float(row["auc"])
    for row in tables["numbers"]:
        found |= {f"{row['predictor']}/{row['column']}/{metric}": float(row[metric]) for metric in ("r2", "mae")}
    return found


def _compared(predictors: Sequence[Predictor], notes: Sequence[str]) -> Iterator[str]:
    yield "## What is compared"
    yield markdown(
        ["predictor", "run", "folder", "galaxies"],
        ([p.name, p.run.title, str(p.run.folder), float(len(p.run.catalogue))] for p in predictors),
    )
    if notes:
        yield "\n".join(f"- {_line(note)}" for note in notes)


def _answers(tables: Mapping[str, Rows], task: Any) -> Iterator[str]:
    rows = tables["answers"]
    if not rows:
        return
    yield "## Volunteers' answers"
    yield (
        f"The most popular answer, of galaxies about which at least {task.fewest_asked:g} volunteers answered the "
        f"question, and {task.asked_share:.0%} of those who saw the galaxy were asked it. Precision, recall and F1 are "
        f"means over the answers, weighted by their galaxies; `_plain`: each answer alike."
    )
    for which, what in (
        ("confident", f"Where one answer has more than {task.confident:.0%} of the votes"),
        ("all", "All"),
    ):
        some = [row for row in rows if row["of"] == which]
        yield f"### {what}\n\n{_by_question(some)}"
    yield from _detections(tables, "fraction")


def _classes(tables: Mapping[str, Rows]) -> Iterator[str]:
    rows = tables["answers"]
    if not rows:
        return
    yield f"## Classes\n\n{_by_question(rows)}"
    yield from _detections(tables, "chance")
    yield _folded(
        "Galaxies: true / predicted",
        beside(tables["labels"], ["question", "answer"], "predictor", ["true", "predicted"]),
    )


def _detections(tables: Mapping[str, Rows], what: str) -> Iterator[str]:
    """How each answer is found, by what is predicted of it: at all thresholds together, and at each."""
    yield f"### Area under the ROC curve\n\n{beside(tables['roc'], ['question', 'answer'], 'predictor', ['auc'])}"
    keys, values = ["question", "answer", "threshold"], ["tpr", "precision", "accuracy"]
    yield _folded(
        f"True positive rate / precision / accuracy, where the predicted {what} is above a threshold",
        beside(tables["thresholds"], keys, "predictor", values),
    )


def _numbers(rows: Rows) -> Iterator[str]:
    if rows:
        columns = ["column", "predictor", "galaxies", "r2", "mae", "bias", "scatter"]
        yield f"## Numbers\n\n{plain_table(sorted(rows, key=lambda row: str(row['column'])), columns)}"


def _by_question(rows: Rows) -> str:
    """Questions in their order, below each the predictors."""
    order = list(dict.fromkeys(row["question"] for row in rows))
    ranked: list[Row] = sorted(rows, key=lambda row: order.index(row["question"]))
    return plain_table(ranked, ["question", "predictor", *CHOICE, *PLAIN])


def _folded(summary: str, table: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{table}\n\n</details>"


def _line(text: str) -> str:
    return " ".join(text.replace("<", "&lt;").split())
