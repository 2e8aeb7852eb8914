"""The Python API in two functions: an encoder from wherever it is, and the embeddings of pictures.

The numbers are those of `task=embed`: the same decoding, the same centre square, the same scale, the same loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from selfsup import embed as trained
from selfsup.checkpoint import read_checkpoint
from selfsup.data.decode import Unreadable, square_of
from selfsup.data.pictures import FilePictures
from selfsup.encoders.dihedral import require_symmetries, symmetric
from selfsup.publishing.card import history, model_card
from selfsup.publishing.hub import PublishedEncoder, fetched
from selfsup.publishing.package import CONFIG, WEIGHTS, Description, read_package
from selfsup.types import Batch, ConfigError, DataError

HUB = "hf://"
"""Begins the address of an encoder on the Hugging Face hub: hf://owner/name, hf://owner/name@revision."""

Pictures = Sequence[str | PathLike[str]] | np.ndarray
"""JPEG or PNG files, or (N, H, W, 3) uint8."""


def load_encoder(path: str | PathLike[str], trust: Sequence[str] = (), symmetries: int = 1) -> PublishedEncoder:
    """An encoder in evaluation mode, on the CPU: (B, C, H, W) float in [0, 1] -> (B, D); see `embed_images`.

    Args:
        path: a published folder, "hf://owner/name" or "hf://owner/name@revision", a run's folder, or a checkpoint file.
        trust: packages whose classes it may name.
        symmetries: orientations of a picture over which it averages: 1 (as it was trained or published), or 8.

    Raises:
        ConfigError: nothing there, it cannot be fetched, its classes are not trusted, or no such symmetries.
        DataError: a file is damaged, or the weights are not those of the encoder.
    """
    require_symmetries(symmetries, "symmetries")
    if str(path).startswith(HUB):
        found = _from_hub(str(path), trust)
    else:
        found = _from_disk(Path(path).expanduser(), trust, symmetries)
    described = replace(found.description, symmetries=max(symmetries, found.description.symmetries))
    return PublishedEncoder(symmetric(found.encoder, symmetries), described, found.card).eval()


def embed_images(encoder: PublishedEncoder, images: Pictures, batch_size: int = 256) -> np.ndarray:
    """Pictures of any size -> (N, D) float32, in their order; those of `task=embed` with the same encoder.

    Args:
        encoder: from `load_encoder`; works where it is, on the CPU or a GPU.
        images: files, or pixels (N, H, W, 3) uint8; of each the centre square is resampled to the encoder's size.
        batch_size: pictures that the encoder sees at once.

    Raises:
        DataError: a file that is no picture, or pixels that are none; says which.
    """
    embedding: np.ndarray = trained.embed(encoder, _batches(_squares(images, encoder.size_px), batch_size)).embedding()
    return embedding


def _from_hub(address: str, trust: Sequence[str]) -> PublishedEncoder:
    name, _, revision = address.removeprefix(HUB).partition("@")
    return PublishedEncoder(*read_package(fetched(name, revision or None), trust))


def _from_disk(path: Path, trust: Sequence[str], symmetries: int) -> PublishedEncoder:
    if not path.exists():
        raise ConfigError(
            f"{path}: nothing there; name a published folder, a run's folder, a checkpoint file, or {HUB}owner/name"
        )
    if (path / CONFIG).exists() or (path / WEIGHTS).exists():
        return PublishedEncoder(*read_package(path, trust))
    encoder = trained.load_encoder(path, trust, symmetries)
    saved = read_checkpoint(path)
    config = saved["config"]
    description = Description(
        encoder={**config["encoder"], **({"pretrained": False} if "pretrained" in config["encoder"] else {})},
        size_px=config["data"]["size_px"],
        channels=encoder.mean.shape[1],
        dim=encoder.dim,
        symmetries=symmetries,
        channels_last=config["trainer"]["channels_last"],
    )
    return PublishedEncoder(encoder, description, model_card(description, history(path, saved)))


def _squares(images: Pictures, size_px: int) -> Iterator[np.ndarray]:
    """Each picture's centre square, (size_px, size_px, 3) uint8."""
    if isinstance(images, np.ndarray) and images.dtype.kind not in "OU":
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise DataError(f"images: {images.shape} {images.dtype}; pixels are (N, H, W, 3) uint8, and files a list")
        yield from (square_of(pixels, size_px) for pixels in images)
        return
    if isinstance(images, str | PathLike):
        raise DataError(f"images: one path, {str(images)!r}; write a list of files")
    files = [Path(file).expanduser() for file in images]
    for file, pixels in zip(files, FilePictures([], files, size_px).some(range(len(files))), strict=True):
        if isinstance(pixels, Unreadable):
            raise DataError(f"{file}: {pixels.reason}; leave it out")
        yield pixels


def _batches(squares: Iterable[np.ndarray], batch_size: int) -> Iterator[Batch]:
    """As the packed store makes them, down to the order of the bytes in memory."""
    remaining, done = iter(squares), 0
    while pixels := list(islice(remaining, batch_size)):
        ids = [str(done + row) for row in range(len(pixels))]
        yield Batch(id=ids, image=torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))
        done += len(pixels)
