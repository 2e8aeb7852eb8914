"""A catalogue of shards: made once each, by several workers, killed anywhere, and never mixed with another."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.inference.shards import MANIFEST, UNREADABLE, Plan, Shards
from selfsup.types import ConfigError, DataError

COUNT, ROWS = 23, 3
PLAN = Plan(COUNT, ROWS, {"encoder": "a"}, {"by": "first"})


def part(number, plan=PLAN):
    rows = plan.rows_of(number)
    ids = [f"g{row}" for row in rows]
    return Catalogue.from_arrays(ids, np.array([[row, -row] for row in rows]), {"n": np.array(rows)}, plan.provenance)


def work(output, pause_s=0.0, plan=PLAN):
    """Make what is missing -> numbers of the shards that this worker made."""
    shards, made = Shards(output, plan), []
    for number in shards.claimed():
        time.sleep(pause_s)
        shards.write(number, part(number, shards.plan), [])
        made.append(number)
    shards.finish(0.0)
    return made


def test_all_rows_are_there_once_in_their_order(tmp_path):
    assert work(tmp_path / "out") == list(range(8))
    found = Catalogue.open(tmp_path / "out")
    assert found.ids == [f"g{row}" for row in range(COUNT)]
    assert found.provenance == {"by": "first"}
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["galaxies"] == COUNT
    assert [each["rows"] for each in manifest["parts"]] == [3] * 7 + [2]
    left = sorted(file.name for file in (tmp_path / "out").iterdir() if not file.name.startswith("part-"))
    assert left == [MANIFEST, UNREADABLE]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_the_name_is_given_when_all_shards_are_there_and_not_before(tmp_path):
    shards = Shards(tmp_path / "out", PLAN)
    claimed = shards.claimed()
    shards.write(next(claimed), part(0), [])
    claimed.close()
    assert not (tmp_path / "out").exists()
    assert shards.made() == ROWS
    assert work(tmp_path / "out") == list(range(1, 8))
    assert work(tmp_path / "out") == []


@pytest.mark.promise("writers")
def test_a_shard_that_another_worker_makes_is_left_to_it(tmp_path):
    one, other = (Shards(tmp_path / "out", PLAN) for _ in range(2))
    first, second = one.claimed(), other.claimed()
    assert next(first) == 0
    assert next(second) == 1
    first.close()  # gives its shard back, unmade
    other.write(1, part(1), [])
    assert next(second) == 2
    second.close()
    assert next(other.claimed()) == 0


def test_workers_begin_where_they_are_told(tmp_path):
    assert next(Shards(tmp_path / "out", PLAN).claimed(5)) == 5


@pytest.mark.promise("writers")
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_the_shards_and_one_gives_the_name(tmp_path, workers):
    context = multiprocessing.get_context("forkserver")
    with context.Pool(workers) as pool:
        made = pool.starmap(work, [(tmp_path / "out", 0.05)] * workers, chunksize=1)
    assert sorted(number for each in made for number in each) == list(range(8))
    assert sum(bool(each) for each in made) > 1
    assert Catalogue.open(tmp_path / "out").ids == [f"g{row}" for row in range(COUNT)]


@pytest.mark.promise("kills", faults=10)
def test_killed_at_any_time_it_ends_with_the_same_bytes(tmp_path):
    work(tmp_path / "whole")
    context, rng = multiprocessing.get_context("forkserver"), np.random.default_rng(0)
    kills = 0
    while not (tmp_path / "out").is_dir():
        worker = context.Process(target=work, args=(tmp_path / "out", 0.01))
        worker.start()
        if kills < 10:
            worker.join(rng.uniform(0.0, 0.15) + 0.1)
            if worker.is_alive():
                os.kill(worker.pid, signal.SIGKILL)
                kills += 1
        worker.join()
    whole, found = (sorted((tmp_path / name).glob("part-*")) for name in ("whole", "out"))
    assert kills
    assert [file.read_bytes() for file in found] == [file.read_bytes() for file in whole]


@pytest.mark.promise("writers")
@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Plan(COUNT, ROWS, {"encoder": "b"}, {}), 'encoder "a", not "b"'),
        (Plan(COUNT + 1, ROWS, {"encoder": "a"}, {}), "count 23, not 24"),
        (Plan(COUNT, 4, {"encoder": "a"}, {}), "rows 3, not 4"),
        (Plan(COUNT, ROWS, {"encoder": "a", "passes": 3}, {}), "passes null, not 3"),
    ],
)
def test_another_catalogue_is_refused(tmp_path, other, named, finished):
    work(tmp_path / "out") if finished else Shards(tmp_path / "out", PLAN)
    with pytest.raises(ConfigError, match=named):
        Shards(tmp_path / "out", other)


@pytest.mark.promise("writers", faults=2)
def test_a_folder_of_something_else_and_a_file_are_refused(tmp_path):
    (tmp_path / "out").mkdir()
    Shards(tmp_path / "out", PLAN)  # an empty folder is a place
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(ConfigError, match="no catalogue of this command"):
        Shards(tmp_path / "out", PLAN)
    with pytest.raises(ConfigError, match="name one, such as out"):
        Shards(tmp_path / "out.parquet", PLAN)
    with pytest.raises(ConfigError, match="rows_per_shard=0"):
        Plan(1, 0, {}, {})


@pytest.mark.promise("hostile")
def test_too_many_unreadable_ones_are_named_and_what_is_made_is_kept(tmp_path):
    shards = Shards(tmp_path / "out", PLAN)
    for number in shards.claimed():
        shards.write(number, part(number), [(f"x{number}", f"x{number}.jpg", "no image")] if number < 3 else [])
    with pytest.raises(DataError, match=r"3 of 23 .*\n  x0.jpg: no image"):
        shards.finish(0.1)
    assert not (tmp_path / "out").exists()
    manifest = shards.finish(0.2)
    assert manifest["unreadable"] == 3
    text = (tmp_path / "out" / UNREADABLE).read_text().splitlines()
    assert text == ["id,file,reason", *(f"x{number},x{number}.jpg,no image" for number in range(3))]
