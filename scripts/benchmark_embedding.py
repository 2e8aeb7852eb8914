"""Measure how much of a network's own speed is left when a survey is embedded, and when its votes are predicted.

    uv run python scripts/benchmark_embedding.py --checkpoint RUN --folder DIR --galaxies 8192 --out FILE.json

All are measured in turn, a shard at a time, so that a busy machine slows them alike; the ratios of their sums are what
counts. Bare: the encoder in evaluation mode on one batch of ready tensors, again and again, in single and half
precision, contiguous and channels last, and with BatchNorm folded, as surveys are embedded. The limit is the fastest of
those whose embeddings agree with those of single precision. Where the run predicts votes, `votes` is what T passes of
dropout cost, and `predict` that and the columns made of them. Beside FILE.json a figure is drawn.
"""

import argparse
import copy
import itertools
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from selfsup.checkpoint import read_checkpoint
from selfsup.data.packed import PackedPictures, pack
from selfsup.data.pictures import FilePictures, Pictures
from selfsup.data.source import Galaxies, find_images
from selfsup.dropout import describe, head_of
from selfsup.embed import as_float, embed, load_objective
from selfsup.inference.folded import folded
from selfsup.inference.precision import in_precision
from selfsup.inference.shards import Plan, Shards
from selfsup.inference.survey import Describe, Said, Survey
from selfsup.posteriors.columns import Columns
from selfsup.tasks._surveying import accelerated
from selfsup.types import Batch, ConfigError

BATCH = 256
AGREES = 0.9999
"""Smallest cosine of the angle between two embeddings of a galaxy that count as the same."""
FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
PREDICT = OmegaConf.load(Path(__file__).parents[1] / "conf" / "task" / "predict.yaml").task


