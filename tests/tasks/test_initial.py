"""A training that starts where another one ended: the same weights, and no other encoder."""

import json

import pytest
import torch

from selfsup.checkpoint import LAST
from selfsup.embed import load_encoder, load_objective
from selfsup.tasks.pretrain import assemble
from selfsup.training.loop import fit
from selfsup.types import ConfigError

SHORT = ["trainer.max_epochs=1", "encoder.stem=small"]
DINO = ["objective=dino", "objective.hidden_dim=32", "objective.bottleneck_dim=16", "objective.output_dim=32"]


@pytest.fixture
def finished(tiny, compose, tmp_path):
    """The folder of a finished training without labels, whose published encoder is a teacher."""
    folder = tmp_path / "first"
    parts = assemble(compose(*tiny, *SHORT, *DINO), folder)
    fit(parts.learner, parts.data, {}, parts.loggers, folder)
    return folder


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_the_encoder_starts_with_the_published_weights(finished, tiny, compose, tmp_path):
    start = [f"task.init_from={finished}", "encoder.drop_path=0.1"]
    parts = assemble(compose(*tiny, *SHORT, *DINO, *start), tmp_path / "second")
    published = load_encoder(finished)
    assert same(parts.objective.encoder, published)
    assert same(parts.objective.teacher_encoder, published)
    assert not same(load_objective(finished).encoder, published)  # the student's


def test_a_run_that_goes_on_does_not_look_where_it_began(finished, tiny, compose):
    parts = assemble(compose(*tiny, *SHORT, *DINO, "task.init_from=nowhere"), finished)
    assert not same(parts.objective.encoder, load_encoder(finished))  # `fit` will read the folder's checkpoint


def test_fine_tuning_by_the_command_line(finished, tiny, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuned = [f"task.init_from={finished}", "trainer.layer_decay=0.75", "trainer.frozen_blocks=2"]
    ended = selfsup(*tiny, *SHORT, "objective=supervised", *tuned, "hydra.run.dir=tuned")
    assert ended.code == 0, ended.err
    before, after = load_encoder(finished).net, load_encoder(tmp_path / "tuned").net
    for name in ("conv1", "bn1", "layer1"):
        assert same(getattr(before, name), getattr(after, name)), name
    assert not same(before.layer2, after.layer2)
    metrics = json.loads((tmp_path / "tuned" / "report.json").read_text())["metrics"]
    assert "head/accuracy" in metrics


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (["encoder=tiny_vit"], "encoder._target_ is selfsup.encoders.convnet.ConvNet there and "),
        (["encoder.model=resnet18", "encoder.stem=small"], "encoder.model is test_resnet there and resnet18 here"),
        (["encoder.stem=tiny"], "encoder.stem is small there and tiny here"),  # the same weights, another stride
    ],
)
def test_another_encoder_is_refused_with_the_difference(other, says, finished, tiny, compose, tmp_path):
    choices = [*tiny, "objective=supervised", f"task.init_from={finished}", *other]
    with pytest.raises(ConfigError, match=rf"^task.init_from: the encoder in .*first is another one \(.*{says}"):
        assemble(compose(*choices), tmp_path / "second")


def test_a_folder_without_a_checkpoint_is_refused(tiny, compose, tmp_path):
    with pytest.raises(ConfigError, match="no checkpoint there"):
        assemble(compose(*tiny, f"task.init_from={tmp_path}"), tmp_path / "second")


def test_its_classes_pass_the_gate(finished, tiny, compose, tmp_path):
    saved = torch.load(finished / LAST, weights_only=True)
    saved["config"]["encoder"]["_target_"] = "os.system"
    torch.save(saved, tmp_path / "evil.ckpt")
    with pytest.raises(ConfigError, match=r"os\.system is not from a trusted package"):
        assemble(compose(*tiny, *SHORT, f"task.init_from={tmp_path / 'evil.ckpt'}"), tmp_path / "second")
