"""Train stable-pretraining's own SimCLR example on a folder of images, to compare the speed with.

Its README's "Complete Example" with ResNet18: transforms in loader workers, its Module, forward function, loss and
projector, without its online probes. Other than there: AdamW for LARS, the size of the images and torchvision's own
stem for CIFAR's, all three as selfsup has them, and single precision, for half precision is a GPU's. Its projector
is wider than SimCLR's (2048-2048-256); a ResNet18's cost hides that.

    uv venv peer; uv pip install --python peer stable-pretraining
    peer/bin/python scripts/peer_stable_pretraining.py DIR_OF_IMAGES
"""

import argparse
import time
from pathlib import Path

import lightning as L
import stable_pretraining as spt
import torch
from PIL import Image
from stable_pretraining import forward
from stable_pretraining.data import transforms
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Folder(Dataset):
    """(image, 0) for each file."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(file for file in folder.iterdir() if file.is_file())

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[Image.Image, int]:
        return Image.open(self.files[row]), 0


class Rate(L.Callback):
    """Images per second after the first batches."""

    def __init__(self, batch_size: int, skip: int = 3) -> None:
        self.batch_size, self.skip, self.seen, self.start, self.end = batch_size, skip, 0, 0.0, 0.0

    def on_train_batch_end(self, trainer: L.Trainer, module: object, outputs: object, batch: object, row: int) -> None:
        if row == self.skip:
            self.start = time.perf_counter()
        elif row > self.skip:
            self.seen += self.batch_size
            self.end = time.perf_counter()


def view(size_px: int, least: float, solarize: float) -> transforms.Compose:
    """One of the two views of the example."""
    return transforms.Compose(
        transforms.RGB(),
        transforms.RandomResizedCrop((size_px, size_px), scale=(least, 1.0)),
        transforms.RandomHorizontalFlip(p=0.5),
        transforms.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, p=0.8),
        transforms.RandomGrayscale(p=0.2),
        *([transforms.RandomSolarize(threshold=0.5, p=solarize)] if solarize else []),
        transforms.ToImage(**spt.data.static.CIFAR10),
    )


def make_module() -> spt.Module:
    """Backbone, projector and loss."""
    backbone = spt.backbone.from_torchvision("resnet18")
    backbone.fc = nn.Identity()
    projector = nn.Sequential(
        nn.Linear(512, 2048), nn.BatchNorm1d(2048), nn.ReLU(inplace=True),
        nn.Linear(2048, 2048), nn.BatchNorm1d(2048), nn.ReLU(inplace=True), nn.Linear(2048, 256),
    )  # fmt: skip
    return spt.Module(
        backbone=backbone,
        projector=projector,
        forward=forward.simclr,
        simclr_loss=spt.losses.NTXEntLoss(temperature=0.5),
        optim={"optimizer": {"type": "AdamW", "lr": 1e-3}, "interval": "step"},
    )


def train(args: argparse.Namespace) -> float:
    """Images per second of some steps."""
    L.seed_everything(0, workers=True)
    views = transforms.MultiViewTransform([view(args.size_px, 0.2, 0.0), view(args.size_px, 0.08, 0.2)])
    dataset = spt.data.FromTorchDataset(Folder(args.folder), names=["image", "label"], transform=views)
    loader = DataLoader(dataset, args.batch_size, num_workers=args.workers, drop_last=True, shuffle=True)
    module, rate = make_module(), Rate(args.batch_size)
    if args.channels_last:
        module = module.to(memory_format=torch.channels_last)
    trainer = L.Trainer(
        max_epochs=1, max_steps=args.max_steps, accelerator="cpu", precision=args.precision, callbacks=[rate],
        logger=False, enable_checkpointing=False, enable_progress_bar=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, spt.data.DataModule(train=loader))
    return rate.seen / (rate.end - rate.start)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of JPEG images")
    parser.add_argument("--max-steps", type=int, default=-1)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--channels-last", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    args = parse()
    print(f"{train(args):.1f} images/s")
