"""The leaderboard: every method on every benchmark, mean and interval over seeds, and who is not shown to be worse.

In each column the best mean (of several seeds, where any method has them) is marked, and with it every method that a
paired t test over the seeds that both have does not show to be worse (Holm-corrected over the column). Scores under
different protocols are different columns; runs of different configurations are different rows: neither is averaged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from selfsup.report.methods import PIXELS, UNTRAINED, Column, Method, Score, flat_settings
from selfsup.report.runs import Run
from selfsup.report.standings import Comparison, better, comparisons, standings
from selfsup.report.statistics import Interval, interval, rank_correlation, what_n_can_show


@dataclass(frozen=True)
class Cell:
    """One method on one benchmark.

    Args:
        values: seed -> score.
        interval: over them.
        standing: beside the best of the column.
        p: of being as good as the best, corrected; NaN for the best, and where there is no test.
        by_labels: labels of each class -> interval over seeds.
    """

    values: Mapping[str, float]
    interval: Interval
    standing: str
    p: float
    by_labels: Mapping[int, Interval]


@dataclass(frozen=True)
class Board:
    """All that a leaderboard says.

    Args:
        columns, methods: in the order of the table.
        titles: of the columns; names: of the methods (objective, encoder, what is set otherwise).
        cells: (method, column) -> what there is.
        costs: method -> "minutes", "processor minutes", "galaxies seen", "parameters" (means over runs), "hardware".
        comparisons: of all pairs with the same encoder.
        notes: what a reader must know.
    """

    columns: list[Column]
    methods: list[Method]
    titles: dict[Column, str]
    names: dict[Method, tuple[str, str, str]]
    cells: dict[tuple[Method, Column], Cell]
    costs: dict[Method, dict[str, float | str]]
    comparisons: list[Comparison]
    notes: list[str]

    def label(self, method: Method) -> str:
        """Objective, encoder and what is set otherwise, in one line."""
        objective, encoder, note = self.names[method]
        words = [objective] if method.objective == PIXELS else [objective, encoder]
        return " · ".join([*words, *([note] if note else [])])


def make_board(runs: Sequence[Run]) -> Board:
    """Group the scores of runs by method and column, and compare."""
    notes: list[str] = []
    values, few = _by_method(runs, notes)
    columns = sorted({column for _, column in values})
    methods = sorted({method for method, _ in values}, key=_order)
    titles = _titles(columns, notes)
    cells: dict[tuple[Method, Column], Cell] = {}
    pairs: list[Comparison] = []
    for column in columns:
        there = {method: values[method, column] for method in methods if (method, column) in values}
        pairs += comparisons(there, column)
        for method, (standing, p) in standings(there, column).items():
            found = few[method, column]
            by_labels = {n: interval([each[n] for each in found if n in each]) for n in sorted(_keys(found))}
            seen = list(there[method].values())
            cells[method, column] = Cell(there[method], interval(seen), standing, p, by_labels)
    for n in sorted({len(seeds) for (method, _), seeds in values.items() if method.seeded}):
        notes.append(what_n_can_show(n))
    return Board(columns, methods, titles, _names(methods), cells, _costs(runs), pairs, notes)


def rank_correlations(board: Board) -> dict[tuple[Column, Column], tuple[float, int]]:
    """Each pair of columns -> Spearman's coefficient over the methods that both have, better being higher, and n."""
    ranks: dict[Column, dict[str, float]] = {}
    for column in board.columns:
        there = {m: cell.interval.mean for m in board.methods if (cell := board.cells.get((m, column)))}
        ranks[column] = {board.label(m): better(mean, column) for m, mean in there.items()}
    pairs = combinations(board.columns, 2)
    return {(one, other): rank_correlation(ranks[one], ranks[other]) for one, other in pairs}


def _by_method(
    runs: Sequence[Run], notes: list[str]
) -> tuple[dict[tuple[Method, Column], dict[str, float]], dict[tuple[Method, Column], list[Mapping[int, float]]]]:
    """Scores as (method, column) -> seed -> value, and their few-shot scores; of a seed that comes twice, the last."""
    kept: dict[tuple[Method, Column, str], Score] = {}
    for score in (score for run in runs for score in run.scores):
        key = (score.method, score.column, str(score.seed) if score.method.seeded else "any")
        before = kept.get(key)
        if before is not None and before.value != score.value:
            notes.append(
                f"{score.method.objective} · {score.method.encoder}, {score.column.benchmark}: seed {score.seed} has "
                f"two different scores ({before.run.name}, {score.run.name}); the second counts"
            )
        kept[key] = score
    values: dict[tuple[Method, Column], dict[str, float]] = defaultdict(dict)
    few: dict[tuple[Method, Column], list[Mapping[int, float]]] = defaultdict(list)
    for (method, column, seed), score in kept.items():
        values[method, column][seed] = score.value
        few[method, column].append(score.by_labels)
    return dict(values), dict(few)


def _keys(found: Iterable[Mapping[int, float]]) -> set[int]:
    return {n for each in found for n in each}


def _order(method: Method) -> tuple[int, str, str, tuple[tuple[str, str], ...]]:
    """What no learning gives comes first."""
    rank = {PIXELS: 0, UNTRAINED: 1}.get(method.objective, 2)
    return rank, method.encoder, method.objective, method.settings


def _titles(columns: Sequence[Column], notes: list[str]) -> dict[Column, str]:
    """Names; with size and protocol where one name has several."""
    named: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        named[column.benchmark].append(column)
    titles = {}
    for name, several in named.items():
        if len(several) > 1:
            notes.append(f"{name} was scored under {len(several)} protocols, which are not comparable: a column each")
        for column in several:
            more = f" ({column.size_px} px, {column.protocol[:4]})" if len(several) > 1 else ""
            titles[column] = f"{name}{more}"
    return titles


def _names(methods: Sequence[Method]) -> dict[Method, tuple[str, str, str]]:
    alike: dict[tuple[str, str], list[Method]] = defaultdict(list)
    for method in methods:
        alike[method.objective, method.encoder].append(method)
    return {
        method: (objective, encoder, ", ".join(settings))
        for (objective, encoder), several in alike.items()
        for method, settings in flat_settings(several).items()
    }


def _costs(runs: Sequence[Run]) -> dict[Method, dict[str, float | str]]:
    """Means over a method's runs; where texts differ, all of them."""
    told: dict[Method, dict[str, list[float | str]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.method is not None:
            for name, value in run.cost.items():
                told[run.method][name].append(value)
    costs: dict[Method, dict[str, float | str]] = {}
    for method, names in told.items():
        costs[method] = {}
        for name, values in names.items():
            numbers = [value for value in values if not isinstance(value, str)]
            texts = sorted({value for value in values if isinstance(value, str)})
            costs[method][name] = sum(numbers) / len(numbers) if numbers else "; ".join(texts)
    return costs
