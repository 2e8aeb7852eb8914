"""Measure how much of an encoder's own speed is left when a survey is embedded: packed pictures, or files.

    uv run python scripts/benchmark_embedding.py --checkpoint RUN --folder DIR --galaxies 8192

The three are measured in turn, a shard at a time, so that a busy machine slows all of them alike; the ratios of their
sums are what counts. Bare: the encoder in evaluation mode on one batch of ready tensors, again and again.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch

from selfsup.checkpoint import read_checkpoint
from selfsup.data.packed import PackedPictures, pack
from selfsup.data.pictures import FilePictures, Pictures
from selfsup.data.source import Galaxies, find_images
from selfsup.embed import as_float, device_of, embed, load_encoder
from selfsup.encoders.base import Encoder
from selfsup.inference.shards import Plan, Shards
from selfsup.inference.survey import Said, Survey
from selfsup.tasks._surveying import accelerated
from selfsup.types import Batch

BATCH = 256


def bare(encoder: Encoder, image: torch.Tensor, batches: int) -> float:
    """Seconds of so many batches."""
    ready = as_float(image.to(device_of(encoder)))
    begun = time.perf_counter()
    with torch.inference_mode():
        for _ in range(batches):
            encoder(ready).float().cpu()
    return time.perf_counter() - begun


def surveyed(encoder: Encoder, galaxies: Galaxies, pictures: Pictures, rows: int) -> float:
    """Seconds of a whole survey, from the first picture to the catalogue on the disk."""

    def say(batches: Iterable[Batch]) -> Said:
        return Said(embed(encoder, batches).embedding(), {})

    with tempfile.TemporaryDirectory() as place:
        shards = Shards(Path(place) / "out", Plan(len(galaxies.ids), rows, {}, {}))
        begun = time.perf_counter()
        Survey(galaxies, pictures, BATCH, 0.1).describe(shards, say)
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", required=True, help="of JPEG or PNG files")
    parser.add_argument("--galaxies", type=int, default=8192)
    parser.add_argument("--shard", type=int, default=4096, help=f"galaxies, a multiple of {BATCH}")
    given = parser.parse_args()
    encoder = load_encoder(given.checkpoint)
    accelerated(encoder)
    size_px = read_checkpoint(given.checkpoint)["config"]["data"]["size_px"]
    found = list(find_images(given.folder).items())[: given.galaxies]
    files = dict(found[: len(found) // BATCH * BATCH])  # whole batches, as the bare encoder sees
    everything = FilePictures(list(files), list(files.values()), size_px)
    seconds = {"bare encoder": 0.0, "packed": 0.0, "files": 0.0}
    with tempfile.TemporaryDirectory() as cache:
        packed = PackedPictures(everything, pack(everything, cache, 0.1))
        batch = torch.from_numpy(packed.images[:BATCH].copy()).permute(0, 3, 1, 2)
        bare(encoder, batch, 2)
        for start in range(0, len(files), given.shard):
            rows = range(start, min(start + given.shard, len(files)))
            galaxies = Galaxies([everything.ids[row] for row in rows], [everything.files[row] for row in rows], {})
            part = FilePictures(galaxies.ids, galaxies.files, size_px)
            seconds["bare encoder"] += bare(encoder, batch, len(rows) // BATCH)
            seconds["packed"] += surveyed(encoder, galaxies, PackedPictures(part, pack(part, cache, 0.1)), given.shard)
            seconds["files"] += surveyed(encoder, galaxies, part, given.shard)
    for name, spent in seconds.items():
        ratio = seconds["bare encoder"] / spent
        print(f"{name}: {len(files) / spent:,.0f} galaxies/s, {ratio:.2f} of the bare encoder's")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
