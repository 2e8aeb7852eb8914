"""A disk that is full, wherever a task is, is one message that names the file; then the same command goes on.

A real file system of some MB, which is filled up to a few KB.
"""

import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from selfsup.analysis.journal import Journal
from selfsup.catalogue import Catalogue
from selfsup.checkpoint import finished

pytestmark = pytest.mark.promise("disk")
MB = 64


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A small file system, which is the working folder too."""
    place = tmp_path / "small"
    place.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount(8)")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MB}m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    monkeypatch.chdir(place)
    yield place
    monkeypatch.chdir(tmp_path)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled(disk, room):
    """Within, so many bytes are left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(max(0, ballast.stat().st_size - room))
    yield
    ballast.unlink()


@pytest.fixture
def catalogue(tmp_path):
    """400 galaxies, in a place with room."""
    draw = np.random.default_rng(0)
    ids, columns = [f"g{number:03}" for number in range(400)], {"share": draw.random(400), "rank": np.arange(400)}
    Catalogue.from_arrays(ids, draw.normal(size=(400, 64)), columns, {}).save(tmp_path / "galaxies.parquet")
    return tmp_path / "galaxies.parquet"


def refused(ended, file):
    assert ended.code == 1, ended
    assert "Traceback" not in ended.err
    assert re.search("No space left on device|make room", ended.err), ended.err
    assert file in ended.err, ended.err


def whole(folder):
    return not [file for file in folder.rglob(".*") if file.name.endswith(".partial") or file.name[:6] == ".build"]


def test_images_are_packed_when_there_is_room(tiny, selfsup, disk):
    choices = [*tiny, f"data.cache={disk / 'cache'}", f"hydra.run.dir={disk.parent / 'run'}"]
    with filled(disk, 100_000):
        refused(selfsup(*choices), "cache")
    assert whole(disk / "cache")
    assert selfsup(*choices).code == 0


@pytest.mark.parametrize("room", [0, 20_000, 300_000])
def test_a_training_goes_on_when_there_is_room(room, tiny, selfsup, disk):
    """Nothing at all, not the first checkpoint, and not the second."""
    run = [*tiny, "trainer.checkpoint_every_steps=1", f"hydra.run.dir={disk / 'run'}"]
    with filled(disk, room):
        refused(selfsup("hydra.output_subdir=null", "hydra/job_logging=none", *run), str(disk / "run"))
    assert whole(disk)
    before = len(finished(disk / "run"))
    again = ["task=resume", f"task.run={disk / 'run'}", f"hydra.run.dir={disk / 'again'}"]
    ended = selfsup(*again) if (disk / "run" / "config.yaml").is_file() else selfsup(*run)
    assert ended.code == 0, ended.err
    assert len(finished(disk / "run")) >= before
    assert (disk / "run" / "report.json").is_file()


def test_shards_that_are_made_stay_and_the_others_follow(checkpoint, tiny, selfsup, disk, galaxies):
    data = [choice for choice in tiny if choice.startswith("data")]
    made = ["task=embed", f"task.checkpoint={checkpoint()}", *data, "task.rows_per_shard=30", "task.output=out"]
    made += [f"hydra.run.dir={disk.parent / 'run'}", "data.size_px=null"]
    with filled(disk, 80_000):
        refused(selfsup(*made), "out.unfinished")
    records = sorted((disk / "out.unfinished").rglob("0*.json"))
    kept = [disk / "out.unfinished" / f"part-{record.stem}.parquet" for record in records]
    assert 0 < len(kept) < 4
    before = [file.stat().st_mtime_ns for file in kept]
    assert whole(disk)
    assert selfsup(*made).code == 0
    assert [(disk / "out" / file.name).stat().st_mtime_ns for file in kept] == before
    assert len(Catalogue.open(disk / "out").ids) == 120


def test_ratings_are_kept_or_refused(selfsup, disk, catalogue):
    hunt = ["task=hunt", f"task.catalogue={catalogue}", "task.hunt=hunt", f"hydra.run.dir={disk.parent / 'run'}"]
    (disk.parent / "first.csv").write_text("id,rating\ng001,5\ng002,1\n")
    assert selfsup(*hunt, f"task.ratings={disk.parent / 'first.csv'}").code == 0
    lines = [f"g{number:03},{number % 6}" for number in range(3, 200)]
    (disk.parent / "second.csv").write_text("\n".join(["id,rating", *lines, ""]))
    with filled(disk, 4096):
        refused(selfsup(*hunt, f"task.ratings={disk.parent / 'second.csv'}"), "hunt/ratings.jsonl")
    assert Journal(disk / "hunt" / "ratings.jsonl").ratings() == {"g001": 5.0, "g002": 1.0}
    assert selfsup(*hunt, f"task.ratings={disk.parent / 'second.csv'}").code == 0
    assert len(Journal(disk / "hunt" / "ratings.jsonl").ratings()) == 199


@pytest.mark.parametrize(
    ("made", "file", "room"),
    [
        (["task=export", "task.output=out.fits", "task.embedding=true"], "out.fits", 50_000),
        (["task=export", "task.output=out.csv"], "out.csv", 4096),
        (["task=explore", "task.prepared=prepared", "task.static=out"], "prepared", 2048),
        (["task=explore", "task.prepared=../prepared", "task.static=out"], "out", 30_000),
        (["task=search", "task.like=[g001]", "task.shown=0", "task.exact_below=1", "task.index=out"], "out", 30_000),
    ],
    ids=["fits", "csv", "prepared", "static", "index"],
)
def test_what_is_made_of_a_catalogue_is_whole_or_not_there(made, file, room, selfsup, disk, catalogue):
    if made[0] == "task=search":
        pytest.importorskip("faiss")
    few = ["task.maps=[pca]", "task.components=4"] if made[0] == "task=explore" else []
    command = [*made, *few, f"task.catalogue={catalogue}", f"hydra.run.dir={disk.parent / 'run'}"]
    with filled(disk, room):
        refused(selfsup(*command), file)
    assert whole(disk)
    assert not Path(disk / file).is_file()
    ended = selfsup(*command)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    "command",
    [["task=search", "task.catalogue=x", "hydra.run.dir={}"], ["--multirun", "seed=0,1", "hydra.sweep.dir={}"]],
)
def test_a_folder_that_is_closed_to_us_is_named(command, selfsup):
    """Nobody makes a folder in /sys."""
    ended = selfsup(*(each.format("/sys/selfsup") for each in command))
    assert ended.code == 1, ended
    assert "Traceback" not in ended.err
    assert re.search(r"/sys/selfsup: .*; .*name one: hydra.run.dir=DIR", ended.err), ended.err
