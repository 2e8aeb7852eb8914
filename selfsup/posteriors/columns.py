"""What a posterior says of galaxies, as columns of a catalogue: a few numbers for each answer and each question."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from selfsup.posteriors.posterior import Posterior, tails
from selfsup.processors import processors


@dataclass(frozen=True, kw_only=True)
class Columns:
    """How much is said.

    Args:
        level: probability inside the interval, in (0, 1).
        volunteers: whose votes would be asked for.
        exact_up_to: outcomes that are enumerated; above, votes are drawn.
        draws: crowds from each network, where votes are drawn.
        seed: of the draws.

    Raises:
        ConfigError: the level is no probability.
    """

    level: float
    volunteers: int
    exact_up_to: int
    draws: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse a level that is no probability before any network is asked."""
        tails(self.level)

    def __call__(self, found: Posterior) -> dict[str, np.ndarray]:
        """N galaxies -> name -> (N,) float32.

        For each answer, among those who are asked: `<answer>_mean`, the expected fraction; `_error`, by how much it is
        expected to be off; `_low` and `_high`, the ends of the central interval. For each question: `<question>_asked`,
        the expected share of volunteers who are asked it; `_information`, the mutual information between network and
        votes in nats, and `_information_error`, its standard error, 0 where it is exact.
        """
        mean, error, interval, asked = found.mean(), found.expected_error(), found.interval(self.level), found.asked()
        columns: dict[str, np.ndarray] = {}
        for i, answer in enumerate(found.tree.answers):
            columns |= {f"{answer}_mean": mean[:, i], f"{answer}_error": error[:, i]}
            columns |= {f"{answer}_low": interval[:, i, 0], f"{answer}_high": interval[:, i, 1]}
        settings = self.volunteers, self.exact_up_to, self.draws, self.seed
        with ThreadPoolExecutor(processors()) as threads:
            told = list(threads.map(lambda question: found.mutual_information(question, *settings), found.tree.slices))
        for i, (question, information) in enumerate(zip(found.tree.slices, told, strict=True)):
            columns[f"{question}_asked"] = asked[:, i]
            columns[f"{question}_information"] = information.value
            columns[f"{question}_information_error"] = information.standard_error
        return {name: values.astype(np.float32) for name, values in columns.items()}
