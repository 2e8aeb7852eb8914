"""A packed set is whole or not there, and says which source each row is."""

import csv
import errno
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfsup.data import packing, pictures
from selfsup.data.decode import read_image
from selfsup.data.packed import pack
from selfsup.data.pictures import FilePictures
from selfsup.types import DataError

PROJECT = Path(__file__).resolve().parents[2]
REAL = PROJECT.parent / "shared" / "data"

SLOW = """
import hashlib, sys, time
from pathlib import Path
from selfsup.data import pictures
from selfsup.data.packed import pack
read = pictures.read_image
def slow(file, size_px):
    time.sleep(float(sys.argv[3]))
    return read(file, size_px)
pictures.read_image = slow
files = sorted(Path(sys.argv[1]).iterdir())
packed = pack(pictures.FilePictures([file.stem for file in files], files, 8), sys.argv[2], 0.0)
print(hashlib.sha256(packed.images.tobytes()).hexdigest(), len(packed.ids))
"""


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(24):
        Image.new("RGB", (16, 16), (number * 10, 0, 0)).save(folder / f"{number:03}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def packer(files, tmp_path):
    """`pack` with all that does not matter filled in."""

    def packer(size_px=8, max_unreadable_share=0.0):
        ids = [file.stem for file in files]
        return pack(FilePictures(ids, files, size_px), str(tmp_path / "cache"), max_unreadable_share)

    return packer


def slowly(tmp_path, delay_s):
    command = [sys.executable, "-c", SLOW, str(tmp_path / "images"), str(tmp_path / "cache"), str(delay_s)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_building(cache):
    for _ in range(600):
        if any(cache.glob(".building-*/images.npy")):
            return
        time.sleep(0.05)
    pytest.fail("no process began to build")


def contents(cache):
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_rows_are_the_sources_in_their_order(packer, files):
    packed = packer()
    assert packed.ids == [file.stem for file in files]
    assert packed.images.shape == (24, 8, 8, 3)
    np.testing.assert_array_equal(packed.images, np.stack([read_image(file, 8) for file in files]))
    assert packed.unreadable == []
    np.testing.assert_array_equal(packed.index_of(["003", "001"]), [3, 1])


def test_the_images_cannot_be_written(packer):
    with pytest.raises(ValueError, match="read-only"):
        packer().images[0] = 0


def test_another_process_maps_the_same_file(packer):
    packed = packer()
    sent = pickle.dumps(packed)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).images, packed.images)  # noqa: S301


def test_a_complete_set_is_opened_without_decoding(packer, monkeypatch):
    first = packer()
    monkeypatch.setattr(pictures, "read_image", lambda file, size_px: pytest.fail("decoded"))
    assert packer().folder == first.folder


def test_each_size_has_its_own_set(packer):
    assert packer(8).images.shape[1] == 8
    assert packer(12).images.shape[1] == 12
    assert packer(8).folder != packer(12).folder


def test_a_changed_file_is_packed_anew(packer, files):
    old = packer()
    Image.new("RGB", (16, 16), "blue").save(files[5])
    new = packer()
    assert new.folder != old.folder
    np.testing.assert_array_equal(new.images[5, 0, 0], [0, 0, 255])


def test_a_file_of_equal_length_and_another_date_is_packed_anew(packer, files):
    old = packer()
    os.utime(files[5], ns=(1, 1))
    assert packer().folder != old.folder


def test_unreadable_files_have_no_row_and_are_listed(packer, files, caplog):
    files[3].write_bytes(b"<html>")
    files[7].write_bytes(b"")
    packed = packer(max_unreadable_share=0.1)
    assert packed.ids == [file.stem for number, file in enumerate(files) if number not in (3, 7)]
    np.testing.assert_array_equal(packed.images[3], read_image(files[4], 8))
    assert [(galaxy, reason) for galaxy, _, reason in packed.unreadable] == [
        ("003", "neither JPEG nor PNG"),
        ("007", "empty file"),
    ]
    with (packed.folder / "unreadable.csv").open(newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ["003", "007"]
    assert "2 of 24 images are unreadable" in caplog.text
    assert str(files[3]) in caplog.text
    with pytest.raises(DataError, match="'007'"):
        packed.index_of(["001", "007"])


def test_a_file_that_pillow_warns_of_is_left_out(packer, files):
    broken_exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0"
    Image.new("RGB", (16, 16)).save(files[3], "JPEG", exif=broken_exif)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packed = packer(max_unreadable_share=0.1)
    assert [galaxy for galaxy, _, _ in packed.unreadable] == ["003"]


def test_too_many_unreadable_files_are_an_error_and_leave_nothing(packer, files, tmp_path):
    for file in files[:12]:
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"max_unreadable_share=0\.25") as caught:
        packer(max_unreadable_share=0.25)
    assert str(caught.value).count("empty file") == 10
    assert contents(tmp_path / "cache") == []


