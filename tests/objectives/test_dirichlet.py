"""The vote likelihood against scipy, a slow loop and finite differences; the head's promises."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import dirichlet_multinomial

from selfsup import trees
from selfsup.encoders.base import Encoder
from selfsup.encoders.dihedral import make_symmetric
from selfsup.objectives.dirichlet import Dirichlet, dirichlet_multinomial_nll
from selfsup.types import ConfigError

QUESTIONS = [slice(0, 3), slice(3, 5)]


class Corner(Encoder):
    """The brightness of the four corners: changes under every symmetry of the square."""

    dim = 4

    def __init__(self):
        super().__init__(1, 0.0, 1.0)
        self.gain = torch.nn.Parameter(torch.ones(()))

    def feature_map(self, image):
        return self(image)[..., None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        corners = image[:, 0, ::7, ::7].flatten(1)
        return self.gain * corners * torch.arange(1, 5).to(image)


def make(**changed):
    torch.manual_seed(0)
    return Dirichlet(Corner(), **{"tree": "rings", "dropout": 0.0, "alpha_max": 100.0, **changed})


def draw(rows=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 12, (rows, 5), generator=generator).double()
    return counts, 1 + 100 * torch.rand(rows, 5, generator=generator, dtype=torch.float64)


def batch_of(counts):
    return {"id": [str(i) for i in range(len(counts))], "image": None, "votes": counts}


def test_agrees_with_scipy():
    counts, alpha = draw()
    nll = dirichlet_multinomial_nll(counts, alpha, QUESTIONS)
    for row in range(len(counts)):
        for column, q in enumerate(QUESTIONS):
            k = counts[row, q].numpy().astype(int)
            expected = -dirichlet_multinomial.logpmf(k, alpha[row, q].numpy(), k.sum())
            assert nll[row, column].item() == pytest.approx(expected, rel=1e-9)


def test_agrees_with_polya_s_urn():
    # Draw after draw: the chance of answer i is (alpha_i + seen_i) / (A + seen), times the number of orders.
    counts, alpha = draw(rows=3, seed=1)
    nll = dirichlet_multinomial_nll(counts, alpha, QUESTIONS)
    for row in range(len(counts)):
        for column, q in enumerate(QUESTIONS):
            k, a = counts[row, q].int().tolist(), alpha[row, q].tolist()
            log_p, seen = math.log(math.factorial(sum(k))), 0
            for number, weight in zip(k, a, strict=True):
                log_p -= math.log(math.factorial(number))
                for before in range(number):
                    log_p += math.log((weight + before) / (sum(a) + seen))
                    seen += 1
            assert nll[row, column].item() == pytest.approx(-log_p, rel=1e-9)


def test_probabilities_of_all_outcomes_sum_to_one():
    outcomes = torch.tensor([[i, 9.0 - i] for i in range(10)], dtype=torch.float64)
    alpha = torch.tensor([[3.7, 41.0]], dtype=torch.float64).expand(10, -1)
    total = torch.exp(-dirichlet_multinomial_nll(outcomes, alpha, [slice(0, 2)])).sum()
    assert total.item() == pytest.approx(1.0, rel=1e-12)


def test_gradient_for_real_valued_counts():
    counts, alpha = draw()
    counts = counts + 0.3
    counts[0, QUESTIONS[0]] = 0
    assert torch.autograd.gradcheck(lambda a: dirichlet_multinomial_nll(counts, a, QUESTIONS), alpha.requires_grad_())


def test_a_question_without_votes_is_exactly_zero_without_gradient():
    counts, alpha = draw()
    counts, alpha = counts.float(), alpha.float().requires_grad_()
    counts[:, QUESTIONS[1]] = 0
    nll = dirichlet_multinomial_nll(counts, alpha, QUESTIONS)
    assert (nll[:, 1] == 0).all()
    assert (nll[:, 0] > 0).all()
    nll.sum().backward()
    assert (alpha.grad[:, QUESTIONS[1]] == 0).all()
    assert (alpha.grad[:, QUESTIONS[0]] != 0).all()


def test_an_invalid_count_is_not_taken_for_no_votes():
    counts, alpha = draw()
    counts[0, 0] = torch.nan
    assert dirichlet_multinomial_nll(counts, alpha, QUESTIONS)[0, 0].isnan()


def test_loss_is_the_mean_over_galaxies_with_votes():
    objective, image = make(), torch.rand(4, 1, 8, 8)
    counts = torch.tensor([[3.0, 7.0], [0.0, 0.0], [10.0, 0.0], [0.0, 0.0]])
    loss = objective({"global": [image]}, batch_of(counts), 0.0)
    alpha = objective.concentrations(image).detach().numpy().astype(float)
    expected = [-dirichlet_multinomial.logpmf(counts[i].int().numpy(), alpha[i], 10) for i in (0, 2)]
    assert loss.total.item() == pytest.approx(np.mean(expected), rel=1e-4)
    assert loss.log["asked_share"] == 0.5


def test_a_batch_without_votes_gives_zero_and_zero_gradients():
    objective = make()
    loss = objective({"global": [torch.rand(3, 1, 8, 8)]}, batch_of(torch.zeros(3, 2)), 0.0)
    loss.total.backward()
    assert loss.total.item() == 0
    assert all((p.grad == 0).all() for p in objective.parameters())
    assert all(value.isfinite() for value in loss.log.values())


def test_concentrations_stay_in_their_range_and_in_float32_under_autocast():
    objective = make(alpha_max=50.0)
    with torch.autocast("cpu", torch.bfloat16):
        alpha = objective.concentrations(1e4 * torch.rand(6, 1, 8, 8))
    assert alpha.dtype == torch.float32
    assert alpha.min() >= 1
    assert alpha.max() <= 51


def test_prediction_is_the_mean_of_the_dirichlet():
    objective, image = make(tree="gz2").eval(), torch.rand(2, 1, 8, 8)
    shares, alpha = objective.predict(image)["votes"].detach(), objective.concentrations(image).detach()
    for q in trees.tree("gz2").slices.values():
        torch.testing.assert_close(shares[:, q].sum(1), torch.ones(2))
        drawn = torch.distributions.Dirichlet(alpha[0, q]).sample((4000,)).mean(0)
        torch.testing.assert_close(shares[0, q], drawn, atol=0.02, rtol=0)


def test_prediction_with_all_symmetries_does_not_depend_on_orientation():
    image = torch.rand(2, 1, 8, 8)
    turned = image.rot90(1, (-2, -1)).flip(-1)
    for symmetries, same in ((1, False), (8, True)):
        objective = make(symmetries=symmetries).eval()
        plain, other = objective.predict(image)["votes"], objective.predict(turned)["votes"]
        assert torch.allclose(plain, other, atol=1e-6) is same


def test_all_symmetries_are_asked_once_also_of_an_encoder_that_averages_them_itself():
    image, asked = torch.rand(2, 1, 8, 8), []
    objective = make(symmetries=8).eval()
    objective.encoder.register_forward_hook(lambda *_: asked.append(1))
    expected = objective.predict(image)["votes"]
    make_symmetric(objective, 8)
    assert torch.equal(objective.predict(image)["votes"], expected)
    assert len(asked) == 16


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tree": None}, "data.tree"),
        ({"tree": "gz3"}, "gz3"),
        ({"symmetries": 4}, "objective.symmetries"),
        ({"alpha_max": 0.0}, "objective.alpha_max"),
    ],
)
def test_refuses_what_cannot_be(changed, message):
    with pytest.raises(ConfigError, match=message):
        make(**changed)


def test_refuses_votes_of_another_tree_and_data_without_votes():
    objective, views = make(), {"global": [torch.rand(2, 1, 8, 8)]}
    with pytest.raises(ConfigError, match=r"'rings' has 2 answers .* 5 columns"):
        objective(views, batch_of(torch.ones(2, 5)), 0.0)
    with pytest.raises(ConfigError, match="no votes"):
        objective(views, {"id": ["a", "b"], "image": None}, 0.0)
