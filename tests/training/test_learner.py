"""What happens around an objective in a step: seeds, schedules, accumulation, precision, and what stops it."""

import itertools
import math

import lightning as L
import pytest
import torch
from torch import nn

from selfsup.checkpoint import LAST
from selfsup.config import build
from selfsup.embed import load_objective
from selfsup.encoders.base import Encoder
from selfsup.tasks.pretrain import assemble
from selfsup.training.finite import NonFiniteLossError
from selfsup.training.learner import Learner, check_views, step_seed
from selfsup.training.loop import fit
from selfsup.types import ConfigError, Loss

STILL = [
    *("augmentation.groups.global.rotation_deg=[0.0,0.0]", "augmentation.groups.global.hflip_p=0.0"),
    *("augmentation.groups.global.zoom=[1.0,1.0]", "augmentation.groups.global.shift_share=[0.0,0.0]"),
]


class LinearEncoder(Encoder):
    """No BatchNorm: the gradient of a batch is the mean of its halves' gradients."""

    dim = 8

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.linear = nn.Linear(3 * 16 * 16, 8)

    def feature_map(self, image):
        return self.forward(image)[:, :, None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.linear(nn.functional.adaptive_avg_pool2d(self.normalize(image), 16).flatten(1))


class Watch(L.Callback):
    """What every optimizer step used."""

    def __init__(self):
        self.rates, self.decays, self.progress, self.gradients = [], [], [], []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])
        self.decays.append([group["weight_decay"] for group in optimizer.param_groups])
        self.progress.append(pl_module.progress)
        self.gradients.append([p.grad.clone() for p in pl_module.parameters() if p.grad is not None])


def trained(cfg, folder, encoder=None, change=None):
    """Train with what the configuration says, or with this encoder; returns the parts, and what each step used."""
    parts, watch = assemble(cfg, folder), Watch()
    learner = parts.learner
    if encoder is not None:
        objective = build(cfg.objective, "objective", encoder)
        learner = Learner(objective, learner.views, learner.make_optimizer, learner.settings, learner.config)
    if change is not None:
        change(learner)
    fit(learner, parts.data, {}, parts.loggers, folder, [watch])
    return learner, watch


def test_step_seeds_are_stable_and_all_different():
    assert step_seed(0, 0, 0, 0) == 1195769770526638388
    assert step_seed(1, 2, 3, 4) == 1852695968745914623
    seeds = [step_seed(*place) for place in itertools.product(range(6), repeat=4)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_each_step_draws_from_its_own_seed(tiny, compose, tmp_path):
    drawn = []
    trained(
        compose(*tiny), tmp_path, change=lambda learner: learner.objective.register_forward_pre_hook(remember(drawn))
    )
    assert len({tuple(state.tolist()) for state in drawn}) == 10


def remember(drawn):
    return lambda module, inputs: drawn.append(torch.get_rng_state())


def test_rate_rises_then_follows_a_half_cosine(tiny, compose, tmp_path):
    settings = ["trainer.warmup_share=0.3", "trainer.final_lr_share=0.1", "optimizer.lr=0.01"]
    _, watch = trained(compose(*tiny, *settings), tmp_path)
    rise = [0.01 * (step + 1) / 3 for step in range(3)]
    fall = [0.01 * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * (step / 10 - 0.3) / 0.7))) for step in range(3, 10)]
    assert watch.rates == pytest.approx(rise + fall)
    assert watch.progress == pytest.approx([step / 10 for step in range(10)])


def test_weight_decay_follows_the_objective_and_spares_vectors(tiny, compose, tmp_path):
    small = ["objective.hidden_dim=32", "objective.bottleneck_dim=16", "objective.output_dim=32"]
    learner, watch = trained(compose(*tiny, "objective=dino", *small), tmp_path)
    expected = [0.04 * learner.objective.weight_decay_scale(step / 10) for step in range(10)]
    assert [matrices for matrices, _ in watch.decays] == pytest.approx(expected)
    assert expected[-1] > 3 * expected[0]
    assert all(vectors == 0 for _, vectors in watch.decays)


