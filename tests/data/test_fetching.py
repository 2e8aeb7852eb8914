"""A download is resumed, checked and whole or not there, against a server that breaks off, lies and refuses."""

import hashlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest

from selfsup.data import fetching
from selfsup.data.fetching import Remote, fetch
from selfsup.types import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT, and does next what `plan` says.

    ("cut", bytes) breaks off after so many; ("anew", bytes) too, and knows no ranges; ("status", code); "html".
    """

    plan: ClassVar[list] = []
    asked: ClassVar[list] = []

    def do_GET(self):
        self.asked.append(self.headers.get("Range"))
        step = self.plan.pop(0) if self.plan else None
        if isinstance(step, tuple) and step[0] == "status":
            self.send_error(step[1])
            return
        content = b"<html>Too many requests</html>" if step == "html" else CONTENT
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(wanted[1]) if wanted and not (isinstance(step, tuple) and step[0] == "anew") else 0
        if start >= len(content):
            self.send_error(416)
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: step[1]] if isinstance(step, tuple) else body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(fetching, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(Server, "plan", [])
    monkeypatch.setattr(Server, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/some/data.bin?download=1"
        server.shutdown()
        thread.join()


def test_a_file_comes_whole_under_its_name_and_nothing_else_stays(address, tmp_path):
    file = fetch(Remote(address, SHA256), tmp_path / "new")
    assert file == tmp_path / "new" / "data.bin"
    assert file.read_bytes() == CONTENT
    assert [path.name for path in file.parent.iterdir() if not path.name.startswith(".")] == ["data.bin"]


def test_what_breaks_off_is_resumed_where_it_was(address, tmp_path):
    Server.plan[:] = [("cut", 100_000), ("cut", 0), ("cut", 50_000)]
    assert fetch(Remote(address, SHA256), tmp_path).read_bytes() == CONTENT
    assert Server.asked == [None, "bytes=100000-", "bytes=100000-", "bytes=150000-"]


def test_a_later_call_resumes_what_an_earlier_one_left(address, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:200_000])
    fetch(Remote(address, SHA256), tmp_path)
    assert Server.asked == ["bytes=200000-"]


def test_a_part_that_is_whole_already_is_only_checked(address, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(Remote(address, SHA256), tmp_path).read_bytes() == CONTENT
    assert not (tmp_path / "data.bin.part").exists()


def test_a_server_that_cannot_resume_begins_anew(address, tmp_path):
    Server.plan[:] = [("cut", 250_000), ("anew", 100_000), ("anew", 300_000)]
    assert fetch(Remote(address, SHA256), tmp_path).read_bytes() == CONTENT
    assert Server.asked == [None, "bytes=250000-", "bytes=100000-"]


def test_a_busy_server_is_asked_again_and_one_that_has_nothing_is_not(address, tmp_path):
    Server.plan[:] = [("status", 429), ("status", 503)]
    assert fetch(Remote(address, SHA256), tmp_path).read_bytes() == CONTENT
    Server.plan[:], Server.asked[:] = [("status", 404)], []
    with pytest.raises(DataError, match="404"):
        fetch(Remote(address, SHA256, "other.bin"), tmp_path)
    assert len(Server.asked) == 1


def test_other_bytes_than_were_published_are_never_named(address, tmp_path):
    Server.plan[:] = ["html"]
    with pytest.raises(DataError, match=r"not .* as published.*Too many requests.*try again"):
        fetch(Remote(address, SHA256), tmp_path)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert fetch(Remote(address, SHA256), tmp_path).read_bytes() == CONTENT


def test_it_gives_up_when_nothing_comes_and_keeps_what_came(address, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "ATTEMPTS", 3)
    Server.plan[:] = [("cut", 1000), *[("cut", 0)] * 3]
    with pytest.raises(DataError, match="run it again: 1000 bytes are kept"):
        fetch(Remote(address, SHA256), tmp_path)
    assert (tmp_path / "data.bin.part").read_bytes() == CONTENT[:1000]


def test_a_file_that_is_there_is_checked_and_not_fetched(address, tmp_path):
    fetch(Remote(address, SHA256), tmp_path)
    Server.asked.clear()
    fetch(Remote(address, SHA256), tmp_path)
    assert not Server.asked
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(DataError, match="move it away"):
        fetch(Remote(address, SHA256), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"


def test_two_at_once_fetch_it_once(address, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        files = list(pool.map(lambda _: fetch(Remote(address, SHA256), tmp_path), range(2)))
    assert files[0].read_bytes() == CONTENT
    assert len(Server.asked) == 1


def test_without_a_checksum_nothing_is_fetched(address, tmp_path):
    with pytest.raises(DataError, match="--sha256"):
        fetch(Remote(address, None), tmp_path)
    assert not Server.asked


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(address, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: fetching.shutil._ntuple_diskusage(10, 10, 10))
    with pytest.raises(DataError, match="more than are free"):
        fetch(Remote(address, SHA256), tmp_path)
