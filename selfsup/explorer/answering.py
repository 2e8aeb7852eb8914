"""Answers of HTTP: files that a browser may keep, what is told, what is attached, and errors as sentences."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from selfsup.explorer.refusal import Refused
from selfsup.explorer.site import FACTS, Site, digest
from selfsup.types import ConfigError, DataError

KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "bin": "application/octet-stream",
    "parquet": "application/vnd.apache.parquet",
    "fits": "application/fits",
}
_TEXTS = ("html", "js", "css", "json", "csv", "svg")
_FEWEST_BYTES = 1024
"""That are worth the work of compressing."""
_ANY = KINDS["bin"]


class Strict(BaseModel):
    """A body that is this and nothing else."""

    model_config = ConfigDict(strict=True, extra="forbid")


def file_of(site: Site, path: str, facts: dict[str, bool], asked: Mapping[str, str]) -> Response:
    """A file, or that the browser has it already."""
    tag = site.tag(path)
    if tag and _has(asked, tag):
        return _unchanged(tag)
    file = site.facts(**facts) if path == FACTS else site.get(path)
    tag = tag or digest(file.body)
    if _has(asked, tag):
        return _unchanged(tag)
    headers, body = _kept(tag), file.body
    if file.kind in _TEXTS and len(body) >= _FEWEST_BYTES:
        headers["vary"] = "accept-encoding"
        if "gzip" in asked.get("accept-encoding", ""):
            body, headers["content-encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
    return Response(body, media_type=KINDS.get(file.kind, _ANY), headers=headers)


def _has(asked: Mapping[str, str], tag: str) -> bool:
    return f'"{tag}"' in asked.get("if-none-match", "")


def _kept(tag: str) -> dict[str, str]:
    """A browser may keep it, and asks each time: another catalogue may be shown at the same address tomorrow."""
    return {"etag": f'W/"{tag}"', "cache-control": "private, no-cache"}


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers=_kept(tag))


def told(said: dict[str, Any]) -> Response:
    """What is so now, as JSON."""
    return JSONResponse(said, headers={"cache-control": "no-store"})


def fresh(body: bytes, kind: str) -> Response:
    """What is so now, as bytes."""
    return Response(body, media_type=KINDS[kind], headers={"cache-control": "no-store"})


def attached(body: bytes, name: str) -> Response:
    """A file to be saved."""
    response = fresh(body, name.rpartition(".")[2])
    response.headers["content-disposition"] = f'attachment; filename="{name}"'
    return response


def tell_errors(app: FastAPI) -> None:
    """Every error is a sentence."""

    def answered(status: int, sentence: str) -> JSONResponse:
        return JSONResponse({"error": sentence}, status, {"cache-control": "no-store"})

    def refused(_: Request, error: Exception) -> Response:
        return answered(error.status, error.sentence) if isinstance(error, Refused) else answered(400, str(error))

    def malformed(_: Request, error: Exception) -> Response:
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
        if first.get("type") == "json_invalid":
            return answered(400, "The body is not JSON.")
        place = ".".join(str(part) for part in first.get("loc", ()) if part != "body")
        return answered(400, f"{place or 'body'}: {first.get('msg', 'malformed')}"[:500])

    def unknown(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        said = {400: "The body is not JSON.", 405: "This cannot be done here."}
        return answered(status, said.get(status, "There is nothing of that name."))

    def broken(_: Request, error: Exception) -> Response:
        del error  # which the log tells
        return answered(500, "Something went wrong here; the program's log says what.")

    kinds: dict[type[Exception], Callable[[Request, Exception], Response]] = {
        **{Refused: refused, DataError: refused, ConfigError: refused},
        **{RequestValidationError: malformed, HTTPException: unknown, Exception: broken},
    }
    for kind, handler in kinds.items():
        app.add_exception_handler(kind, handler)
