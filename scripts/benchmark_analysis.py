"""Measure what is made of embeddings against the way scikit-learn, faiss and umap-learn document, at equal result.

    uv run python scripts/benchmark_analysis.py --rows 100000 --out FILE.json
    uv run python scripts/benchmark_analysis.py --rows 5000 --only knn linear       # a quick look

Both sides of a comparison are run in turns on the same numbers, drawn from a mixture of low rank as embeddings are; the
ratio of their medians is what counts. How well the results agree is measured too: less than the comparison asks for,
and the script fails. Beside FILE.json a figure is drawn; with --out, what an earlier run measured is kept.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq
from benchmark_search import Mixture
from omegaconf import OmegaConf
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RationalQuadratic, WhiteKernel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selfsup.analysis.components import whiten
from selfsup.analysis.index import Effort, fingerprint, open_index
from selfsup.analysis.indexing import Settings
from selfsup.analysis.interest import Bounds, fit_interest, predict_interest
from selfsup.analysis.neighbours import nearest
from selfsup.analysis.placement import Landmarks, map_quality
from selfsup.analysis.projection import principal_components, sample_of, umap
from selfsup.catalogue import Catalogue
from selfsup.probes.draws import balanced_draw
from selfsup.probes.knn import KNN
from selfsup.probes.linear import Linear
from selfsup.probes.rings import Rings
from selfsup.probes.split import inner_validation

CONF = Path(__file__).parents[1] / "conf"
CLASSES = 5


def settings(group: str, name: str) -> dict[str, Any]:
    """What is in conf, without what is built."""
    found = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{name}.yaml"))
    return {key: value for key, value in found.get(name, found).items() if key != "_target_"}


class Galaxies:
    """N for training and a tenth as many to test on; a class is a direction of embedding space, noisily known."""

    def __init__(self, rows: int, dim: int) -> None:
        self.train, self.test = self._drawn(rows, dim, 0), self._drawn(rows // 10, dim, 1)
        self.x, self.y = self.train.embedding(), self.train.column("label")
        self.asked, self.true = self.test.embedding(), self.test.column("label")

    def _drawn(self, rows: int, dim: int, seed: int) -> Catalogue:
        x = Mixture(dim, 32, 200).draw(rows, seed)
        towards = np.random.default_rng(7).normal(size=(dim, CLASSES)) / np.sqrt(dim)
        score = x @ towards
        score = score / score.std(axis=0) + np.random.default_rng([8, seed]).gumbel(size=score.shape)
        ids, label = [f"{'ab'[seed]}{row:07d}" for row in range(rows)], score.argmax(axis=1)
        return Catalogue.from_arrays(ids, x, {"label": label, "ring": (label == 0).astype(int)}, {})


@dataclass(frozen=True)
class Comparison:
    """Two ways to one result.

    Args:
        what: is done.
        peer: whose way the other is.
        ours: selfsup's way.
        theirs: the other.
        differ: how far two results are apart.
        allowed: how far they may be.
    """

    what: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    differ: Callable[[Any, Any], float]
    allowed: float


def largest(a: dict[str, float], b: dict[str, float]) -> float:
    """Difference of metrics."""
    return max(abs(a[name] - b[name]) for name in b)


def knn(given: Galaxies) -> Comparison:
    """Balanced accuracy of every k of the probe, the k chosen on a part of train."""
    kept = settings("probe", "knn")

    def predicted(fit: np.ndarray, label: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
        weights = lambda distance: np.exp(-distance / kept["temperature"])  # noqa: E731
        model = KNeighborsClassifier(k, weights=weights, algorithm="brute", metric="cosine")
        return model.fit(fit, label).predict(asked)

    def theirs() -> dict[str, float]:
        held = inner_validation(given.train.ids, given.y, kept["validation_share"])
        tried = {k: predicted(given.x[~held], given.y[~held], given.x[held], k) for k in kept["ks"]}
        best = max(kept["ks"], key=lambda k: balanced_accuracy_score(given.y[held], tried[k]))
        found = {k: predicted(given.x, given.y, given.asked, k) for k in kept["ks"]}
        scores = {f"balanced_accuracy_k{k}": balanced_accuracy_score(given.true, each) for k, each in found.items()}
        return scores | {"k": best}

    probe = KNN(**kept)
    ours = lambda: probe(given.train, given.test).metrics  # noqa: E731
    return Comparison("kNN probe, four k", "KNeighborsClassifier, brute force", ours, theirs, largest, 2e-3)


def linear(given: Galaxies) -> Comparison:
    """Balanced accuracy of logistic regression, its penalty chosen on a part of train."""
    kept = settings("probe", "linear")

    def theirs() -> dict[str, float]:
        held = inner_validation(given.train.ids, given.y, kept["validation_share"])
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=kept["max_iter"]))
        split = PredefinedSplit(np.where(held, 0, -1))
        grid = {"logisticregression__C": kept["cs"]}
        search = GridSearchCV(model, grid, cv=split, scoring="balanced_accuracy").fit(given.x, given.y)
        chances = search.predict_proba(given.asked)
        return {
            "balanced_accuracy": balanced_accuracy_score(given.true, chances.argmax(axis=1)),
            "roc_auc": roc_auc_score(given.true, chances, multi_class="ovr"),
        }

    probe = Linear(**kept)
    ours = lambda: probe(given.train, given.test).metrics  # noqa: E731
    return Comparison("linear probe", "scikit-learn, GridSearchCV", ours, theirs, largest, 2e-3)


def few_shot(given: Galaxies) -> Comparison:
    """Means and deviations over hundreds of fits; the peer need not draw its samples."""
    kept = settings("probe", "rings") | {"column": "ring", "draws": 20, "n_per_class": list(range(8, 128, 8))}
    others = given.train.column("ring") == 0
    samples = {
        n: [balanced_draw(given.train.ids, others, n, draw) for draw in range(kept["draws"])]
        for n in kept["n_per_class"]
    }

    def theirs() -> dict[str, float]:
        scaler, ring = StandardScaler().fit(given.x), given.train.column("ring") == 1
        x, asked, true = scaler.transform(given.x), scaler.transform(given.asked), given.test.column("ring")
        model = LogisticRegression(C=kept["c"], class_weight="balanced", max_iter=kept["max_iter"])
        metrics = {"auc_all": roc_auc_score(true, model.fit(x, ring).decision_function(asked))}
        for n in kept["n_per_class"]:
            heights = [model.fit(x[rows], ring[rows]).decision_function(asked) for rows in samples[n]]
            areas = [roc_auc_score(true, height) for height in heights]
            metrics |= {f"auc_n{n}_mean": np.mean(areas), f"auc_n{n}_std": np.std(areas, ddof=1)}
        return metrics

    probe = Rings(**kept)
    ours = lambda: probe(given.train, given.test).metrics  # noqa: E731
    what = f"few-shot, {sum(map(len, samples.values())) + 1} fits"
    return Comparison(what, "scikit-learn, samples given", ours, theirs, largest, 1e-3)


def hunt(given: Galaxies) -> Comparison:
    """What is expected of every galaxy after 200 ratings."""
    interest = settings("task/interest", "default")
    bounds = Bounds(**{name: tuple(pair) for name, pair in interest["bounds"].items()})
    place = whiten([given.x], 40)(given.x)
    known = np.random.default_rng(0).choice(len(place), 200, replace=False)
    rating = np.where(given.y[known] == 0, 5.0, 0.0)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        return predict_interest(fit_interest(place[known], rating, bounds), place)

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        middle = {name: float(np.sqrt(np.prod(pair))) for name, pair in interest["bounds"].items()}
        kernel = RationalQuadratic(middle["length_scale"], middle["alpha"], bounds.length_scale, bounds.alpha)
        process = GaussianProcessRegressor(kernel + WhiteKernel(middle["noise"], bounds.noise))
        return process.fit(place[known], rating).predict(place, return_std=True)

    def differ(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> float:
        return float(max(np.abs(one - other).max() for one, other in zip(a, b, strict=True)))

    return Comparison("hunt: a round of 200 ratings", "scikit-learn", ours, theirs, differ, 1e-2)


def umap_map(given: Galaxies) -> Comparison:
    """A map of all galaxies; compared is how many neighbours it keeps, which may be no fewer."""
    import umap as umap_learn

    kept = settings("task/layout", "default")
    points = principal_components([given.x], kept["components"])(given.x).astype(np.float32)
    umap_learn.UMAP(n_neighbors=5).fit(points[:5000])  # compiles, once a process; fewer points go another way

    def ours() -> np.ndarray:
        inside = sample_of(len(points), kept["fit_galaxies"], 0)
        places = np.empty((len(points), 2), dtype=np.float32)
        places[inside] = umap(points[inside], **kept["umap"], seed=0)
        if not inside.all():
            places[~inside] = Landmarks(points[inside], places[inside], kept["neighbours"])(points[~inside])
        return places

    def theirs() -> np.ndarray:
        return umap_learn.UMAP(**kept["umap"], random_state=0, n_jobs=1).fit_transform(points)

    def differ(a: np.ndarray, b: np.ndarray) -> float:
        some = sample_of(len(points), 2000, 1)
        kept_of = [map_quality(points[some], places[some], 15)["trustworthiness"] for places in (a, b)]
        return max(kept_of[1] - kept_of[0], 0.0)

    return Comparison("UMAP map", "umap-learn, seeded", ours, theirs, differ, 2e-2)


def search(given: Galaxies, exact: bool) -> Comparison:
    """The ten nearest of 20 galaxies: every one looked at, or through an index that lies ready."""
    queries, folder = given.asked[:20], Path(tempfile.mkdtemp())
    given.train.save(folder / "all.parquet")
    catalogue = Catalogue.open(folder / "all.parquet")
    kept = settings("task/indexed", "default")
    effort = Effort(kept["nprobe"], kept["rerank"], 0)
    index_settings = Settings(kept["cells_factor"], kept["train_rows"], 0)
    index = open_index(catalogue, fingerprint(folder / "all.parquet"), folder / "index", "cosine", index_settings)
    unit = given.x / np.linalg.norm(given.x, axis=1, keepdims=True)
    asked = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    flat = faiss.IndexFlatIP(unit.shape[1])
    flat.add(unit)

    def ours() -> np.ndarray:
        found = nearest(catalogue, queries, 10, "cosine") if exact else index.nearest(queries, 10, effort)
        return np.array([[each.row for each in one] for one in found])

    def theirs() -> np.ndarray:
        if not exact:
            return flat.search(asked, 10)[1]
        column = pq.read_table(folder / "all.parquet", columns=["embedding"])["embedding"].combine_chunks()
        known = column.flatten().to_numpy().reshape(len(column), -1)
        brute = NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(known)
        return brute.kneighbors(queries, return_distance=False)

    def differ(a: np.ndarray, b: np.ndarray) -> float:
        return 1 - float((a[:, :, None] == b[:, None, :]).any(axis=2).mean())

    how, peer = ("exact, from Parquet", "pyarrow, scikit-learn") if exact else ("by index", "faiss IndexFlatIP")
    return Comparison(f"search, {how}", peer, ours, theirs, differ, 0.0 if exact else 0.05)


COMPARISONS: dict[str, Callable[[Galaxies], Comparison]] = {
    "knn": knn,
    "linear": linear,
    "few_shot": few_shot,
    "hunt": hunt,
    "umap": umap_map,
    "search": lambda given: search(given, exact=True),
    "index": lambda given: search(given, exact=False),
}


def measured(one: Comparison, rounds: int) -> dict[str, Any]:
    """Seconds of both ways, in turns, and how far the results are apart."""
    ours, theirs = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        found = one.ours()
        between = time.perf_counter()
        other = one.theirs()
        ours.append(between - begun)
        theirs.append(time.perf_counter() - between)
    apart = one.differ(found, other)
    ratio = median(theirs) / median(ours)
    print(f"{one.what:30} {median(ours):8.3f} s, {one.peer} {median(theirs):8.3f} s: {ratio:5.1f} x", flush=True)
    print(f"{'':30} apart by {apart:.2g}, allowed {one.allowed:g}", flush=True)
    if apart > one.allowed:
        raise SystemExit(f"{one.what}: the results are not equal")
    return {"what": one.what, "peer": one.peer, "ours_s": ours, "peer_s": theirs, "ratio": ratio, "apart": apart}


def drawn(found: dict[str, Any], out: Path) -> None:
    """How many times as fast."""
    names = [f"{one['what']}\n({one['peer']})" for one in found.values()][::-1]
    ratios = [one["ratio"] for one in found.values()][::-1]
    figure, axes = plt.subplots(figsize=(7, 0.55 * len(names) + 1), layout="constrained")
    axes.bar_label(axes.barh(names, ratios), [f"{ratio:.1f}" for ratio in ratios], padding=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="times as fast, at equal result", xlim=(0.5, 2 * max(ratios)))
    figure.savefig(out, dpi=150)


def main() -> None:
    """Compare, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(COMPARISONS), default=list(COMPARISONS))
    parser.add_argument("--out", type=Path, help="FILE.json; the figure lies beside it")
    args = parser.parse_args()
    given = Galaxies(args.rows, args.dim)
    kept = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    for name in args.only:
        found = measured(COMPARISONS[name](given), args.rounds) | {"rows": args.rows, "dim": args.dim}
        kept[name] = found
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(json.dumps(kept, indent=2) + "\n")
            drawn({each: kept[each] for each in COMPARISONS if each in kept}, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
