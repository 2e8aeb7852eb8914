"""What each start scores with how many labels: a table of means, paired gains and labels saved, and the curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from selfsup.report.figures import few_shot_curve
from selfsup.report.labels_saved import Curve, Saved
from selfsup.report.statistics import Interval, interval, paired
from selfsup.report.tables import markdown, number


def label_table(
    curves: Mapping[str, Curve],
    saved: Mapping[str, Mapping[int, Saved]],
    against: str,
    counted: str = "labels of each class",
    over: str = "draws",
) -> str:
    """Markdown, a row for each curve and number of labels.

    Args:
        curves: name -> labels of each class -> score of each draw.
        saved: name -> labels -> what it saves against the plain curve, for all but that one.
        against: name of the plain curve.
        counted: what the numbers count.
        over: what each number has several scores of.
    """
    head = ["", counted, "score", f"gain on {against}", "p", "labels saved, times"]
    rows = [[name, *row] for name in curves for row in _rows(curves[name], saved.get(name), curves[against])]
    note = f"Means with their 95 % intervals over {over}. A gain is that of the same {over}, p its paired t test."
    note += f" Labels saved: how many times as many labels {against} needs for the same score."
    return f"{markdown(head, rows)}\n\n{note}"


def draw_labels(curves: Mapping[str, Curve], out: Path) -> None:
    """Name -> labels of each class -> score of each draw, as curves: means with their intervals over draws."""
    few_shot_curve(with_intervals(curves, "n"), out)


def with_intervals(curves: Mapping[str, Curve], along: str) -> dict[str, Mapping[str, Sequence[float]]]:
    """Name -> labels -> scores, as what a figure of curves draws: labels as `along`, "mean", and the reach as "std"."""
    shown: dict[str, Mapping[str, Sequence[float]]] = {}
    for name, curve in curves.items():
        found = [interval(values) for values in curve.values()]
        means, reach = [each.mean for each in found], [each.reach for each in found]
        shown[name] = {along: list(curve), "mean": means, "std": reach}
    return shown


def _rows(curve: Curve, saved: Mapping[int, Saved] | None, plain: Curve) -> Iterator[list[str]]:
    for n, values in curve.items():
        gain = p = factor = ""
        if saved is not None and n in plain:
            test = paired(_by_draw(values), _by_draw(plain[n]))
            gain, p = _said(test.difference, "+.3f"), number(test.p_t)
        if saved is not None:
            factor = str(saved[n])
        yield [str(n), _said(interval(values), ".3f"), gain, p, factor]


def _by_draw(values: Sequence[float]) -> dict[str, float]:
    return {str(draw): value for draw, value in enumerate(values)}


def _said(found: Interval, form: str) -> str:
    return f"{found.mean:{form}} ± {found.reach:.3f}"
