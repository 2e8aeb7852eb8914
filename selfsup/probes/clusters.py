"""Do galaxies fall into groups in the embedding, and are these groups of form, or of mere colour?

The Galaxy Zoo: Hubble denoising project grouped its embedding with HDBSCAN (three groups, silhouette near 0.48) and
k-means (eight, near 0.23), and names as its failure that the groups follow colour. Here both are scored in the same
way, beside how much of the grouping, and of the embedding, is colour.
"""

import logging
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from selfsup.analysis.agreement import THIRDS, as_classes, explained, separation, shared_information
from selfsup.analysis.groups import NOISE, dense_regions, nearest_means
from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.ridge import Ridge, choose_alpha, r2
from selfsup.probes.rows import Rows, read_all, read_numbers
from selfsup.probes.split import hashed, require_positive, require_share
from selfsup.types import ConfigError, DataError

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Clusters(CatalogueProbe):
    """Groups of galaxies on the principal components of their embeddings, without looking at a label.

    k-means is fitted on train and groups test. HDBSCAN cannot group what it was not fitted on, so it is fitted on the
    scored galaxies of test themselves; no label and no score enters the choice of its setting, only how many groups
    it gives.

    Metrics of each, `kmeans_` and `hdbscan_`: `silhouette`, `davies_bouldin` (less is better), `nmi_colour` (with
    thirds of colour), `eta2_colour` (share of colour's variance between the groups) and `nmi_<column>`. In all of
    them HDBSCAN's noise is a group of its own. `hdbscan_silhouette_without_noise` leaves out the galaxies that fit
    nowhere, and so flatters: the more noise, the more. `hdbscan_clusters`, `hdbscan_min_cluster_size` and
    `hdbscan_noise_share` say what was found; `r2_colour` is how much of colour a linear map reads off the embedding.
    Scores that are undefined (a single group) are left out.

    Args:
        colour: column of colours; galaxies without one are left out. Null where there are none.
        column: column of forms to compare the groups with, words or numbers (fractions are cut into thirds); left out
            and logged where the data have no such column.
        components: principal components of train in which groups are looked for, at most.
        kmeans_clusters: groups of k-means.
        kmeans_starts: of k-means from random places; the best is kept.
        hdbscan_clusters: groups of HDBSCAN to look for.
        min_cluster_shares: smallest sizes of an HDBSCAN group to try, as shares of the scored galaxies.
        min_samples: galaxies within reach that make a place dense; larger calls more of them noise.
        most_galaxies: of test that are scored, at most, chosen by their ids: silhouettes take the square of it.
        alphas: penalties of the ridge regression of colour to try.
        validation_share: share of train that is held out to choose alpha.
        seed: of k-means.
    """

    colour: str | None
    column: str | None
    components: int
    kmeans_clusters: int
    kmeans_starts: int
    hdbscan_clusters: int
    min_cluster_shares: list[float]
    min_samples: int
    most_galaxies: int
    alphas: list[float]
    validation_share: float
    seed: int

    def __post_init__(self) -> None:
        """Refuse numbers that nothing can be grouped with."""
        for key in ("components", "kmeans_starts", "min_samples"):
            require_positive([getattr(self, key)], f"probe.clusters.{key}")
        for key in ("kmeans_clusters", "hdbscan_clusters", "most_galaxies"):
            if getattr(self, key) < 2:
                raise ConfigError(f"probe.clusters.{key}={getattr(self, key)}: write 2 or more")
        require_positive(self.alphas, "probe.clusters.alphas")
        require_positive(self.min_cluster_shares, "probe.clusters.min_cluster_shares")
        if max(self.min_cluster_shares) > 1:
            raise ConfigError(f"probe.clusters.min_cluster_shares={self.min_cluster_shares}: shares are at most 1")
        require_share(self.validation_share, "probe.clusters.validation_share")

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the groups; the scored galaxies come back with a column of groups for each method, -1 for noise.

        Raises:
            DataError: the column of colours is missing, is text, or has no two different numbers; without one, there
                are no two galaxies in test.
        """
        fit, everything = self._read(train, test)
        score = _some(everything, self.most_galaxies)
        fit_points, points = _principal(fit.features, score.features, self.components)
        means = nearest_means(fit_points, points, self.kmeans_clusters, self.kmeans_starts, self.seed)
        regions, size = dense_regions(points, self.hdbscan_clusters, self.min_samples, self.min_cluster_shares)
        metrics = _separations(points, means, regions) | self._density(regions, size)
        groups = {"kmeans": means, "hdbscan": regions}
        metrics |= self._form(groups, score.ids, test)
        columns: dict[str, np.ndarray] = dict(groups)
        if self.colour is not None:
            metrics |= _colour_scores(groups, fit.target[:, 0], score.target[:, 0])
            alpha = choose_alpha(fit, self.alphas, self.validation_share)
            predicted = Ridge(fit.features, fit.target).predict(everything.features, alpha)
            metrics["r2_colour"] = r2(everything.target, predicted)
            columns["colour"] = score.target[:, 0]
        return Scores(metrics, galaxies=Catalogue.from_arrays(score.ids, score.features, columns, test.provenance))

    def _read(self, train: Catalogue, test: Catalogue) -> tuple[Rows, Rows]:
        key = "probe.clusters.colour"
        if self.colour is None:
            fit, score = read_all(train, test, key)
            if len(score.ids) < 2:
                raise DataError(f"The test catalogue has {len(score.ids)} galaxies; two are needed to group them.")
            return fit, score
        try:
            return read_numbers(train, test, [self.colour], key)
        except DataError as error:
            raise DataError(f"{error} Grey images have no colour: for them, write {key}=null.") from error

    def _density(self, regions: np.ndarray, size: int) -> dict[str, float]:
        count = int(regions.max()) + 1
        if count != self.hdbscan_clusters:
            _log.info("probe.clusters: no setting gives %d HDBSCAN clusters; scored %d", self.hdbscan_clusters, count)
        return {
            "hdbscan_clusters": float(count),
            "hdbscan_min_cluster_size": float(size),
            "hdbscan_noise_share": float((regions == NOISE).mean()),
        }

    def _form(self, groups: dict[str, np.ndarray], ids: list[str], test: Catalogue) -> dict[str, float]:
        """What each grouping shares with the form of the galaxies, where it is known."""
        if self.column is None:
            return {}
        if not test.has(self.column):
            _log.info("probe.clusters: no column '%s' to compare the groups with; it is left out", self.column)
            return {}
        place = {galaxy: row for row, galaxy in enumerate(test.ids)}
        form = as_classes(np.asarray(test.column(self.column))[[place[galaxy] for galaxy in ids]])
        known = form >= 0
        if not known.any():
            return {}
        return {
            f"{name}_nmi_{self.column}": shared_information(each[known], form[known]) for name, each in groups.items()
        }


def _some(rows: Rows, most: int) -> Rows:
    """At most so many of the rows, chosen by their ids, still sorted by id."""
    chosen = np.sort(np.argsort(hashed(rows.ids, "clusters"), kind="stable")[:most])
    return Rows([rows.ids[row] for row in chosen], rows.features[chosen], rows.target[chosen])


def _principal(train: np.ndarray, test: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) and (n, D) -> the same in at most `components` principal components of the first."""
    pca = PCA(min(components, *train.shape), svd_solver="covariance_eigh")
    with np.errstate(invalid="ignore"):  # shares of a variance that is 0: an encoder that has collapsed
        pca.fit(train.astype(np.float64))
    return pca.transform(train.astype(np.float64)), pca.transform(test.astype(np.float64))


def _separations(points: np.ndarray, means: np.ndarray, regions: np.ndarray) -> dict[str, float]:
    metrics = {f"kmeans_{name}": value for name, value in separation(points, means).items()}
    metrics |= {f"hdbscan_{name}": value for name, value in separation(points, regions).items()}
    inside = separation(points[regions != NOISE], regions[regions != NOISE])
    return metrics | {f"hdbscan_{name}_without_noise": v for name, v in inside.items() if name == "silhouette"}


def _colour_scores(groups: dict[str, np.ndarray], train: np.ndarray, colour: np.ndarray) -> dict[str, float]:
    """What each grouping shares with the colours (n,) of its galaxies; the thirds are those of train."""
    thirds = np.digitize(colour, np.quantile(train, THIRDS))
    shared = {f"{name}_nmi_colour": shared_information(each, thirds) for name, each in groups.items()}
    return shared | {f"{name}_eta2_colour": explained(colour, each) for name, each in groups.items()}
