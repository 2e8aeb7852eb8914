"""A crowd walks down a question tree: whole counts of answers, as many below an answer as gave it.

Of the N volunteers of a galaxy each answers the first question, and the questions to which their own answers lead. What
the crowd agrees on scatters from galaxy to galaxy, p ~ Dirichlet(C_q p_model) once per galaxy and question, which makes
counts Dirichlet-multinomial: people of one crowd see the same things in the same noise. Each volunteer has a
reliability, r ~ Beta; with probability 1 - r an answer is a slip, from a distribution half way to "any answer". Numbers
of volunteers follow Galaxy Zoo 2 (Willett et al. 2013) and GZ DECaLS (Walmsley et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from selfsup.sky import streams
from selfsup.sky.galaxy import Galaxy
from selfsup.sky.opinions import ANSWERS, opinions
from selfsup.sky.view import View
from selfsup.spelling import nearest
from selfsup.trees import TREES
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree

RELIABILITY = (18.0, 2.0)
"""Parameters of the Beta distribution of the volunteers' reliability; its mean is 0.9."""
SLIP = 0.5
"""Weight of "any answer" in the distribution of slips; the rest is what the galaxy looks like."""
_MEAN_SLIP = SLIP * RELIABILITY[1] / sum(RELIABILITY)

CONCENTRATION = {
    **{"smooth-or-featured": 14, "how-rounded": 14, "disk-edge-on": 12, "edge-on-bulge": 9, "bar": 9},
    **{"has-spiral-arms": 8, "spiral-winding": 9, "spiral-arm-count": 9, "bulge-size": 10, "bulge-prominence": 10},
    **{"merging": 12, "odd": 12, "odd-feature": 6, "ring": 12},
    **{"clumpy": 9, "clumps-symmetrical": 9, "clumps-embedded": 9},
}
"""C_q of each question of `opinions.ANSWERS`: the larger, the more galaxies that look alike are judged alike."""

_OF_ALL = {  # question of a tree: (question of `opinions`, its answers in the order of the tree; "+" adds up)
    "smooth-or-featured": ("smooth-or-featured", "smooth featured artifact"),
    "how-rounded": ("how-rounded", "round in-between cigar"),
    "disk-edge-on": ("disk-edge-on", "yes no"),
    "has-spiral-arms": ("has-spiral-arms", "yes no"),
    "spiral-winding": ("spiral-winding", "tight medium loose"),
    "spiral-arm-count": ("spiral-arm-count", "1 2 3 4 more-than-4 cant-tell"),
}
_OF_GZ2_AND_HUBBLE = {
    "bar": ("bar", "strong+weak no"),
    # Four steps instead of five: other thresholds on the same judgement of the bulge's share.
    "bulge-size": ("bulge-prominence", "no just-noticeable obvious dominant"),
    "bulge-shape": ("edge-on-bulge", "rounded boxy none"),
}
READINGS: dict[str, dict[str, tuple[str, str]]] = {
    "gz2": _OF_ALL
    | _OF_GZ2_AND_HUBBLE
    | {
        "something-odd": ("odd", "yes no"),
        "odd-feature": ("odd-feature", "ring lens-or-arc disturbed irregular other merger dust-lane"),
    },
    "gz_decals5": _OF_ALL
    | {
        "bar": ("bar", "strong weak no"),
        "bulge-size": ("bulge-size", "dominant large moderate small none"),
        "edge-on-bulge": ("edge-on-bulge", "boxy none rounded"),
        "merging": ("merging", "none minor major merger"),
    },
    "gz_hubble": _OF_ALL
    | _OF_GZ2_AND_HUBBLE
    | {
        "clumpy-appearance": ("clumpy", "yes no"),
        "galaxy-symmetrical": ("clumps-symmetrical", "yes no"),
        "clumps-embedded-larger-object": ("clumps-embedded", "yes no"),
    },
    "rings": {"ring": ("ring", "yes no")},
}
"""How the answers of each tree are read from the opinions."""


def probabilities(galaxy: Galaxy, view: View, tree: QuestionTree) -> np.ndarray:
    """(A,) the share of those who are asked that gives each answer, averaged over crowds; 1 in each question.

    Exact for a question put to everyone. Those who reach a question further down have slipped a little more or less
    often than all, which this leaves out.

    Raises:
        ConfigError: a tree that these volunteers do not know.
    """
    walk = _known(tree)
    honest = _honest(galaxy, view, walk)
    answered: np.ndarray = ((1 - _MEAN_SLIP) * honest + _MEAN_SLIP * walk.any_answer)[walk.exists]
    return answered


