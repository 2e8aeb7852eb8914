"""The dense probe on made-up maps: what it can find, what it cannot, and that nothing is chosen on test."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from selfsup.probes.base import FeatureMaps, Maps
from selfsup.probes.dense import Dense, _best_threshold, _richest
from selfsup.probes.map_layer import Cells, shares
from selfsup.types import ConfigError, DataError

NAMES, EDGE, CELLS, WIDTH = ("arms", "bar"), 32, 8, 6
SETTINGS = {
    "train_count": 100,
    "test_count": 100,
    "cells": CELLS,
    "l2s": [1e-5, 10.0],
    "validation_share": 0.25,
    "max_iter": 60,
    "examples": None,
}
MIX = np.random.default_rng(8).normal(size=(WIDTH, WIDTH)) * [1, 2, 5, 0.1, 1, 1]
LAYER = np.random.default_rng(7).normal(size=(len(NAMES), WIDTH))


def probe(**changes):
    return Dense(**{**SETTINGS, **changes})


def linear(n, seed):
    """Maps whose truth is a linear function of the features, cut at a height that few places reach."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, CELLS, CELLS, WIDTH)).astype(np.float32)
    height = torch.from_numpy(features @ LAYER.T).permute(0, 3, 1, 2)
    truth = (F.interpolate(height, (EDGE, EDGE), mode="bilinear") > 1.5).numpy()
    features = 3 + features @ MIX  # the probe is to undo it
    images = generator.integers(0, 255, (n, EDGE, EDGE, 3), dtype=np.uint8)
    return Maps([f"{seed}-{i:03}" for i in range(n)], features.astype(np.float16), images, truth, NAMES)


def central(n, seed):
    """Discs in the middle, of which the features say nothing."""
    maps = linear(n, seed)
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    radius = generator.uniform(4, 10, (n, len(NAMES), 1, 1))
    noise = generator.normal(size=maps.features.shape).astype(np.float16)
    return replace(maps, truth=np.hypot(x, y) < radius, features=noise)


@pytest.fixture(scope="module")
def train():
    return linear(60, 1)


@pytest.fixture(scope="module")
def test():
    return linear(40, 2)


def test_what_is_linear_in_the_features_is_found(train, test):
    scores = probe()(train, test)
    assert set(scores.metrics) == {"iou_arms", "iou_bar", "iou_mean", "iou_constant", "ap_arms", "ap_bar", "l2"}
    assert all(type(value) is float and np.isfinite(value) for value in scores.metrics.values())
    assert min(scores.metrics["iou_arms"], scores.metrics["iou_bar"]) > 0.9
    assert scores.metrics["iou_mean"] == pytest.approx((scores.metrics["iou_arms"] + scores.metrics["iou_bar"]) / 2)
    assert min(scores.metrics["ap_arms"], scores.metrics["ap_bar"]) > 0.8  # half of a cell is also its neighbours'
    assert scores.metrics["iou_constant"] < 0.4
    assert scores.metrics["l2"] == 1e-5
    assert scores.classes == NAMES


def test_iou_is_over_all_pixels_together(train, test):
    scores = probe(validation_share=0.2)(train, test)
    shown = [each for each in probe(validation_share=0.2)(train, test).overlays if each.truth is not None]
    assert len(shown) == 8
    few = replace(test, **_rows_of(test, shown))
    again = probe(validation_share=0.2)(train, few)
    both = sum((each.predicted[0] & each.truth[0]).sum() for each in again.overlays)
    either = sum((each.predicted[0] | each.truth[0]).sum() for each in again.overlays)
    assert again.metrics["iou_arms"] == pytest.approx(both / either)
    assert again.metrics["iou_arms"] != scores.metrics["iou_arms"]


def _rows_of(maps, shown):
    rows = [next(n for n, image in enumerate(maps.images) if (image == each.image).all()) for each in shown]
    parts = {name: getattr(maps, name)[rows] for name in ("features", "images", "truth")}
    return {"ids": [maps.ids[row] for row in rows], **parts}


def test_noise_is_no_better_than_the_constant():
    metrics = probe()(central(60, 3), central(40, 4)).metrics
    assert metrics["iou_constant"] > 0.5  # of two discs at the same place
    assert metrics["iou_mean"] <= metrics["iou_constant"]


def test_nothing_is_chosen_on_test(train, test):
    examples = FeatureMaps(["x"] * 8, test.features[:8], test.images[:8])
    before = probe()(train, test, examples)
    flipped = probe()(train, replace(test, truth=~test.truth), examples)
    far = probe()(train, replace(test, features=test.features * 10), examples)
    for after in (flipped, far):
        assert after.metrics["l2"] == before.metrics["l2"]
        assert after.metrics != before.metrics
        pairs = zip(before.overlays[-8:], after.overlays[-8:], strict=True)
        assert all((a.predicted == b.predicted).all() for a, b in pairs)


def test_order_of_galaxies_changes_nothing(train, test):
    def shuffled(maps):
        rows = np.random.default_rng(0).permutation(len(maps.ids))
        parts = {name: getattr(maps, name)[rows] for name in ("features", "images", "truth")}
        return replace(maps, ids=[maps.ids[row] for row in rows], **parts)

    assert probe()(shuffled(train), shuffled(test)).metrics == probe()(train, test).metrics


