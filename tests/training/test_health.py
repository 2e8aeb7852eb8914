"""A collapse is seen and named with keys that exist, a healthy training is left alone.

That it is seen of every objective is a column of the table in tests/objectives/test_table.py.
"""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from torch import nn

from selfsup.config import build
from selfsup.tasks.pretrain import assemble
from selfsup.training import health
from selfsup.training.health import CollapseError, CollapseWatch, effective_rank, feature_deviation, remedies
from selfsup.training.loop import fit

OBJECTIVES = sorted(file.stem for file in (Path(__file__).parents[2] / "conf" / "objective").glob("*.yaml"))
rarely = pytest.mark.filterwarnings("ignore:The number of training batches .* is smaller than the logging interval")
HYBRID = ["objective=hybrid", "objective@objective.parts.contrastive=dino", "augmentation=multicrop"]


def rank_by_numpy(embedding):
    singular = np.linalg.svd(embedding - embedding.mean(0), compute_uv=False)
    share = singular[singular > 1e-9] / singular.sum()
    return np.exp(-(share * np.log(share)).sum())


@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (5, 1)])
def test_effective_rank_is_rankmes(shape):
    embedding = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
    assert float(effective_rank(torch.from_numpy(embedding))) == pytest.approx(rank_by_numpy(embedding), rel=1e-4)


def test_effective_rank_of_one_and_of_all_directions():
    line = torch.linspace(-1, 1, 50)[:, None] * torch.randn(1, 8)
    assert float(effective_rank(line)) == pytest.approx(1.0, abs=1e-3)
    even = torch.cat([torch.eye(8), -torch.eye(8)])
    assert float(effective_rank(even)) == pytest.approx(8.0, abs=1e-3)
    assert float(effective_rank(torch.ones(9, 4))) == pytest.approx(1.0)


def test_feature_deviation_is_one_for_directions_at_random_and_zero_for_one():
    generator = torch.Generator().manual_seed(0)
    assert float(feature_deviation(torch.randn(4000, 32, generator=generator))) == pytest.approx(1.0, abs=0.02)
    assert float(feature_deviation(torch.ones(10, 32) * torch.arange(1, 11)[:, None])) == pytest.approx(0.0, abs=1e-5)


def heard(cfg, folder, caplog, seed):
    """What is announced of a training in which the seed was sown into its objective."""
    parts = assemble(cfg, folder)
    seed(parts.objective)
    with caplog.at_level(logging.WARNING, "selfsup"):
        fit(parts.learner, parts.data, {}, parts.loggers, folder)
    return caplog.text


def blind(objective):
    """The last layer forgets the image."""
    objective.encoder.register_forward_hook(lambda module, inputs, output: output * 0 + 1)


def uniform(teacher):
    """All prototypes are alike to it, for ever."""
    nn.init.zeros_(teacher.teacher_head.direction)
    teacher.after_step = lambda progress: None


def dead(objective):
    """The projector forgets the embedding."""
    objective.projector.register_forward_hook(lambda module, inputs, output: output * 0 + 1)


@pytest.mark.promise("numbers")
def test_a_collapse_stops_where_that_is_asked(tiny, compose, tmp_path):
    parts = assemble(compose(*tiny, "trainer.on_collapse=stop"), tmp_path)
    blind(parts.objective)
    message = r"collapsed \(effective rank 1.00, .*\) at step 1; try .*objective.temperature \(lower\), optimizer.lr"
    with pytest.raises(CollapseError, match=message):
        fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)


@pytest.mark.promise("numbers")
@rarely
def test_a_collapse_is_announced_once_and_in_an_epoch_however_short(tiny, compose, tmp_path, caplog):
    text = heard(compose(*tiny, "trainer.log_every_steps=1000"), tmp_path, caplog, blind)
    assert text.count("the representation has collapsed") == 1
    assert "at step 5" in text


@pytest.mark.promise("numbers")
def test_a_uniform_teacher_is_announced_once(tiny, compose, tmp_path, caplog):
    cfg = compose(*tiny, "objective=dino", "objective.output_dim=64", "objective.hidden_dim=32")
    text = heard(cfg, tmp_path, caplog, uniform)
    assert text.count("the teacher says the same of every galaxy, that it is like all prototypes") == 1
    assert "(train/teacher_entropy is 1.000)" in text
    assert "try objective.batch_norm (true)" in text


