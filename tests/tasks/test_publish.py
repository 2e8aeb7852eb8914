"""A published folder by the command line: what it says is what the encoder says, or it is not published."""

import json

import numpy as np
import pytest
import torch

from selfsup.publishing.loading import embed_images, load_encoder


@pytest.fixture
def publish(selfsup, tmp_path):
    """Checkpoint and overrides -> the command line; a few small galaxies of the synthetic sky are compared."""
    return lambda checkpoint, *arguments: selfsup(
        *("task=publish", f"task.checkpoint={checkpoint}", f"task.output={tmp_path / 'out' / 'encoder'}"),
        *(f"hydra.run.dir={tmp_path / 'log'}", "task.batches=[1,3]", *arguments),
    )


def test_everything_is_published_compared_and_told(checkpoint, publish, tmp_path, galaxies):
    made = checkpoint("data.size_px=32")
    ended = publish(made, "task.formats=[torch_export]", "task.symmetries=8", "task.license=mit")
    assert ended.code == 0, ended.err
    output = tmp_path / "out" / "encoder"
    names = ["README.md", "config.json", "model.pt2", "model.safetensors"]
    assert sorted(file.name for file in output.iterdir()) == names
    files = sorted(galaxies.glob("*.jpg"))[:4]
    published, trained = load_encoder(output), load_encoder(made, symmetries=8)
    assert np.array_equal(embed_images(published, files), embed_images(trained, files))
    card = (output / "README.md").read_text()
    assert "license: mit" in card
    assert "`model.pt2`: largest difference" in card
    report = json.loads((tmp_path / "log" / "report.json").read_text())
    assert set(report["metrics"]) == {f"publish/difference_{kind}" for kind in ("pt2", "safetensors")}
    assert report["metrics"]["publish/difference_safetensors"] == 0
    assert all(value < 1e-4 for value in report["metrics"].values())
    assert "| model.safetensors |" in (tmp_path / "log" / "report.md").read_text()
    assert published.card == card


def test_a_copy_that_says_something_else_is_not_published(checkpoint, publish, tmp_path):
    ended = publish(checkpoint("data.size_px=32"), "task.tolerance=-1")  # even no difference is more
    assert ended.code == 1
    assert "nothing is published" in ended.err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("task.formats=[tflite]", "task.formats: there is no 'tflite'"),
        ("task.batches=[]", "task.batches: []"),
        ("task.batches=[0,2]", "task.batches: [0, 2]"),
        ("task.symmetries=3", "symmetries is 3"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(argument, message, checkpoint, publish, tmp_path):
    ended = publish(checkpoint("data.size_px=32"), argument)
    assert ended.code == 1
    assert message in ended.err
    assert not (tmp_path / "out").exists()


def test_what_is_there_stays(checkpoint, publish, tmp_path):
    (tmp_path / "out" / "encoder").mkdir(parents=True)
    (tmp_path / "out" / "encoder" / "mine").write_text("mine")
    ended = publish(checkpoint("data.size_px=32"))
    assert ended.code == 1
    assert "is there already" in ended.err
    assert (tmp_path / "out" / "encoder" / "mine").read_text() == "mine"


def test_a_teacher_is_what_is_published(checkpoint, publish, tmp_path, galaxies):
    made = checkpoint("data.size_px=32", "objective=dino", "objective.output_dim=16")
    saved = torch.load(made / "checkpoint" / "last.ckpt")
    for name, value in saved["state_dict"].items():
        if name.startswith("objective.encoder.") and value.is_floating_point():
            value.zero_()
    torch.save(saved, made / "checkpoint" / "last.ckpt")
    ended = publish(made, "data=images", f"data.folder={galaxies}")
    assert ended.code == 0, ended.err
    weights = load_encoder(tmp_path / "out" / "encoder").encoder.state_dict()
    teacher = {name: value for name, value in saved["state_dict"].items() if "teacher_encoder" in name}
    assert len(weights) == len(teacher) > 0
    assert all(torch.equal(value, teacher[f"objective.teacher_encoder.{name}"]) for name, value in weights.items())
