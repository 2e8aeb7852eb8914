"""Galaxy10 DECaLS: 17,736 colour pictures in ten classes, in one HDF5 file (Leung & Bovy, Zenodo 10845026).

The pictures are of the DESI Legacy Imaging Surveys, the classes from the votes of Galaxy Zoo (Walmsley et al. 2022,
arXiv:2102.08414). The file has no names for the galaxies: a galaxy's id is its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfsup.data.hdf5 import columns_of, images_of, opened_hdf5
from selfsup.data.hdf5_pictures import Hdf5Pictures, parts_of, square_rgb
from selfsup.data.pictures import Pictures
from selfsup.data.source import Galaxies, Source

FILE = "Galaxy10_DECals.h5"


@dataclass(kw_only=True)
class Galaxy10(Source):
    """The folder: the file as published, with the datasets images, ans, ra, dec, redshift, pxscale."""

    def read(self) -> Galaxies:
        """Read all but the images.

        Raises:
            DataError: no file, or not this data set.
            ConfigError: a tree: there are no votes; or h5py is not installed.
        """
        self.require_tree(None)
        file = Path(self.folder).expanduser() / FILE
        with opened_hdf5(file) as h5:
            count = len(images_of(h5, "images", file))
            columns = columns_of(h5, count, file, but=("images",))
        return self.finished(Galaxies([f"{row:05d}" for row in range(count)], [file] * count, columns))

    def pictures(self, found: Galaxies) -> Pictures:
        """The rows of the file."""
        return Hdf5Pictures(parts_of(found), "images", partial(square_rgb, size_px=self.size_px), "rgb", self.size_px)
