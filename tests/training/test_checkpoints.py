"""A checkpoint is whole or not there, whatever happens while it is written, and is read without running code."""

import errno
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
import torch

from selfsup.checkpoint import LAST, finished, read_checkpoint
from selfsup.embed import load_encoder, load_objective
from selfsup.tasks.pretrain import assemble
from selfsup.training.checkpoints import AtomicCheckpointIO, NonFiniteWeightsError
from selfsup.training.learner import Learner
from selfsup.training.loop import fit
from selfsup.types import ConfigError, DataError


def save(io, path, number, size=200_000):
    tensor = torch.full((size,), float(number))
    io.save_checkpoint({"config": {}, "global_step": number, "tensor": tensor}, path)


def write_without_end(path):
    io, number = AtomicCheckpointIO(), 0
    while True:
        number += 1
        save(io, path, number)


@pytest.mark.promise("kills", faults=20)
def test_a_killed_writer_never_leaves_a_torn_file(tmp_path):
    path, delay = tmp_path / "checkpoint" / "last.ckpt", random.Random(0)
    save(AtomicCheckpointIO(), path, 0)
    replaced = torn = 0
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
        torn += any(file.name.endswith(".partial") for file in path.parent.iterdir())
        for there in (tmp_path, path):
            found = read_checkpoint(there)
            assert torch.equal(found["tensor"], torch.full((200_000,), float(found["global_step"])))
        replaced += found["global_step"] > 0
    assert replaced >= 10
    assert torn, "no writer was killed while it wrote: the test shows nothing"
    io, last = AtomicCheckpointIO(), read_checkpoint(path)["global_step"]
    for number in (last + 1, last + 2):
        save(io, path, number)
    assert read_checkpoint(path)["global_step"] == last + 2
    whole = [file.name for file in path.parent.iterdir() if not file.name.endswith(".partial")]
    assert len(whole) == 5, "two of a checkpoint and its manifest, and the name"


@pytest.mark.promise("disk")
def test_a_failed_write_leaves_the_former_checkpoint_and_nothing_else(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"config": {}, "number": 1}, path)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        AtomicCheckpointIO().save_checkpoint({"config": {}, "number": lambda: 2}, path)
    assert read_checkpoint(path)["number"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000001.ckpt", "000001.json", "last.ckpt"]


@contextmanager
def files_limited_to(size):
    """As a full disk, but for this process alone: writing beyond is an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.promise("disk")
@pytest.mark.parametrize("size", [0, 100, 1000, 10_000, 100_000, 400_000, 799_000])
def test_a_full_disk_leaves_the_former_checkpoints_and_nothing_else(size, tmp_path):
    io, path = AtomicCheckpointIO(), tmp_path / LAST
    for number in (1, 2):
        save(io, path, number)
    before = sorted(path.parent.iterdir())
    with files_limited_to(size), pytest.raises(DataError, match=r"step 3 could not be written \(File too large\)"):
        save(io, path, 3)
    assert sorted(path.parent.iterdir()) == before
    assert read_checkpoint(tmp_path)["global_step"] == 2
    save(io, path, 3)
    assert read_checkpoint(tmp_path)["global_step"] == 3


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount(8)")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(ballast, room):
    """A file that leaves this many bytes of its disk."""
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(ballast.stat().st_size - room)


@pytest.mark.promise("disk", faults=13)
def test_a_disk_that_fills_up_leaves_the_former_checkpoints(small_disk):
    """With room for ever more of the third one, from nothing to almost all of it."""
    io, path = AtomicCheckpointIO(), small_disk / LAST
    for number in (1, 2):
        save(io, path, number)
    for room in range(0, 780_000, 60_000):
        fill(small_disk / "ballast", room)
        with pytest.raises(DataError, match=r"step 3 could not be written \(No space left on device\)"):
            save(io, path, 3)
        (small_disk / "ballast").unlink()
        assert [read_checkpoint(file)["global_step"] for file in finished(small_disk)] == [2, 1]
        assert len(list(path.parent.iterdir())) == 5
    save(io, path, 3)
    assert read_checkpoint(small_disk)["global_step"] == 3


@pytest.mark.promise("disk")
def test_a_file_system_without_symbolic_links_will_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    io = AtomicCheckpointIO()
    for number in (1, 2, 3):
        save(io, tmp_path / LAST, number, size=10)
    assert read_checkpoint(tmp_path)["global_step"] == 3
    assert not [file for file in (tmp_path / "checkpoint").iterdir() if file.name.endswith(".partial")]


class Marker:
    """What runs when it is unpickled leaves a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.promise("code", faults=2)
def test_a_pickled_class_is_refused_and_not_run(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"config": {}, "state_dict": {}, "extra": Marker(tmp_path / "ran")}, path)
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        read_checkpoint(path)
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.promise("kills")
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_said_to_be_one(keep, tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"config": {}, "tensor": torch.zeros(10_000)}, path)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(DataError, match=r"last\.ckpt: not a checkpoint that can be read"):
        read_checkpoint(path)


