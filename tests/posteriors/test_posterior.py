"""The mixture of several networks: against scipy, simulation and slow enumeration, on a tree with two parents."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import beta, betabinom, dirichlet_multinomial

from selfsup import trees
from selfsup.posteriors.posterior import Posterior
from selfsup.types import ConfigError, DataError
from selfsup.votes import Question, QuestionTree

TREE = QuestionTree(
    "small",
    (
        Question("shape", ("smooth", "disk", "star")),
        Question("bar", ("yes", "no"), ("shape_disk",)),
        Question("merging", ("yes", "no"), ("shape_smooth", "shape_disk")),
    ),
)
S, N = 4, 7


def concentrations(models=S, galaxies=N, seed=0):
    return 1 + 60 * np.random.default_rng(seed).random((models, galaxies, 7)) ** 2


@pytest.fixture
def found():
    return Posterior(TREE, concentrations())


def test_fractions_sum_to_one_and_are_the_mean_of_all_networks(found):
    mean = found.mean()
    for answers in TREE.slices.values():
        np.testing.assert_allclose(mean[:, answers].sum(1), 1.0)
    expected = (found.alphas[..., 3] / found.alphas[..., 3:5].sum(-1)).mean(0)
    np.testing.assert_allclose(mean[:, 3], expected)


def test_who_is_asked_is_the_product_down_the_tree_of_each_network(found):
    f = [found.only(models=slice(s, s + 1)).mean() for s in range(S)]
    asked = found.asked()
    assert (asked[:, 0] == 1).all()
    np.testing.assert_allclose(asked[:, 1], np.mean([one[:, 1] for one in f], axis=0))
    np.testing.assert_allclose(asked[:, 2], np.mean([one[:, 0] + one[:, 1] for one in f], axis=0))  # two parents
    deep = Posterior(trees.tree("gz2"), 1 + 50 * np.random.default_rng(0).random((3, 5, 37)) ** 2)
    mean, answers = [deep.only(models=slice(s, s + 1)).mean() for s in range(3)], deep.tree.answers.index
    path = [answers(a) for a in ("smooth-or-featured_featured-or-disk", "disk-edge-on_no", "has-spiral-arms_yes")]
    winding = list(deep.tree.slices).index("spiral-winding")
    products = np.mean([one[:, path].prod(1) for one in mean], axis=0)
    np.testing.assert_allclose(deep.asked()[:, winding], products)
    assert not np.allclose(products, deep.mean()[:, path].prod(1), rtol=1e-3)  # which is not the product of the means


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_have_their_share_of_the_mixture_inside_and_at_each_side(found, level):
    interval = found.interval(level)
    assert interval.shape == (N, 7, 2)
    for galaxy, column in ((0, 0), (3, 4), (6, 6)):
        answers = next(s for s in TREE.slices.values() if s.start <= column < s.stop)
        a = found.alphas[:, galaxy, column]
        below = beta.cdf(interval[galaxy, column], a[:, None], (found.alphas[:, galaxy, answers].sum(1) - a)[:, None])
        np.testing.assert_allclose(below.mean(0), [(1 - level) / 2, (1 + level) / 2], atol=1e-5)


def test_intervals_cover_what_is_drawn_from_the_posterior_at_their_level():
    rng, level, galaxies = np.random.default_rng(0), 0.8, 3000
    found = Posterior(TREE, concentrations(3, galaxies))
    true = np.stack([rng.dirichlet(found.alphas[rng.integers(3), g, :3]) for g in range(galaxies)])
    interval = found.interval(level)[:, :3]
    inside = ((true >= interval[..., 0]) & (true <= interval[..., 1])).mean(0)
    np.testing.assert_allclose(inside, level, atol=4 * np.sqrt(level * (1 - level) / galaxies))


def test_the_mixture_of_one_answer_is_the_mean_of_beta_binomials(found):
    totals = np.array([0, 1, 5, 10, 20, 39, 40])
    pmf = found.pmf("merging_no", totals)
    assert pmf.shape == (S, N, 41)
    np.testing.assert_allclose(pmf.mean(0).sum(-1), 1.0, rtol=1e-10)
    a, b = found.alphas[:, 4, 6], found.alphas[:, 4, 5]
    expected = betabinom.pmf(np.arange(41)[:, None], 20, a, b).mean(1)
    np.testing.assert_allclose(pmf.mean(0)[4], expected, rtol=1e-8, atol=1e-15)


def test_the_likelihood_is_of_the_mixture_and_nobody_asked_says_nothing(found):
    votes = np.random.default_rng(1).integers(0, 20, (N, 7))
    votes[2, 3:5] = 0
    likelihood = found.log_likelihood(votes)
    for galaxy in (0, 5):
        each = [
            dirichlet_multinomial.logpmf(votes[galaxy, :3], a[galaxy, :3], votes[galaxy, :3].sum())
            for a in found.alphas
        ]
        assert likelihood[galaxy, 0] == pytest.approx(logsumexp(each) - np.log(S), rel=1e-9)
    assert likelihood[2, 1] == 0
    assert (likelihood[:, 0] < 0).all()


def test_cumulative_probabilities_and_count_intervals_agree_with_the_pmf(found):
    votes = np.random.default_rng(2).integers(0, 9, (N, 7))
    votes[3, 5:] = 0
    totals = found.totals(votes)
    cumulative, interval = found.cumulative(votes), found.predictive_interval(0.8, totals)
    for column, answer in enumerate(TREE.answers):
        question = [3, 2, 2]
        q = int(np.searchsorted(np.cumsum(question), column, side="right"))
        pmf = found.pmf(answer, totals[:, q]).mean(0)
        for galaxy in range(N):
            k, n = votes[galaxy, column], totals[galaxy, q]
            expected = pmf[galaxy, :k].sum(), pmf[galaxy, : k + 1].sum()
            np.testing.assert_allclose(cumulative[galaxy, column], expected, atol=1e-10)
            low, high = interval[galaxy, column]
            assert 0 <= low <= high <= n
            assert pmf[galaxy, :low].sum() < 0.1 <= pmf[galaxy, : low + 1].sum() + 1e-12
            assert pmf[galaxy, high + 1 :].sum() <= 0.1 + 1e-12
    assert interval[3, 5:].tolist() == [[0, 0], [0, 0]]
    assert cumulative[3, 5:].tolist() == [[0, 1], [0, 1]]


def test_count_intervals_hold_at_least_their_level_of_what_is_drawn():
    rng, galaxies = np.random.default_rng(3), 2000
    found = Posterior(TREE, concentrations(1, galaxies))
    totals = rng.integers(1, 40, (galaxies, 3))
    votes = found.draw("shape", totals[:, 0], rng)[0]
    interval = found.predictive_interval(0.8, totals)[:, :3]
    inside = ((votes >= interval[..., 0]) & (votes <= interval[..., 1])).mean()
    assert 0.8 < inside < 0.95


def test_the_expected_error_is_the_one_that_crowds_show():
    rng, draws = np.random.default_rng(4), 4000
    found = Posterior(TREE, concentrations(3, 1))
    mean = found.mean()[0, :3]
    fractions = np.concatenate([rng.dirichlet(a[0, :3], draws) for a in found.alphas])
    np.testing.assert_allclose(found.expected_error()[0, :3], np.sqrt(((fractions - mean) ** 2).mean(0)), rtol=0.03)
    crowds = np.concatenate([found.draw("shape", np.array([12]), rng)[:, 0] for _ in range(draws)]) / 12
    expected = found.expected_error(np.array([[12, 0, 3]]))[0]
    np.testing.assert_allclose(expected[:3], np.sqrt(((crowds - mean) ** 2).mean(0)), rtol=0.03)
    assert np.isnan(expected[3:5]).all()
    assert np.isfinite(expected[5:]).all()


def test_information_is_that_of_the_question(found):
    value, error, _ = found.mutual_information("bar", 10, exact_up_to=100, draws=2, seed=0)
    assert (value > 0).all()
    assert (error == 0).all()
    same = Posterior(TREE, np.concatenate([found.alphas[..., :3], np.repeat(found.alphas[:1, :, 3:], S, 0)], axis=2))
    np.testing.assert_allclose(same.mutual_information("bar", 10, 100, 2, 0).value, 0.0, atol=1e-12)


def test_parts_are_what_they_are_of_the_whole(found, monkeypatch):
    whole, votes = found.interval(0.9), np.random.default_rng(5).integers(0, 9, (N, 7))
    cumulative, counts = found.cumulative(votes), found.predictive_interval(0.9, found.totals(votes))
    monkeypatch.setattr("selfsup.posteriors.posterior.BUDGET", 1)  # a galaxy at a time
    np.testing.assert_allclose(found.interval(0.9), whole, atol=1e-6)
    np.testing.assert_allclose(found.cumulative(votes), cumulative, atol=1e-12)
    assert np.array_equal(found.predictive_interval(0.9, found.totals(votes)), counts)
    some = found.only(models=slice(2), galaxies=np.array([5, 1]))
    assert (some.models, len(some)) == (2, 2)
    assert np.array_equal(some.alphas, found.alphas[:2][:, [5, 1]])


def test_single_precision_and_no_galaxies_are_welcome():
    single = Posterior(TREE, concentrations().astype(np.float32))
    np.testing.assert_allclose(single.mean(), Posterior(TREE, concentrations()).mean(), rtol=1e-5)
    empty = Posterior(TREE, np.empty((2, 0, 7)))
    assert empty.mean().shape == (0, 7)
    assert empty.interval(0.9).shape == (0, 7, 2)
    assert empty.asked().shape == (0, 3)


def test_refuses_what_is_no_posterior(found):
    with pytest.raises(DataError, match=r"needs concentrations \(S, N, 7\).* not \(4, 7, 6\)"):
        Posterior(TREE, found.alphas[..., :6])
    with pytest.raises(DataError, match="not positive and finite"):
        Posterior(TREE, np.where(found.alphas > 30, np.nan, found.alphas))
    with pytest.raises(ConfigError, match="'bar': one answer leaves no doubt"):
        Posterior(QuestionTree("odd", (Question("bar", ("yes",)),)), np.ones((1, 1, 1)))
    with pytest.raises(ConfigError, match="level = 90"):
        found.interval(90)
