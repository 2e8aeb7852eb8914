"""HDF5 files of cut-outs in several bands, with the galaxies' columns beside them.

Two published layouts: one file for a million galaxies (Stein et al. 2021, arXiv:2110.13151: `images` (N, 3, 152, 152)
of g, r, z, and columns), and one for each part of the sky (Multimodal Universe, arXiv:2412.02527: `image_array`
(N, bands, H, W), `object_id`, and columns).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfsup.data.columns import joined
from selfsup.data.flux import FluxSource
from selfsup.data.hdf5 import column_of, columns_of, images_of, opened_hdf5
from selfsup.data.hdf5_pictures import Hdf5Pictures, Rows, parts_of
from selfsup.data.pictures import Pictures
from selfsup.data.source import Galaxies, list_images
from selfsup.types import DataError

_SUFFIXES = (".h5", ".hdf5")


@dataclass(kw_only=True)
class FluxHdf5(FluxSource):
    """All HDF5 files in the folder and below, in the order of their paths.

    Args:
        dataset: of the images in each file, (N, bands, H, W).
        id_dataset: of the galaxies' ids in each file; null for the file's name and the row.
    """

    dataset: str
    id_dataset: str | None

    def read(self) -> Galaxies:
        """Read all but the images; a column that not all files have is missing where it is not.

        Raises:
            DataError: no file, one that lacks a dataset, or two galaxies of one id.
            ConfigError: a tree: there are no votes; or h5py is not installed.
        """
        self.require_tree(None)
        files = list_images(self.folder, _SUFFIXES)
        read = [self._part(file) for file in files]
        ids = [galaxy for part, _ in read for galaxy in part.ids]
        twice = [galaxy for galaxy, count in Counter(ids).most_common(1) if count > 1]
        if twice:
            raise DataError(
                f"{self.folder}: galaxy {twice[0]!r} is there twice; set data.id_dataset to one that names each"
            )
        paths = [part.file for part, _ in read for _ in part.ids]
        return self.finished(Galaxies(ids, paths, joined([(len(part.ids), columns) for part, columns in read])))

    def pictures(self, found: Galaxies) -> Pictures:
        """The rows of the files, stretched."""
        return Hdf5Pictures(parts_of(found), self.dataset, self.picture, self.shown_as(), self.size_px)

    def _part(self, file: Path) -> tuple[Rows, dict[str, np.ndarray]]:
        with opened_hdf5(file) as h5:
            count = len(images_of(h5, self.dataset, file))
            columns = columns_of(h5, count, file, but=(self.dataset, self.id_dataset or ""))
            if self.id_dataset is None:
                return Rows(file, [f"{file.stem}-{row}" for row in range(count)]), columns
            named = column_of(h5, self.id_dataset, file)
        if len(named) != count:
            raise DataError(f"{file}: {len(named)} ids in {self.id_dataset!r} for {count} images; get the file again")
        return Rows(file, [f"{name:.0f}" if named.dtype != object else str(name) for name in named]), columns
