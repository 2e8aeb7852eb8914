"""A checkpoint is whole or not there, and is read without running code."""

import os
import pickle
import random
import signal
import time

import pytest
import torch

from selfsup.checkpoint import LAST, read_checkpoint
from selfsup.embed import load_encoder, load_objective
from selfsup.tasks.pretrain import assemble
from selfsup.training.checkpoints import AtomicCheckpointIO
from selfsup.training.loop import fit
from selfsup.types import ConfigError, DataError


def write_without_end(path):
    io, number = AtomicCheckpointIO(), 0
    while True:
        number += 1
        tensor = torch.full((200_000,), float(number))
        io.save_checkpoint({"config": {}, "number": number, "tensor": tensor}, path)


def test_a_killed_writer_never_leaves_a_torn_file(tmp_path):
    path, delay = tmp_path / "checkpoint" / "last.ckpt", random.Random(0)
    AtomicCheckpointIO().save_checkpoint({"config": {}, "number": 0, "tensor": torch.zeros(200_000)}, path)
    replaced = 0
    for _ in range(20):
        writer = os.fork()
        if writer == 0:
            try:
                write_without_end(path)
            finally:
                os._exit(1)
        time.sleep(delay.uniform(0.005, 0.1))
        os.kill(writer, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) == -signal.SIGKILL
        found = AtomicCheckpointIO().load_checkpoint(path)
        assert torch.equal(found["tensor"], torch.full((200_000,), float(found["number"])))
        replaced += found["number"] > 0
    assert replaced >= 10


def test_a_failed_write_leaves_the_former_checkpoint_and_nothing_else(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"config": {}, "number": 1}, path)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        AtomicCheckpointIO().save_checkpoint({"config": {}, "number": lambda: 2}, path)
    assert read_checkpoint(path)["number"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


class Marker:
    """What runs when it is unpickled leaves a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickled_class_is_refused_and_not_run(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"config": {}, "state_dict": {}, "extra": Marker(tmp_path / "ran")}, path)
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        read_checkpoint(path)
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_said_to_be_one(keep, tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"config": {}, "tensor": torch.zeros(10_000)}, path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(DataError, match=r"last\.ckpt: not a checkpoint that can be read"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"not a checkpoint at all", b"\x80\x02.", b"\x00" * 100])
def test_other_files_are_no_checkpoints(content, tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], {"state_dict": {}}, torch.zeros(3)])
def test_tensors_without_a_configuration_are_no_checkpoint(content, tmp_path):
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(DataError, match="no configuration inside"):
        read_checkpoint(tmp_path / "last.ckpt")


def test_nothing_there_is_a_fault_of_the_configuration(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.ckpt"):
        with pytest.raises(ConfigError, match="no checkpoint there; name a run folder"):
            read_checkpoint(path)


@pytest.fixture
def run_folder(tiny, compose, tmp_path):
    """A training of one epoch."""
    parts = assemble(compose(*tiny, "trainer.max_epochs=1"), tmp_path)
    fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
    return tmp_path, parts.objective


def test_a_trainings_checkpoint_holds_plain_values_and_its_configuration(run_folder):
    folder, objective = run_folder
    saved = torch.load(folder / LAST, weights_only=True)
    assert saved["config"]["encoder"]["model"] == "test_resnet"
    loaded = load_objective(folder)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert all(torch.equal(value, objective.state_dict()[name]) for name, value in loaded.state_dict().items())
    image = torch.rand(2, 3, 32, 32)
    objective.eval()
    assert torch.equal(load_encoder(folder / LAST)(image), objective.online_encoder()(image))


def test_a_checkpoints_configuration_passes_the_gate(run_folder, monkeypatch):
    folder, _ = run_folder
    saved = torch.load(folder / LAST, weights_only=True)
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    for kind in ("encoder", "objective"):
        evil = saved | {"config": saved["config"] | {kind: {"_target_": "os.system", "command": "id"}}}
        torch.save(evil, folder / "evil.ckpt")
        with pytest.raises(ConfigError, match=r"os\.system is not from a trusted package"):
            load_objective(folder / "evil.ckpt")
    assert not ran


def test_weights_of_another_encoder_are_refused(run_folder):
    folder, _ = run_folder
    saved = torch.load(folder / LAST, weights_only=True)
    saved["config"]["encoder"]["model"] = "resnet18"
    torch.save(saved, folder / "other.ckpt")
    with pytest.raises(DataError, match="the weights do not fit their configuration"):
        load_encoder(folder / "other.ckpt")
