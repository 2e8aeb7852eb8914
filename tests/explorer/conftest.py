"""A small page as task=explore writes it, made without a catalogue: 3,000 galaxies with votes and pictures.

Also the browser that the tests of the page look at it with.
"""

import functools
import http.server
import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from selfsup import explorer, trees

PAGE = Path(explorer.__file__).parent / "page"
COUNT, ID_ROWS, VALUE_ROWS, THUMB_PX = 3000, 4096, 256, 48
UNPICTURED = COUNT - 1
HOSTILE = {
    0: '<img src=x onerror="document.title=1">',
    1: '=cmd("rm")',
    2: "../../etc/passwd",
    3: "a,b\"c' d&amp;é星",
    4: "javascript:document.title=1",
    5: "<svg/onload=document.title=1>\u202egpj.exe",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# fmt: off
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
# fmt: on


@dataclass
class Made:
    """What the tests compare the page with."""

    address: str
    folder: Path
    ids: list[str]
    places: np.ndarray
    columns: dict[str, np.ndarray]
    near: np.ndarray


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A static page with two catalogues of the same galaxies, in other orders, served under the server's policy."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    made = _catalogue(folder / "c" / "0", np.random.default_rng(0), np.arange(COUNT))
    turned = np.random.default_rng(1).permutation(COUNT)
    other = _catalogue(folder / "c" / "1", np.random.default_rng(2), turned)
    turned.argsort().astype("<i4").tofile(folder / "c" / "0" / "match.bin")
    turned.astype("<i4").tofile(folder / "c" / "1" / "match.bin")
    catalogues = [{"path": "c/0", "title": "First encoder"}, {"path": "c/1", "title": "Second encoder"}]
    told = {"title": "Test sky", "live": False, "version": "1", "catalogues": catalogues, "hunt": False, "label": False}
    (folder / "site.json").write_text(json.dumps(told))
    (folder / "compare.json").write_text(json.dumps({"overlap": 0.42, "sample": 500, "matched": COUNT}))
    assert len(other["ids"]) == COUNT
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Static, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Made(address=f"http://127.0.0.1:{server.server_port}/", folder=folder, **made)
    server.shutdown()
    server.server_close()


class _Static(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_):
        pass


def _catalogue(folder, generator, rows):
    """One catalogue's files; `rows`: which galaxy stands in each row."""
    for name in ("maps", "columns", "ids", "values", "near", "thumbs", "images"):
        (folder / name).mkdir(parents=True)
    kind = np.random.default_rng(5).integers(0, 5, COUNT)[rows]
    centres = generator.uniform(-0.7, 0.7, (5, 2))
    places = np.clip(centres[kind] + generator.normal(0, 0.09, (COUNT, 2)), -1, 1).astype("<f4")
    places.tofile(folder / "maps" / "umap.bin")
    places[:, ::-1].tofile(folder / "maps" / "pca.bin")
    ids = [HOSTILE.get(int(row), f"J{row:05}+{(row * 7919) % 10007:05}") for row in rows]
    (folder / "ids" / "0.json").write_text(json.dumps(ids))
    columns = _votes(kind) | _numbers(kind, rows)
    words = ["spiral", "elliptical", "<b>odd</b>", "=ring", "merger"]
    about = [_column(folder, place, name, values) for place, (name, values) in enumerate(columns.items())]
    kind.astype("<u2").tofile(folder / "columns" / "kind.bin")
    about.append({"name": "kind", "kind": "word", "file": "columns/kind.bin", "words": words})
    _values(folder, ids, columns, [words[k] for k in kind])
    near = _near(folder, places)
    _pictures(folder, kind)
    tree = trees.tree("gz2")
    questions = [{"name": q.name, "answers": list(q.keys), "after": list(q.parents)} for q in tree.questions]
    told = {
        "title": "Five kinds of galaxies", "galaxies": COUNT, "dim": 16, "size_px": THUMB_PX, "pictures": True,
        "id_rows": ID_ROWS, "value_rows": VALUE_ROWS,
        "maps": [{"name": "umap", "title": "UMAP", "file": "maps/umap.bin"}, {"name": "pca", "title": "Principal components", "file": "maps/pca.bin"}],  # noqa: E501
        "columns": about, "tree": {"name": "gz2", "questions": questions}, "place": {"ra": "ra", "dec": "dec"},
        "surveys": [], "provenance": {"encoder": "resnet18", "objective": {"name": "<script>alert(1)</script>"}},
    }  # fmt: skip
    (folder / "about.json").write_text(json.dumps(told))
    return {"ids": ids, "places": places, "columns": columns | {"kind": np.array(words)[kind]}, "near": near}


def _votes(kind):
    """Posterior columns of the whole tree; shares depend on the kind."""
    tree, generator = trees.tree("gz2"), np.random.default_rng(3)
    columns = {}
    fractions = np.zeros((len(kind), len(tree.answers)))
    for question in tree.questions:
        part = tree.slices[question.name]
        lean = np.random.default_rng(len(question.name)).uniform(0.3, 6, (5, len(question.answers)))
        drawn = generator.gamma(lean[kind])
        fractions[:, part] = drawn / drawn.sum(axis=1, keepdims=True)
    for i, answer in enumerate(tree.answers):
        mean = fractions[:, i]
        wide = generator.uniform(0.03, 0.15, len(kind))
        columns[f"{answer}_mean"] = mean
        columns[f"{answer}_low"], columns[f"{answer}_high"] = (mean - wide).clip(0, 1), (mean + wide).clip(0, 1)
    for i, question in enumerate(tree.questions):
        columns[f"{question.name}_asked"] = tree.asked(fractions)[:, i]
    return {name: values.astype("<f4") for name, values in columns.items()}


def _numbers(kind, rows):
    generator = np.random.default_rng(4)
    redshift = (0.02 + 0.03 * kind + generator.normal(0, 0.01, len(rows)).clip(-0.015)).astype("<f4")
    redshift[::17] = np.nan
    place = generator.uniform(0, 360, len(rows)), generator.uniform(-30, 60, len(rows))
    return {"redshift": redshift, "ra": place[0].astype("<f4"), "dec": place[1].astype("<f4")}


def _column(folder, place, name, values):
    values.tofile(folder / "columns" / f"{place}.bin")
    low, high = np.nanpercentile(values, [1, 99]).tolist()
    unit = "deg" if name in {"ra", "dec"} else ""
    return {"name": name, "kind": "number", "file": f"columns/{place}.bin", "words": None, "unit": unit,
            "description": f"what {name} is" if unit else "", "low": low, "high": high}  # fmt: skip


def _values(folder, ids, columns, words):
    for chunk, start in enumerate(range(0, COUNT, VALUE_ROWS)):
        part = slice(start, start + VALUE_ROWS)
        told = {"id": ids[part]}
        for name, values in columns.items():
            told[name] = [None if np.isnan(value) else round(float(value), 6) for value in values[part]]
        (folder / "values" / f"{chunk}.json").write_text(json.dumps(told | {"kind": words[part]}))


def _near(folder, places):
    """The 24 nearest on the map stand for those in the embedding."""
    square = ((places[:, None].astype("f8") - places[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(square, np.inf)
    near = square.argsort(axis=1, kind="stable")[:, :24]
    for row, others in enumerate(near):
        told = [[int(other), round(float(1 - square[row, other]), 5)] for other in others]
        (folder / "near" / f"{row}.json").write_text(json.dumps(told))
    return near


def _pictures(folder, kind):
    """One drawing for each kind, linked as every galaxy's; the last galaxy has none."""
    for one in range(5):
        image = Image.new("RGB", (4 * THUMB_PX, 4 * THUMB_PX), "black")
        draw, middle = ImageDraw.Draw(image), 2 * THUMB_PX
        for radius in range(80, 4, -4):
            light = int(255 * np.exp(-radius / 30))
            wide = radius * (0.35 + 0.16 * one)
            box = (middle - radius, middle - wide, middle + radius, middle + wide)
            draw.ellipse(box, fill=(light, int(light * 0.85), int(light * (0.5 + 0.1 * one))))
        image.save(folder / f"large{one}.jpg")
        image.resize((THUMB_PX, THUMB_PX)).save(folder / f"small{one}.jpg")
    for row in range(UNPICTURED):
        (folder / "thumbs" / f"{row}.jpg").hardlink_to(folder / f"small{kind[row]}.jpg")
        (folder / "images" / f"{row}.jpg").hardlink_to(folder / f"large{kind[row]}.jpg")


@pytest.fixture(scope="module")
def chromium():
    """A headless browser, or a reason why there is none; its event loop must not outlive the module's tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page of the browser, with what it asked for and complained about."""

    page: object
    requests: list[str]
    complaints: list[str]

    def hear(self, said):
        """Browsers complain of every picture that is not there."""
        if said.type == "error" and not said.location["url"].endswith(f"/{UNPICTURED}.jpg"):
            self.complaints.append(f"{said.text} {said.location['url']}")


@pytest.fixture
def opened(chromium):
    """address, options of the browser -> a page; afterwards nothing was asked of anybody else, nothing went wrong."""
    contexts, watched = [], []

    def open_page(address, wait="[data-complete=true]", **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        seen = Watched(page, [], [])
        watched.append((address, seen))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", seen.hear)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.goto(address)
        if wait:
            page.wait_for_selector(wait)
        return seen

    yield open_page
    for context in contexts:
        context.close()
    for address, seen in watched:
        origin = "/".join(address.split("/")[:3])
        assert [url for url in seen.requests if not url.startswith((origin, "blob:" + origin, "data:"))] == []
        assert seen.complaints == []
