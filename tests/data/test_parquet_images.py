"""Parquet files with images inside, as the hub publishes them: read without the images, packed in blocks, resumed."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from selfsup.data import parquet_pictures
from selfsup.data.packed import pack
from selfsup.data.parquet_images import ParquetImages
from selfsup.data.parquet_pictures import Shard
from selfsup.types import DataError

VOTES = ("ring-rings_yes", "ring-rings_no")


def encoded(level):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (level, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def written(file, names, images=None, **columns):
    """Three rows a group, the images as the hub's records."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = images or [{"bytes": encoded(int(name) * 10), "path": f"{name}.png"} for name in names]
    values = {"image": content, "dataset_name": ["gz"] * len(names), "id_str": names, **columns}
    pq.write_table(pa.table(values), file, row_group_size=3)


def reader(place, **keys):
    values = {"files": ["data/train-*.parquet", "data/test-*.parquet"], "image": "image", "tree": None, "label": None}
    shared = {"folder": str(place), "size_px": 4, "cache": str(place / "cache"), "max_unreadable_share": 0.4}
    return ParquetImages(**{**shared, **values, "id_columns": ["dataset_name", "id_str"], "classes": None, **keys})


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "data" / "train-00000-of-00002.parquet", list("12345"), ra=[0.1, 0.2, 0.3, 0.4, 0.5])
    written(tmp_path / "data" / "train-00001-of-00002.parquet", list("67"))
    written(tmp_path / "data" / "test-00000-of-00001.parquet", list("89"))
    return tmp_path


def packed_by(source):
    return pack(source.pictures(source.read()), source.cache, source.max_unreadable_share)


def test_rows_are_galaxies_in_the_order_of_the_files(folder):
    found = reader(folder).read()
    assert found.ids == [f"gz:{name}" for name in "123456789"]
    np.testing.assert_array_equal(found.columns["ra"], [0.1, 0.2, 0.3, 0.4, 0.5] + [np.nan] * 4)
    assert found.columns["id_str"].tolist() == list(range(1, 10))


def test_the_images_are_packed_and_nothing_else_stays(folder):
    packed = packed_by(reader(folder))
    assert packed.images[:, 0, 0, 0].tolist() == [10 * level for level in range(1, 10)]
    assert not list((folder / "cache").glob(".blocks*"))


def test_votes_of_each_campaign_are_read_by_their_names(tmp_path):
    counts = {f"ring-{campaign}_{answer}": [3, 0] for campaign in ("rings", "other") for answer in ("yes", "no")}
    written(tmp_path / "data" / "train-0.parquet", list("12"), **counts, **{"ring-rings_yes_fraction": [0.5, 0.0]})
    found = reader(tmp_path, tree="rings").read()
    assert found.votes.tolist() == [[3, 3], [0, 0]]
    assert "ring-rings_yes_fraction" not in found.columns


def test_one_galaxy_of_several_campaigns_is_in_one_part(folder):
    source = reader(folder)
    assert source.galaxy_of("gz2:123") == source.galaxy_of("gz_desi:123") == "123"


def test_damaged_and_missing_images_are_named(tmp_path):
    images = [{"bytes": encoded(10), "path": ""}, {"bytes": b"<html>", "path": ""}, None, {"bytes": None, "path": "x"}]
    written(tmp_path / "data" / "train-0.parquet", list("1234"), images)
    packed = packed_by(reader(tmp_path, max_unreadable_share=0.9))
    assert packed.ids == ["gz:1"]
    assert [(galaxy, reason) for galaxy, _, reason in packed.unreadable] == [
        ("gz:2", "neither JPEG nor PNG"),
        ("gz:3", "no image"),
        ("gz:4", "no image"),
    ]


def test_an_image_may_be_bytes_without_a_record(tmp_path):
    written(tmp_path / "data" / "train-0.parquet", list("12"), [encoded(30), encoded(40)])
    assert packed_by(reader(tmp_path)).images[:, 0, 0, 0].tolist() == [30, 40]


def test_what_was_fetched_before_an_interruption_is_not_fetched_again(folder, monkeypatch):
    monkeypatch.setattr(parquet_pictures, "BLOCK_ROWS", 3)
    fetched, images = [], Shard.images

    def breaking(self, groups, column):
        if len(fetched) == 3:
            raise ConnectionError("the network is gone")
        fetched.append((self.path, tuple(groups)))
        return images(self, groups, column)

    monkeypatch.setattr(Shard, "images", breaking)
    with pytest.raises(DataError, match=r"the network is gone.*run it again"):
        packed_by(reader(folder))
    assert len(list((folder / "cache").glob(".blocks-*/*.npz"))) == 3
    first, fetched[:] = list(fetched), []
    packed = packed_by(reader(folder))
    assert packed.images[:, 0, 0, 0].tolist() == [10 * level for level in range(1, 10)]
    assert fetched
    assert not set(first) & set(fetched)


def test_the_table_is_read_once_and_anew_when_a_file_changes(folder, monkeypatch):
    reader(folder).read()
    monkeypatch.setattr(Shard, "read", lambda self, but: pytest.fail("read again"))
    assert len(reader(folder).read().ids) == 9
    monkeypatch.undo()
    written(folder / "data" / "test-00000-of-00001.parquet", list("8"))
    assert len(reader(folder).read().ids) == 8


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"files": ["*.none"]}, r"no file there is called like \*\.none"),
        ({"folder": "no-such-protocol://x"}, "cannot be read"),
        ({"folder": "hf://datasets/nobody/nothing"}, r"cannot be read.*hf download"),  # tests run offline
        ({"image": "img"}, r"no column 'img'.*data\.image"),
        ({"id_columns": ["dataset_name"]}, r"'gz' is there twice.*data\.id_columns"),
        ({"id_columns": ["objid"]}, "no column 'objid'"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_to_do(folder, keys, said):
    with pytest.raises(DataError, match=said):
        reader(folder, **keys).read()


def test_a_file_that_is_not_parquet_is_an_error(folder):
    (folder / "data" / "train-2.parquet").write_text("<html>")
    with pytest.raises(DataError, match="cannot be read"):
        reader(folder).read()
