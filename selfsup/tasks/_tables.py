"""The rows of a report's tables, from what several predictors say of the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from selfsup.probes.along import Bin, Uncertainty, edges, shares_along, statistic_along
from selfsup.probes.confusion import confusion_counts
from selfsup.probes.detection import Roc, choice, detection, roc
from selfsup.probes.verdict import Verdict
from selfsup.report.tables import Row
from selfsup.tasks._predictors import Predictor
from selfsup.tasks._runs import Values

Rows = list[Row]
Statistics = Mapping[str, Sequence[Bin]]
"""Who -> bins."""


def choice_rows(predictors: Sequence[Predictor], confident: float) -> Rows:
    """Accuracy, precision, recall and F1 of the most popular answer; of votes, also where volunteers are confident."""
    rows: Rows = []
    for predictor in predictors:
        for question, verdict in predictor.verdicts.items():
            kept = {"all": np.ones(len(verdict.rows), dtype=bool)}
            if question in predictor.questions:
                kept["confident"] = verdict.sure > confident
            for which, inside in kept.items():
                scores = choice(verdict.true[inside], verdict.said[inside])
                rows.append({"predictor": predictor.name, "question": question, "of": which, **scores})
    return rows


def threshold_rows(predictors: Sequence[Predictor], thresholds: Sequence[float]) -> Rows:
    """True positive rate, precision and accuracy of each answer at each threshold of its predicted fraction."""
    rows: Rows = []
    for p, question, verdict in _all(predictors):
        for k in p.sought(question):
            what = {"predictor": p.name, "question": question, "answer": verdict.names[k]}
            tried = ((float(t), detection(verdict.holds[:, k], verdict.chance[:, k], t)) for t in thresholds)
            rows += [{**what, "threshold": threshold, **found} for threshold, found in tried]
    return rows


def rocs(predictors: Sequence[Predictor]) -> dict[str, dict[str, dict[str, Roc | None]]]:
    """Predictor -> question -> answer -> curve, or None where it is undefined."""
    found: dict[str, dict[str, dict[str, Roc | None]]] = {}
    for p, question, verdict in _all(predictors):
        curves = {verdict.names[k]: roc(verdict.holds[:, k], verdict.chance[:, k]) for k in p.sought(question)}
        found.setdefault(p.name, {})[question] = curves
    return found


def auc_rows(curves: Mapping[str, Mapping[str, Mapping[str, Roc | None]]]) -> Rows:
    """The area below each curve."""
    return [
        {"predictor": who, "question": question, "answer": answer, "auc": curve.auc if curve else np.nan}
        for who, questions in curves.items()
        for question, answers in questions.items()
        for answer, curve in answers.items()
    ]


def confusion(verdict: Verdict) -> np.ndarray:
    """(K, K) counts, rows true, columns predicted."""
    return confusion_counts(verdict.true, verdict.said, len(verdict.names))


def confusion_rows(predictors: Sequence[Predictor]) -> Rows:
    """Every cell of every confusion matrix."""
    return [
        {"predictor": p.name, "question": question, "true": true, "predicted": said, "galaxies": int(counts[i, j])}
        for p, question, verdict in _all(predictors)
        for counts in [confusion(verdict)]
        for i, true in enumerate(verdict.names)
        for j, said in enumerate(verdict.names)
    ]


def label_rows(predictors: Sequence[Predictor]) -> Rows:
    """How many galaxies have each answer, and to how many it was given."""
    return [
        {"predictor": p.name, "question": question, "answer": name, "true": int(true), "predicted": int(said)}
        for p, question, verdict in _all(predictors)
        for counts in [confusion(verdict)]
        for name, true, said in zip(verdict.names, counts.sum(axis=1), counts.sum(axis=0), strict=True)
    ]


def quantities(predictors: Sequence[Predictor], column: str) -> dict[str, np.ndarray]:
    """Predictor -> (N,) values of a column of numbers; those whose run has no finite one are left out."""
    found = {}
    for p in predictors:
        values = p.run.catalogue.column(column) if p.run.catalogue.has(column) else np.empty(0)
        if values.dtype.kind in "biuf" and np.isfinite(values).any():
            found[p.name] = values.astype(np.float64)
    return found


def accuracies_along(
    predictors: Sequence[Predictor], quantity: Mapping[str, np.ndarray], bins: int, level: float
) -> dict[str, dict[str, list[Bin]]]:
    """Question -> predictor -> accuracy in bins of the quantity, the same bins for all."""
    ends = edges(np.concatenate(list(quantity.values())), bins)
    found: dict[str, dict[str, list[Bin]]] = {}
    for p, question, verdict in _all(predictors):
        if p.name in quantity:
            along = quantity[p.name][verdict.rows]
            lines = shares_along(verdict.true == verdict.said, along, ends, level)
            if lines:
                found.setdefault(question, {})[p.name] = lines
    return found


def errors_along(
    predictors: Sequence[Predictor], quantity: Mapping[str, np.ndarray], bins: int, uncertainty: Uncertainty
) -> dict[str, dict[str, list[Bin]]]:
    """Column of numbers -> predictor -> mean absolute error in bins of the quantity, the same bins for all."""
    ends = edges(np.concatenate(list(quantity.values())), bins)
    found: dict[str, dict[str, list[Bin]]] = {}
    for p in predictors:
        if p.name in quantity:
            for column, values in p.values.items():
                error, along = np.abs(values.said - values.true), quantity[p.name][values.rows]
                lines = statistic_along(error, along, ends, np.mean, uncertainty)
                if lines:
                    found.setdefault(column, {})[p.name] = lines
    return found


def bias_and_scatter(
    values: Mapping[str, Values], bins: int, uncertainty: Uncertainty
) -> tuple[dict[str, list[Bin]], dict[str, list[Bin]]]:
    """Predictor -> a number -> the mean and the standard deviation of predicted - true, in bins of the truth."""
    ends = edges(np.concatenate([one.true for one in values.values()]), bins)
    bias, scatter = (
        {who: statistic_along(v.said - v.true, v.true, ends, statistic, uncertainty) for who, v in values.items()}
        for statistic in (np.mean, np.std)
    )
    return bias, scatter


def bin_rows(lines: Mapping[str, Statistics], along: str, score: str) -> Rows:
    """Question or column -> who -> bins, as rows."""
    return [
        {"predictor": who, "question": question, "along": along, "score_of": score, **vars(one)}
        for question, who_bins in lines.items()
        for who, bins in who_bins.items()
        for one in bins
    ]


def value_rows(predictors: Sequence[Predictor]) -> Rows:
    """Numbers: R2, mean absolute error, bias, scatter."""
    rows: Rows = []
    for p in predictors:
        for column, values in p.values.items():
            error, spread = values.said - values.true, values.true.var()
            r2 = 1 - float(np.square(error).mean() / spread) if spread else np.nan
            found = {"r2": r2, "mae": float(np.abs(error).mean()), "bias": float(error.mean())}
            rows.append(
                {"predictor": p.name, "column": column, "galaxies": len(error), **found, "scatter": float(error.std())}
            )
    return rows


def _all(predictors: Sequence[Predictor]) -> Iterator[tuple[Predictor, str, Verdict]]:
    for predictor in predictors:
        for question, verdict in predictor.verdicts.items():
            yield predictor, question, verdict
