"""Some of the pictures are the same as among all, faults included, whatever they are kept in."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

from selfsup.config import build
from selfsup.data.decode import Unreadable
from selfsup.data.hdf5_pictures import Hdf5Pictures, Rows, square_rgb
from selfsup.data.packed import PackedPictures, pack
from selfsup.data.parquet_pictures import ParquetPictures, Shard
from selfsup.data.pictures import FilePictures, within

COUNT, SIZE_PX, FAULT = 12, 16, 7
IDS = [f"g{number}" for number in range(COUNT)]


def picture(number):
    return Image.new("RGB", (SIZE_PX, SIZE_PX), (20 * number, 0, 0))


def files(folder, _):
    for number in range(COUNT):
        picture(number).save(folder / f"{number}.png")
    (folder / f"{FAULT}.png").write_bytes(b"")
    return FilePictures(IDS, [folder / f"{number}.png" for number in range(COUNT)], SIZE_PX)


def packed(folder, compose):
    pictures = files(folder, compose)
    return PackedPictures(pictures, pack(pictures, str(folder / "cache"), 0.2))


def parquet(folder, _):
    content = []
    for number in range(COUNT):
        stream = io.BytesIO()
        picture(number).save(stream, "PNG")
        content.append(b"" if number == FAULT else stream.getvalue())
    shards = []
    for name, part in (("a", content[:5]), ("b", content[5:])):
        pq.write_table(pa.table({"image": part}), folder / f"{name}.parquet", row_group_size=2)
        shards.append(Shard.of(LocalFileSystem(), str(folder / f"{name}.parquet")))
    return ParquetPictures(IDS, shards, "image", SIZE_PX, str(folder / "cache"))


def hdf5(folder, _):
    h5py, parts = pytest.importorskip("h5py"), []
    for name, rows in (("a", range(5)), ("b", range(5, COUNT))):
        with h5py.File(folder / f"{name}.h5", "w") as h5:
            h5.create_dataset("images", data=np.stack([picture(row) for row in rows]), chunks=(2, SIZE_PX, SIZE_PX, 3))
        parts.append(Rows(folder / f"{name}.h5", [IDS[row] for row in rows]))

    def read(row):
        if row[0, 0, 0] == 20 * FAULT:
            raise Unreadable("no image")
        return square_rgb(row, SIZE_PX)

    return Hdf5Pictures(parts, "images", read, "rgb", SIZE_PX)


def sky(folder, compose):
    few = (f"data.count={COUNT}", f"data.size_px={SIZE_PX}", f"data.cache={folder}")
    source = build(compose("data=synthetic", *few).data, "data")
    return source.pictures(source.read())


@pytest.mark.parametrize("rows", [[0, 1, 4, 5, 7, 11], range(3, 9), [7], np.array([2, 6]), []])
@pytest.mark.parametrize("kept_in", [files, packed, parquet, hdf5, sky])
def test_some_are_as_among_all(kept_in, rows, tmp_path, compose):
    pictures = kept_in(tmp_path, compose)
    every, some = list(pictures.drawn()), list(pictures.some(rows))
    assert len(every) == len(pictures) == COUNT
    assert len(some) == len(rows)
    for row, found in zip(rows, some, strict=True):
        if kept_in is not sky and row == FAULT:
            assert isinstance(found, Unreadable)
            assert found.reason == every[row].reason
        else:
            np.testing.assert_array_equal(found, every[row])
    if kept_in is not sky:
        assert [int(found[0, 0, 0]) for row, found in enumerate(every) if row != FAULT] == [
            20 * number for number in range(COUNT) if number != FAULT
        ]


def test_ascending_rows_within_bounds():
    assert list(within([1, 4, 6, 9], 4, 9)) == [4, 6]
    assert list(within(range(10, 20), 0, 12)) == [10, 11]
    assert not within([], 0, 5)
