"""The page in a real browser: it shows what the files say, by mouse and by keyboard, and nobody else is asked."""

import csv
import io
import re

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from matplotlib.path import Path as Line
from PIL import Image

pytestmark = pytest.mark.browser
DRAWN = """() => {
  const next = (then) => requestAnimationFrame(() => setTimeout(then));
  return new Promise((done) => next(() => next(done)));
}"""
"""Two pictures of the page from now: Preact's effects come after drawing."""
BAR, DISK = "bar_yes_mean", "smooth-or-featured_featured-or-disk_mean"


def said(page, name):
    """A value that the address has, decoded."""
    page.wait_for_function("name => location.hash.includes(name + '=')", arg=name)
    return page.evaluate("name => new URLSearchParams(location.hash.split('?')[1]).get(name)", name)


def rows(page, gallery):
    tiles = page.locator(f"ul[aria-label='{gallery}'] a")
    tiles.first.wait_for()
    return [int(row) for row in tiles.evaluate_all("all => all.map(one => one.dataset.row)")]


def nearest(site, at, count):
    """By every distance, in double precision; of equals the lower row first."""
    square = ((site.places.astype("f8") - np.array(at)) ** 2).sum(axis=1)
    return square.argsort(kind="stable")[:count].tolist()


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return list(csv.reader(io.StringIO(download.value.path().read_bytes().decode(), newline="")))


def shows(page, count):
    page.locator(".match strong", has_text=re.compile(f"^{count:,}$")).wait_for()


