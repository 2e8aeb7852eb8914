"""All probes on one encoder: the same function during the training (on `val`) and after it (on `test`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.metrics import balanced_accuracy_score, r2_score
from torch import Tensor
from torch.nn import functional as F

from selfsup.catalogue import Catalogue
from selfsup.data.datamodule import GalaxyData
from selfsup.data.decode import Unreadable, read_image
from selfsup.data.source import Source, list_images
from selfsup.embed import as_float, device_of, embed, evaluation_mode, feature_maps
from selfsup.encoders.base import Encoder
from selfsup.probes.base import CatalogueProbe, Embedding, FeatureMaps, MapProbe, Maps, PictureProbe, Probe, Scores
from selfsup.probes.predictions import Predictions, chances
from selfsup.probes.split import hashed
from selfsup.types import Batch, ConfigError, DataError

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


class Predictor(Protocol):
    """What `score_head` needs of an objective."""

    def predict(self, image: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) in [0, 1] -> what the head says."""


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


@torch.inference_mode()
def score_head(objective: Any, data: GalaxyData, test: Sequence[str]) -> Scores:
    """What the objective's own head predicts for `test`, against the truth; no metrics for objectives without one.

    Votes are compared as shares of all volunteers, over all answers of the tree.
    """
    rows = labelled(data, test)
    said: dict[str, list[np.ndarray]] = {}
    with evaluation_mode(objective):
        for batch in data.catalogue_loader(rows):
            for name, value in objective.predict(as_float(batch["image"].to(device_of(objective)))).items():
                said.setdefault(name, []).append(value.float().cpu().numpy())
    predicted = {name: np.concatenate(values) for name, values in said.items()}
    scores: dict[str, float] = {}
    if "votes" in predicted and data.votes is not None:
        scores |= _score_votes(data, predicted["votes"], rows)
    if "label" in predicted and data.label is not None:
        scores |= _score_label(predicted["label"], data.label[rows])
    columns = _columns(data, predicted)
    ids = [data.packed.ids[row] for row in rows]
    metrics = {f"head/{name}": value for name, value in scores.items()}
    return Scores(metrics, predictions=Predictions(ids, columns) if columns else None)


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


def _columns(data: GalaxyData, predicted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a head says, as columns of predictions; classes other than those of the data are left out."""
    columns: dict[str, np.ndarray] = {}
    if "votes" in predicted and data.found.tree is not None:
        shares = data.found.tree.shares(predicted["votes"])
        columns |= {f"{answer}_share": shares[:, i] for i, answer in enumerate(data.found.tree.answers)}
    label = predicted.get("label")
    if label is not None and data.label is not None:
        if label.ndim == 1:
            columns["label"] = label
        elif label.shape[1] == len(data.found.classes):
            columns |= chances("label", data.found.classes, softmax(label.astype(np.float64), axis=1))
    return columns


def _score_votes(data: GalaxyData, fractions: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    tree = data.found.tree
    if tree is None or data.votes is None:
        return {}
    voted = data.votes[rows].sum(1) > 0
    truth = np.stack([data.columns[f"{answer}_share"][rows] for answer in tree.answers], axis=1)[voted]
    predicted = tree.shares(fractions[voted])
    mean = np.nanmean(truth, axis=0)
    return {
        "votes_mae": float(np.nanmean(np.abs(predicted - truth))),
        "votes_mae_constant": float(np.nanmean(np.abs(mean - truth))),
    }


def _score_label(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    if predicted.ndim == 2:
        known = truth >= 0
        said = predicted[known].argmax(1)
        accuracy = float((said == truth[known]).mean())
        return {"accuracy": accuracy, "balanced_accuracy": float(balanced_accuracy_score(truth[known], said))}
    known = np.isfinite(truth)
    error = float(np.abs(predicted[known] - truth[known]).mean())
    return {"r2": float(r2_score(truth[known], predicted[known])), "mae": error}


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
