"""What the gate lets through: in this process, for attacks that come by the hundred or would take long."""

import asyncio
import json
import socket
import threading
from functools import partial

import numpy as np
import pytest
import uvicorn
from hypothesis import strategies as st

from selfsup.analysis.components import reduce
from selfsup.analysis.interest import Bounds
from selfsup.catalogue import Catalogue
from selfsup.explorer import gate, patience
from selfsup.explorer.application import application
from selfsup.explorer.gate import Gate, Pace
from selfsup.explorer.hunting import Hunting, Settings
from selfsup.explorer.labelling import Labelling
from selfsup.explorer.site import Site
from tests.explorer.made_site import asked, exhibit
from tests.fuzzing import ODD, often, tried

pytestmark = pytest.mark.promise("explorer")
TOKEN, COUNT = "t" * 32, 30
TEXT = st.text(max_size=20) | st.sampled_from(ODD)
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, 2**63, -1, 10**400])
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)
ROWS = st.lists(st.integers(-2, COUNT + 1) | NUMBERS, max_size=6)
ANSWERS = st.lists(st.sampled_from(["bar_yes", "bar_no", "size_large", "size_small"]) | TEXT, max_size=4)
NEARLY = st.fixed_dictionaries(
    {}, optional={"row": NUMBERS | ANY, "rating": NUMBERS | ANY, "rows": ROWS | ANY, "answers": ANSWERS | ANY, "x": ANY}
)
BODIES = st.binary(max_size=60) | (ANY | NEARLY).map(lambda said: json.dumps(said).encode()) | st.just(b"[" * 60_000)
PATHS = ["/api/hunt/rate", "/api/label/answer", "/c/0/table.csv", "/c/0/table.fits", "/c/0/table.parquet", "/api/x"]


async def ask(app, method, path, body=b"", **headers):
    """Status and body of the answer to a request that comes as a browser of this machine sends it."""
    told = {"host": "127.0.0.1", "x-selfsup-token": TOKEN, "content-type": "application/json", **headers}
    scope = {
        **{"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode()},
        **{
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
        },
        "headers": [(name.replace("_", "-").encode(), text.encode()) for name, text in told.items()],
    }
    sent, received = [], []

    async def receive():
        if received:
            await asyncio.Event().wait()
        received.append(body)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site, and what it is made into behind a fresh gate."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "page").mkdir()
    embedding = np.random.default_rng(0).normal(size=(COUNT, 4))
    Catalogue.from_arrays([f"g{n}" for n in range(COUNT)], embedding, {"m": np.arange(COUNT)}, {}).save(
        folder / "a.parquet"
    )
    shown, catalogue = exhibit(folder / "a.parquet")
    settings = Settings(folder / "r.jsonl", "eve", 5, Bounds((1, 100), (0.1, 100), (0.1, 10)), 0.5, 0)
    table = shown.prepared.table
    hunting = Hunting(table, partial(reduce, catalogue, 4, lambda whole: whole.batches(100)), settings)
    labelling = Labelling(table, lambda: asked(folder, ["nobody", *catalogue.ids[:3]]), "eve")
    made = Site("Made up", [shown], None, folder / "page")
    yield lambda: Gate(application(made, hunting, labelling), "127.0.0.1", TOKEN, COUNT)
    made.close()


@often(150, 5000)
def test_any_body_is_answered_with_a_sentence(site, examples, record_property):
    app = site()

    def sent(path, content):
        app._pace = Pace(1, 1, lambda: 0.0)
        status, told = asyncio.run(ask(app, "POST", path, content))
        assert status in {200, 400, 404, 413}, told
        assert status == 200 or json.loads(told)["error"]

    tried(sent, examples, record_property, path=st.sampled_from(PATHS), content=BODIES)


@often(60, 3000)
def test_any_path_is_a_file_of_the_site_or_nothing(site, examples, record_property):
    def asked_for(path):
        status, told = asyncio.run(ask(site(), "GET", f"/{path}"))
        assert status in {200, 404}, told

    parts = st.sampled_from(
        ["c", "0", "..", "ids", "0.json", "near", "thumbs", "0.jpg", "%2e%2e", "1" * 30, "etc", "\0"]
    )
    paths = st.lists(parts | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=5).map("/".join)
    tried(asked_for, examples, record_property, path=paths)


@pytest.mark.parametrize("site_of", ["cross-site", "same-site"])
def test_no_page_of_another_site_asks_unless_the_browser_goes_there(site, site_of):
    for path in ("/api/hunt/ratings.csv", "/site.json", "/c/0/thumbs/0.jpg"):
        assert asyncio.run(ask(site(), "GET", path, sec_fetch_site=site_of, sec_fetch_mode="no-cors"))[0] == 403
    body = b'{"rows": [1]}'
    assert asyncio.run(ask(site(), "POST", "/c/0/table.csv", body, sec_fetch_site=site_of))[0] == 403
    assert asyncio.run(ask(site(), "GET", "/site.json", sec_fetch_site=site_of, sec_fetch_mode="navigate"))[0] == 200
    assert asyncio.run(ask(site(), "GET", "/site.json", sec_fetch_site="same-origin", sec_fetch_mode="cors"))[0] == 200


def test_too_many_requests_are_refused_until_a_moment_has_passed(site):
    now, app = [0.0], site()
    app._pace = Pace(3, 2, lambda: now[0])
    asked_for = [asyncio.run(ask(app, "POST", "/c/0/table.csv", b'{"rows": [1]}'))[0] for _ in range(5)]
    assert asked_for == [200, 200, 200, 429, 429]
    assert asyncio.run(ask(app, "GET", "/site.json"))[0] == 200
    now[0] += 0.5
    assert asyncio.run(ask(app, "POST", "/c/0/table.csv", b'{"rows": [1]}'))[0] == 200


def test_a_body_that_does_not_come_is_given_up(site, monkeypatch):
    monkeypatch.setattr(gate, "BODY_S", 0.05)
    sent = []

    async def send(message):
        sent.append(message)

    async def never():
        await asyncio.Event().wait()

    headers = [(b"host", b"127.0.0.1"), (b"x-selfsup-token", TOKEN.encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/hunt/rate", "headers": headers}
    asyncio.run(site()(scope, never, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n"]
)
def test_headers_that_do_not_come_are_given_up(begun, monkeypatch):
    monkeypatch.setattr(patience, "HEADERS_S", 0.05)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", http=patience.Patience)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as at:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [at]}, daemon=True)
        thread.start()
        with socket.create_connection(at.getsockname(), timeout=20) as slow:
            slow.sendall(begun)
            answer = b"".join(iter(lambda: slow.recv(1000), b""))  # until the server closes it
        assert answer.startswith(b"HTTP/1.1 204" if b"Host" in begun else b"")
        server.should_exit = True
        thread.join(20)
