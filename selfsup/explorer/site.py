"""The whole web site: the page, one or two catalogues, and what they have in common. The same files live and written.

index.html, app.js, ...   the page
site.json                 what there is to see
c/0/..., c/1/...          a catalogue each (`exhibit`)
compare.json              of two
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfsup.explorer.comparison import Comparison
from selfsup.explorer.exhibit import Exhibit, File
from selfsup.explorer.refusal import Refused
from selfsup.types import DataError
from selfsup.versions import versions

PAGE = Path(__file__).parent / "page"
INDEX, FACTS = "index.html", "site.json"
UNBUILT = "The page is not built: run `npm install && npm run build` in selfsup/explorer/front, and start again."


@dataclass(frozen=True)
class Site:
    """What is shown.

    Args:
        title: of it all.
        exhibits: one or two catalogues.
        comparison: of two.
        page: folder of the built page.
    """

    title: str
    exhibits: Sequence[Exhibit]
    comparison: Comparison | None
    page: Path
    _files: dict[str, Path] = field(init=False, repr=False)
    _shared: dict[str, File] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """List the page's files: nothing else of this machine is ever read because of its name."""
        found = (file for file in sorted(self.page.rglob("*")) if file.is_file() and not file.name.startswith("."))
        object.__setattr__(self, "_files", {file.relative_to(self.page).as_posix(): file for file in found})
        object.__setattr__(self, "_shared", {} if self.comparison is None else _shared(self.comparison))

    def get(self, path: str) -> File:
        """The file at a path, "" for the page itself; not `site.json`, which `facts` makes.

        Raises:
            Refused: there is none.
        """
        path = path or INDEX
        if path in self._files:
            return File(self._files[path].read_bytes(), path.rpartition(".")[2])
        if path == INDEX:
            raise Refused(404, UNBUILT)
        if path in self._shared:
            return self._shared[path]
        return self.exhibit(path).get(path.split("/", 2)[2])

    def exhibit(self, path: str) -> Exhibit:
        """The catalogue that a path, "c/0/...", is in.

        Raises:
            Refused: it is in none.
        """
        folder, _, rest = path.partition("/")
        number, _, name = rest.partition("/")
        known = {str(place): exhibit for place, exhibit in enumerate(self.exhibits)}
        if folder != "c" or number not in known or not name:
            raise Refused(404, "There is no such page; begin at the address that the program prints.")
        return known[number]

    def tag(self, path: str) -> str:
        """A text that differs whenever the file at a path does; "" where only its content says so."""
        by_content = not path.startswith("c/") or path in self._shared or path.endswith("/about.json")
        return "" if by_content else self.exhibit(path).version

    def facts(self, hunt: bool, label: bool, live: bool) -> File:
        """`site.json`."""
        said = {
            **{"title": self.title, "live": live, "version": versions(["selfsup"]).get("selfsup", "")},
            "catalogues": [{"path": f"c/{k}", "title": exhibit.title} for k, exhibit in enumerate(self.exhibits)],
            **{"hunt": hunt, "label": label},
        }
        return File(_json(said), "json")

    def files(self, advance: Callable[[int], None]) -> Iterator[tuple[str, File]]:
        """Every file, as a page that is not live is given them; `advance` is told how many galaxies are done.

        Raises:
            DataError: the page is not built.
        """
        if INDEX not in self._files:
            raise DataError(f"{self.page}: {UNBUILT}")
        yield from ((path, self.get(path)) for path in self._files)
        yield FACTS, self.facts(hunt=False, label=False, live=False)
        yield from self._shared.items()
        for number, exhibit in enumerate(self.exhibits):
            yield from ((f"c/{number}/{name}", file) for name, file in exhibit.files(advance))

    def close(self) -> None:
        """Make no more pictures."""
        for exhibit in self.exhibits:
            exhibit.close()


def digest(body: bytes) -> str:
    """A text that differs whenever the bytes do."""
    return hashlib.sha256(body).hexdigest()[:24]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _shared(found: Comparison) -> dict[str, File]:
    """The files that two catalogues have in common."""
    return {
        "compare.json": File(_json(found.said), "json"),
        "c/1/match.bin": File(found.there.astype("<i4").tobytes(), "bin"),
        "c/0/match.bin": File(found.back.astype("<i4").tobytes(), "bin"),
    }
