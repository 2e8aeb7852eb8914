"""What the galaxies of each group are like on average, added up batch by batch over any number of galaxies."""

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np

from selfsup.analysis.groups import NOISE


class Tally:
    """Galaxies in each group, means of their numbers, and their commonest words."""

    def __init__(self, count: int) -> None:
        """How many groups there are, without the noise."""
        self._galaxies = np.zeros(count + 1, dtype=np.int64)  # the last is the noise: it is the place of -1
        self._sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, count + 1)))
        self._words: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)

    def add(self, groups: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
        """(n,) groups from 0, or `NOISE`, and columns of n numbers or words; unknown values count for nothing."""
        place = groups % len(self._galaxies)
        self._galaxies += self._counted(place)
        for name, values in columns.items():
            if values.dtype.kind in "biuf":
                known = np.isfinite(values)
                sums = self._counted(place[known], values[known].astype(np.float64))
                self._sums[name] += [self._counted(place[known]), sums]
            else:
                pairs = zip(groups.tolist(), map(str, values), strict=True)
                self._words[name].update((group, word) for group, word in pairs if word)

    def rows(self) -> list[dict[str, str | float]]:
        """A row for each group that has galaxies, the largest first, noise last: numbered as `by_size` does."""
        counts = self._galaxies[:-1]
        order = [int(name) for name in np.argsort(-counts, kind="stable") if counts[name]]
        rows = [self._row(number, name) for number, name in enumerate(order)]
        return rows + [self._row(NOISE, NOISE)] * bool(self._galaxies[NOISE])

    def _row(self, number: int, name: int) -> dict[str, str | float]:
        galaxies = int(self._galaxies[name])
        row: dict[str, str | float] = {"group": number, "galaxies": galaxies, "share": galaxies / self._galaxies.sum()}
        for column, words in self._words.items():
            inside = {word: count for (group, word), count in words.items() if group == name}
            most = max(inside, key=lambda word: (inside[word], word), default="")
            row |= {column: most, f"{column}_share": inside.get(most, 0) / max(1, sum(inside.values()))}
        for column, (known, total) in self._sums.items():
            row[column] = float(total[name] / known[name]) if known[name] else np.nan
        return row

    def _counted(self, place: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(place, weights, minlength=len(self._galaxies))
