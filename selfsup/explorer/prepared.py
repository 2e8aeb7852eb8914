"""What a page is given of a catalogue, made once and kept in a folder beside it: maps, columns to draw, rows at hand.

The folder says of which state of the catalogue it is; when that changes, it is made anew. It is whole or not there, and
of servers that start together one makes it, and the others wait.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfsup.analysis.beside import alone_in
from selfsup.catalogue import Catalogue
from selfsup.durable import replacing_folder, synced
from selfsup.explorer import questions
from selfsup.explorer.columns import draw_column
from selfsup.explorer.maps import Layout, draw_maps
from selfsup.explorer.table import Table, columns_of, write_table
from selfsup.exports.columns import Column
from selfsup.types import DataError

FORMAT = 1
MADE, MANIFEST, ROWS = "made", "manifest.json", "rows.arrow"
log = logging.getLogger(__name__)
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Prepared:
    """A folder that is whole.

    Args:
        folder: `maps/`, `columns/`, the rows.
        said: its manifest: galaxies, dim, maps, columns, tree, provenance as a page is told of them.
        table: ids and columns.
        version: differs where anything in it could.
    """

    folder: Path
    said: dict[str, Any]
    table: Table
    version: str


def prepare(
    catalogue: Catalogue, home: Path, made_of: dict[str, Any], layouts: Sequence[Layout], advance: Advance
) -> Prepared:
    """The prepared files of a catalogue, made where there are none, or others.

    Args:
        catalogue: that is shown.
        home: folder that keeps them.
        made_of: what they depend on, as plain values: state of the catalogue, settings of the maps.
        layouts: maps, one at least.
        advance: told how many values have been written: `len(catalogue)` for the rows, and for each column.

    Raises:
        ConfigError: the folder cannot be written.
        DataError: no galaxies, or a place on a map is missing.
    """
    if not len(catalogue):
        raise DataError("the catalogue is empty: there is nothing to explore; embed some galaxies.")
    identity = json.loads(json.dumps({"format": FORMAT, **made_of, "maps": [layout.name for layout in layouts]}))
    folder = home / MADE
    if _said(folder, identity) is None:
        with alone_in(home, "name another folder by task.prepared=DIR"):
            if _said(folder, identity) is None:  # and not made by another meanwhile
                log.info("%s: preparing %d galaxies", folder, len(catalogue))
                _make(folder, catalogue, identity, layouts, advance)
    said = _said(folder, identity)
    if said is None:
        raise DataError(f"{folder}: was removed while it was read; start again")
    return Prepared(folder, said, Table(folder / ROWS), json.dumps(identity, sort_keys=True))


def _said(folder: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest; None where there is none, or of something else."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return dict(manifest["said"]) if manifest["identity"] == identity else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(
    folder: Path, catalogue: Catalogue, identity: dict[str, Any], layouts: Sequence[Layout], advance: Advance
) -> None:
    columns = columns_of(catalogue)
    with replacing_folder(folder) as partial:
        maps = draw_maps(layouts, partial)  # first, for they say themselves how far they are
        write_table(catalogue, columns, partial / ROWS, advance)
        said = {
            **{"galaxies": len(catalogue), "dim": catalogue.dim, "maps": maps},
            "columns": _draw_columns(catalogue, columns, partial, advance),
            "tree": _tree(catalogue, columns),
            "provenance": without_paths(catalogue.provenance),
        }
        with synced(partial / MANIFEST) as stream:
            stream.write(json.dumps({"identity": identity, "said": said}).encode())
        shutil.rmtree(folder, ignore_errors=True)


def _draw_columns(
    catalogue: Catalogue, columns: Sequence[Column], folder: Path, advance: Advance
) -> list[dict[str, Any]]:
    (folder / "columns").mkdir()
    told = []
    for number, column in enumerate(columns):
        told.append(asdict(draw_column(catalogue, column, folder, number)))
        advance(len(catalogue))
    return told


def _tree(catalogue: Catalogue, columns: Sequence[Column]) -> dict[str, Any] | None:
    data = catalogue.provenance.get("data")
    named = data.get("tree") if isinstance(data, dict) else None
    found = questions.tree_of({column.name for column in columns}, named)
    return None if found is None else questions.told(found)


def without_paths(value: Any) -> Any:
    """Provenance for everyone: of what looks like a path on this machine, the last part."""
    if isinstance(value, dict):
        return {name: without_paths(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_paths(each) for each in value]
    is_path = isinstance(value, str) and value.startswith(("/", "~", "./", "../"))
    return Path(value).name if is_path else value
