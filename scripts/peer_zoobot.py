"""Train Zoobot from scratch, as its own function does it, on a folder of images, to compare the speed with.

`train_default_zoobot_from_scratch` with galaxy-datasets' default view: EfficientNet-B0 and the Dirichlet loss over the
questions of Galaxy Zoo 2, torchvision transforms in loader workers. Votes are drawn at random: they cost what real
ones cost. Other than its defaults: the size of the views, and no GPU.

    uv venv peer; uv pip install --python peer "zoobot[pytorch]"
    peer/bin/python scripts/peer_zoobot.py DIR_OF_IMAGES
"""

import argparse
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
from galaxy_datasets.shared import label_metadata
from galaxy_datasets.transforms import default_view_config
from zoobot.pytorch.training.train_with_pytorch_lightning import train_default_zoobot_from_scratch
from zoobot.shared.schemas import Schema


class Enough(Exception):
    """The steps that were asked for are done."""


class Rate(L.Callback):
    """Images per second after the first batches; ends the training, whose function has no such argument."""

    def __init__(self, batch_size: int, steps: int, skip: int = 3) -> None:
        self.batch_size, self.steps, self.skip, self.start, self.rate = batch_size, steps, skip, 0.0, 0.0

    def on_train_batch_end(self, trainer: L.Trainer, module: object, outputs: object, batch: object, row: int) -> None:
        if row == self.skip:
            self.start = time.perf_counter()
        elif row > self.skip:
            self.rate = (row - self.skip) * self.batch_size / (time.perf_counter() - self.start)
        if row + 1 == self.steps:
            raise Enough


def catalogue(folder: Path, answers: list[str]) -> pd.DataFrame:
    """The images with votes for all answers."""
    files = sorted(str(file) for file in folder.iterdir() if file.is_file())
    votes = np.random.default_rng(0).integers(0, 20, (len(files), len(answers)))
    return pd.DataFrame({"id_str": [Path(file).stem for file in files], "file_loc": files}).join(
        pd.DataFrame(votes, columns=answers)
    )


def train(args: argparse.Namespace) -> float:
    """Images per second of some steps."""
    schema = Schema(label_metadata.gz2_ortho_pairs, label_metadata.gz2_ortho_dependencies)
    views = default_view_config()
    views.output_size = args.size_px
    galaxies = catalogue(args.folder, schema.label_cols)
    rate = Rate(args.batch_size, args.max_steps)
    with tempfile.TemporaryDirectory() as folder, suppress(Enough):
        train_default_zoobot_from_scratch(
            save_dir=folder, schema=schema, transform_cfg=views, train_catalog=galaxies,
            val_catalog=galaxies[: args.batch_size], epochs=1, batch_size=args.batch_size, gpus=0,
            num_workers=args.workers, extra_callbacks=[rate],
        )  # fmt: skip
    return rate.rate


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of JPEG images")
    parser.add_argument("--max-steps", type=int, default=16)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    args = parse()
    print(f"{train(args):.1f} images/s")