def bare(encoders: dict[str, nn.Module], image: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Name -> the embeddings (B, D) of one batch, by each encoder in each precision and layout."""
    return {
        f"bare, {precision}, {layout}{of}": Bare(encoder, image, precision == "bf16", FORMATS[layout])
        for of, encoder in encoders.items()
        for precision, layout in itertools.product(("fp32", "bf16"), FORMATS)
    }


class Bare:
    """A network on ready tensors."""

    def __init__(self, encoder: nn.Module, image: Tensor, half: bool, layout: torch.memory_format) -> None:
        self.encoder, self.half = copy.deepcopy(encoder).to(memory_format=layout), half
        device = next(encoder.parameters()).device
        self.image = as_float(image.to(device)).contiguous(memory_format=layout)

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        with torch.autocast(self.image.device.type, torch.bfloat16, enabled=self.half):
            return self.encoder(self.image).float().cpu()


def again(work: Callable[[], object], times: int) -> None:
    """The same work, so many times."""
    for _ in range(times):
        work()


def surveyed(describe_all: Describe, galaxies: Galaxies, pictures: Pictures) -> None:
    """A whole survey, from the first picture to the catalogue on the disk."""
    with tempfile.TemporaryDirectory() as place:
        shards = Shards(Path(place) / "out", Plan(len(galaxies.ids), len(galaxies.ids), {}, {}))
        Survey(galaxies, pictures, BATCH, 0.1).describe(shards, describe_all)


def votes(objective: nn.Module, passes: int, columns: Callable[..., dict], batches: Iterable[Batch]) -> Said:
    """What `passes` of dropout say, and the columns made of it."""
    embedding, found = describe([objective], batches, passes, 0)
    return Said(embedding, columns(found))


def describers(objective: nn.Module, encoder: nn.Module, passes: int) -> dict[str, Describe]:
    """Name -> how galaxies are described: as `task=embed` does, and as `task=predict` does."""
    half = in_precision(encoder, "bfloat16")
    embedded: dict[str, Describe] = {
        "embed": lambda batches: Said(embed(encoder, batches).embedding(), {}),
        "embed, bfloat16": lambda batches: Said(embed(half, batches).embedding(), {}),
    }
    try:
        head_of(objective).encoder = encoder
    except ConfigError:
        return embedded
    every = Columns(**{name: PREDICT[name] for name in ("level", "volunteers", "exact_up_to", "draws")}, seed=0)
    made = {"votes": lambda found: {}, "predict": every}
    return embedded | {
        f"{name}, T = {t}": partial(votes, objective, t, columns) for name, columns in made.items() for t in (1, passes)
    }


def measure(given: argparse.Namespace, config: dict) -> dict:
    """Galaxies per second of each, and how far the bare encoders agree."""
    objective, size_px = load_objective(given.checkpoint), config["data"]["size_px"]
    plain = objective.online_encoder()
    encoder = folded(plain, size_px)
    accelerated(objective, encoder)
    found = list(find_images(given.folder).items())[: given.galaxies // BATCH * BATCH]  # whole batches, as bare ones
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        for start in range(0, len(found), given.shard):
            ids, files = map(list, zip(*found[start : start + given.shard], strict=True))
            galaxies, files = Galaxies(ids, files, {}), FilePictures(ids, files, size_px)
            packed = PackedPictures(files, pack(files, cache, 0.1))
            if not start:
                batch = torch.from_numpy(packed.images[:BATCH].copy()).permute(0, 3, 1, 2)
                networks = bare({"": plain, ", folded": encoder}, batch)
                cosine = agreement(networks)
                said = describers(objective, encoder, given.passes)
            work = {name: partial(again, one, len(ids) // BATCH) for name, one in networks.items()}
            work |= {f"{name}, packed": partial(surveyed, one, galaxies, packed) for name, one in said.items()}
            work["embed, files"] = partial(surveyed, said["embed"], galaxies, files)
            for name, one in work.items():
                begun = time.perf_counter()
                one()
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begun
    limit = min((name for name, value in cosine.items() if value > AGREES), key=lambda name: seconds[name])
    return {
        "network": f"{config['encoder'].get('model', config['encoder']['_target_'].split('.')[-1])}, {size_px} px",
        "device": "cuda" if torch.cuda.is_available() else f"cpu, {torch.get_num_threads()} threads",
        "galaxies": len(found),
        "limit": limit,
        "galaxies_per_s": {name: round(len(found) / spent, 1) for name, spent in seconds.items()},
        "of_the_limit": {name: round(seconds[limit] / spent, 3) for name, spent in seconds.items()},
        "smallest_cosine": {name: round(value, 6) for name, value in cosine.items()},
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def agreement(networks: dict[str, Callable[[], Tensor]]) -> dict[str, float]:
    """Name -> smallest cosine with the first one's embeddings; each has run once then."""
    first, *_ = networks.values()
    known = first()
    return {name: float(nn.functional.cosine_similarity(one(), known).min()) for name, one in networks.items()}


def draw(result: dict, file: Path) -> None:
    """Bars of rates, with the share of the limit."""
    rates = dict(reversed(result["galaxies_per_s"].items()))
    figure, axes = plt.subplots(figsize=(7, 0.35 * len(rates) + 1), layout="constrained")
    colours = ["tab:orange" if name == result["limit"] else "tab:blue" for name in rates]
    bars = axes.barh(list(rates), list(rates.values()), color=colours)
    axes.bar_label(bars, [f"{result['of_the_limit'][name]:.2f}" for name in rates], padding=3)
    axes.set(xlabel="galaxies per second; beside, the share of the limit (orange)", title=result["network"])
    axes.margins(x=0.1)
    figure.savefig(file, dpi=130)


def main() -> None:
    """Measure, print and keep."""
    given = parse()
    result = measure(given, read_checkpoint(given.checkpoint)["config"])
    for name, rate in result["galaxies_per_s"].items():
        agrees = f", cosine {result['smallest_cosine'][name]}" if name in result["smallest_cosine"] else ""
        print(f"{name:36} {rate:9,.0f} galaxies/s, {result['of_the_limit'][name]:.2f} of the limit{agrees}")
    print(f"the limit is {result['limit']}; peak memory {result['peak_gib']} GiB")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, indent=1) + "\n")
        draw(result, given.out.with_suffix(".png"))


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", required=True, help="of JPEG or PNG files")
    parser.add_argument("--galaxies", type=int, default=8192)
    parser.add_argument("--shard", type=int, default=2048, help=f"galaxies, a multiple of {BATCH}")
    parser.add_argument("--passes", type=int, default=15, help="T, of dropout, compared with 1")
    parser.add_argument("--out", type=Path, help="FILE.json; the figure lies beside it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
