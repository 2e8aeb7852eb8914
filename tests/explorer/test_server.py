"""The explorer as a browser meets it: a real server in a real process, asked over HTTP; what it refuses, and keeps."""

import csv
import gzip
import http.client
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from selfsup.catalogue import About, Catalogue

COUNT, UNPICTURED = 600, 3
HOSTILE = ["<img src=x onerror=alert(1)>", "=cmd()", "../../etc/passwd", "naïve\u202e\u200b", 'a"b,c\nd']
SCRIPT = Path(__file__).with_name("made_site.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two catalogues, of which the second has the galaxies of the first in another order and without the last ten."""
    folder = tmp_path_factory.mktemp("site")
    rng = np.random.default_rng(0)
    ids = [*HOSTILE, *(f"g{i}" for i in range(len(HOSTILE), COUNT))]
    embedding = rng.normal(size=(COUNT, 6)).astype(np.float32)
    magnitude = rng.normal(18, 1, COUNT)
    magnitude[7] = np.nan
    columns = {
        **{"magnitude": magnitude, "kind": [*("spiral", "=evil()", ""), *["smooth"] * (COUNT - 3)]},
        **{"note": [f"note {i}" for i in range(COUNT)], "ra": rng.uniform(0, 360, COUNT), "dec": np.zeros(COUNT)},
        **{f"ring_{answer}_mean": rng.random(COUNT).astype(np.float32) for answer in ("yes", "no")},
        **{"<script>": np.arange(COUNT), "objid": np.arange(COUNT) + 2**60},
    }
    about = {"magnitude": About("mag", "in r")}
    made = Catalogue.from_arrays(ids, embedding, {}, {"folder": "/home/someone/images", "name": "embed"})
    made.append(columns, about).save(folder / "a.parquet")
    order = rng.permutation(COUNT - 10)
    other = Catalogue.from_arrays([ids[i] for i in order], embedding[order][:, ::-1], {}, {})
    other.save(folder / "b.parquet")
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!doctype html><title>x</title>")
    (folder / "page" / "app.js").write_text("'use strict';" * 200)
    return folder


class Server:
    """A process that serves; `get` and `post` ask it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, SCRIPT, *arguments], stdout=subprocess.PIPE, text=True)
        said = next(line for line in self.process.stdout if "http://" in line)
        self.port, self.token = re.search(r"http://127\.0\.0\.1:(\d+)/#token=(\S+)", said).groups()

    def ask(self, method, path, body=None, **headers):
        """Status, headers, body."""
        asked = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=30)
        asked.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = asked.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        asked.close()
        return found

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def json(self, path):
        status, _, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def post(self, path, said, **headers):
        headers = {"X-Selfsup-Token": self.token, "Content-Type": "application/json", **headers}
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        status, told, answer = self.ask("POST", path, body, **headers)
        return status, told, answer if told.get("content-disposition") else json.loads(answer)


@contextmanager
def served(*arguments):
    server = Server(*arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()


@pytest.fixture(scope="module")
def written(folder):
    """Where the site is written, before it is served."""
    return folder / "written"


@pytest.fixture(scope="module")
def server(folder, written):
    with served(folder, written) as running:
        yield running


def test_the_written_site_is_what_the_server_answers_byte_for_byte(server, written):
    files = {file.relative_to(written).as_posix() for file in written.rglob("*") if file.is_file()}
    first = {"about.json", "maps/pca.bin", "columns/0.bin", "ids/0.json", "values/2.json", "near/599.json"}
    first |= {"thumbs/599.jpg", "images/0.jpg", "views/5-hst.jpg", "match.bin"}
    assert {f"c/0/{name}" for name in first} | {"index.html", "app.js", "site.json", "compare.json"} <= files
    assert f"c/0/thumbs/{UNPICTURED}.jpg" not in files
    assert len(files) == 5 + 2 + (COUNT + COUNT - 10) * 4 - 6 + 2 * (2 + 1 + 3) + 7
    some = sorted(files - {"site.json"})[::9] + [
        f"c/{k}/{name}" for k in (0, 1) for name in ("about.json", "match.bin")
    ]
    for path in some:
        status, _, body = server.get(f"/{path}")
        assert (status, body) == (200, (written / path).read_bytes()), path
    live = server.json("/site.json")
    dead = json.loads((written / "site.json").read_text())
    assert (live["live"], live["hunt"], live["label"]) == (True, True, True)
    assert dead == {**live, "live": False, "hunt": False, "label": False}
    assert server.get("/")[2] == (written / "index.html").read_bytes()


def test_a_page_learns_what_there_is(server, folder):
    about = server.json("/c/0/about.json")
    assert (about["galaxies"], about["dim"], about["size_px"], about["pictures"]) == (COUNT, 6, 16, True)
    assert (about["id_rows"], about["value_rows"], about["surveys"]) == (4096, 256, ["hst"])
    assert about["place"] == {"ra": "ra", "dec": "dec"}
    assert about["tree"]["questions"] == [{"name": "ring", "answers": ["ring_yes", "ring_no"], "after": []}]
    assert about["provenance"] == {"folder": "images", "name": "embed"}  # where it lies is nobody's business
    columns = {column["name"]: column for column in about["columns"]}
    assert [columns[name]["kind"] for name in ("magnitude", "kind", "note")] == ["number", "word", "text"]
    assert (columns["magnitude"]["unit"], columns["magnitude"]["description"]) == ("mag", "in r")
    values = np.frombuffer(server.get("/c/0/" + columns["magnitude"]["file"])[2], "<f4")
    truth = Catalogue.open(folder / "a.parquet").column("magnitude")
    np.testing.assert_array_equal(values, truth.astype(np.float32))
    np.testing.assert_allclose(
        [columns["magnitude"][end] for end in ("low", "high")], np.nanpercentile(truth, [1, 99]), rtol=1e-5
    )
    places = np.frombuffer(server.get("/c/0/" + columns["kind"]["file"])[2], "<u2")
    words = columns["kind"]["words"]
    assert [None if place == 65535 else words[place] for place in places[:4]] == ["spiral", "=evil()", None, "smooth"]
    assert columns["note"]["file"] is None
    places = np.frombuffer(server.get("/c/0/maps/pca.bin")[2], "<f4").reshape(COUNT, 2)
    assert np.abs(places).max() == 1


@pytest.mark.promise("explorer", faults=5)
def test_values_are_exact_and_hostile_ids_come_out_as_text(server):
    assert server.json("/c/0/ids/0.json")[: len(HOSTILE)] == HOSTILE
    values = server.json("/c/0/values/0.json")
    assert values["id"][: len(HOSTILE)] == HOSTILE
    assert (values["magnitude"][7], values["kind"][:3]) == (None, ["spiral", "=evil()", None])
    assert values["<script>"][:2] == [0, 1]
    assert values["objid"][1] == str(2**60 + 1)  # more than a browser's numbers hold
    assert len(server.json("/c/0/values/2.json")["id"]) == COUNT - 512


def test_neighbours_are_the_nearest_by_cosine(server, folder):
    points = Catalogue.open(folder / "a.parquet").embedding().astype(float)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    for row in (0, 599):
        similar = unit @ unit[row]
        similar[row] = -2
        found = server.json(f"/c/0/near/{row}.json")
        assert [each[0] for each in found] == np.argsort(-similar)[:24].tolist()
        np.testing.assert_allclose([each[1] for each in found], np.sort(similar)[::-1][:24], atol=1e-6)


def test_two_catalogues_are_matched_by_id(server, folder):
    ids = [Catalogue.open(folder / f"{name}.parquet").ids for name in "ab"]
    there = np.frombuffer(server.get("/c/1/match.bin")[2], "<i4")
    back = np.frombuffer(server.get("/c/0/match.bin")[2], "<i4")
    assert [ids[1][row] if row >= 0 else None for row in there] == [*ids[0][:-10], *[None] * 10]
    assert [ids[0][row] for row in back] == ids[1]
    said = server.json("/compare.json")
    assert (said["matched"], said["sample"]) == (COUNT - 10, 50)
    assert 0.9 < said["overlap"] < 1  # the same directions; of the neighbours, ten galaxies are missing


def test_a_thousand_pictures_at_once(server):
    rows = [row % COUNT for row in range(1000)]

    def picture(row):
        status, headers, body = server.get(f"/c/0/thumbs/{row}.jpg")
        if row == UNPICTURED:
            return status == 404 and "no picture of this galaxy" in json.loads(body)["error"]
        colour = np.asarray(Image.open(io.BytesIO(body)))[8, 8].astype(int)
        near = np.abs(colour - [row * 7 % 256, row * 13 % 256, 128]).max() < 12
        return status == 200 and headers["content-type"] == "image/jpeg" and near

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(picture, rows))
    for kind, edge in (("thumbs/5", 16), ("images/5", 32), ("views/5-hst", 24)):
        assert Image.open(io.BytesIO(server.get(f"/c/0/{kind}.jpg")[2])).size == (edge, edge)


def test_tables_are_of_the_chosen_rows_in_their_order(server, folder):
    rows, catalogue = [2, 0, 1, 599], Catalogue.open(folder / "a.parquet")
    status, headers, body = server.post("/c/0/table.csv", {"rows": rows}, **{"X-Selfsup-Token": ""})
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="galaxies.csv"'
    table = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["id"] for row in table] == [HOSTILE[2], HOSTILE[0], "'=cmd()", "g599"]
    assert [row["kind"] for row in table] == ["", "spiral", "'=evil()", "smooth"]
    assert [float(row["magnitude"]) for row in table] == catalogue.column("magnitude")[rows].tolist()
    found = pq.read_table(io.BytesIO(server.post("/c/0/table.parquet", {"rows": rows})[2]))
    assert found["id"].to_pylist() == [catalogue.ids[row] for row in rows]
    assert found.column_names == ["id", *catalogue.columns]
    fits = pytest.importorskip("astropy.io.fits")
    with fits.open(io.BytesIO(server.post("/c/1/table.fits", {"rows": [589, 588]})[2])) as opened:
        assert list(opened[1].data["id"]) == Catalogue.open(folder / "b.parquet").ids[:-3:-1]
    status, _, told = server.post("/c/0/table.fits", {"rows": [3]})  # whose id is not ASCII
    assert (status, "printable ASCII" in told["error"]) == (400, True)
    assert server.post("/c/0/table.csv", {"rows": []})[2].decode().startswith('"id"')


def test_what_has_not_changed_is_not_sent_again_and_text_is_compressed(server):
    for path in ("/c/0/thumbs/5.jpg", "/c/0/about.json", "/c/0/maps/pca.bin", "/app.js", "/site.json"):
        status, headers, body = server.get(path)
        assert headers["cache-control"] == "private, no-cache"
        status, again, empty = server.get(path, If_None_Match=headers["etag"])
        assert (status, again["etag"], empty) == (304, headers["etag"], b""), path
        assert server.get(path, If_None_Match='W/"other"')[0] == 200
        assert server.ask("HEAD", path)[1]["content-length"] == str(len(body))
    status, headers, body = server.get("/app.js", Accept_Encoding="gzip, br")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == server.get("/app.js")[2]
    assert "content-encoding" not in server.get("/c/0/images/5.jpg", Accept_Encoding="gzip")[1]


@pytest.mark.promise("explorer", faults=6)
def test_every_answer_forbids_the_browser_what_the_page_does_not_need(server):
    for path in ("/", "/site.json", "/c/0/thumbs/5.jpg", "/nothing", "/api/hunt", "/api/nothing"):
        headers = server.get(path)[1]
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


REFUSED = {
    "no such file": (404, "GET", "/c/0/maps/tsne.bin", {}),
    "no such catalogue": (404, "GET", "/c/2/about.json", {}),
    "beyond the end": (404, "GET", f"/c/0/near/{COUNT}.json", {}),
    "another spelling": (404, "GET", "/c/0/near/01.json", {}),
    "other digits": (404, "GET", "/c/0/near/%D9%A1.json", {}),
    "a path": (404, "GET", "/c/0/maps/../../../../../etc/passwd", {}),
    "a hidden path": (404, "GET", "/..%2f..%2fa.parquet", {}),
    "an absolute path": (404, "GET", "//etc/passwd", {}),
    "another survey": (404, "GET", "/c/0/views/5-sdss.jpg", {}),
    "the documentation": (404, "GET", "/docs", {}),
    "the schema": (404, "GET", "/openapi.json", {}),
    "another verb": (405, "DELETE", "/c/0/about.json", {}),
    "another name": (403, "GET", "/site.json", {"Host": "evil.example"}),
    "a name that begins alike": (403, "GET", "/site.json", {"Host": "localhost.evil.example"}),
    "another site": (403, "GET", "/site.json", {"Origin": "http://evil.example"}),
    "a file's page": (403, "GET", "/site.json", {"Origin": "null"}),
    "a picture for another site": (403, "GET", "/c/0/thumbs/1.jpg", {"Sec-Fetch-Site": "cross-site"}),
    "a script for another port": (403, "GET", "/site.json", {"Sec-Fetch-Site": "same-site"}),
    "the other port": (403, "GET", "/site.json", {"Origin": "http://127.0.0.1:1"}),
}


@pytest.mark.promise("explorer")
@pytest.mark.parametrize(("status", "method", "path", "headers"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(status, method, path, headers, server):
    found, _, body = server.ask(method, path, **headers)
    assert found == status
    assert json.loads(body)["error"].endswith(".")


def test_this_machine_by_any_of_its_names_and_ports(server):
    for name in ("localhost", f"127.0.0.1:{server.port}", "[::1]:9000", "LocalHost:1"):
        assert server.get("/site.json", Host=name)[0] == 200
        assert server.get("/site.json", Host=name, Origin=f"http://{name}")[0] == 200


WRONG = {
    "no token": (403, "/api/hunt/rate", {"row": 1, "rating": 1}, {"X-Selfsup-Token": ""}),
    "another token": (403, "/api/hunt/rate", {"row": 1, "rating": 1}, {"X-Selfsup-Token": "a" * 32}),
    "another token's letters": (403, "/api/label/finish", {}, {"X-Selfsup-Token": "ä"}),
    "another site": (403, "/c/0/table.csv", {"rows": [1]}, {"Origin": "http://evil.example"}),
    "a rating": (400, "/api/hunt/rate", {"row": 1, "rating": 6}, {}),
    "no number": (400, "/api/hunt/rate", {"row": 1, "rating": "5"}, {}),
    "a truth value": (400, "/api/hunt/rate", {"row": True, "rating": 5}, {}),
    "a row": (400, "/api/hunt/rate", {"row": COUNT, "rating": 5}, {}),
    "a negative row": (400, "/api/hunt/rate", {"row": -1, "rating": 5}, {}),
    "something more": (400, "/api/hunt/rate", {"row": 1, "rating": 5, "who": "root"}, {}),
    "not a number": (400, "/api/hunt/rate", b'{"row": 1, "rating": NaN}', {}),
    "beyond all numbers": (400, "/api/hunt/rate", b'{"row": 1, "rating": 1e999}', {}),
    "too many digits": (400, "/api/hunt/rate", b'{"row": ' + b"9" * 5000 + b"}", {}),
    "too deep": (400, "/api/hunt/rate", b'{"row":' * 9000, {}),
    "half of a letter": (400, "/api/label/answer", {"row": 0, "answers": ["\ud800"]}, {}),
    "other bytes": (400, "/api/hunt/rate", b'{"row": 1, "rating": "\xff"}', {}),
    "one row twice": (400, "/c/0/table.csv", {"rows": [1, 1]}, {}),
    "no JSON": (400, "/api/hunt/rate", b"{", {}),
    "rows": (400, "/c/0/table.csv", {"rows": [0, COUNT]}, {}),
    "a huge row": (400, "/c/0/table.csv", {"rows": [10**30]}, {}),
    "too many rows": (400, "/c/0/table.csv", {"rows": [1] * (COUNT + 1)}, {}),
    "an ending": (404, "/c/0/table.pickle", {"rows": [1]}, {}),
    "too long": (413, "/api/hunt/rate", b"[" * 70_000, {}),
    "too long a table": (413, "/c/0/table.csv", b"1" * 90_000, {}),
    "an answer": (400, "/api/label/answer", {"row": 0, "answers": ["bar_maybe"]}, {}),
    "answers that contradict": (400, "/api/label/answer", {"row": 0, "answers": ["bar_no", "size_small"]}, {}),
    "nobody asked": (400, "/api/label/answer", {"row": 9, "answers": ["bar_no"]}, {}),
    "nothing to finish": (409, "/api/label/finish", {}, {}),
}


@pytest.mark.promise("explorer")
@pytest.mark.parametrize(("status", "path", "said", "headers"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_written(status, path, said, headers, server):
    found, _, told = server.post(path, said, **headers)
    assert (found, list(told)) == (status, ["error"])
    assert server.json("/api/hunt")["rated"] == []


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """The first catalogue, and nothing that another test says of it."""
    place = tmp_path_factory.mktemp("alone")
    shutil.copytree(folder / "page", place / "page")
    shutil.copy2(folder / "a.parquet", place)
    return place


@pytest.fixture(scope="module")
def killed(alone):
    """What a server said that was killed after it had taken ratings and answers."""
    with served(alone) as server:
        said = [server.json("/api/hunt")]
        for row, rating in ((1, 5), (2, 3), (9, 0), (2, None)):
            said.append(server.post("/api/hunt/rate", {"row": row, "rating": rating}))
        said.append(server.post("/api/label/answer", {"row": 0, "answers": ["bar_yes"]}))
        said.append(server.post("/api/label/answer", {"row": 0, "answers": ["bar_yes", "size_small"]}))
        said.append(server.get("/api/hunt/interest.bin"))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    return said


def test_ratings_and_answers_are_acknowledged(killed):
    before, *acknowledged, unlearned = killed
    assert len(set(before["batch"])) == 5
    assert [each[0] for each in acknowledged] == [200] * 6
    state = acknowledged[-1][2]
    assert (state["rows"], state["answered"], state["state"]) == ([-1, 0, 1, 2], [0], "asking")
    assert (unlearned[0], "rate some galaxies" in unlearned[2].decode()) == (404, True)


@pytest.mark.usefixtures("killed")
def test_after_a_kill_the_hunt_and_the_labelling_go_on_until_sigterm(alone):
    with served(alone) as server:
        state = server.json("/api/hunt")
        assert [[row, rating, who] for row, rating, _, who in state["rated"]] == [[1, 5, "=eve"], [9, 0, "=eve"]]
        while server.json("/api/hunt")["learned_from"] != 2:  # it learns by itself from what was there
            pass
        status, _, state = server.post("/api/hunt/next", {})
        while status == 409:
            status, _, state = server.post("/api/hunt/next", {})
        assert not {1, 9} & set(state["batch"])
        assert server.json("/api/hunt")["batch"] == state["batch"]
        interest = np.frombuffer(server.get("/api/hunt/interest.bin")[2], "<f4")
        assert (interest.shape, interest[1] > interest[9]) == ((COUNT,), True)
        rated = [line.split(",") for line in server.get("/api/hunt/ratings.csv")[2].decode().splitlines()]
        assert (rated[0], rated[1][0], rated[1][3]) == (["id", "rating", "when", "who"], "'=cmd()", "'=eve")
        ranking = list(csv.DictReader(io.StringIO(server.get("/api/hunt/ranking.csv")[2].decode())))
        assert (ranking[0]["id"], len(ranking)) == ("'=cmd()", COUNT)
        state = server.post("/api/label/finish", {})[2]
        assert (state["state"], state["rows"]) == ("nothing to ask", [])
        assert (alone / "answers.csv").read_text() == f"{HOSTILE[0]} [1, 0, 0, 1]"
        assert server.post("/api/label/answer", {"row": 0, "answers": ["bar_no"]})[0] == 409
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=20) == 0


def test_who_asks_as_soon_as_the_address_is_there_is_heard(folder):
    with served(folder) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=20) == 0
