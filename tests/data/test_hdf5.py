"""HDF5 files whose claims are checked: links, sizes, types."""

import numpy as np
import pytest

from selfsup.data.hdf5 import column_of, columns_of, images_of, opened_hdf5
from selfsup.types import DataError

h5py = pytest.importorskip("h5py")


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5["images"] = np.zeros((3, 4, 4, 3), dtype=np.uint8)
        h5["z"] = np.array([0.1, np.nan, 0.3], dtype=np.float32)
        h5["objid"] = np.array([1, 2, 2**60 + 1])
        h5["flag"] = np.array([True, False, True])
        h5["kind"] = np.array([b"a", b"b", b"c"])
        h5.create_dataset("name", data=["x", "é", ""], dtype=h5py.string_dtype())
        h5["flux"] = np.zeros((3, 5))
        h5["short"] = np.zeros(2)
        h5["group/inner"] = np.zeros(3)
    return tmp_path / "a.h5"


def test_columns_are_numbers_or_text_and_all_else_is_left_out(file):
    with opened_hdf5(file) as h5:
        columns = columns_of(h5, 3, file, but=("images",))
        assert set(columns) == {"z", "objid", "flag", "kind", "name"}
        np.testing.assert_allclose(columns["z"], [0.1, np.nan, 0.3], rtol=1e-6)
        assert columns["flag"].tolist() == [1, 0, 1]
        assert columns["objid"].tolist() == ["1", "2", str(2**60 + 1)]
        assert columns["kind"].tolist() == ["a", "b", "c"]
        assert columns["name"].tolist() == ["x", "é", ""]
        assert column_of(h5, "group/inner", file).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "said"),
    [("imges", "did you mean 'images'"), ("group", "is a group"), ("z", "not a row of numbers")],
)
def test_what_is_no_set_of_images_is_refused(file, name, said):
    with opened_hdf5(file) as h5, pytest.raises(DataError, match=said):
        images_of(h5, name, file)


def test_what_is_no_column_is_refused(file):
    with opened_hdf5(file) as h5, pytest.raises(DataError, match="not one value for each image"):
        column_of(h5, "flux", file)


def test_links_and_data_of_other_files_are_refused(file, tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    with h5py.File(tmp_path / "b.h5", "w") as h5:
        h5["external"] = h5py.ExternalLink("a.h5", "/images")
        h5["soft"] = h5py.SoftLink("/external")
        h5["group/outside"] = h5py.ExternalLink("a.h5", "/images")
        h5.create_dataset("raw", (3, 4, 4), dtype="u1", external=[(str(tmp_path / "secret.bin"), 0, 48)])
        layout = h5py.VirtualLayout((3, 4, 4, 3), "u1")
        layout[:] = h5py.VirtualSource(str(file), "images", (3, 4, 4, 3))
        h5.create_virtual_dataset("virtual", layout)
    with opened_hdf5(tmp_path / "b.h5") as h5:
        for name in ("external", "soft", "group/outside", "raw", "virtual"):
            with pytest.raises(DataError, match="other file"):
                images_of(h5, name, tmp_path / "b.h5")
        assert columns_of(h5, 3, tmp_path / "b.h5") == {}


def test_enormous_rows_and_chunks_are_refused_unread(tmp_path):
    with h5py.File(tmp_path / "c.h5", "w") as h5:
        h5.create_dataset("rows", (2, 20000, 20000), dtype="f8")
        h5.create_dataset("chunks", (100_000, 64, 64), dtype="f4", chunks=(50_000, 64, 64), compression="gzip")
    with opened_hdf5(tmp_path / "c.h5") as h5:
        for name in ("rows", "chunks"):
            with pytest.raises(DataError, match="too large"):
                images_of(h5, name, tmp_path / "c.h5")


def test_a_file_that_is_not_there_or_not_hdf5_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no such file.*README"), opened_hdf5(tmp_path / "a.h5"):
        pass
    (tmp_path / "a.h5").write_text("<html>")
    with pytest.raises(DataError, match="not a readable HDF5 file"), opened_hdf5(tmp_path / "a.h5"):
        pass
