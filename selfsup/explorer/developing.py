"""Pictures as JPEG, made when they are asked for: by one thread, many at a time, and remembered.

However many requests wait, one thread of this process makes pictures of a kind; what it makes it makes for all that
wait, since some sources read or draw many at a time. The latest are kept in memory, up to a number of bytes.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from PIL import Image

from selfsup.types import ConfigError, DataError

TOGETHER = 64
"""Pictures made before the first of them is handed out."""
_OVERHEAD_BYTES = 200
"""Of something remembered, beside its own bytes."""


class Pictures(Protocol):
    """Pictures of the rows of a catalogue."""

    def some(self, rows: Sequence[int]) -> Iterable[np.ndarray | None]:
        """Of each of these rows (H, W, 3) uint8, square; None where there is none. Called from one thread at a time."""


class Darkroom:
    """Makes the pictures of a kind.

    Args:
        pictures: -> where they come from; called once, in the background, since listing files takes time.
        edge_px: larger pictures are made smaller.
        jpeg_quality: 1 to 95.
        cache_bytes: that are remembered.
    """

    def __init__(self, pictures: Callable[[], Pictures], edge_px: int, jpeg_quality: int, cache_bytes: int) -> None:
        self.edge_px, self._quality = edge_px, jpeg_quality
        self._cache = _Cache(cache_bytes)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[bytes | None]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._source = self._thread.submit(pictures)

    def picture(self, row: int) -> bytes | None:
        """The picture of a row, None where there is none; waits until it is made.

        Raises:
            ConfigError: there are no pictures of this catalogue.
            DataError: the same.
        """
        with self._lock:
            if row in self._cache:
                return self._cache[row]
            told = self._waiting.get(row)
            if told is None:
                told = self._waiting[row] = Future()
                self._thread.submit(self._make)
        return told.result()

    def some(self, rows: Sequence[int]) -> list[bytes | None]:
        """The pictures of many rows, made at once and not remembered; errors as above."""
        return self._thread.submit(self._developed, rows).result()

    def fault(self, wait: bool) -> str:
        """Why there are no pictures; "" where there are, or, unless one waits, nobody knows yet."""
        if not (wait or self._source.done()):
            return ""
        error = self._source.exception()
        if error is not None and not isinstance(error, ConfigError | DataError):
            raise error
        return "" if error is None else str(error)

    def close(self) -> None:
        """Make no more; who still waits is told so by a `CancelledError`."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for told in self._waiting.values():
                told.cancel()

    def _make(self) -> None:
        """What is waited for, the latest first."""
        with self._lock:
            latest = sorted([*self._waiting][-TOGETHER:])
            told = {row: self._waiting[row] for row in latest if self._waiting[row].set_running_or_notify_cancel()}
        try:
            made = dict(zip(told, self._developed([*told]), strict=True))
        except BaseException as error:
            self._forget(told, {})
            for future in told.values():
                future.set_exception(error)
            raise
        self._forget(told, made)
        for row, picture in made.items():
            told[row].set_result(picture)

    def _forget(self, rows: Iterable[int], made: Mapping[int, bytes | None]) -> None:
        """Nobody waits for these rows any more; what was made of them is remembered."""
        with self._lock:
            for row in rows:
                del self._waiting[row]
            for row, picture in made.items():
                self._cache[row] = picture

    def _developed(self, rows: Sequence[int]) -> list[bytes | None]:
        return [None if each is None else self._jpeg(each) for each in self._source.result().some(rows)] if rows else []

    def _jpeg(self, pixels: np.ndarray) -> bytes:
        image, out = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
        if image.width > self.edge_px:
            image = image.resize((self.edge_px, self.edge_px), Image.Resampling.LANCZOS)
        image.save(out, "JPEG", quality=self._quality)
        return out.getvalue()


class _Cache:
    """What was used last, up to a number of bytes; not for several threads at once."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held, self._kept = most_bytes, 0, OrderedDict[int, bytes | None]()

    def __contains__(self, row: int) -> bool:
        return row in self._kept

    def __getitem__(self, row: int) -> bytes | None:
        self._kept.move_to_end(row)
        return self._kept[row]

    def __setitem__(self, row: int, picture: bytes | None) -> None:
        self._kept[row] = picture
        self._held += _cost(picture)
        while self._held > self._most:
            self._held -= _cost(self._kept.popitem(last=False)[1])


def _cost(picture: bytes | None) -> int:
    return _OVERHEAD_BYTES + len(picture or b"")
