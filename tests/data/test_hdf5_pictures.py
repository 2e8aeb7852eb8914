"""Rows of HDF5 files become pictures, in their order, whatever the chunks; the damaged are named."""

import numpy as np
import pytest

from selfsup.data.decode import Unreadable
from selfsup.data.hdf5_pictures import Hdf5Pictures, Rows, square_rgb
from selfsup.data.packed import pack

h5py = pytest.importorskip("h5py")


def written(file, count, first=0, **options):
    levels = np.arange(first, first + count, dtype=np.uint8)
    with h5py.File(file, "w") as h5:
        h5.create_dataset("images", data=np.broadcast_to(levels[:, None, None, None], (count, 8, 8, 3)), **options)
    return Rows(file, [f"{level}" for level in levels])


def pictures(*parts):
    return Hdf5Pictures(parts, "images", lambda row: square_rgb(row, 4), "rgb", 4)


@pytest.mark.parametrize("chunks", [None, (1, 8, 8, 3), (7, 4, 8, 1), (100, 8, 8, 3)])
def test_rows_are_packed_in_their_order(tmp_path, chunks):
    options = {} if chunks is None else {"chunks": chunks, "maxshape": (None, 8, 8, 3), "compression": "gzip"}
    parts = [written(tmp_path / "a.h5", 20, **options), written(tmp_path / "b.h5", 3, 100, **options)]
    packed = pack(pictures(*parts), str(tmp_path / "cache"), 0.0)
    assert packed.ids == [*parts[0].ids, *parts[1].ids]
    assert packed.images[:, 0, 0, 0].tolist() == [*range(20), 100, 101, 102]


def test_damaged_chunks_are_named_and_the_others_read(tmp_path):
    part = written(tmp_path / "a.h5", 10, chunks=(2, 8, 8, 3), compression="gzip", fletcher32=True)
    with h5py.File(part.file) as h5:
        chunk = h5["images"].id.get_chunk_info(2)
    content = bytearray(part.file.read_bytes())
    content[chunk.byte_offset + 2 : chunk.byte_offset + 12] = bytes(10)
    part.file.write_bytes(content)
    packed = pack(pictures(part), str(tmp_path / "cache"), 0.5)
    assert packed.ids == ["0", "1", "2", "3", "6", "7", "8", "9"]
    assert [origin.rpartition(" ")[2] for _, origin, _ in packed.unreadable] == ["4", "5"]


def test_another_file_or_stretch_is_another_packed_set(tmp_path):
    part = written(tmp_path / "a.h5", 3)
    one = "".join(pictures(part).fingerprint())
    other = Hdf5Pictures([part], "images", lambda row: row, "else", 4)
    assert one != "".join(other.fingerprint())
    assert one != "".join(pictures(written(tmp_path / "a.h5", 4)).fingerprint())


@pytest.mark.parametrize("row", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_a_row_that_is_no_picture_is_refused(row):
    with pytest.raises(Unreadable, match="no picture"):
        square_rgb(row, 4)
