"""The columns of a galaxy in an archive: what the small files beside its picture say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfsup.data.tar_index import Member, content_of
from selfsup.types import DataError

_MAX_BYTES = 2**20
"""Of one file."""


def columns_of(archive: Path, parts: Mapping[str, Member]) -> dict[str, str | None]:
    """What the files beside a picture say, as text: the single values of its .json, and `cls`.

    Raises:
        DataError: one is too long, or not what its ending says.
    """
    said: dict[str, str | None] = {}
    for ending in ("json", "cls"):
        if ending not in parts:
            continue
        if parts[ending].size > _MAX_BYTES:
            raise DataError(f"{archive}: {parts[ending].name!r} has more than {_MAX_BYTES >> 20} MiB")
        content = content_of(archive, parts[ending])
        try:
            said |= _values(content) if ending == "json" else {"cls": content.decode().strip()}
        except (ValueError, RecursionError) as error:
            raise DataError(f"{archive}: {parts[ending].name!r} cannot be read ({error}); mend it") from error
    return said


def _values(content: bytes) -> dict[str, str | None]:
    """Numbers stay as they are written: tables are read in one way, whatever they come in."""
    read: Any = json.loads(content, parse_int=str, parse_float=str, parse_constant=lambda _: None)
    if not isinstance(read, dict):
        raise ValueError("not an object of names and values")
    plain = {name: value for name, value in read.items() if value is None or isinstance(value, str | bool)}
    # A catalogue has columns of these names already.
    renamed = {f"json_{name}" if name in ("id", "embedding") else name: value for name, value in plain.items()}
    said = {name: str(int(value)) if isinstance(value, bool) else value for name, value in renamed.items()}
    "".join([*said, *filter(None, said.values())]).encode()  # raises for half a character, which no table holds
    return said