@pytest.mark.promise("inputs")
@pytest.mark.parametrize("content", [b"not a checkpoint at all", b"\x80\x02.", b"\x00" * 100])
def test_other_files_are_no_checkpoints(content, tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_checkpoint(path)


@pytest.mark.promise("inputs")
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


@pytest.mark.promise("code", faults=2)
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


@pytest.mark.promise("inputs")
def test_weights_of_another_encoder_are_refused(run_folder):
    folder, _ = run_folder
    saved = torch.load(folder / LAST, weights_only=True)
    saved["config"]["encoder"]["model"] = "resnet18"
    torch.save(saved, folder / "other.ckpt")
    with pytest.raises(DataError, match="the weights do not fit their configuration"):
        load_encoder(folder / "other.ckpt")


def train(cfg, folder):
    parts = assemble(cfg, folder)
    fit(parts.learner, parts.data, {}, parts.loggers, folder)


@pytest.mark.promise("disk")
def test_a_training_whose_disk_is_full_goes_on_when_there_is_room(tiny, compose, tmp_path):
    cfg = compose(*tiny, "trainer.checkpoint_every_steps=2", "logger=csv")
    train(cfg, tmp_path / "whole")
    save_checkpoint = AtomicCheckpointIO.save_checkpoint

    def save_on_a_full_disk(self, checkpoint, *arguments, **named):
        with files_limited_to(10_000) if checkpoint["global_step"] == 6 else nullcontext():
            save_checkpoint(self, checkpoint, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", save_on_a_full_disk)
        with pytest.raises(DataError, match="step 6 could not be written"):
            train(cfg, tmp_path / "cut")
    assert read_checkpoint(tmp_path / "cut")["global_step"] == 5
    train(cfg, tmp_path / "cut")
    whole, cut = (read_checkpoint(tmp_path / name)["state_dict"] for name in ("whole", "cut"))
    assert all(torch.equal(cut[name], value) for name, value in whole.items())


@pytest.mark.promise("kills")
def test_a_training_goes_on_from_the_checkpoint_before_a_damaged_one(tiny, compose, tmp_path, caplog):
    cfg = compose(*tiny, "trainer.checkpoint_every_steps=4")
    train(cfg, tmp_path)
    end = read_checkpoint(tmp_path)
    file = finished(tmp_path)[0]
    content = file.read_bytes()
    file.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
    train(cfg, tmp_path)
    assert [f"{file}: damaged" in record.getMessage() for record in caplog.records].count(True) == 1
    again = read_checkpoint(tmp_path)
    assert again["global_step"] == end["global_step"] == 10
    assert all(torch.equal(again["state_dict"][name], value) for name, value in end["state_dict"].items())


@pytest.mark.promise("numbers")
def test_weights_that_are_no_numbers_are_not_saved(tiny, compose, tmp_path, monkeypatch):
    step = Learner.optimizer_step

    def poison(learner, *arguments, **named):
        step(learner, *arguments, **named)
        if learner.global_step == 3:  # counted after this
            next(learner.objective.parameters()).data[0] = torch.inf

    monkeypatch.setattr(Learner, "optimizer_step", poison)
    with pytest.raises(NonFiniteWeightsError, match=r"1 of \d+ weights are NaN or infinite after step 4 \(objective\."):
        train(compose(*tiny, "trainer.checkpoint_every_steps=2"), tmp_path)
    assert read_checkpoint(tmp_path)["global_step"] == 2


@pytest.mark.promise("kills", faults=20)
@pytest.mark.slow
def test_a_training_killed_again_and_again_always_has_a_checkpoint(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "kill_loop.py"
    command = [sys.executable, script, "--kills", "20", "--folder", tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "20 kills" in ended.stdout
