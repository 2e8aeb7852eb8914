"""Ridge to vote shares: exact where the shares are linear, the constant's error where nothing is known."""

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.votes import Votes
from selfsup.types import DataError

YAML = {"suffix": "_share", "alphas": [1e-4, 1.0, 1e4, 1e8], "validation_share": 0.2}


def catalogue(x, shares, prefix, **more):
    ids = [f"{prefix}{i:04d}" for i in range(len(x))]
    columns = {f"{name}_share": values for name, values in shares.items()}
    return Catalogue.from_arrays(ids, x, columns | more, {})


def sample(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 4))
    smooth = 0.5 + 0.4 * x[:, 0]
    return x, {"smooth": smooth, "featured": 1 - smooth}


def test_linear_shares_are_recovered():
    scores = Votes(**YAML)(catalogue(*sample(100, 1), "a"), catalogue(*sample(60, 2), "b"))
    assert scores.metrics["mae"] < 1e-4
    assert scores.metrics["r2"] == pytest.approx(1, abs=1e-4)
    assert scores.metrics["alpha"] == 1e-4
    assert scores.metrics["mae_constant"] > 0.15


def test_unrelated_shares_are_the_constant():
    (x, _), (test_x, shares) = sample(100, 1), sample(60, 2)
    noise = np.random.default_rng(0).uniform(size=100)
    scores = Votes(**YAML)(
        catalogue(x, {"smooth": noise, "featured": 1 - noise}, "a"), catalogue(test_x, shares, "b")
    ).metrics
    assert scores["mae"] == pytest.approx(scores["mae_constant"], rel=0.1)
    assert scores["r2"] < 0.1


def test_constant_is_the_mean_of_train_and_answers_are_named():
    (x, shares), (test_x, test_shares) = sample(100, 1), sample(60, 2)
    scores = Votes(**YAML)(catalogue(x, shares, "a", ra=np.arange(100.0)), catalogue(test_x, test_shares, "b"))
    expected = [np.abs(test_shares[name] - shares[name].mean()).mean() for name in ("smooth", "featured")]
    assert scores.classes == ("smooth", "featured")
    assert scores.curve["mae_constant"] == pytest.approx(expected)
    assert scores.metrics["mae_constant"] == pytest.approx(np.mean(expected))
    assert scores.metrics["mae"] == pytest.approx(np.mean(scores.curve["mae"]))


def test_predictions_are_shares():
    (x, shares), (test_x, test_shares) = sample(100, 1), sample(60, 2)
    scores = Votes(**YAML)(catalogue(x, shares, "a"), catalogue(test_x * 1000, test_shares, "b"))
    assert scores.metrics["mae"] <= 1.0
    assert scores.metrics["rmse"] <= 1.0


def test_test_must_have_the_answers_of_train():
    (x, shares), (test_x, test_shares) = sample(100, 1), sample(60, 2)
    del test_shares["featured"]
    with pytest.raises(DataError, match=r"no column 'featured_share'.*smooth_share.*probe\.votes\.suffix"):
        Votes(**YAML)(catalogue(x, shares, "a"), catalogue(test_x, test_shares, "b"))
