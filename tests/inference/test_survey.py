"""Every readable galaxy of a survey is described once, with what its tables know, whatever cannot be read."""

import numpy as np
import pytest
from PIL import Image

from selfsup.catalogue import Catalogue
from selfsup.data.pictures import FilePictures
from selfsup.data.source import Galaxies
from selfsup.inference.shards import Plan, Shards
from selfsup.inference.survey import Said, Survey, first_shard
from selfsup.types import DataError

COUNT, SIZE_PX, TORN = 13, 8, (4, 5, 6, 12)


@pytest.fixture
def galaxies(tmp_path):
    """Of 13, a whole shard of three and the last are no pictures."""
    files = [tmp_path / f"{number}.png" for number in range(COUNT)]
    for number, file in enumerate(files):
        Image.new("RGB", (SIZE_PX, SIZE_PX), (10 * number, 0, 0)).save(file)
        if number in TORN:
            file.write_bytes(file.read_bytes()[:20])
    ids = [f"g{number}" for number in range(COUNT)]
    names = np.array([f"ü{number}" if number % 2 else "" for number in range(COUNT)], dtype=object)
    columns = {"mag": np.arange(COUNT, dtype=np.float64), "name": names}
    return Galaxies(ids, files, columns), FilePictures(ids, files, SIZE_PX)


def levels(batches):
    """Embedding: the red level; and how many were seen with it."""
    parts = [(batch["image"][:, :1, 0, 0].numpy(), len(batch["id"])) for batch in batches]
    embedding = np.concatenate([np.empty((0, 1)), *(level for level, _ in parts)])
    return Said(embedding, {"seen_with": np.concatenate([np.empty(0), *(np.full(n, n) for _, n in parts)])})


def described(galaxies, tmp_path, describe=levels, share=0.5, first=1, rows=3):
    plan = Plan(COUNT, rows, {}, {"by": "a test"})
    survey = Survey(*galaxies, batch_size=2, max_unreadable_share=share)
    return survey.describe(Shards(tmp_path / "out", plan), describe)


@pytest.mark.promise("hostile")
def test_the_readable_ones_are_described_with_their_columns(galaxies, tmp_path):
    manifest = described(galaxies, tmp_path)
    kept = [number for number in range(COUNT) if number not in TORN]
    found = Catalogue.open(tmp_path / "out")
    assert found.ids == [f"g{number}" for number in kept]
    np.testing.assert_array_equal(found.embedding()[:, 0], [10 * number for number in kept])
    np.testing.assert_array_equal(found.column("mag"), kept)
    assert found.column("name").tolist() == [f"ü{number}" if number % 2 else "" for number in kept]
    assert found.columns == ["mag", "name", "colour", "seen_with"]
    assert [part["rows"] for part in manifest["parts"]] == [3, 1, 2, 3, 0]
    assert manifest["unreadable"] == len(TORN)


@pytest.mark.promise("hostile")
def test_a_galaxy_that_cannot_be_read_moves_no_other_into_another_shard(galaxies, tmp_path):
    described(galaxies, tmp_path, rows=4)
    parts = [Catalogue.open(file).ids for file in sorted((tmp_path / "out").glob("part-*"))]
    assert parts == [["g0", "g1", "g2", "g3"], ["g7"], ["g8", "g9", "g10", "g11"], []]


@pytest.mark.promise("kills")
def test_what_is_made_when_a_network_fails_is_not_made_again(galaxies, tmp_path):
    seen = []

    def failing(batches):
        said = levels(batches)
        seen.append(said.embedding[:, 0].tolist())
        if len(seen) == 3:
            raise RuntimeError("out of memory")
        return said

    with pytest.raises(RuntimeError, match="out of memory"):
        described(galaxies, tmp_path, failing)
    described(galaxies, tmp_path, failing)
    assert seen == [[0, 10, 20], [30], [70, 80], [70, 80], [90, 100, 110], []]


@pytest.mark.promise("hostile")
def test_a_survey_of_which_too_little_can_be_read_stops_early(galaxies, tmp_path):
    seen = []

    def counting(batches):
        seen.append(1)
        return levels(batches)

    with pytest.raises(DataError, match=r"2 of 13 images are unreadable .*=0.1"):
        described(galaxies, tmp_path, counting, share=0.1)
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, 0),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, 0),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, 75),
        ({"SLURM_ARRAY_TASK_ID": "11", "SLURM_ARRAY_TASK_COUNT": "10"}, 10),
        ({"RANK": "1", "WORLD_SIZE": "2"}, 50),
    ],
)
def test_ranks_and_tasks_of_an_array_begin_apart(environment, first):
    assert first_shard(100, environment) == first
