"""What stands before the site: which requests are let in, and what every answer tells the browser to refuse.

A page of another web site may send requests to this machine, and a name of its own may lead here (DNS rebinding,
Jackson et al. 2007, doi:10.1145/1315245.1315298): so the request must name this machine, come from this very site, know
the token where something is written, and be short. The policy of the answers (https://www.w3.org/TR/CSP3) lets the page
run its own script and nothing else.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from selfsup.explorer.refusal import Refused

Message: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Message]]"
Send: TypeAlias = "Callable[[Message], Awaitable[None]]"
App: TypeAlias = "Callable[[Message, Receive, Send], Awaitable[None]]"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN = "x-selfsup-token"
SHORT_BYTES = 65_536
BODY_S = 10.0
"""That a body may take to arrive."""
BURST, PER_SECOND = 100, 20
"""Requests that write or make tables: at once, and in the long run."""
_HOST = re.compile(r"(?:\[([0-9a-f:]{2,39})\]|([a-z0-9._-]{1,253}))(?::[0-9]{1,5})?")
_OTHERS = ("cross-site", "same-site")
"""Whose page made a request, as browsers say it: another site's, or another port's (https://www.w3.org/TR/fetch-metadata)."""
_ELSEWHERE = "Another web site asked for this, which is not allowed."
_ROW_BYTES = 12
"""Of a number in a list of rows."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",  # nor may another site show the pictures
}


class Gate:
    """An application of ASGI (https://asgi.readthedocs.io) before another one.

    Args:
        app: that answers what is let in.
        host: name of this machine, besides those of the loopback.
        token: that writing needs.
        galaxies: of the largest catalogue, all rows of which a request may name.
    """

    def __init__(self, app: App, host: str, token: str, galaxies: int) -> None:
        self._app, self._token = app, token.encode()
        self._hosts = {*LOOPBACK, host.lower()}
        self._table_bytes = SHORT_BYTES + _ROW_BYTES * galaxies
        self._pace = Pace(BURST, PER_SECOND, time.monotonic)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), text.encode()) for name, text in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        try:
            self._require_own(scope)
            body = await self._body(scope, receive)
        except Refused as refusal:
            await _refuse(refusal, guarded)
            return
        await self._app(scope, _replayed(body, receive), guarded)

    def _require_own(self, scope: Message) -> None:
        """Raise Refused unless the request names this machine and comes from this site, and may do what it asks for."""
        host = _only(scope, b"host")
        if host is None or _name_of(host) not in self._hosts:
            raise Refused(403, "This address is not one of this program; use the one that it prints.")
        origins = _all(scope, b"origin")
        if any(origin.lower() != f"{scope.get('scheme', 'http')}://{host.lower()}" for origin in origins):
            raise Refused(403, _ELSEWHERE)
        if _only(scope, b"sec-fetch-site") in _OTHERS and _only(scope, b"sec-fetch-mode") != "navigate":
            raise Refused(403, _ELSEWHERE)
        if scope["method"] == "POST" and scope["path"].startswith("/api/"):
            given = (_only(scope, TOKEN.encode()) or "").encode("latin-1")
            if not hmac.compare_digest(given, self._token):
                raise Refused(403, "Writing needs the token: open the whole address that the program printed.")
        if scope["method"] == "POST" and not self._pace.allows():
            raise Refused(429, "Too many requests; wait a moment.")

    async def _body(self, scope: Message, receive: Receive) -> bytes:
        """All of the body, which is short and soon there."""
        if scope["method"] != "POST":
            return b""
        try:
            async with asyncio.timeout(BODY_S):
                return await _whole(receive, SHORT_BYTES if scope["path"].startswith("/api/") else self._table_bytes)
        except TimeoutError as error:
            raise Refused(408, f"The request took longer than {BODY_S:g} seconds to arrive.") from error


class Pace:
    """Allows so many at once, and so many a second after that (a token bucket).

    Args:
        burst: at once.
        per_second: later.
        clock: -> seconds.
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float]) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._at = burst, clock()

    def allows(self) -> bool:
        """Whether one more may be."""
        now = self._clock()
        self._left = min(self._burst, self._left + self._per_second * (now - self._at))
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def _whole(receive: Receive, most: int) -> bytes:
    """A body of at most so many bytes."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # gone
            raise Refused(400, "The request ended too early.")
        body += message.get("body", b"")
        if len(body) > most:
            raise Refused(413, f"The request is longer than {most} bytes; ask for fewer galaxies.")
        more = message.get("more_body", False)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, then what comes after it."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(refusal: Refused, send: Send) -> None:
    body = json.dumps({"error": refusal.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"cache-control", b"no-store"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _all(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _only(scope: Message, name: bytes) -> str | None:
    """The value of a header that is there once."""
    found = _all(scope, name)
    return found[0] if len(found) == 1 else None


def _name_of(host: str) -> str | None:
    """A host without its port, which a tunnel may change; None for what is no host."""
    found = _HOST.fullmatch(host.lower())
    return found[1] or found[2] if found else None
