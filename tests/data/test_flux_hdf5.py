"""HDF5 files of flux in the two published layouts."""

import numpy as np
import pytest

from selfsup.data.flux_hdf5 import FluxHdf5
from selfsup.data.packed import pack
from selfsup.types import DataError

h5py = pytest.importorskip("h5py")


def reader(folder, **keys):
    values = {"dataset": "images", "id_dataset": None, "tree": None, "label": None, "classes": None}
    shown = {"bands": [2, 1, 0], "scale": [1.0, 1.0, 1.0], "softening": 8.0, "black": 0.0, "max_missing_share": 0.1}
    shared = {"folder": str(folder), "size_px": 8, "cache": str(folder / "cache"), "max_unreadable_share": 0.5}
    return FluxHdf5(**{**shared, **values, **shown, **keys})


def written(file, name, images, **columns):
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as h5:
        h5[name] = images
        for column, values in columns.items():
            h5[column] = values


def red(count, bands):
    images = np.zeros((count, bands, 8, 8), dtype=np.float32)
    images[:, -1] = 10.0
    return images


def test_files_of_a_million_galaxies_by_row(tmp_path):
    columns = {"ra": np.arange(3.0), "flux": np.zeros((3, 5)), "source_type": np.array([b"REX", b"DEV", b"PSF"])}
    written(tmp_path / "south" / "images_npix152_000.h5", "images", red(3, 3), **columns)
    written(tmp_path / "south" / "images_npix152_003.h5", "images", red(1, 3))
    source = reader(tmp_path)
    found = source.read()
    assert found.ids == [*(f"images_npix152_000-{row}" for row in range(3)), "images_npix152_003-0"]
    np.testing.assert_array_equal(found.columns["ra"], [0, 1, 2, np.nan])
    assert found.columns["source_type"].tolist() == ["REX", "DEV", "PSF", ""]
    packed = pack(source.pictures(found), source.cache, 0.0)
    assert packed.images[..., 0].min() > 200
    assert not packed.images[..., 1:].any()


def test_files_of_parts_of_the_sky_by_object(tmp_path):
    for part, ids in (("healpix=1", [2**60 + 1, 7]), ("healpix=2", [9])):
        values = {"object_id": np.array(ids), "Z": np.array([0.1] * len(ids))}
        written(tmp_path / part / "001-of-001.hdf5", "image_array", red(len(ids), 4), **values)
    source = reader(tmp_path, dataset="image_array", id_dataset="object_id", bands=[3, 1, 0], label="Z")
    with pytest.raises(DataError, match="nothing to learn"):
        source.read()
    found = reader(tmp_path, dataset="image_array", id_dataset="object_id", bands=[3, 1, 0]).read()
    assert found.ids == [str(2**60 + 1), "7", "9"]
    assert pack(source.pictures(found), source.cache, 0.0).images[..., 0].min() > 200


def test_pictures_without_the_bands_or_with_too_few_values_are_left_out(tmp_path):
    images = red(2, 3)
    images[1] = np.nan
    written(tmp_path / "a.h5", "images", images)
    source = reader(tmp_path)
    packed = pack(source.pictures(source.read()), source.cache, 0.5)
    assert packed.ids == ["a-0"]
    assert packed.unreadable[0][2] == "100% of its pixels have no value"
    source = reader(tmp_path, bands=[3, 1, 0])
    with pytest.raises(DataError, match=r"data\.bands asks for plane 3"):
        pack(source.pictures(source.read()), source.cache, 0.5)


def test_an_id_that_is_there_twice_and_ids_of_other_length_are_errors(tmp_path):
    written(tmp_path / "a.h5", "images", red(2, 3), object_id=np.array([1, 1]), few=np.array([1]))
    with pytest.raises(DataError, match=r"galaxy '1' is there twice.*data\.id_dataset"):
        reader(tmp_path, id_dataset="object_id").read()
    with pytest.raises(DataError, match="1 ids in 'few' for 2 images"):
        reader(tmp_path, id_dataset="few").read()