def test_a_stricter_share_is_applied_to_a_set_that_exists(packer, files):
    files[3].write_bytes(b"")
    packer(max_unreadable_share=0.1)
    with pytest.raises(DataError, match=r"003\.png: empty file"):
        packer(max_unreadable_share=0.0)


def test_nothing_readable_is_an_error_whatever_the_share(packer, files):
    for file in files:
        file.write_bytes(b"")
    with pytest.raises(DataError, match="one must be left"):
        packer(max_unreadable_share=1.0)


def test_no_files_are_an_error(tmp_path):
    with pytest.raises(DataError, match=re.escape("data.folder")):
        pack(FilePictures([], [], 8), str(tmp_path), 0.0)


def test_a_damaged_set_is_refused(packer):
    folder = packer().folder
    with (folder / "images.npy").open("r+b") as stream:
        stream.truncate(500)
    with pytest.raises(DataError, match="delete the folder"):
        packer()


def test_a_full_disk_is_an_error_that_leaves_nothing(packer, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packing.os, "fsync", full)
    with pytest.raises(DataError, match=r"No space left on device.*data\.cache"):
        packer()
    assert contents(tmp_path / "cache") == []


def test_a_set_larger_than_the_disk_is_refused_at_once(files, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "read_image", lambda file, size_px: pytest.fail("decoded"))
    with pytest.raises(DataError, match="GB are free"):
        pack(FilePictures([file.stem for file in files], files, 10**7), str(tmp_path / "cache"), 0.0)


def test_a_killed_packer_leaves_what_the_next_one_removes(packer, tmp_path):
    victim = slowly(tmp_path, 0.5)
    until_building(tmp_path / "cache")
    victim.kill()
    victim.communicate(timeout=30)
    assert [name for name in contents(tmp_path / "cache") if name.startswith(".building-")]
    packed = packer()
    assert len(packed.ids) == 24
    assert contents(tmp_path / "cache") == [packed.folder.name]


def test_ctrl_c_leaves_nothing(tmp_path, files):
    victim = slowly(tmp_path, 0.2)
    until_building(tmp_path / "cache")
    victim.send_signal(signal.SIGINT)
    _, errors = victim.communicate(timeout=30)
    assert victim.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert contents(tmp_path / "cache") == []


def test_two_packers_at_once_give_one_set(packer, tmp_path):
    racers = [slowly(tmp_path, 0.05), slowly(tmp_path, 0.05)]
    told = [racer.communicate(timeout=60) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert contents(tmp_path / "cache") == [packer().folder.name]


def test_the_work_of_a_living_packer_is_left_alone(packer, tmp_path):
    other = tmp_path / "cache" / f".building-{packing.socket.gethostname()}-{os.getppid()}-0"
    other.mkdir(parents=True)
    packer()
    assert other.exists()
    os.utime(other, (0, 0))
    Path(tmp_path / "images" / "000.png").touch()
    packer()
    assert not other.exists()


def test_progress_is_logged_in_tenths_where_there_is_no_terminal(packer, caplog):
    caplog.set_level("INFO")
    packer()
    lines = [record.message for record in caplog.records if "images/s" in record.message]
    assert 8 <= len(lines) <= 10
    assert lines[-1].startswith("packed 24 of 24 images")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_real_galaxies_are_all_readable(tmp_path):
    files = sorted((REAL / "rings_decals" / "images").iterdir())[:100]
    packed = pack(FilePictures([file.stem for file in files], files, 64), str(tmp_path), 0.0)
    assert packed.images.shape == (100, 64, 64, 3)
    centre, corner = packed.images[:, 28:36, 28:36].mean(), packed.images[:, :8, :8].mean()
    assert centre > 2 * corner
