"""Measure the explorer as who looks at a large catalogue meets it: a real server, a real browser.

    uv run python scripts/benchmark_explorer.py --rows 100000 1000000 --folder DIR --out explorer.json

Made-up galaxies of many kinds with two numbers each and no pictures. What is made ready once (maps, columns, index) is
timed apart and used again where it lies in DIR. Measured in Chromium, each time in an empty profile: from the address
to a map that can be clicked, all of its points drawn; from a slider's move to the count of who matches, painted; frames
a second while the map is dragged, each with as many points as it has time for; from a click to the nearest thousand. Of
the server the memory, and how much of it is its own rather than files that are mapped. Without a graphics card Chromium
draws on the processor.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from selfsup.catalogue import Catalogue

SHARD_ROWS = 65_536
DIM, KINDS = 64, 40
MARK = "[data-complete=true]"
# fmt: off
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]
# fmt: on
DRAG = """
() => new Promise((done) => {
  const map = document.querySelector(".map-area"), box = map.getBoundingClientRect();
  const at = (kind, x) => map.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, button: 0, clientX: box.left + x, clientY: box.top + 300, bubbles: true, isPrimary: true }));
  map.setPointerCapture = () => {};
  const began = performance.now();
  let frames = 0;
  at("pointerdown", 300);
  const step = (now) => {
    frames++;
    at("pointermove", 300 + 150 * Math.sin(now / 300));
    if (now - began < 4000) requestAnimationFrame(step);
    else { at("pointerup", 300); done(frames / ((now - began) / 1000)); }
  };
  requestAnimationFrame(step);
})
"""
SLIDE = """
async () => {
  const slider = document.querySelectorAll(".thumbs input")[0], taken = [];
  const told = () => document.querySelector(".match strong").textContent;
  for (let k = 1; k <= 12; k++) {
    const before = told(), began = performance.now();
    slider.value = 0.2 + 0.02 * k;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    while (told() === before) await new Promise((drawn) => requestAnimationFrame(drawn));
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    taken.push(performance.now() - began);
  }
  return taken;
}
"""


def write(folder: Path, rows: int) -> Path:
    """A catalogue in shards; nothing where it is there."""
    made = folder / f"galaxies-{rows}"
    kinds = np.random.default_rng(0).normal(size=(KINDS, DIM))
    for number, start in enumerate(range(0, rows, SHARD_ROWS)):
        file, count = made / f"part-{number:05d}.parquet", min(SHARD_ROWS, rows - start)
        if file.exists():
            continue
        rng = np.random.default_rng([1, number])
        kind = rng.integers(0, KINDS, count)
        embedding = (kinds[kind] + rng.normal(scale=0.5, size=(count, DIM))).astype(np.float32)
        columns = {"share": rng.random(count), "redshift": 0.01 + 0.01 * kind + rng.exponential(0.02, count)}
        Catalogue.from_arrays([f"g{row:09d}" for row in range(start, start + count)], embedding, columns, {}).save(file)
    return made


@contextmanager
def served(catalogue: Path) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """The process, its address, and the seconds until it was ready."""
    say = ["task=explore", f"task.catalogue={catalogue}", "task.maps=[pca]", "task.port=0", "task.open=false"]
    run = [sys.executable, "-m", "selfsup", *say, f"hydra.run.dir={catalogue}.run"]
    begun = time.perf_counter()
    process = subprocess.Popen(run, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = next(re.search(r"http://\S+#token=\S+", line) for line in process.stdout if "#token=" in line)
        yield process, found.group() if found else "", time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait()


def memory_mb(process: int) -> dict[str, float]:
    """Resident, and what of it belongs to no file."""
    said = Path(f"/proc/{process}/status").read_text()
    found = {name: int(said.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmHWM", "RssAnon")}
    return {"peak_mb": round(found["VmHWM"]), "own_mb": round(found["RssAnon"])}


@contextmanager
def opened(browser: Browser) -> Iterator[Page]:
    """A page that knows nothing yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def looked_at(browser: Browser, address: str) -> dict[str, float]:
    """Seconds to the first view, frames a second, seconds from a click to its answer."""
    with opened(browser) as page:
        begun = time.perf_counter()
        page.goto(f"{address}#/map?colour=redshift")
        page.wait_for_selector(MARK, timeout=120_000)
        first = time.perf_counter() - begun
        page.wait_for_timeout(500)
        frames = page.evaluate(DRAG)
        page.wait_for_selector(MARK, timeout=120_000)
        begun = time.perf_counter()
        page.mouse.click(500, 400)
        page.get_by_text("Nearest to the click").wait_for()
        return {"first_view_s": first, "frames_per_s": frames, "click_s": time.perf_counter() - begun}


def filtered(browser: Browser, address: str) -> float:
    """Milliseconds from a slider's move to the painted count, in the middle of twelve."""
    with opened(browser) as page:
        page.goto(f"{address}#/choose?where=share%3D0.2:0.9&where=redshift%3D0.05:0.4")
        page.locator(".match strong", has_text=re.compile(r"\d")).wait_for(timeout=120_000)
        page.wait_for_timeout(1000)
        return statistics.median(page.evaluate(SLIDE))


def measure(browser: Browser, catalogue: Path, repeats: int) -> dict[str, Any]:
    """All figures of one catalogue: the middle of several, and the slowest first view."""
    with served(catalogue) as (_, _, made_ready):
        pass
    with served(catalogue) as (process, said, started):
        address = said.split("#")[0]
        looks = [looked_at(browser, address) for _ in range(repeats)]
        figures = {name: round(statistics.median(look[name] for look in looks), 3) for name in looks[0]}
        figures["slowest_first_view_s"] = round(max(look["first_view_s"] for look in looks), 3)
        figures["filter_ms"] = round(statistics.median(filtered(browser, address) for _ in range(repeats)), 1)
        return {
            "made_ready_s": round(made_ready, 1),
            "started_s": round(started, 1),
            **figures,
            **memory_mb(process.pid),
        }


def main() -> None:
    """Measure and print, one line for each number of galaxies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, required=True, help="of the catalogues that are made")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    figures: dict[str, Any] = {"cores": os.cpu_count(), "galaxies": {}}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=given.chromium, args=FLAGS)
        for rows in given.rows:
            found = measure(browser, write(given.folder, rows), given.repeats)
            figures["galaxies"][str(rows)] = found
            print(f"{rows:,} galaxies: {json.dumps(found)}", flush=True)
        browser.close()
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
