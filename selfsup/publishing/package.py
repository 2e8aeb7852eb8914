"""A published encoder is a folder of three files: weights, a description in JSON, and a page for people.

Nothing in it is code. `model.safetensors` holds numbers and their names (Hugging Face safetensors: no pickle), and
`config.json` says which encoder they belong to: its class passes the gate of every configuration, it has these keys
and no others, and it holds the SHA-256 of the weights, for the format itself does not notice a flipped bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load, save

from selfsup.config import build
from selfsup.durable import replacing
from selfsup.encoders.base import Encoder
from selfsup.encoders.dihedral import Symmetric, symmetric
from selfsup.spelling import nearest
from selfsup.types import ConfigError, DataError
from selfsup.versions import versions

WEIGHTS, CONFIG, CARD = FILES = ("model.safetensors", "config.json", "README.md")
FORMAT = 1
"""Raised when older programs could not read what is written."""

_MAX_TEXT_BYTES = 2**20
"""Of the description, and of the page: a stranger's file is not read to its end because it has none."""

_HEADER_BYTES = 2**24
"""That weights may have besides their numbers."""

_MAX_SIZE_PX = 4096
_PACKAGES = ("selfsup", "torch", "timm")


@dataclass(frozen=True)
class Description:
    """What has to be known of an encoder to ask it.

    Args:
        encoder: its node of the configuration, plain values.
        size_px: edge of the pictures it was trained on, to which others are resampled.
        channels: C of the pictures.
        dim: D of the embedding.
        symmetries: orientations of a picture over which it averages, 1 or 8.
        channels_last: memory format of its weights, which decides the last bits of a convolution.
    """

    encoder: dict[str, Any]
    size_px: int
    channels: int
    dim: int
    symmetries: int
    channels_last: bool


_KINDS: dict[str, type] = {
    "format": int,
    "encoder": dict,
    "size_px": int,
    "channels": int,
    "dim": int,
    "symmetries": int,
    "channels_last": bool,
    "weights_sha256": str,
    "versions": dict,
}
"""Keys of the description in JSON, all of them needed, and what each holds."""


def write_package(folder: Path, encoder: Encoder, description: Description, card: str) -> None:
    """Write the three files into a folder that is there, each whole or not at all; other files stay.

    The description is written last: beside weights of another writing it is refused.
    """
    plain = encoder.encoder if isinstance(encoder, Symmetric) else encoder
    weights = save({name: value.detach().cpu().contiguous() for name, value in plain.state_dict().items()})
    record = {
        "format": FORMAT,
        **asdict(description),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "versions": versions(_PACKAGES),
    }
    text = json.dumps(record, indent=2, allow_nan=False)
    for name, content in ((WEIGHTS, weights), (CARD, card.encode()), (CONFIG, f"{text}\n".encode())):
        with replacing(folder / name) as file:
            file.write(content)


def read_package(folder: Path, trust: Sequence[str] = ()) -> tuple[Encoder, Description, str]:
    """The encoder in evaluation mode, on the CPU; its description; its page, "" without one.

    Args:
        folder: with the files.
        trust: packages whose classes it may name.

    Raises:
        ConfigError: its class is not trusted, or cannot be built here.
        DataError: a file is missing, damaged, or says what cannot be.
    """
    record = _record(folder / CONFIG)
    description = Description(**{field.name: record[field.name] for field in fields(Description)})
    encoder = _built(folder / CONFIG, description, trust)
    _load_weights(encoder, folder / WEIGHTS, record["weights_sha256"])
    if description.channels_last:
        encoder.to(memory_format=torch.channels_last)
    card = _text(folder / CARD) if (folder / CARD).exists() else ""
    return symmetric(encoder, description.symmetries).eval().requires_grad_(False), description, card


def _record(file: Path) -> dict[str, Any]:
    """The description, with all keys and no others, each of its kind."""
    text = _text(file)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not JSON ({error}); fetch it again") from error
    if not isinstance(record, dict):
        raise DataError(f"{file}: not a description of an encoder; name a folder that selfsup task=publish has written")
    if faults := _faults(record):
        raise DataError(f"{file}: {'; '.join(faults)}; name a folder that selfsup task=publish has written")
    if record["format"] != FORMAT:
        raise DataError(f"{file}: of format {record['format']}, and this selfsup reads {FORMAT}; install a newer one")
    return record


def _faults(record: Mapping[str, Any]) -> list[str]:
    found = [f"there is no key {key!r}{nearest(key, list(_KINDS))}" for key in record if key not in _KINDS]
    for key, kind in _KINDS.items():
        if key not in record:
            found.append(f"{key!r} is missing")
        elif type(record[key]) is not kind:  # not isinstance: true is an int to Python, and no size
            found.append(f"{key!r} is no {kind.__name__}")
    if "${" in json.dumps(record):  # an interpolation would read the environment
        found.append("there is an interpolation in it")
    if not found and not 1 <= record["size_px"] <= _MAX_SIZE_PX:
        found.append(f"'size_px' is not between 1 and {_MAX_SIZE_PX}")
    if not found and record["symmetries"] not in (1, 8):
        found.append("'symmetries' is neither 1 nor 8")
    return found


def _built(file: Path, description: Description, trust: Sequence[str]) -> Encoder:
    """The encoder that is described, with weights that are still to come."""
    node = dict(description.encoder)
    if "pretrained" in node:
        node["pretrained"] = False  # the weights are here: none need to be fetched
    try:
        encoder: Encoder = build(OmegaConf.create(node), "encoder", trust=trust)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    except (
        RuntimeError,
        ValueError,
        ArithmeticError,
        MemoryError,
        AssertionError,
    ) as error:  # as torch and timm say it
        raise DataError(f"{file}: its encoder cannot be built ({str(error).splitlines()[0]})") from error
    made, told = (encoder.dim, encoder.mean.shape[1]), (description.dim, description.channels)
    if made != told:
        raise DataError(f"{file}: dim and channels are said to be {told}, and its encoder has {made}; fetch it again")
    return encoder


def _load_weights(encoder: Encoder, file: Path, sha256: str) -> None:
    """Give the encoder the weights of this file, if they are those that were published, and its own."""
    most = sum(value.nbytes for value in encoder.state_dict().values()) + _HEADER_BYTES
    content = _content(file, most, "its encoder has no so many weights")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{file}: damaged: its bytes are not those that were published (SHA-256); fetch it again")
    try:
        encoder.load_state_dict(load(content))
    except (SafetensorError, RuntimeError, LookupError, ValueError, TypeError) as error:
        raise DataError(f"{file}: the weights do not fit the encoder of {CONFIG}: {error}") from error


def _text(file: Path) -> str:
    try:
        return _content(file, _MAX_TEXT_BYTES, "it is not what selfsup has written").decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not a text ({error}); fetch it again") from error


def _content(file: Path, most: int, why: str) -> bytes:
    """The bytes of a file, which are not read where they are more than they can be.

    Raises:
        DataError: no such file, no file at all, or one that is too large.
    """
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise DataError(f"{file}: not a file; fetch the folder again")
        with file.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); fetch the folder again") from error
    if len(content) > most:
        raise DataError(f"{file}: more than {most // 2**20} MiB; {why}")
    return content
