"""What a frozen encoder knows of the parts of a galaxy: a linear layer from each cell's features to maps.

A linear layer on frozen patch features, scored by intersection over union, is the dense protocol of DINOv2 (Oquab et
al. 2024, arXiv:2304.07193, section 7.4), with bilinear upsampling of the logits. Structures overlap (a bar lies in a
ring), so each has its own sigmoid. Unlike the protocol's SGD the fit is convex: no learning rate, no seed.
"""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from selfsup.probes.base import FeatureMaps, MapProbe, Maps, Overlay, Scores
from selfsup.probes.map_layer import Cells, Layer, shares
from selfsup.probes.split import inner_validation, require_positive, require_share
from selfsup.types import ConfigError, DataError

_SHOWN = 8  # test galaxies in the figure


class Dense(MapProbe):
    """Linear maps from the features of a cell to where each structure is.

    Metrics: over all pixels of test `iou_<structure>`, their mean `iou_mean`, and `iou_constant`: the mean IoU of
    saying the mean map of train for every galaxy, the bar to beat. Over cells the average precision `ap_<structure>`,
    and the chosen `l2`. A structure that test lacks has no metric.

    Args:
        train_count: galaxies to fit on, at most.
        test_count: galaxies to score on, at most.
        cells: along an edge of the image; must divide its size.
        l2s: penalties to try.
        validation_share: share of train that is held out to choose the penalty and each structure's threshold.
        max_iter: most L-BFGS steps of a fit.
        examples: folder of images without truth to draw, or null.
    """

    def __init__(
        self,
        *,
        train_count: int,
        test_count: int,
        cells: int,
        l2s: Sequence[float],
        validation_share: float,
        max_iter: int,
        examples: str | None,
    ) -> None:
        if examples is not None and not Path(examples).expanduser().is_dir():
            raise ConfigError(f"probe.dense.examples={examples}: no such folder; name one with images, or write null.")
        self.train_count = int(require_positive([train_count], "probe.dense.train_count")[0])
        self.test_count = int(require_positive([test_count], "probe.dense.test_count")[0])
        self.cells = int(require_positive([cells], "probe.dense.cells")[0])
        self.l2s = require_positive(l2s, "probe.dense.l2s")
        self.validation_share = require_share(validation_share, "probe.dense.validation_share")
        self.max_iter = int(require_positive([max_iter], "probe.dense.max_iter")[0])
        self.examples = examples

    def __call__(self, train: Maps, test: Maps, examples: FeatureMaps | None = None) -> Scores:
        """Score how well the features say what is where.

        Raises:
            DataError: nothing is on any map of train or test, or train is a single galaxy.
        """
        for part, which in ((train, "train"), (test, "test")):
            if not part.truth.any():
                raise DataError(
                    f"None of the {len(part.ids)} {which} galaxies shows any of {', '.join(part.names)}. Use more with "
                    f"probe.dense.{which}_count=..., or leave the probe 'dense' out."
                )
        fit, held_out = _split(train, self.validation_share)
        l2, layer, thresholds = self._choose(fit, held_out)
        predicted = layer.predict(test.features, thresholds, test.images.shape[1])
        metrics = {f"iou_{name}": value for name, value in _iou(predicted, test).items()}
        metrics["iou_mean"] = float(np.mean(list(metrics.values())))
        metrics["iou_constant"] = _iou_constant(fit, held_out, test)
        metrics |= {f"ap_{name}": value for name, value in _precision(layer, test).items()} | {"l2": l2}
        shown = [Overlay(test.images[n], predicted[n], test.truth[n]) for n in _richest(test.truth, _SHOWN)]
        if examples is not None:
            said = layer.predict(examples.features, thresholds, examples.images.shape[1])
            shown += [Overlay(image, maps, None) for image, maps in zip(examples.images, said, strict=True)]
        return Scores(metrics, classes=test.names, overlays=tuple(shown))

    def _choose(self, fit: Maps, held_out: Maps) -> tuple[float, Layer, np.ndarray]:
        """The penalty of the largest mean IoU on the galaxies held out; its layer, and (K) thresholds chosen there."""
        cells = Cells(fit.features, shares(fit.truth, fit.features.shape[1]))
        tried = []
        for l2, layer in cells.path(self.l2s, self.max_iter):
            height = layer.upsampled(held_out.features, held_out.images.shape[1])
            cuts = [_best_threshold(height[:, k].ravel(), held_out.truth[:, k].ravel()) for k in range(len(fit.names))]
            tried.append((sum(iou for _, iou in cuts), l2, layer, np.array([cut for cut, _ in cuts])))
        # `max` takes the first of equals: the strongest penalty.
        return max(tried, key=lambda found: found[0])[1:]


