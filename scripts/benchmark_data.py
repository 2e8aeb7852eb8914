"""Measure the way from image files to the first step: decoders, packing, reading packed images, the start of a run.

Each rate is taken beside its own limit, in turns, and the best of several rounds counts:

    uv run python scripts/benchmark_data.py FOLDER_OF_THE_GALAXY_CHALLENGE --out data.json

- decode: one core, files already in memory's cache; Pillow, torchvision and what `selfsup` does with a file (checks,
  RGB, centre square, resampling);
- pack: the whole of packing, files to a set on disk, over that decoder alone on as many threads;
- read: shuffled batches through the loader that training uses, over bare numpy indexing of the same rows;
- list: finding so many files and telling whether they changed.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file

from selfsup.data.datamodule import GalaxyData
from selfsup.data.decode import read_image
from selfsup.data.galaxy_challenge import GalaxyChallenge
from selfsup.data.packed import pack
from selfsup.data.pictures import FilePictures
from selfsup.data.source import find_images
from selfsup.processors import processors

Works = dict[str, Callable[[], object]]


def rates(works: Works, count: int, rounds: int) -> dict[str, float]:
    """Images per second of each work, taken in turn; the best round counts."""
    best = dict.fromkeys(works, 0.0)
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            best[name] = max(best[name], count / (time.perf_counter() - start))
    return best


def challenge(args: argparse.Namespace, cache: str) -> GalaxyChallenge:
    """The data set as conf/data/galaxy_challenge.yaml names it, without a label."""
    return GalaxyChallenge(
        folder=str(args.folder), size_px=args.size_px, cache=cache, max_unreadable_share=0.01, tree="gz2", label=None,
        classes=None, volunteers=40,
    )  # fmt: skip


def pillow(file: Path) -> np.ndarray:
    """Pillow and nothing else."""
    from PIL import Image

    with Image.open(file) as image:
        return np.asarray(image)


def decoders(files: list[Path], size_px: int) -> Works:
    """Each on one core."""
    return {
        "Pillow": lambda: [pillow(file) for file in files],
        "torchvision": lambda: [decode_jpeg(read_file(str(file)), ImageReadMode.RGB) for file in files],
        "selfsup": lambda: [read_image(file, size_px) for file in files],
    }


def packing(files: list[Path], size_px: int) -> Works:
    """The decoder on threads, and the whole of packing."""
    names = [file.stem for file in files]

    def threads() -> None:
        with ThreadPoolExecutor(processors()) as pool:
            list(pool.map(lambda file: read_image(file, size_px), files))

    def whole() -> None:
        with tempfile.TemporaryDirectory() as cache:
            pack(FilePictures(names, files, size_px), cache, 0.0)

    return {"decoder": threads, "pack": whole}


def on_one_core(works: Works, count: int, rounds: int) -> dict[str, float]:
    """The same rates with this process held to one processor."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        return rates(works, count, rounds)
    finally:
        os.sched_setaffinity(0, mine)


def reading(data: GalaxyData) -> tuple[Works, int]:
    """An epoch of shuffled batches as training reads them, and numpy's indexing alone."""
    batches = [np.array(rows) for rows in data.train_dataloader().sampler]

    def drain(loader: Iterable[object]) -> None:
        for _ in loader:
            pass

    bare = {"numpy": lambda: drain(np.ascontiguousarray(data.packed.images[rows]) for rows in batches)}
    return {**bare, "loader": lambda: drain(data.train_dataloader())}, sum(map(len, batches))


def listing(count: int) -> dict[str, float]:
    """Seconds to find `count` files and to tell whether any changed; empty ones, as none is opened."""
    with tempfile.TemporaryDirectory() as folder:
        for place in range(count):
            Path(folder, f"{place % 100:02d}").mkdir(exist_ok=True)
            Path(folder, f"{place % 100:02d}", f"{place:07d}.jpg").touch()
        start = time.perf_counter()
        found = find_images(folder)
        listed = time.perf_counter()
        for _ in FilePictures(list(found), list(found.values()), 64).fingerprint():
            pass
        return {"find_s": listed - start, "fingerprint_s": time.perf_counter() - listed}


def main() -> None:
    """Print each table and write all of it."""
    args = parse()
    torch.set_num_threads(1)
    files = list(find_images(args.folder / "images").values())[: args.files]
    found: dict[str, dict[str, float]] = {
        "decode, one core": on_one_core(decoders(files, args.size_px), len(files), args.rounds),
        "pack, one core": on_one_core(packing(files, args.size_px), len(files), args.rounds),
        f"pack, {processors()} cores": rates(packing(files, args.size_px), len(files), args.rounds),
    }
    data = GalaxyData(challenge(args, args.cache), args.batch_size, 0, 0, ["train", "val", "test"])
    works, count = reading(data)
    found[f"read at {args.size_px} px"] = rates(works, count, args.rounds)
    found[f"list {args.listed} files"] = listing(args.listed)
    for title, values in found.items():
        print(f"{title:24}" + "".join(f"{name:>14} {value:>9.2f}" for name, value in values.items()))
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the challenge: images/ and votes.csv")
    parser.add_argument("--size-px", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--files", type=int, default=2000, help="decoded and packed in each round")
    parser.add_argument("--listed", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", default=os.environ.get("SELFSUP_CACHE", "~/.cache/selfsup"))
    parser.add_argument("--out", type=Path, help="JSON file of all rates")
    return parser.parse_args()


if __name__ == "__main__":
    main()
