"""The site as an application: the files that are read, and under `api/` what is written and asked.

Errors are {"error": a sentence that says what to do}. Bodies are checked by pydantic, strictly; no path, no name of a
file and no query ever comes from the browser, only numbers of rows and names that are looked up.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from selfsup.explorer.answering import KINDS, Strict, file_of, tell_errors
from selfsup.explorer.api import add_hunt, add_label, nothing_there
from selfsup.explorer.hunting import Hunting
from selfsup.explorer.labelling import Labelling
from selfsup.explorer.refusal import Refused
from selfsup.explorer.site import Site
from selfsup.exports.content import Content
from selfsup.exports.formats import FORMATS

_TABLES = ("csv", "parquet", "fits")


class Chosen(Strict):
    """Rows of a table, in its order."""

    rows: list[int]


def application(site: Site, hunting: Hunting | None, labelling: Labelling | None) -> FastAPI:
    """The site, where ratings and answers are taken if there is a hunt and a campaign; to be put behind a `Gate`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    tell_errors(app)
    if hunting is not None:
        add_hunt(app, hunting)
    if labelling is not None:
        add_label(app, labelling)

    @app.post("/c/{number}/table.{ending}")
    def table(number: str, ending: str, chosen: Chosen) -> Response:
        return _table(site, f"c/{number}/table.{ending}", ending, chosen.rows)

    @app.api_route("/api/{name:path}", methods=["GET", "POST"])
    def missing(name: str) -> None:
        nothing_there(name)

    @app.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def read(path: str, request: Request) -> Response:
        facts = {"hunt": hunting is not None, "label": labelling is not None, "live": True}
        return await run_in_threadpool(file_of, site, path, facts, request.headers)

    return app


def _table(site: Site, path: str, ending: str, rows: list[int]) -> Response:
    """A file of these rows, in their order, in a folder that goes when it was sent."""
    exhibit = site.exhibit(path)
    if ending not in _TABLES:
        raise Refused(404, f"Tables end in .{', .'.join(_TABLES)}.")
    if len(set(rows)) < len(rows) or any(not 0 <= row < len(exhibit) for row in rows):
        raise Refused(400, f"rows: name each galaxy once; the catalogue has {len(exhibit)}, which count from 0.")
    selected = exhibit.prepared.table.selected(np.array(rows, dtype=np.int64))
    content = Content(selected, None, False, lambda _: None)
    folder = tempfile.mkdtemp(prefix="selfsup-")
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    try:
        file = Path(folder, f"galaxies.{ending}")
        FORMATS[file.suffix](content, file)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    headers = {"cache-control": "no-store"}
    return FileResponse(file, media_type=KINDS[ending], filename=file.name, background=gone, headers=headers)
