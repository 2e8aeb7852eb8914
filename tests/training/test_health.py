"""A collapse is seen, a healthy training is left alone."""

import logging

import numpy as np
import pytest
import torch

from selfsup.tasks.pretrain import assemble
from selfsup.training.health import CollapseError, check_finite, effective_rank, feature_deviation
from selfsup.training.loop import fit


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


def test_a_finite_loss_passes_and_another_names_its_galaxies():
    check_finite(torch.tensor(1.0), 3, ["a"])
    ids = [f"galaxy {number}" for number in range(40)]
    with pytest.raises(RuntimeError, match=r"nan at step 3; .*galaxy 0, .*galaxy 31 and 8 more"):
        check_finite(torch.tensor(torch.nan), 3, ids)


def collapsed(cfg, folder):
    """Train an encoder whose last layer forgets the image."""
    parts = assemble(cfg, folder)
    parts.objective.encoder.register_forward_hook(lambda module, inputs, output: output * 0 + 1)
    fit(parts.learner, parts.data, {}, parts.loggers, folder)


def test_a_collapse_stops_where_that_is_asked(tiny, compose, tmp_path):
    cfg = compose(*tiny, "trainer.on_collapse=stop")
    with pytest.raises(CollapseError, match=r"collapsed at step 1: effective rank 1.00, .*lower the learning rate"):
        collapsed(cfg, tmp_path)


def test_a_collapse_is_announced(tiny, compose, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "selfsup"):
        collapsed(compose(*tiny, "trainer.max_epochs=1"), tmp_path)
    assert "the representation has collapsed" in caplog.text


def test_a_uniform_teacher_is_announced_once(tiny, compose, tmp_path, caplog):
    cfg = compose(*tiny, "objective=dino", "objective.output_dim=64", "objective.hidden_dim=32")
    parts = assemble(cfg, tmp_path)
    torch.nn.init.zeros_(parts.objective.teacher_head.layers[-1].weight)
    torch.nn.init.zeros_(parts.objective.teacher_head.layers[-1].bias)
    parts.objective.after_step = lambda progress: None
    with caplog.at_level(logging.WARNING, "selfsup"):
        fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
    assert caplog.text.count("the teacher says the same of every galaxy") == 1


@pytest.mark.parametrize("objective", ["ntxent", "supervised"])
def test_a_healthy_training_is_left_alone(objective, tiny, compose, tmp_path):
    cfg = compose(*tiny, f"objective={objective}", "trainer.on_collapse=stop")
    parts = assemble(cfg, tmp_path)
    trainer = fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
    assert trainer.callback_metrics["health/effective_rank"] > 2
    assert trainer.callback_metrics["health/feature_deviation"] > 1e-3
    assert not parts.objective.encoder._forward_hooks  # nothing listens any longer


def test_a_batch_too_small_to_have_a_rank_is_no_collapse(tiny, compose, tmp_path):
    cfg = compose(*tiny, "trainer.batch_size=2", "trainer.max_epochs=1", "trainer.on_collapse=stop")
    parts = assemble(cfg, tmp_path)
    fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