@pytest.mark.parametrize("objective", ["supervised", "dirichlet"])
def test_two_batches_of_eight_are_one_of_sixteen(objective, tiny, compose, tmp_path):
    steady = ["trainer.warmup_share=0.0", "trainer.final_lr_share=1.0", "trainer.clip_norm=null", "optimizer=sgd"]
    choices = [*tiny, f"objective={objective}", "objective.dropout=0.0", *steady, *STILL]
    if objective == "supervised":
        choices.append("objective.class_weights=none")
    found = []
    for size, accumulate in ((16, 1), (8, 2)):
        torch.manual_seed(3)
        cfg = compose(*choices, f"trainer.batch_size={size}", f"trainer.accumulate={accumulate}")
        found.append(trained(cfg, tmp_path / str(size), LinearEncoder())[1])
    one, two = (watch.gradients[:5] for watch in found)  # the first epoch; an eleventh batch of 8 remains
    assert len(one) == len(two) == 5
    assert all(gradient.abs().max() > 1e-3 for gradient in one[0])
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_the_teacher_follows_once_an_optimizer_step(tiny, compose, tmp_path):
    calls = []
    cfg = compose(*tiny, "trainer.accumulate=2")

    def count(learner):
        learner.objective.after_step = calls.append

    learner, watch = trained(cfg, tmp_path, change=count)
    assert len(calls) == len(watch.rates) == learner.global_step == 6  # 5 batches an epoch: 2, 2 and 1
    assert calls == pytest.approx(watch.progress)


def test_views_stay_in_single_precision_under_autocast(tiny, compose, tmp_path):
    seen = []

    def look(module, inputs):
        views = inputs[0]["global"]
        seen.append((views[0].dtype, views[0].requires_grad, torch.is_autocast_enabled("cpu")))

    cfg = compose(*tiny, "trainer.precision=bf16-mixed", "trainer.max_epochs=1")
    trained(cfg, tmp_path, change=lambda learner: learner.objective.register_forward_pre_hook(look))
    assert set(seen) == {(torch.float32, False, True)}


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["objective=ntxent", "augmentation=multicrop"], "makes local views, which NTXent does not use"),
        (["objective=ntxent", "augmentation=one_view"], "makes 1 global views; NTXent needs 2 to 2"),
        (["objective=dino", "augmentation.groups.local.copies=99"], "makes 99 local views; DINO needs 0 to "),
        (["objective=dino", "~augmentation.groups.global"], "makes no global views; DINO needs 2 at least"),
    ],
)
def test_views_that_do_not_fit_the_objective_are_refused(overrides, says, tiny, compose):
    cfg = compose(*tiny, *overrides)
    objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
    with pytest.raises(ConfigError, match=f"^augmentation: {says}"):
        check_views(objective, build(cfg.augmentation, "augmentation"))


@pytest.mark.promise("numbers")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_with_step_and_galaxies(value, tiny, compose, tmp_path):
    def poison(learner):
        healthy = learner.objective.forward

        def forward(views, batch, progress):
            loss = healthy(views, batch, progress)
            return Loss(loss.total * value) if learner.global_step == 3 else loss

        learner.objective.forward = forward

    with pytest.raises(NonFiniteLossError, match=rf"loss is {value} at step 3; galaxies of this batch: g\d\d\d, g"):
        trained(compose(*tiny, "trainer.checkpoint_every_steps=1"), tmp_path, change=poison)
    saved = torch.load(tmp_path / LAST, weights_only=True)
    assert saved["global_step"] == 3
    assert all(value.isfinite().all() for value in saved["state_dict"].values())


def test_the_moving_average_is_what_is_published(tiny, compose, tmp_path):
    learner, _ = trained(compose(*tiny, "trainer.ema_decay=0.9"), tmp_path)
    saved = torch.load(tmp_path / LAST, weights_only=True)
    raw = {k.removeprefix("objective."): v for k, v in saved["current_model_state"].items()}
    published = load_objective(tmp_path).state_dict()
    online = learner.objective.state_dict()
    weights = [name for name, _ in learner.objective.named_parameters()]
    assert all(torch.equal(published[name], online[name]) for name in published)
    assert any(not torch.equal(published[name], raw[name]) for name in weights)


@pytest.mark.parametrize("optimizer", ["adamw", "lars", "sgd"])
def test_optimizers_move_every_trainable_parameter(optimizer, tiny, compose, tmp_path):
    cfg = compose(*tiny, f"optimizer={optimizer}", "optimizer.lr=0.5", "trainer.max_epochs=1")
    before = {}

    def keep(learner):
        before.update({name: p.detach().clone() for name, p in learner.objective.named_parameters()})

    learner, _ = trained(cfg, tmp_path, change=keep)
    after = dict(learner.objective.named_parameters())
    still = [name for name, value in before.items() if torch.equal(value, after[name])]
    assert not still


@pytest.mark.promise("ranks")
def test_another_number_of_ranks_does_not_go_on(tiny, compose, tmp_path):
    """It would deal the galaxies out otherwise."""
    learner, _ = trained(compose(*tiny, "trainer.max_epochs=1"), tmp_path)
    learner.on_load_checkpoint({"ranks": 1})
    with pytest.raises(
        ConfigError, match=r"^trainer.devices: 2 processes trained this run, and 1 would go on; start 2"
    ):
        learner.on_load_checkpoint({"ranks": 2})
