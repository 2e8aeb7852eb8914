"""GalaxyMNIST, two small files of the published layout."""

import numpy as np
import pytest

from selfsup.data.galaxy_mnist import GalaxyMNIST
from selfsup.data.packed import pack
from selfsup.types import DataError

h5py = pytest.importorskip("h5py")


def reader(folder):
    keys = {"tree": None, "label": "labels", "classes": ["smooth round", "smooth cigar", "edge-on disk", "spiral"]}
    return GalaxyMNIST(folder=str(folder), size_px=8, cache=str(folder / "cache"), max_unreadable_share=0.0, **keys)


def written(folder, part, count, first):
    with h5py.File(folder / f"{part}_dataset.hdf5", "w") as h5:
        h5["images"] = np.arange(first, first + count, dtype=np.uint8).repeat(8 * 8 * 3).reshape(count, 8, 8, 3)
        h5["labels"] = np.arange(count) % 4


def test_both_files_are_one_data_set(tmp_path):
    written(tmp_path, "train", 6, 0)
    written(tmp_path, "test", 2, 100)
    source = reader(tmp_path)
    found = source.read()
    assert found.ids == [*(f"train-{row:05d}" for row in range(6)), "test-00000", "test-00001"]
    np.testing.assert_array_equal(found.label, [0, 1, 2, 3, 0, 1, 0, 1])
    assert found.columns["published_part"].tolist() == ["train"] * 6 + ["test"] * 2
    packed = pack(source.pictures(found), source.cache, 0.0)
    assert packed.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 100, 101]


def test_a_missing_file_is_named(tmp_path):
    written(tmp_path, "train", 6, 0)
    with pytest.raises(DataError, match=r"test_dataset\.hdf5: no such file"):
        reader(tmp_path).read()
