"""GalaxyMNIST: 10,000 pictures of 64 or 224 pixels in four classes of 2,500 (github.com/mwalmsley/galaxy_mnist).

Confident votes of Galaxy Zoo DECaLS (Walmsley et al. 2022, arXiv:2102.08414), published as two HDF5 files. They have no
names for the galaxies: an id is the file's part and the row in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from selfsup.data.hdf5 import column_of, opened_hdf5
from selfsup.data.hdf5_pictures import Hdf5Pictures, parts_of, square_rgb
from selfsup.data.pictures import Pictures
from selfsup.data.source import Galaxies, Source

PARTS = ("train", "test")


@dataclass(kw_only=True)
class GalaxyMNIST(Source):
    """The folder: `train_dataset.hdf5` and `test_dataset.hdf5` as published, each with the datasets images, labels.

    The part that a galaxy was published in is its column `published_part`; the parts of a run are by id, as everywhere.
    """

    def read(self) -> Galaxies:
        """Read all but the images.

        Raises:
            DataError: a file is missing, or is not of this data set.
            ConfigError: a tree: there are no votes; or h5py is not installed.
        """
        self.require_tree(None)
        labels = {part: self._labels(part) for part in PARTS}
        ids = [f"{part}-{row:05d}" for part in PARTS for row in range(len(labels[part]))]
        columns = {
            "labels": np.concatenate(list(labels.values())),
            "published_part": np.array([galaxy.partition("-")[0] for galaxy in ids], dtype=object),
        }
        files = [self._file(part) for part in PARTS for _ in labels[part]]
        return self.finished(Galaxies(ids, files, columns))

    def pictures(self, found: Galaxies) -> Pictures:
        """The rows of both files."""
        return Hdf5Pictures(parts_of(found), "images", partial(square_rgb, size_px=self.size_px), "rgb", self.size_px)

    def _file(self, part: str) -> Path:
        return Path(self.folder).expanduser() / f"{part}_dataset.hdf5"

    def _labels(self, part: str) -> np.ndarray:
        with opened_hdf5(self._file(part)) as h5:
            return column_of(h5, "labels", self._file(part))