def drawn(canvas):
    return np.array(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"), dtype=int)


def begins(page, row):
    page.locator(f".gallery li:first-child a[data-row='{row}']").wait_for()


def test_a_click_between_galaxies_shows_the_nearest_and_saves_a_thousand(site, opened):
    page = opened(site.address + "#/map?colour=kind").page
    page.mouse.click(60, 120)  # a corner where nothing is
    at = [float(text) for text in said(page, "at").split(",")]
    assert np.sqrt(((site.places - at) ** 2).sum(axis=1)).min() > 0.2
    expected = nearest(site, at, 1000)
    assert rows(page, "Nearest galaxies") == expected[:48]
    head, *lines = saved(page, "The nearest galaxies as CSV")
    assert head == ["id", "map_x", "map_y", "kind"]
    assert [line[0].removeprefix("'") for line in lines] == [site.ids[row] for row in expected]
    np.testing.assert_array_equal(np.array([line[1:3] for line in lines], dtype="f4"), site.places[expected])
    assert [line[3].removeprefix("'") for line in lines] == site.columns["kind"][expected].tolist()
    assert not [text for line in lines for text in (line[0], line[3]) if text[0] in "=+-@"]


def test_the_nearest_are_right_wherever_one_asks(site, opened):
    page = opened(site.address).page
    for at in np.random.default_rng(0).uniform(-1.4, 1.4, (4, 2)).round(4):
        page.goto(f"{site.address}#/map?at={at[0]},{at[1]}")
        begins(page, nearest(site, at, 1)[0])
        assert rows(page, "Nearest galaxies") == nearest(site, at, 48)


def test_sliders_count_what_a_database_counts(site, opened):
    page = opened(site.address + "#/choose", wait=".match strong").page
    shows(page, len(site.ids))
    page.get_by_role("button", name="featured or disk").click()
    page.locator(".question", has=page.get_by_role("heading", name="bar?", exact=True)).get_by_role(
        "button", name="yes"
    ).click()
    page.get_by_role("slider", name="bar: yes, at most").press("PageDown")
    for _ in range(3):
        page.get_by_role("slider", name="smooth or featured: featured or disk, at least").press("ArrowLeft")
    page.wait_for_url(f"**/#/choose?where={DISK}%3D0.485:Infinity&where={BAR}%3D0.5:0.9")
    table = pa.table({name: site.columns[name] for name in (DISK, BAR)})
    query = f'select count(*) from t where "{DISK}" >= 0.485::float and "{BAR}" between 0.5::float and 0.9::float'
    expected = duckdb.connect().register("t", table).execute(query).fetchone()[0]
    assert 0 < expected < len(site.ids)
    shows(page, expected)
    page.get_by_label("Sort by").select_option(BAR)
    disk, bar = site.columns[DISK], site.columns[BAR]
    matching = np.flatnonzero((disk >= np.float32(0.485)) & (bar >= 0.5) & (bar <= np.float32(0.9)))
    order = matching[np.argsort(-bar[matching], kind="stable")].tolist()
    begins(page, order[0])
    assert rows(page, "Galaxies that match") == order[:48]
    lines = saved(page, "The galaxies that match as CSV")[1:]
    assert [line[0].removeprefix("'") for line in lines] == [site.ids[row] for row in order]


def test_missing_values_never_match_and_come_last(site, opened):
    page = opened(site.address + "#/choose?where=redshift%3D-Infinity:Infinity", wait=".match strong").page
    known = int((~np.isnan(site.columns["redshift"])).sum())
    shows(page, known)
    page.goto(site.address + "#/choose?is=kind%3Dmerger&sort=redshift")
    mergers = np.flatnonzero(site.columns["kind"] == "merger")
    shows(page, len(mergers))
    order = mergers[np.argsort(site.columns["redshift"][mergers], kind="stable")].tolist()
    begins(page, order[0])
    lines = saved(page, "The galaxies that match as CSV")[1:]
    assert [line[0].removeprefix("'") for line in lines] == [site.ids[row] for row in order]
    assert lines[-1][-1] == ""


def test_a_line_around_galaxies_selects_those_inside(site, opened):
    page = opened(site.address).page
    page.get_by_role("button", name="Lasso").click()
    page.get_by_role("button", name="Lasso", pressed=True).wait_for()
    page.evaluate(DRAWN)
    page.mouse.move(150, 500)
    page.mouse.down()
    for x, y in ((500, 300), (700, 500), (450, 480), (300, 780)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    line = np.array(said(page, "lasso").split(","), dtype=float).reshape(-1, 2)
    expected = np.flatnonzero(Line(line).contains_points(site.places)).tolist()
    assert 100 < len(expected) < len(site.ids)
    page.get_by_role("heading", name=f"Inside the line {len(expected):,} galaxies").wait_for()
    assert rows(page, "Galaxies inside the line") == expected[:24]
    lines = saved(page, "The selected galaxies as CSV")[1:]
    assert [one[0].removeprefix("'") for one in lines] == [site.ids[row] for row in expected]


@pytest.mark.promise("explorer", faults=8)
def test_names_that_look_like_code_are_text(site, opened):
    page = opened(site.address + "#/galaxy?row=0", wait=".gallery a").page
    for row in range(6):
        page.goto(f"{site.address}#/galaxy?row={row}")
        page.get_by_role("heading", name=site.ids[row], exact=True).wait_for()
    page.get_by_text("Where this catalogue comes from").click()
    page.get_by_role("cell", name="<script>alert(1)</script>").wait_for()
    page.goto(site.address + "#/map?colour=kind")
    page.locator(".legend .word", has_text="<b>odd</b>").wait_for()
    assert page.title() == "Test sky: map"


def test_a_galaxy_shows_its_votes_and_neighbours(site, opened):
    page = opened(site.address + "#/galaxy?row=77", wait=".gallery a").page
    assert rows(page, "Galaxies most alike") == site.near[77].tolist()
    mean = site.columns["bar_yes_mean"][77]
    bar = page.get_by_role("region", name="bar", exact=True)
    assert (
        bar.locator(".vote", has_text="yes").locator(".number").inner_text().startswith(f"{round(100 * float(mean))} %")
    )
    assert f"asked {round(100 * float(site.columns['bar_asked'][77]))} %" in bar.get_by_role("heading").inner_text()
    viewer = page.get_by_role("link", name="Legacy Survey viewer")
    assert f"ra={site.columns['ra'][77]:.3f}"[:-1] in viewer.get_attribute("href")
    assert viewer.get_attribute("rel") == "noopener noreferrer"


def test_everything_is_reached_by_keys(site, opened):
    page = opened(site.address).page
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "application":
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    camera = [float(text) for text in said(page, "camera").split(",")]
    assert camera[0] > 0
    assert camera[2] == pytest.approx(1.4)
    expected = nearest(site, camera[:2], 48)
    assert rows(page, "Nearest galaxies") == expected
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.row ?? ''"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=site.ids[expected[1]], exact=True).wait_for()
    page.keyboard.press("/")
    page.keyboard.type(site.ids[2222])
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=site.ids[2222], exact=True).wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.locator(".match strong").wait_for()


def test_back_goes_between_views(site, opened):
    page = opened(site.address + "#/map?at=0.1,0.2").page
    page.locator("ul[aria-label='Nearest galaxies'] a").nth(3).click()
    page.get_by_role("heading", name="Most alike").wait_for()
    page.get_by_role("link", name="Choose").click()
    page.locator(".match strong").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Most alike").wait_for()
    page.go_back()
    assert rows(page, "Nearest galaxies") == nearest(site, (0.1, 0.2), 48)


def test_an_address_shows_somebody_else_the_same(site, opened):
    page = opened(site.address).page
    page.get_by_role("combobox", name="Map").select_option("pca")
    page.get_by_role("combobox", name="Colour").select_option("redshift")
    page.get_by_role("button", name="Switch to dark").click()
    page.mouse.move(500, 400)
    page.mouse.wheel(0, -300)
    page.mouse.click(480, 420)
    assert said(page, "at")
    said(page, "camera")
    page.wait_for_timeout(800)
    other = opened(page.url).page
    assert other.evaluate("document.documentElement.dataset.theme") == "dark"
    assert other.get_by_role("combobox", name="Map").input_value() == "pca"
    assert other.get_by_role("combobox", name="Colour").input_value() == "redshift"
    assert rows(other, "Nearest galaxies") == rows(page, "Nearest galaxies")
    other.wait_for_timeout(800)
    assert other.url == page.url
    area = {"x": 100, "y": 100, "width": 700, "height": 600}
    assert other.screenshot(clip=area) == page.screenshot(clip=area)


def test_pictures_appear_where_one_comes_close(site, opened):
    x, y = site.places[5]
    page = opened(f"{site.address}#/map?camera={x},{y},12").page
    page.locator("img.on-map.there").first.wait_for()
    boxes = [box.bounding_box() for box in page.locator("img.on-map").all()]
    apart = [abs(a["x"] - b["x"]) >= 60 or abs(a["y"] - b["y"]) >= 60 for a in boxes for b in boxes if a is not b]
    assert len(boxes) > 10
    assert all(apart)


def test_two_encoders_light_the_same_galaxies(site, opened):
    page = opened(site.address + "#/compare?row=10&lasso=-1,-1,1,-1,1,0,-1,0", wait=".pair .gallery a").page
    first = page.locator(".pair").nth(1).locator("section").nth(0)
    own = [int(row) for row in first.locator("a").evaluate_all("all => all.map(one => one.dataset.row)")]
    assert own == site.near[10].tolist()
    lit = int((site.places[:, 1] < 0).sum())
    page.get_by_text(f"{lit:,} galaxies lit in both maps").wait_for()
    page.get_by_text("42 % of the 24 nearest in common").wait_for()


@pytest.mark.parametrize("size", [(390, 844), (640, 400)], ids=["a phone", "200 percent"])
def test_nothing_is_wider_than_the_screen(site, opened, size):
    page = opened(site.address, viewport={"width": size[0], "height": size[1]}).page
    for view in ("map?at=0,0&colour=kind", f"choose?where={BAR}%3D0.5:1", "galaxy?row=2", "compare?row=3"):
        page.goto(f"{site.address}#/{view}")
        page.locator(".gallery a").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], view


