"""The server on this machine: its port, its address with the token, and its end."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Any

import uvicorn

from selfsup.explorer.application import application
from selfsup.explorer.gate import LOOPBACK, Gate
from selfsup.explorer.hunting import Hunting
from selfsup.explorer.labelling import Labelling
from selfsup.explorer.patience import MOST_CONNECTIONS, Patience
from selfsup.explorer.refusal import Refused
from selfsup.explorer.site import Site
from selfsup.signals import listening
from selfsup.types import ConfigError, DataError

_GRACE_S = 5
"""That requests have to end when the server is to."""
log = logging.getLogger(__name__)


def bound(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0 is any that is free.

    Raises:
        ConfigError: the address is no single one of this machine, or taken.
    """
    if host in ("", "0.0.0.0", "::", "*"):
        raise ConfigError(
            f"task.host={host}: that is every network this machine is in; write the name or address under which "
            f"browsers reach it, or 127.0.0.1 for this machine alone"
        )
    if not 0 <= port <= 65535:
        raise ConfigError(f"task.port={port}: write 0 (any that is free) to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # It listens: from here on nobody else can, and who asks early waits.
        return socket.create_server((address[0], port), family=family)
    except OSError as error:
        raise ConfigError(
            f"task.host={host} task.port={port}: cannot listen there ({error}); write another task.port, or 0 for any "
            f"that is free"
        ) from error


def serve(
    site: Site, at: socket.socket, host: str, hunting: Hunting | None, labelling: Labelling | None, show: bool
) -> None:
    """Serve until Ctrl-C or SIGTERM; prints the address.

    Args:
        site: that is served.
        at: where the server listens.
        host: name of this machine in the address.
        hunting: the hunt, or None.
        labelling: the campaign, or None.
        show: whether to open a browser, where there is a screen.
    """
    token = secrets.token_urlsafe(24)
    most = max(len(exhibit) for exhibit in site.exhibits)
    app: Any = Gate(application(site, hunting, labelling), host, token, most)
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
        lifespan="off", ws="none", http=Patience, limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip
    server = uvicorn.Server(config)
    address = f"http://{_written(host)}:{at.getsockname()[1]}/#token={token}"
    if host.lower() not in LOOPBACK and not _is_loopback(host):
        log.warning("task.host=%s: everyone in this network can read the catalogue, over an open connection", host)
    if hunting is not None and hunting.began:
        _in_background(lambda: _resume(hunting))
    if show and _has_screen():
        _in_background(lambda: webbrowser.open(address))

    def end(*_: object) -> None:
        """What the server does too, once it runs: until then, and when it has ended, it is asked here."""
        server.should_exit = True

    with listening((signal.SIGINT, signal.SIGTERM), end):
        # Not into the log: who reads that need not be who may write.
        sys.stdout.write(f"\n{site.title}: {address}\nCtrl-C ends it.\n\n")
        sys.stdout.flush()
        server.run(sockets=[at])
    site.close()
    log.info("the explorer has ended")


def _resume(hunting: Hunting) -> None:
    """Learn from the ratings of before, so that their map is there; unless somebody was faster."""
    try:
        hunting.learn(offer=False)
    except (Refused, DataError) as error:
        log.info("nothing is learned of the earlier ratings now: %s", error)


def _in_background(work: Callable[[], object]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
