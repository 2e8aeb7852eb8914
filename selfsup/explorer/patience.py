"""Connections that say nothing do not stay: who sends headers a byte at a time would hold all there can be."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEADERS_S = 10.0
"""That the headers of a request may take to arrive."""
MOST_CONNECTIONS = 400
"""At once; more are answered 503. A process may have some thousand files open."""


class Patience(H11Protocol):
    """The protocol of a connection, with an end to waiting for a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first."""
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next."""
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        self.loop.call_later(HEADERS_S, self._end, self.cycle)

    def _end(self, before: RequestResponseCycle | None) -> None:
        """Close, unless a request came since."""
        if self.cycle is before:
            self.transport.close()
