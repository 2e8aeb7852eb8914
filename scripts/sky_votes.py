"""Print what the synthetic volunteers say beside what the real ones said, and how it changes with magnitude.

    uv run python scripts/sky_votes.py --challenge DIR/votes.csv --counts DIR/votes.csv

"co-add" are the pooled fractions of the Stripe 82 co-adds of Galaxy Zoo 2 (19,761 galaxies; Willett et al. 2013, table
5), "challenge" those of the Galaxy Challenge and "counts" those of a sample of whole votes, where the files are given.
"""

import argparse
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from benchmark_sky import survey

from selfsup import trees
from selfsup.data.galaxy_challenge import GalaxyChallenge
from selfsup.data.gz2_counts import GZ2Counts
from selfsup.sky.population import draw
from selfsup.sky.truth import parameters
from selfsup.sky.view import View
from selfsup.sky.volunteers import vote

GZ2 = trees.tree("gz2")
CO_ADD = {
    "smooth-or-featured_smooth": 0.65,
    "smooth-or-featured_featured-or-disk": 0.28,
    "smooth-or-featured_artifact": 0.07,
    "disk-edge-on_yes": 0.19,
    "bar_yes": 0.27,
    "has-spiral-arms_yes": 0.55,
    "something-odd_yes": 0.21,
    "odd-feature_ring": 0.24,
    "odd-feature_merger": 0.19,
    "spiral-winding_tight": 0.44,
    "spiral-arm-count_2": 0.50,
    "how-rounded_round": 0.37,
    "how-rounded_cigar": 0.13,
}
"""Of those who were asked the question."""


def pooled(votes: np.ndarray) -> dict[str, float]:
    """(N, A) votes -> each answer's part of all votes on its question."""
    total = votes.sum(0, keepdims=True)
    return dict(zip(GZ2.answers, GZ2.fractions(total)[0].tolist(), strict=True))


def real(challenge: Path | None, counts: Path | None) -> dict[str, dict[str, float]]:
    """The pooled fractions of the real votes whose files are given."""
    about = {"size_px": 64, "cache": "", "max_unreadable_share": 0.0, "tree": "gz2", "label": None, "classes": None}
    found = {}
    if challenge is not None:
        source = GalaxyChallenge(folder=str(challenge.parent), volunteers=40, **about)
        found["challenge"] = pooled(np.asarray(source.read().votes))
    if counts is not None:
        found["counts"] = pooled(np.asarray(GZ2Counts(folder=str(counts.parent), **about).read().votes))
    return found


def main() -> None:
    """Read the arguments, vote, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--challenge", type=Path)
    parser.add_argument("--counts", type=Path)
    parser.add_argument("--galaxies", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    view = View(survey("sdss"), 64, 1.0)
    galaxies = [draw(args.seed, index, "natural") for index in range(args.galaxies)]
    votes = np.stack([vote(galaxy, view, GZ2) for galaxy in galaxies])
    show("answer", CO_ADD, {"co-add": CO_ADD} | real(args.challenge, args.counts) | {"sky": pooled(votes)})
    magnitude = np.array([parameters(galaxy, view)["magnitude"] for galaxy in galaxies], dtype=float)
    parts = {}
    for low, high in itertools.pairwise(np.quantile(magnitude, [0, 0.2, 0.4, 0.6, 0.8, 1])):
        parts[f"{low:.1f} to {high:.1f}"] = pooled(votes[(magnitude >= low) & (magnitude <= high)])
    show("sky, r magnitude", list(CO_ADD)[:9], parts)


def show(corner: str, answers: Iterable[str], columns: dict[str, dict[str, float]]) -> None:
    """Print a table."""
    print(f"\n| {corner} | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for answer in answers:
        print(f"| {answer} | " + " | ".join(f"{values[answer]:.2f}" for values in columns.values()) + " |")


if __name__ == "__main__":
    main()
