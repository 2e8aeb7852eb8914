"""Galaxy10 DECaLS, a small file of the published layout."""

import numpy as np
import pytest

from selfsup.data.galaxy10 import FILE, Galaxy10
from selfsup.data.packed import pack
from selfsup.types import ConfigError, DataError

h5py = pytest.importorskip("h5py")
CLASSES = [f"class {letter}" for letter in "abcdefghij"]


def reader(folder, **keys):
    values = {"tree": None, "label": "ans", "classes": CLASSES, **keys}
    return Galaxy10(folder=str(folder), size_px=8, cache=str(folder / "cache"), max_unreadable_share=0.0, **values)


@pytest.fixture
def folder(tmp_path):
    with h5py.File(tmp_path / FILE, "w") as h5:
        h5["images"] = np.arange(12, dtype=np.uint8).repeat(16 * 16 * 3).reshape(12, 16, 16, 3)
        h5["ans"] = np.arange(12, dtype=np.uint8) % 10
        h5["redshift"] = np.full(12, np.nan)
        for name in ("ra", "dec", "pxscale"):
            h5[name] = np.arange(12.0)
    return tmp_path


def test_classes_columns_and_pictures(folder):
    source = reader(folder)
    found = source.read()
    assert found.ids[:2] == ["00000", "00001"]
    np.testing.assert_array_equal(found.label, np.arange(12) % 10)
    assert found.columns["label"][3] == "class d"
    assert set(found.columns) == {"ans", "ra", "dec", "redshift", "pxscale", "label"}
    packed = pack(source.pictures(found), source.cache, 0.0)
    assert packed.images[:, 0, 0, 0].tolist() == list(range(12))


def test_another_layout_and_a_tree_are_refused(tmp_path, folder):
    with pytest.raises(ConfigError, match=r"data\.tree"):
        reader(folder, tree="gz2").read()
    with h5py.File(folder / FILE, "a") as h5:
        del h5["images"]
    with pytest.raises(DataError, match="no dataset 'images'"):
        reader(folder).read()
