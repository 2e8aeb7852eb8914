"""A web site as a folder of files, for any web host."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from selfsup.durable import replacing_folder
from selfsup.explorer.site import Site
from selfsup.types import DataError


def require_free(folder: Path) -> None:
    """Raise DataError where there is something already."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise DataError(f"{folder}: there is something already; name a new folder by task.static=DIR")


def write_site(site: Site, folder: Path, advance: Callable[[int], None]) -> int:
    """Write every file -> how many; the folder is whole or not there.

    Raises:
        DataError: there is something at that place, or the page is not built.
    """
    require_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with replacing_folder(folder) as partial:
        for path, file in site.files(advance):
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.body)
            written += 1
        os.sync()  # all at once: one by one, the thousands of small files would take hours
    return written