def vote(galaxy: Galaxy, view: View, tree: QuestionTree) -> np.ndarray:
    """(A,) float32 whole counts; the same whenever this galaxy is shown to these people by this survey.

    Raises:
        ConfigError: a tree that these volunteers do not know.
    """
    walk = _known(tree)
    rng = streams.votes(galaxy.seed, galaxy.index, view.survey.number)
    crowd = _crowd(tree.name, rng)
    honest = _honest(galaxy, view, walk)
    # A Dirichlet variate is independent gamma variates over their sum; an answer that is not there has shape 0.
    agreed = rng.standard_gamma(walk.concentration * honest)
    agreed /= agreed.sum(axis=1, keepdims=True)
    slipped = (1 - SLIP) * honest + SLIP * walk.any_answer
    upto = np.stack([slipped, agreed]).cumsum(axis=2)
    reliable = rng.random((len(honest), crowd)) < rng.beta(RELIABILITY[0], RELIABILITY[1], crowd)
    thresholds = upto[reliable.astype(np.intp), np.arange(len(honest))[:, None]]
    answers = (rng.random((len(honest), crowd, 1)) >= thresholds).sum(axis=2)
    # The last threshold is 1 but for rounding.
    return walk.count(np.minimum(answers, walk.widths[:, None] - 1))


@dataclass(frozen=True)
class _Walk:
    """A tree laid out in rows of questions, all as wide as the widest: Q questions, K answers.

    Args:
        tree: that is walked.
        reading: (Q, K, answers of `opinions.ANSWERS`) 1 where an opinion counts for an answer.
        exists: (Q, K) whether the question has that answer.
        any_answer: (Q, K) the same chance for each.
        concentration: (Q, 1) C_q.
        parents: for each question the (question, answer) pairs that lead to it.
    """

    tree: QuestionTree
    reading: np.ndarray
    exists: np.ndarray
    any_answer: np.ndarray
    concentration: np.ndarray
    parents: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def widths(self) -> np.ndarray:
        """(Q,) numbers of answers."""
        widths: np.ndarray = self.exists.sum(axis=1)
        return widths

    def count(self, answers: np.ndarray) -> np.ndarray:
        """(Q, volunteers) what each would answer -> (A,) counts of the answers to what each was asked."""
        width = self.exists.shape[1]
        asked = np.ones_like(answers, dtype=bool)
        counts = np.zeros_like(self.exists, dtype=np.float32)
        for q, parents in enumerate(self.parents):
            if parents:
                asked[q] = np.any([asked[p] & (answers[p] == a) for p, a in parents], axis=0)
            counts[q] = np.bincount(answers[q, asked[q]], minlength=width)
        flat: np.ndarray = counts[self.exists]
        return flat


def _honest(galaxy: Galaxy, view: View, walk: _Walk) -> np.ndarray:
    """(Q, K) probabilities of the answers of those who do not slip; 0 where there is no answer."""
    honest: np.ndarray = walk.reading @ np.concatenate(list(opinions(galaxy, view).values()))
    return honest


def _crowd(tree_name: str, rng: np.random.Generator) -> int:
    """Number of volunteers; GZ DECaLS retired most galaxies after a handful of votes."""
    if tree_name != "gz_decals5":
        return int(np.clip(round(rng.normal(44, 5)), 16, 80))
    if rng.random() < 0.55:
        return int(np.clip(rng.poisson(5), 3, 12))
    return int(np.clip(round(rng.normal(38, 4)), 30, 60))


def _known(tree: QuestionTree) -> _Walk:
    if tree.name not in READINGS:
        raise ConfigError(
            f"no volunteers for question tree '{tree.name}'{nearest(tree.name, list(READINGS))};"
            f" on synthetic galaxies they can walk: {', '.join(READINGS)}."
        )
    walk = _walk(tree.name)
    if tree != walk.tree:
        raise ConfigError(f"question tree '{tree.name}' has other questions than selfsup.trees; give it another name.")
    return walk


@lru_cache
def _walk(tree_name: str) -> _Walk:
    tree = TREES[tree_name]
    width = max(len(question.answers) for question in tree.questions)
    exists = np.array([[k < len(question.answers) for k in range(width)] for question in tree.questions])
    places = {key: (q, k) for q, question in enumerate(tree.questions) for k, key in enumerate(question.keys)}
    asked_as = [READINGS[tree_name][question.name][0] for question in tree.questions]
    return _Walk(
        tree=tree,
        reading=_reading(tree, width),
        exists=exists,
        any_answer=exists / exists.sum(axis=1, keepdims=True),
        concentration=np.array([[float(CONCENTRATION[name])] for name in asked_as]),
        parents=tuple(tuple(places[parent] for parent in question.parents) for question in tree.questions),
    )


def _reading(tree: QuestionTree, width: int) -> np.ndarray:
    columns = [(name, answer) for name, answers in ANSWERS.items() for answer in answers]
    reading = np.zeros((len(tree.questions), width, len(columns)))
    for q, question in enumerate(tree.questions):
        name, groups = READINGS[tree.name][question.name]
        for k, group in enumerate(groups.split()):
            for answer in group.split("+"):
                reading[q, k, columns.index((name, answer))] = 1
    return reading
