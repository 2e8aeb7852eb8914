"""Measure how long a posterior takes to say each thing of many galaxies: 15 networks and the tree of GZ DECaLS.

    uv run python scripts/benchmark_posterior.py --galaxies 10000

The concentrations are drawn at random; nothing here depends on the images.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from selfsup import trees
from selfsup.posteriors.calibration import calibrate
from selfsup.posteriors.posterior import Posterior


def main() -> None:
    """Print a line for each quantity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=10_000)
    parser.add_argument("--networks", type=int, default=15)
    parser.add_argument("--tree", default="gz_decals5")
    parser.add_argument("--volunteers", type=int, default=10, help="of the mutual information")
    parser.add_argument("--exact-up-to", type=int, default=4000)
    parser.add_argument("--draws", type=int, default=64)
    given = parser.parse_args()
    rng, tree = np.random.default_rng(0), trees.tree(given.tree)
    alphas = 1 + 100 * rng.random((given.networks, given.galaxies, len(tree.answers))) ** 3
    found = Posterior(tree, alphas.astype(np.float32))
    totals = rng.integers(0, 41, (given.galaxies, len(tree.questions)))
    votes = np.concatenate(
        [found.only(models=slice(1)).draw(q, totals[:, i], rng)[0] for i, q in enumerate(tree.slices)], 1
    )
    settings = (given.volunteers, given.exact_up_to, given.draws, 0)
    work: dict[str, Callable[[], object]] = {
        "mean": found.mean,
        "asked": found.asked,
        "90 % interval of the fractions": lambda: found.interval(0.9),
        "90 % interval of the counts": lambda: found.predictive_interval(0.9, totals),
        "log likelihood": lambda: found.log_likelihood(votes),
        "calibration": lambda: calibrate(found, votes, [0.5, 0.8, 0.95], 10, 20, 0),
    }
    for question in tree.questions:
        label = f"information on {question.name}, {len(question.answers)} answers"
        work[label] = lambda name=question.name: found.mutual_information(name, *settings)  # type: ignore[misc]
    for label, task in work.items():
        start = time.perf_counter()
        task()
        print(f"{time.perf_counter() - start:8.2f} s  {label}", flush=True)


if __name__ == "__main__":
    main()
