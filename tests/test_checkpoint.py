"""Of a run's checkpoints the newest one that is whole is read, and the others are named with the reason."""

import hashlib
import json
import logging

import pytest
import torch

from selfsup.checkpoint import LAST, finished, newest, read_checkpoint
from selfsup.training.checkpoints import AtomicCheckpointIO
from selfsup.types import ConfigError, DataError


@pytest.fixture
def run(tmp_path):
    """A run folder with checkpoints 2 and 3 of three."""
    io = AtomicCheckpointIO()
    for number in (1, 2, 3):
        saved = {"config": {}, "global_step": number, "tensor": torch.full((5000,), float(number))}
        io.save_checkpoint(saved, tmp_path / LAST)
    return tmp_path


def files(run):
    return sorted(file.name for file in (run / "checkpoint").iterdir())


def flip(file, share):
    content = bytearray(file.read_bytes())
    content[int(share * (len(content) - 1))] ^= 0b100
    file.write_bytes(content)


def cut(file, share):
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


def test_two_are_kept_each_with_its_manifest(run):
    assert files(run) == ["000002.ckpt", "000002.json", "000003.ckpt", "000003.json", "last.ckpt"]
    for file in finished(run):
        told = json.loads(file.with_suffix(".json").read_text())
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert told["files"] == {file.name: {"bytes": len(content), "sha256": digest}}
        assert told["global_step"] == int(file.stem)
    assert (run / LAST).resolve() == finished(run)[0].resolve()


def test_the_newest_is_read_by_any_name(run, caplog):
    for path in (run, run / LAST, run / "checkpoint" / "000003.ckpt"):
        assert read_checkpoint(path)["global_step"] == 3
    assert not caplog.records


FLIPS = [(flip, share, "its bytes are not those") for share in (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)]
CUTS = [(cut, share, "it has") for share in (0.0, 0.1, 0.5, 0.9, 0.999)]


@pytest.mark.promise("hostile")
@pytest.mark.parametrize(("damage", "share", "said"), FLIPS + CUTS)
def test_a_flipped_bit_or_a_lost_end_is_seen_wherever_it_is(damage, share, said, run, caplog):
    file = run / "checkpoint" / "000003.ckpt"
    damage(file, share)
    found, checkpoint = newest(run)
    assert found.name == "000002.ckpt"
    assert checkpoint["global_step"] == 2
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert f"000003.ckpt: damaged: {said}" in record.getMessage()
    for path in (file, run / LAST):
        with pytest.raises(DataError, match=rf"000003\.ckpt: damaged: {said}"):
            read_checkpoint(path)


@pytest.mark.promise("hostile")
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("damage", [flip, cut])
def test_a_damaged_manifest_vouches_for_nothing(damage, share, run, caplog):
    """Unless what has changed in it says nothing of the file."""
    damage(run / "checkpoint" / "000003.json", share)
    step = read_checkpoint(run)["global_step"]
    assert step == (2 if caplog.records else 3)
    assert damage is flip or step == 2


@pytest.mark.promise("hostile")
@pytest.mark.parametrize(("file", "said"), [("ckpt", "cannot be read (No such file"), ("json", "never finished (no 0")])
def test_half_of_a_checkpoint_is_none(file, said, run, caplog):
    (run / "checkpoint" / f"000003.{file}").unlink()
    assert read_checkpoint(run)["global_step"] == 2
    [record] = caplog.records
    assert said in record.getMessage()


@pytest.mark.promise("hostile")
def test_where_none_is_whole_all_are_named(run):
    flip(run / "checkpoint" / "000003.ckpt", 0.5)
    cut(run / "checkpoint" / "000002.ckpt", 0.5)
    with pytest.raises(DataError, match=r"(?s)none of its checkpoints is whole.*000003\.ckpt.*000002\.ckpt"):
        read_checkpoint(run)


def test_where_none_was_finished_there_is_none(run):
    for file in (run / "checkpoint").glob("*.json"):
        file.unlink()
    assert finished(run) == []
    with pytest.raises(ConfigError, match="no checkpoint there; name a run folder"):
        read_checkpoint(run)


def test_a_single_file_from_before_there_were_manifests_still_loads(run, tmp_path):
    alone = tmp_path / "old" / LAST
    alone.parent.mkdir(parents=True)
    alone.write_bytes((run / LAST).read_bytes())
    for path in (tmp_path / "old", alone):
        assert read_checkpoint(path)["global_step"] == 3
    AtomicCheckpointIO().save_checkpoint({"config": {}, "global_step": 4}, alone)
    assert read_checkpoint(tmp_path / "old")["global_step"] == 4
    assert files(tmp_path / "old") == ["000001.ckpt", "000001.json", "last.ckpt"]


def test_a_copy_elsewhere_needs_no_manifest(run, tmp_path):
    (tmp_path / "000003.ckpt").write_bytes((run / LAST).read_bytes())
    assert read_checkpoint(tmp_path / "000003.ckpt")["global_step"] == 3


@pytest.mark.promise("hostile")
def test_what_is_known_to_be_damaged_is_not_what_is_kept(run):
    """After going on from 2, the next one stands beside it, and 3 is gone."""
    flip(run / "checkpoint" / "000003.ckpt", 0.5)
    io = AtomicCheckpointIO()
    assert io.load_checkpoint(run)["global_step"] == 2
    io.save_checkpoint({"config": {}, "global_step": 3}, run / LAST)
    assert [file.name for file in finished(run)] == ["000004.ckpt", "000002.ckpt"]
    assert read_checkpoint(run)["global_step"] == 3
