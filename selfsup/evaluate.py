"""All probes on one encoder: the same function during the training (on `val`) and after it (on `test`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn import functional as F

from selfsup.catalogue import Catalogue
from selfsup.data.datamodule import GalaxyData
from selfsup.data.decode import Unreadable, read_image
from selfsup.data.source import Source, list_images
from selfsup.embed import as_float, embed, feature_maps
from selfsup.encoders.base import Encoder
from selfsup.probes.base import CatalogueProbe, Embedding, FeatureMaps, MapProbe, Maps, PictureProbe, Probe, Scores
from selfsup.probes.split import hashed
from selfsup.types import Batch, ConfigError, DataError

TRAIN, TEST = ("train", "val"), ("test",)
"""Parts that probes are fitted on, their settings chosen there too, and the part that is scored at the end."""
FIT_PIXELS = 4000
"""Galaxies that the pixel baseline's components are fitted on, at most: more change nothing and take memory."""
EXAMPLES = 8
"""Images without truth that a probe of maps is shown, at most."""
AT_A_TIME = 256
"""Pictures of a probe of pictures that the encoder sees at once."""
Describe = Callable[[Iterable[Batch], int], np.ndarray]
"""Galaxies, cells along an edge -> (N, cells, cells, D) what is said of each cell."""


@dataclass(frozen=True)
class Evaluation:
    """What the probes found.

    Args:
        scores: probe -> scores.
        test: the catalogue that was scored.
    """

    scores: dict[str, Scores]
    test: Catalogue

    @property
    def metrics(self) -> dict[str, float]:
        """Flat: probe/<probe>/<metric>."""
        return {f"probe/{n}/{k}": v for n, score in self.scores.items() for k, v in score.metrics.items()}


def require_maps(source: Source, probes: Mapping[str, Probe]) -> None:
    """Raise ConfigError where a probe asks for maps that this kind of data does not have."""
    asking = [name for name, probe in probes.items() if isinstance(probe, MapProbe)]
    if asking and not source.structures:
        raise ConfigError(f"probe={asking}: these images have no maps of structure; write data=synthetic, or others")


def evaluate(
    encoder: Encoder, data: GalaxyData, probes: Mapping[str, Probe], train: Sequence[str], test: Sequence[str]
) -> Evaluation:
    """Embed the labelled galaxies with the frozen encoder; fit the probes on `train`, score them on `test`.

    Where no probe reads embeddings, those of `train`, which may be millions, are not made.
    """
    read = any(isinstance(probe, CatalogueProbe) for probe in probes.values())
    parts = (labelled(data, train) if read else np.empty(0, dtype=np.int64), labelled(data, test))
    fitted, scored = (embed(encoder, data.catalogue_loader(rows), data.catalogue_columns(rows)) for rows in parts)
    maps = partial(_maps, data, (train, test), partial(feature_maps, encoder))
    return _score(fitted, scored, probes, maps, partial(_pictures, data, test, partial(_embedding, encoder)))


def evaluate_pixels(
    data: GalaxyData, probes: Mapping[str, Probe], train: Sequence[str], test: Sequence[str], components: int
) -> Evaluation:
    """The same probes on what no learning gives: the principal components of the pixels, fitted on `train`.

    Probes of maps are given each cell's pixels as they are.
    """
    train_rows, test_rows = (labelled(data, part) for part in (train, test))
    pca = fit_pixels(data, train_rows, components)
    maps = partial(_maps, data, (train, test), _pixel_maps)
    pictures = partial(_pictures, data, test, partial(_components, pca))
    return _score(project(pca, data, train_rows), project(pca, data, test_rows), probes, maps, pictures)


def _score(
    train: Catalogue,
    test: Catalogue,
    probes: Mapping[str, Probe],
    maps: Callable[[MapProbe], tuple[Maps, Maps, FeatureMaps | None]],
    pictures: Callable[[PictureProbe], tuple[np.ndarray, Embedding]],
) -> Evaluation:
    """Give each probe what it asks for."""
    scores = {}
    for name, probe in probes.items():
        if isinstance(probe, MapProbe):
            scores[name] = probe(*maps(probe))
        elif isinstance(probe, PictureProbe):
            scores[name] = probe(*pictures(probe))
        elif isinstance(probe, CatalogueProbe):
            scores[name] = probe(train, test)
        else:
            raise TypeError(f"probe {name}: {type(probe).__name__} is no CatalogueProbe, MapProbe or PictureProbe")
    return Evaluation(scores, test)


