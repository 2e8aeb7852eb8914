"""Which galaxies to ask volunteers about next: those whose votes would tell most about which network is right.

    score = sum over questions q of  p(asked q) I[k_q; w]

the mutual information of the votes and the network (BALD: Houlsby et al. 2011, arXiv:1112.5745; for volunteers' votes
Walmsley et al. 2020, arXiv:1905.07424, section 4), a question counting as often as it is expected to be reached.
Galaxies of which the networks are sure that they are smooth are left out: so Galaxy Zoo spares its volunteers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfsup.posteriors.posterior import Posterior
from selfsup.spelling import nearest
from selfsup.types import ConfigError

INFORMATION, ENTROPY, RANDOM = "bald", "entropy", "random"
WAYS = (INFORMATION, ENTROPY, RANDOM)


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """How galaxies are chosen.

    Args:
        way: "bald", the mutual information; "entropy" of the votes, doubt of every kind; or "random".
        questions: that count; None for all of the tree.
        settled: answer -> expected fraction from which on a galaxy is not asked about.
        volunteers: who will be asked about each galaxy.
        exact_up_to: outcomes that are enumerated; above, votes are drawn.
        draws: crowds from each network, where votes are drawn.
        seed: of the draws, and of the random order.

    Raises:
        ConfigError: an unknown way.
    """

    way: str
    questions: Sequence[str] | None
    settled: Mapping[str, float]
    volunteers: int
    exact_up_to: int
    draws: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse a way that is none."""
        if self.way not in WAYS:
            raise ConfigError(f"task.acquisition: {self.way} is none of {', '.join(WAYS)}{nearest(self.way, WAYS)}")

    def information(self, found: Posterior) -> dict[str, np.ndarray]:
        """N galaxies -> question that counts -> (N,) nats, p(asked) I, or p(asked) H with "entropy"."""
        asked, questions = found.asked(), list(found.tree.slices)
        chosen = questions if self.questions is None else list(self.questions)
        unknown = [name for name in chosen if name not in questions]
        if unknown:
            hint = nearest(unknown[0], questions)
            raise ConfigError(f"task.questions: '{unknown[0]}' is not asked by '{found.tree.name}'{hint}")
        scores = {}
        for name in chosen:
            known = found.mutual_information(name, self.volunteers, self.exact_up_to, self.draws, self.seed)
            worth = known.entropy if self.way == ENTROPY else known.value
            scores[name] = asked[:, questions.index(name)] * worth
        return scores

    def scores(self, found: Posterior) -> np.ndarray:
        """(N,) the larger, the rather to be asked about; -inf for galaxies that are settled."""
        if self.way == RANDOM:
            scores = np.random.default_rng(self.seed).random(len(found))
        else:
            scores = np.sum(list(self.information(found).values()), axis=0)
        return np.where(self.is_settled(found), -np.inf, scores)

    def is_settled(self, found: Posterior) -> np.ndarray:
        """(N,) bool, whether an answer is expected often enough that nobody need be asked.

        Raises:
            ConfigError: no such answer.
        """
        mean, answers = found.mean(), found.tree.answers
        settled = np.zeros(len(found), dtype=bool)
        for answer, level in self.settled.items():
            if answer not in answers:
                raise ConfigError(
                    f"task.settled: '{answer}' is no answer of '{found.tree.name}'{nearest(answer, answers)}"
                )
            settled |= mean[:, answers.index(answer)] >= level
        return settled


def choose(scores: np.ndarray, count: int) -> np.ndarray:
    """(N,) -> rows of the `count` largest that are finite, the largest first; of equal ones the first."""
    order = np.argsort(-scores, kind="stable")
    chosen: np.ndarray = order[np.isfinite(scores[order])][:count]
    return chosen
