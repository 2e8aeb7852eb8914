"""Each way to hunt does what it says, and the same again for the same seed."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from selfsup.analysis.hunters import Astronomaly, GaussianProcess, StrangestFirst, strangeness
from selfsup.analysis.interest import Bounds

BOUNDS = Bounds((1, 100), (0.1, 100), (0.1, 10))
METHODS = {
    "gp": GaussianProcess(BOUNDS, 0.5),
    "random": GaussianProcess(BOUNDS, 0.5, random=True),
    "isolation_forest": StrangestFirst(20, 2),
    "astronomaly": Astronomaly(20, 3, 10, 0.1, 0.85, 1.0),
}
KNOWN, RATING = np.array([0, 1, 2, 299]), np.array([0.0, 0, 1, 5])


@pytest.fixture
def position():
    """300 galaxies, the last 10 in a knot of their own."""
    rng = np.random.default_rng(0)
    found = rng.normal(size=(300, 4))
    found[-10:] = 4 + 0.2 * rng.normal(size=(10, 4))
    return found.astype(np.float32)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_same_for_the_same_seed(method, position):
    one, again = (method(position, 3)(KNOWN, RATING) for _ in range(2))
    np.testing.assert_array_equal(one.asks, again.asks)
    np.testing.assert_array_equal(one.ranks, again.ranks)
    assert one.asks.shape == one.ranks.shape == (300,)


def test_who_learns_ranks_those_like_a_5_first(position):
    for name in ("gp", "random", "astronomaly"):
        ranks = METHODS[name](position, 0)(KNOWN, RATING).ranks
        assert len(set(np.argsort(-ranks)[:5].tolist()) & set(range(290, 300))) >= 4, name


def test_the_process_learns_and_the_forest_does_not(position):
    other = np.array([5.0, 5, 4, 0])
    for name, learns in (("gp", True), ("astronomaly", True), ("isolation_forest", False)):
        hunter = METHODS[name](position, 0)
        assert (hunter(KNOWN, RATING).ranks != hunter(KNOWN, other).ranks).any() == learns, name


def test_at_random_every_batch_is_another(position):
    hunter = METHODS["random"](position, 0)
    assert (hunter(KNOWN, RATING).asks != hunter(KNOWN, RATING).asks).all()


def test_strangeness_is_larger_at_the_edge(position):
    far = np.argmax(np.linalg.norm(position[:290], axis=1))
    near = np.argmin(np.linalg.norm(position[:290], axis=1))
    score = strangeness(position, 50, 0)
    assert score[far] > score[near]


def test_astronomaly_is_its_equation_written_out(position):
    method = METHODS["astronomaly"]
    seen = position[:, :3]
    strange = strangeness(seen, 20, 7)
    scaled = 5 * (strange - strange.min()) / (strange.max() - strange.min())
    rated = RandomForestRegressor(n_estimators=10, random_state=7).fit(seen[KNOWN], RATING).predict(seen)
    distance = np.array([min(np.linalg.norm(one - seen[known]) for known in KNOWN) for one in seen.astype(float)])
    expected = [
        s * np.tanh(np.exp(d / distance.mean()) - 1 + np.arctanh(0.1 + 0.85 * u / 5))
        for s, u, d in zip(scaled, rated, distance, strict=True)
    ]
    found = method(position, 7)(KNOWN, RATING)
    np.testing.assert_allclose(found.ranks, expected, rtol=1e-5)
    np.testing.assert_array_equal(found.asks, found.ranks)


def test_astronomaly_at_a_rating_and_far_from_all():
    method = METHODS["astronomaly"]
    near = method.combined(np.array([4.0, 4, 4]), np.array([0.0, 5, 0]), np.array([0.0, 0, 1e9]))
    np.testing.assert_allclose(near, [0.4, 3.8, 4.0])