@pytest.mark.promise("numbers")
def test_a_uniform_teacher_is_announced_where_it_is_a_part(tiny, compose, tmp_path, caplog):
    head = "objective.parts.contrastive"
    cfg = compose(*tiny, *HYBRID, f"{head}.output_dim=64", f"{head}.hidden_dim=32", "trainer.max_epochs=1")
    text = heard(cfg, tmp_path, caplog, lambda objective: uniform(objective.parts["contrastive"]))
    assert "(train/contrastive/teacher_entropy is 1.000)" in text
    assert f"try {head}.batch_norm (true)" in text


@pytest.mark.promise("numbers")
def test_a_teacher_that_knows_one_prototype_is_announced(tiny, compose, tmp_path, caplog):
    small = ["objective.output_dim=64", "objective.hidden_dim=32", "trainer.max_epochs=1"]

    def favour(objective):
        objective.criterion.center[..., 0] = -100
        objective.center_momentum = 1.0

    text = heard(compose(*tiny, "objective=dino", *small), tmp_path, caplog, favour)
    assert text.count("that it is like one prototype") == 1
    assert "objective.center_momentum (lower)" in text


@pytest.mark.promise("numbers")
@pytest.mark.parametrize("objective", ["ntxent", "simsiam"])
def test_a_dead_projector_is_told_from_a_dead_encoder(objective, tiny, compose, tmp_path, caplog):
    small = ["objective.hidden_dim=32", "objective.output_dim=32", "trainer.max_epochs=1"]
    text = heard(compose(*tiny, f"objective={objective}", *small), tmp_path, caplog, dead)
    assert text.count("the projector is dead") == 1
    assert "representation has collapsed" not in text


@pytest.mark.promise("numbers")
@rarely
def test_a_loss_at_chance_is_announced_when_it_has_had_the_time(tiny, compose, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(health, "CHANCE_STEPS", 10)
    text = heard(compose(*tiny, "trainer.log_every_steps=1000"), tmp_path, caplog, dead)
    assert re.search(r"the loss rests at chance, .*\(train/loss_minus_chance is -?0.000\) at step 10; try", text)


@rarely
@pytest.mark.parametrize("objective", ["ntxent", "mae"])
def test_a_healthy_training_is_left_alone(objective, tiny, compose, tmp_path):
    ends = []
    for every in (1, 1000):
        folder = tmp_path / str(every)
        chosen = [f"objective={objective}", "trainer.on_collapse=stop", f"trainer.log_every_steps={every}"]
        parts = assemble(compose(*tiny, *chosen, "encoder.drop_path=0.2"), folder)
        trainer = fit(parts.learner, parts.data, {}, parts.loggers, folder)
        assert trainer.callback_metrics["health/effective_rank"] > 2
        assert trainer.callback_metrics["health/feature_deviation"] > 1e-3
        ends.append(parts.objective.state_dict())
    torch.testing.assert_close(*ends, rtol=0, atol=0)  # to be measured changes nothing


def test_a_batch_too_small_to_have_a_rank_is_no_collapse(tiny, compose, tmp_path):
    cfg = compose(*tiny, "trainer.batch_size=2", "trainer.max_epochs=1", "trainer.on_collapse=stop")
    parts = assemble(cfg, tmp_path)
    fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)


def test_what_has_been_announced_is_not_repeated_after_a_resume():
    before, after = CollapseWatch(1, "warn"), CollapseWatch(1, "warn")
    before._announced = {"embedding", "train/uniformity"}
    after.load_state_dict(before.state_dict())
    assert after._announced == before._announced


@pytest.mark.parametrize("name", OBJECTIVES)
def test_remedies_are_keys_of_the_configuration(name, compose):
    cfg = compose("data=images", "data.folder=somewhere", f"objective={name}")
    keys = [remedy.partition(" ")[0] for remedy in remedies(get_class(cfg.objective._target_)).split(", ")]
    assert keys[-1] == "augmentation"
    assert all(OmegaConf.select(cfg, key) is not None for key in keys), keys


def test_remedies_of_parts_are_keys_too(compose):
    cfg = compose("data=images", "data.folder=somewhere", "data.tree=gz2", "encoder=tiny_resnet", "objective=hybrid")
    hybrid = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
    assert {"parts.contrastive.temperature", "parts.contrastive.batch_norm"} == set(hybrid.remedies)
    assert all(OmegaConf.select(cfg.objective, key) is not None for key in hybrid.remedies)