def test_without_webgl_the_galleries_work(site, opened):
    page = opened(site.address).page
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(site.address + "?again#/map")
    page.get_by_text("This browser has no WebGL 2").wait_for()
    page.get_by_role("link", name="Choose").click()
    assert rows(page, "Galaxies that match")[:3] == [0, 1, 2]


def test_two_fingers_enlarge_what_is_between_them(site, opened):
    page = opened(site.address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).page
    box = page.locator(".map-area").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 60), ("touchEnd", None)):
        points = [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    _, _, zoom = map(float, said(page, "camera").split(","))
    assert 2.5 < zoom < 3.5


def test_a_map_comes_back_after_its_graphics_were_lost(site, opened):
    page = opened(site.address).page
    canvas = page.locator(".map-area canvas").first
    before = drawn(canvas)
    page.evaluate("""() => {
      const gl = document.querySelector(".map-area canvas").getContext("webgl2");
      window.lost = gl.getExtension("WEBGL_lose_context");
      window.lost.loseContext();
    }""")
    page.wait_for_timeout(300)
    assert np.abs(drawn(canvas) - before).mean() > 5
    page.evaluate("window.lost.restoreContext()")
    page.wait_for_timeout(500)
    page.wait_for_selector("[data-complete=true]")
    assert np.abs(drawn(canvas) - before).mean() < 0.05