def _maps(
    data: GalaxyData, parts: tuple[Sequence[str], Sequence[str]], describe: Describe, probe: MapProbe
) -> tuple[Maps, Maps, FeatureMaps | None]:
    """What a probe of maps asks for: train, test, examples."""
    size_px = data.source.size_px
    if size_px % probe.cells:
        raise ConfigError(
            f"{probe.cells} cells do not divide images of {size_px} px; write a divisor as the probe's `cells`"
        )
    counts = (probe.train_count, probe.test_count)
    train, test = (_known_maps(data, *asked, probe.cells, describe) for asked in zip(parts, counts, strict=True))
    return train, test, None if probe.examples is None else _examples(probe.examples, size_px, probe.cells, describe)


def _known_maps(data: GalaxyData, parts: Sequence[str], count: int, cells: int, describe: Describe) -> Maps:
    """At most `count` galaxies of these parts."""
    rows = _some(data, parts, count)
    ids = [data.packed.ids[row] for row in rows]
    truth = data.source.structure_maps(ids)  # first, because it may not exist
    features = describe(data.catalogue_loader(rows), cells)
    return Maps(ids, features, data.packed.images[rows], truth, data.source.structures)


def _pictures(
    data: GalaxyData, parts: Sequence[str], embedding: Embedding, probe: PictureProbe
) -> tuple[np.ndarray, Embedding]:
    """What a probe of pictures asks for."""
    return data.packed.images[_some(data, parts, probe.test_count)], embedding


def _some(data: GalaxyData, parts: Sequence[str], count: int) -> np.ndarray:
    """Rows of at most `count` galaxies of these parts, chosen by their ids."""
    rows = data.rows(*parts)
    order = np.argsort(hashed([data.packed.ids[row] for row in rows], "maps"), kind="stable")
    return np.sort(rows[order[:count]])


def _embedding(encoder: Encoder, image: Tensor) -> np.ndarray:
    """(N, C, H, W) float in [0, 1] -> (N, D)."""
    batches = (Batch(id=["picture"] * len(part), image=part) for part in torch.split(image, AT_A_TIME))
    return embed(encoder, batches).embedding()


def _components(pca: PCA, image: Tensor) -> np.ndarray:
    """(N, C, H, W) float in [0, 1] -> (N, D), as the packed pixels are projected."""
    projected: np.ndarray = pca.transform(image.permute(0, 2, 3, 1).flatten(1).numpy())
    return projected


def _examples(folder: str, size_px: int, cells: int, describe: Describe) -> FeatureMaps:
    """The first images of a folder, at the size of the others."""
    files = list_images(Path(folder).expanduser())[:EXAMPLES]
    images = np.stack([_read(file, size_px) for file in files])
    ids = [file.stem for file in files]
    batch = Batch(id=ids, image=torch.from_numpy(images).permute(0, 3, 1, 2))
    return FeatureMaps(ids, describe([batch], cells), images)


def _read(file: Path, size_px: int) -> np.ndarray:
    try:
        return read_image(file, size_px)
    except Unreadable as error:
        raise DataError(f"{file}: {error.reason}; remove it from the examples") from error


def _pixel_maps(loader: Iterable[Batch], cells: int) -> np.ndarray:
    """Galaxies -> (N, cells, cells, C P P) float16, the pixels of each cell."""
    found = []
    for batch in loader:
        image = as_float(batch["image"])
        found.append(F.pixel_unshuffle(image, image.shape[-1] // cells).permute(0, 2, 3, 1).half().numpy())
    return np.concatenate(found)


def fit_pixels(data: GalaxyData, rows: np.ndarray, components: int) -> PCA:
    """Principal components of the pixels of these galaxies, or of as many of them as change anything."""
    pixels = _pixels(data, rows[:: max(1, len(rows) // FIT_PIXELS)])
    return PCA(min(components, *pixels.shape), svd_solver="randomized", random_state=0).fit(pixels)


def project(pca: PCA, data: GalaxyData, rows: np.ndarray) -> Catalogue:
    """These galaxies, with all columns, by the components of their pixels."""
    embedding = np.concatenate([pca.transform(_pixels(data, rows[i : i + 512])) for i in range(0, len(rows), 512)])
    ids = [data.packed.ids[row] for row in rows]
    return Catalogue.from_arrays(ids, embedding.astype(np.float32), data.catalogue_columns(rows), {})


def labelled(data: GalaxyData, parts: Sequence[str]) -> np.ndarray:
    """Rows of these parts that carry at least one label; all of them where nothing is labelled."""
    rows = data.rows(*parts)
    known = np.zeros(len(rows), dtype=bool)
    for values in data.columns.values():
        known |= np.isfinite(values[rows]) if values.dtype.kind == "f" else values[rows] != ""
    return rows[known] if known.any() else rows


def _pixels(data: GalaxyData, rows: np.ndarray) -> np.ndarray:
    pixels: np.ndarray = data.packed.images[rows].reshape(len(rows), -1).astype(np.float32) / 255
    return pixels