def _split(train: Maps, share: float) -> tuple[Maps, Maps]:
    """Galaxies to fit on and to choose on, each in the order of their ids; both show each kind of galaxy."""
    order = np.argsort(np.array(train.ids), kind="stable")
    there = _there(train)[order]
    kinds = there @ (2 ** np.arange(len(train.names)))
    held_out = inner_validation([train.ids[row] for row in order], kinds, share)
    fit, chosen_on = (_rows(train, order[part]) for part in (~held_out, held_out))
    return fit, chosen_on


def _there(maps: Maps) -> np.ndarray:
    """(N, K) bool: which galaxy shows which structure."""
    return np.asarray(maps.truth.any(axis=(2, 3)))


def _rows(maps: Maps, rows: np.ndarray) -> Maps:
    ids = [maps.ids[row] for row in rows]
    return Maps(ids, maps.features[rows], maps.images[rows], maps.truth[rows], maps.names)


def _best_threshold(height: np.ndarray, hits: np.ndarray, seen: int = 1) -> tuple[float, float]:
    """The height from which to call a place positive so that the IoU is largest, and that IoU; (inf, 0) without hits.

    Each of the M places stands for `seen` pixels, of which `hits` (M) are positive.
    """
    positives = int(hits.sum())
    if not positives:
        return np.inf, 0.0
    order = np.argsort(-height, kind="stable")
    height = height[order]
    true, called = np.cumsum(hits[order], dtype=np.int64), seen * np.arange(1, len(order) + 1)
    iou = true / (positives + called - true)
    iou[:-1][height[:-1] == height[1:]] = -1  # equal heights are called together
    best = int(iou.argmax())
    return float(height[best]), float(iou[best])


def _iou(predicted: np.ndarray, test: Maps) -> dict[str, float]:
    """(N or 1, K, H, W) bool -> the IoU over all pixels together of each structure that test has."""
    both = (predicted & test.truth).sum(axis=(0, 2, 3))
    either = (predicted | test.truth).sum(axis=(0, 2, 3))
    return {test.names[k]: float(both[k] / either[k]) for k in np.flatnonzero(_there(test).any(axis=0))}


def _iou_constant(fit: Maps, held_out: Maps, test: Maps) -> float:
    """Mean IoU of the same map for every galaxy: the mean of train, cut where it is best."""
    prior = fit.truth.mean(axis=0)
    hits = held_out.truth.sum(axis=0)
    cuts = [_best_threshold(p.ravel(), h.ravel(), len(held_out.ids))[0] for p, h in zip(prior, hits, strict=True)]
    said = prior >= np.array(cuts)[:, None, None]
    return float(np.mean(list(_iou(said[None], test).values())))


def _precision(layer: Layer, test: Maps) -> dict[str, float]:
    """Structure -> average precision over cells, of which those half covered are positive."""
    height, covered = layer.logits(test.features), shares(test.truth, test.features.shape[1]) >= 0.5
    return {
        name: float(average_precision_score(covered[..., k].ravel(), height[..., k].ravel()))
        for k, name in enumerate(test.names)
        if covered[..., k].any()
    }


def _richest(truth: np.ndarray, count: int) -> list[int]:
    """(N, K, H, W) -> galaxies to look at: for each structure in turn the one that shows most of it."""
    area = truth.mean(axis=(2, 3))
    queues = [[n for n in np.argsort(-each, kind="stable") if each[n] > 0] for each in area.T]
    turns = (galaxy for turn in zip_longest(*queues) for galaxy in turn if galaxy is not None)
    return [int(galaxy) for galaxy in dict.fromkeys(turns)][:count]