def test_examples_are_seen_without_truth(train, test):
    examples = FeatureMaps(["x", "y"], test.features[:2], test.images[:2])
    overlays = probe()(train, test, examples).overlays
    assert [each.truth is None for each in overlays] == [False] * 8 + [True] * 2
    assert (overlays[-1].image == test.images[1]).all()
    assert overlays[-1].predicted.dtype == bool
    assert overlays[-1].predicted.shape == (2, EDGE, EDGE)
    assert (overlays[-1].predicted == test.truth[1]).mean() > 0.9  # though it was not given


def test_a_structure_that_test_lacks_has_no_metric(train, test):
    truth = test.truth.copy()
    truth[:, 1] = False
    metrics = probe()(train, replace(test, truth=truth)).metrics
    assert set(metrics) == {"iou_arms", "iou_mean", "iou_constant", "ap_arms", "l2"}
    assert metrics["iou_mean"] == metrics["iou_arms"]


def test_a_structure_that_train_lacks_is_never_found(train, test):
    truth = train.truth.copy()
    truth[:, 1] = False
    metrics = probe()(replace(train, truth=truth), test).metrics
    assert metrics["iou_bar"] == 0
    assert metrics["iou_arms"] > 0.9


@pytest.mark.parametrize("which", ["train", "test"])
def test_nothing_to_find_is_refused(which, train, test):
    parts = {"train": train, "test": test}
    parts[which] = replace(parts[which], truth=np.zeros_like(parts[which].truth))
    with pytest.raises(DataError, match=rf"{which} galaxies.*arms, bar.*probe.dense.{which}_count"):
        probe()(parts["train"], parts["test"])


def test_features_that_never_change_are_left_alone(train, test):
    before = probe()(train, test).metrics
    dead = [np.full((*maps.features.shape[:3], 2), (1000, 0), np.float16) for maps in (train, test)]
    more = [
        replace(m, features=np.concatenate([m.features, d], axis=3)) for m, d in zip((train, test), dead, strict=True)
    ]
    after = probe()(*more).metrics
    assert after == pytest.approx(before, rel=1e-3)
    collapsed = [replace(maps, features=np.ones_like(maps.features)) for maps in (train, test)]
    metrics = probe()(*collapsed).metrics
    assert metrics["iou_mean"] == pytest.approx(np.mean([test.truth[:, k].mean() for k in range(2)]))  # all or nothing


def test_settings_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"probe\.dense\.examples"):
        probe(examples=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"probe\.dense\.cells"):
        probe(cells=0)
    with pytest.raises(ConfigError, match=r"probe\.dense\.validation_share"):
        probe(validation_share=1)


def test_the_layer_is_where_the_loss_is_least():
    maps = linear(20, 5)
    target = shares(maps.truth, CELLS)
    x, y = maps.features.reshape(-1, WIDTH).astype(float), target.reshape(-1, 2).astype(float)
    standard = (x - x.mean(0)) / x.std(0)
    l2 = 1e-2
    ((_, found),) = Cells(maps.features, target).path([l2], 200)
    for k in range(2):
        a = np.sqrt((1 - y[:, k].mean()) / y[:, k].mean())

        def loss(w, k=k, a=a):
            z = standard @ w[:-1] + w[-1]
            rows = a * y[:, k] * np.logaddexp(0, -z) + (1 - y[:, k]) * np.logaddexp(0, z)
            return rows.mean() + l2 / 2 * np.square(w[:-1]).sum()

        best = minimize(loss, np.zeros(WIDTH + 1)).x
        expected = standard @ best[:-1] + best[-1]
        np.testing.assert_allclose(found.logits(maps.features)[..., k].ravel(), expected, atol=0.05)


def test_shares_are_means_over_cells():
    truth = np.random.default_rng(0).random((3, 2, 8, 8)) > 0.5
    expected = truth.reshape(3, 2, 4, 2, 4, 2).mean(axis=(3, 5)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(shares(truth, 4), expected)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_the_best_there_is(seed):
    generator = np.random.default_rng(seed)
    height = generator.integers(0, 6, 40).astype(float)  # with many equals
    hits = generator.integers(0, 4, 40)
    cut, iou = _best_threshold(height, hits, 3)

    def iou_from(at):
        called = height >= at
        return hits[called].sum() / (hits.sum() + 3 * called.sum() - hits[called].sum())

    assert iou == pytest.approx(iou_from(cut))
    assert iou == pytest.approx(max(iou_from(at) for at in np.unique(height)))
    assert _best_threshold(height, np.zeros(40)) == (np.inf, 0.0)


def test_the_figure_shows_every_structure():
    truth = np.zeros((9, 3, 4, 4), bool)
    truth[:, 0, 0] = True
    truth[4, 1, 0, 0] = truth[7, 2, 0, 0] = True
    chosen = _richest(truth, 3)
    assert len(set(chosen)) == 3
    assert {4, 7} <= set(chosen)
    assert _richest(truth[:, 1:], 5) == [4, 7]
