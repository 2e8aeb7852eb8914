"""The page before the real server: ratings and answers outlive it, files come from it, writing needs a token."""

import csv
import io
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from selfsup import explorer
from selfsup.catalogue import Catalogue

pytestmark = pytest.mark.browser
SCRIPT, COUNT = Path(__file__).with_name("made_site.py"), 200


def made(folder):
    """A catalogue in this folder, and the page."""
    rng = np.random.default_rng(0)
    ids = ["=cmd()", *(f"g{i:03}" for i in range(1, COUNT))]
    columns = {f"ring_{answer}_mean": rng.random(COUNT).astype(np.float32) for answer in ("yes", "no")}
    catalogue = Catalogue.from_arrays(ids, rng.normal(size=(COUNT, 6)).astype(np.float32), {}, {})
    catalogue.append(columns).save(folder / "a.parquet")
    shutil.copytree(Path(explorer.__file__).parent / "page", folder / "page")
    return folder


@contextmanager
def served(folder):
    """A process that serves, until it is killed: its address with the token."""
    process = subprocess.Popen([sys.executable, SCRIPT, folder], stdout=subprocess.PIPE, text=True)
    try:
        said = next(line for line in process.stdout if "http://" in line)
        yield re.search(r"http://127\.0\.0\.1:\d+/#token=\S+", said).group()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Folder and address of one that runs all the time."""
    folder = made(tmp_path_factory.mktemp("live"))
    with served(folder) as address:
        yield folder, address


def subject(page):
    return int(page.locator(".subject").get_attribute("data-row"))


def rated(page, count):
    page.get_by_role("heading", name=re.compile(rf"^Rated\s+{count}$")).wait_for()


def follow(page, name):
    page.get_by_role("link", name=name, exact=True).click()


def tiles(page):
    """Row -> what stands on its picture, of the rated galaxies."""
    found = page.locator("ul[aria-label='Rated galaxies'] li")
    return {int(one.locator("a").get_attribute("data-row")): one.locator(".note").inner_text() for one in found.all()}


def test_ratings_by_keys_survive_a_kill_and_teach(tmp_path, opened):
    given, folder = {}, made(tmp_path)
    with served(folder) as address:
        page = opened(address).page
        assert "token" not in page.url
        follow(page, "Hunt")
        rated(page, 0)
        for rating in (5, 0, 3):
            row = subject(page)
            given[row] = f"{rating} of 5"
            page.keyboard.press(str(rating))
            rated(page, len(given))
        page.keyboard.press("u")
        rated(page, 2)
        del given[row]
        page.goto("about:blank")
    with served(folder) as address:
        page = opened(address).page
        follow(page, "Hunt")
        rated(page, 2)
        assert tiles(page) == given
        page.keyboard.press("n")
        page.get_by_text("learned from 2 ratings").wait_for()
        page.get_by_role("img", name="Colours of expected rating").wait_for()
        with page.expect_download() as download:
            page.get_by_role("link", name="Ratings").click()
        lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
        assert sorted(float(line["rating"]) for line in lines) == [0, 5]
        page.goto("about:blank")


def test_answers_walk_the_tree_and_become_a_file(server, opened):
    folder, address = server
    page = opened(address).page
    follow(page, "Label")
    page.get_by_text("0 of 3 galaxies answered; 1 more are not in this catalogue").wait_for()
    assert subject(page) == 0
    page.keyboard.press("1")
    page.get_by_text("size?").wait_for()
    page.keyboard.press("u")
    page.get_by_text("bar?").wait_for()
    page.keyboard.press("1")
    page.get_by_text("size?").wait_for()
    page.keyboard.press("2")
    page.get_by_text("1 of 3 galaxies answered").wait_for()
    page.keyboard.press("2")  # no bar: nothing more is asked
    page.get_by_text("2 of 3 galaxies answered").wait_for()
    page.get_by_role("button", name="Finish the round").click()
    page.get_by_text("The answers of this round are written").wait_for()
    assert (folder / "answers.csv").read_text().splitlines() == ["=cmd() [1, 0, 0, 1]", "g001 [0, 1, 0, 0]"]


def test_files_of_a_selection_come_from_the_server(server, opened):
    folder, address = server
    page = opened(address).page
    page.goto(address.split("#")[0] + "#/choose?where=ring_yes_mean%3D0.5:1&sort=-ring_yes_mean")
    values = pq.read_table(folder / "a.parquet")["ring_yes_mean"].to_numpy()
    order = [row for row in np.argsort(-values, kind="stable") if values[row] >= 0.5]
    page.locator(f".gallery li:first-child a[data-row='{order[0]}']").wait_for()
    read = {
        "CSV": lambda path: [line[0].removeprefix("'") for line in csv.reader(io.StringIO(path.read_text()))][1:],
        "Parquet": lambda path: pq.read_table(path)["id"].to_pylist(),
        "FITS": lambda path: [str(name).strip() for name in Table.read(path, format="fits")["id"]],
    }
    for ending, ids in read.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=f"The galaxies that match as {ending}").click()
        assert ids(download.value.path()) == ["=cmd()" if row == 0 else f"g{row:03}" for row in order]


def test_without_a_token_one_reads_and_is_told_how_to_write(server, opened):
    folder, address = server
    page = opened(address.split("#")[0] + "#/hunt", wait=".subject").page
    page.get_by_text("You can look, but not rate").wait_for()
    assert not (folder / "hunt").exists() or not list((folder / "hunt").glob("*.jsonl"))


def test_a_server_that_is_gone_is_said(tmp_path, opened):
    with served(made(tmp_path)) as address:
        seen = opened(address, wait=None)
        follow(seen.page, "Hunt")
        seen.page.locator(".subject").wait_for()
    seen.page.keyboard.press("3")
    seen.page.get_by_role("alert").filter(has_text="The server does not answer").wait_for()
    rated(seen.page, 0)
    seen.complaints[:] = [said for said in seen.complaints if "net::ERR_" not in said]
