"""One catalogue as files of a web site: made when they are asked for, or all of them to be written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

from selfsup.explorer.developing import Darkroom
from selfsup.explorer.near import Near, Nearest
from selfsup.explorer.prepared import Prepared
from selfsup.explorer.refusal import Refused
from selfsup.explorer.table import ID_ROWS, VALUE_ROWS

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_BLOCK_ROWS = 128
"""Galaxies whose pictures and neighbours are made together where all are written."""


class File(NamedTuple):
    """What is answered.

    Args:
        body: the bytes.
        kind: ending of the name, which says what they are: "json", "bin", "jpg", ...
    """

    body: bytes
    kind: str


@dataclass(frozen=True)
class Exhibit:
    """A catalogue that is shown.

    Args:
        title: of it.
        prepared: its files.
        nearest: the nearest others of its galaxies.
        thumbs: its small pictures.
        images: its large ones.
        views: name of a survey -> pictures as it sees the galaxies.
        place: columns of right ascension and declination, where it has both.
        shown_as: what else a picture depends on, as plain values.
    """

    title: str
    prepared: Prepared
    nearest: Nearest
    thumbs: Darkroom
    images: Darkroom
    views: Mapping[str, Darkroom]
    place: tuple[str, str] | None
    shown_as: Mapping[str, Any]
    version: str = field(init=False)
    """Differs where any file could."""

    def __post_init__(self) -> None:
        depends = json.dumps([self.prepared.version, self.shown_as], sort_keys=True)
        object.__setattr__(self, "version", hashlib.sha256(depends.encode()).hexdigest()[:24])

    def __len__(self) -> int:
        """N."""
        return len(self.prepared.table)

    def get(self, name: str) -> File:
        """The file of that name.

        Raises:
            Refused: there is none.
        """
        for pattern, read in _ROUTES.items():
            if found := re.fullmatch(pattern, name, re.ASCII):
                body = read(self, *found.groups())
                return File(body, name.rpartition(".")[2])
        raise Refused(404, "There is no such file.")

    def files(self, advance: Callable[[int], None]) -> Iterator[tuple[str, File]]:
        """Every file there is; `advance` is told how many galaxies are done."""
        yield "about.json", File(self.about(wait=True), "json")
        stored = [each["file"] for each in (*self.prepared.said["maps"], *self.prepared.said["columns"])]
        chunks = [f"ids/{chunk}.json" for chunk in range(ceil(len(self) / ID_ROWS))]
        chunks += [f"values/{chunk}.json" for chunk in range(ceil(len(self) / VALUE_ROWS))]
        yield from ((name, self.get(name)) for name in (*filter(None, stored), *chunks))
        for start in range(0, len(self), _BLOCK_ROWS):
            rows = range(start, min(start + _BLOCK_ROWS, len(self)))
            for row, near in zip(rows, self.nearest(rows), strict=True):
                yield f"near/{row}.json", File(_told(near), "json")
            yield from self._pictures(rows)
            advance(len(rows))

    def about(self, wait: bool) -> bytes:
        """What a page must know first. Whether there are pictures may not be known yet, and is then hoped."""
        said = self.prepared.said
        fault = self.thumbs.fault(wait)
        right, down = self.place or (None, None)
        numbers = {column["name"] for column in said["columns"] if column["kind"] == "number"}
        about = {
            **{name: said[name] for name in ("galaxies", "dim", "maps", "columns", "tree", "provenance")},
            **{"title": self.title, "id_rows": ID_ROWS, "value_rows": VALUE_ROWS, "size_px": self.thumbs.edge_px},
            "pictures": fault or True,
            "place": {"ra": right, "dec": down} if {right, down} <= numbers else None,
            "surveys": [] if fault else [*self.views],
        }
        return _json(about)

    def close(self) -> None:
        """Make no more pictures."""
        for darkroom in (self.thumbs, self.images, *self.views.values()):
            darkroom.close()

    def _pictures(self, rows: Sequence[int]) -> Iterator[tuple[str, File]]:
        """All pictures of these rows."""
        if self.thumbs.fault(wait=True):
            return
        rooms = {"thumbs/{}.jpg": self.thumbs, "images/{}.jpg": self.images}
        rooms |= {f"views/{{}}-{survey}.jpg": room for survey, room in self.views.items()}
        for name, room in rooms.items():
            for row, picture in zip(rows, room.some(rows), strict=True):
                if picture is not None:
                    yield name.format(row), File(picture, "jpg")

    def _stored(self, kind: str, name: str) -> bytes:
        """A prepared file, found among those there are: what is asked for is never a path."""
        known = {each["file"] for each in self.prepared.said[kind]}
        file = f"{kind}/{name}.bin"
        if file not in known:
            raise Refused(404, f"There is no such file among the {kind}.")
        return (self.prepared.folder / file).read_bytes()

    def _ids(self, chunk: str) -> bytes:
        start = self._within(int(chunk), ID_ROWS)
        return _json(self.prepared.table.ids(slice(start, start + ID_ROWS)))

    def _values(self, chunk: str) -> bytes:
        self._within(int(chunk), VALUE_ROWS)
        return self.prepared.table.values(int(chunk))

    def _near(self, row: str) -> bytes:
        (found,) = self.nearest([self._within(int(row), 1)])
        return _told(found)

    def _thumb(self, row: str) -> bytes:
        return self._picture(self.thumbs, row)

    def _image(self, row: str) -> bytes:
        return self._picture(self.images, row)

    def _view(self, row: str, survey: str) -> bytes:
        if survey not in self.views:
            raise Refused(404, "There are no pictures of this survey.")
        return self._picture(self.views[survey], row)

    def _picture(self, room: Darkroom, row: str) -> bytes:
        self._within(int(row), 1)
        if fault := room.fault(wait=True):
            raise Refused(404, fault)
        picture = room.picture(int(row))
        if picture is None:
            raise Refused(404, "There is no picture of this galaxy; it may have been moved, or cannot be read.")
        return picture

    def _within(self, chunk: int, rows: int) -> int:
        """The first row of a chunk."""
        if chunk * rows >= len(self):
            raise Refused(404, f"The catalogue has {len(self)} galaxies, which count from 0.")
        return chunk * rows


_ROUTES: dict[str, Callable[..., bytes]] = {
    r"about\.json": lambda exhibit: exhibit.about(wait=False),
    r"(maps|columns)/([a-z0-9]{1,20})\.bin": Exhibit._stored,
    rf"ids/{_NUMBER}\.json": Exhibit._ids,
    rf"values/{_NUMBER}\.json": Exhibit._values,
    rf"near/{_NUMBER}\.json": Exhibit._near,
    rf"thumbs/{_NUMBER}\.jpg": Exhibit._thumb,
    rf"images/{_NUMBER}\.jpg": Exhibit._image,
    rf"views/{_NUMBER}-([A-Za-z0-9_]{{1,20}})\.jpg": Exhibit._view,
}


def _told(near: Near) -> bytes:
    return _json([[row, similarity] for row, similarity in near])


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
