"""Train lightly's own SimCLR recipe on a folder of images, as its documentation shows it, to compare with.

ResNet18, projection head 512-512-128, NT-Xent at temperature 0.5, PIL transforms in loader workers; for galaxies the
transform's own switches for rotations and vertical flips are on. The trained backbone is written as safetensors with
torchvision's (and timm's) parameter names, so that `selfsup task=probe` can score it beside its own encoders:

    uv run python scripts/peer_lightly.py DIR_OF_IMAGES --epochs 20 --output lightly.safetensors
"""

import argparse
import time
from pathlib import Path

import lightning as L
import torch
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.models import resnet18


class LightlySimCLR(L.LightningModule):
    """Backbone, head and loss from torchvision and lightly."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.backbone = resnet18()
        width = self.backbone.fc.in_features
        self.backbone.fc = nn.Identity()
        self.head = SimCLRProjectionHead(width, width, 128)
        self.criterion = NTXentLoss()
        self.lr = lr

    def training_step(self, batch: list) -> Tensor:
        first, second = batch[0]
        loss = self.criterion(self.head(self.backbone(first)), self.head(self.backbone(second)))
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


class Rate(L.Callback):
    """Images per second after the first batches."""

    def __init__(self, batch_size: int, skip: int = 3) -> None:
        self.batch_size, self.skip, self.seen, self.start, self.end = batch_size, skip, 0, 0.0, 0.0

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == self.skip:
            self.start, self.seen = time.perf_counter(), 0
        elif trainer.global_step > self.skip:
            self.seen += self.batch_size
            self.end = time.perf_counter()

    @property
    def images_per_s(self) -> float:
        return self.seen / (self.end - self.start)


def train(args: argparse.Namespace) -> float:
    """Train, save the backbone, return images per second."""
    L.seed_everything(args.seed, workers=True)
    transform = SimCLRTransform(input_size=args.size_px, rr_prob=0.5, rr_degrees=180, vf_prob=0.5)
    loader = DataLoader(
        LightlyDataset(str(args.folder), transform=transform),
        batch_size=args.batch_size, shuffle=True, drop_last=True, num_workers=args.workers, persistent_workers=True,
    )  # fmt: skip
    rate = Rate(args.batch_size)
    model = LightlySimCLR(args.lr)
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
    trainer = L.Trainer(
        max_epochs=args.epochs, max_steps=args.max_steps, accelerator="cpu", precision=args.precision,
        callbacks=[rate], logger=False, enable_checkpointing=False, enable_progress_bar=not args.quiet,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, loader)
    speed = rate.images_per_s
    if args.output:
        weights = {k: v.contiguous() for k, v in model.backbone.state_dict().items()}
        save_file(weights, args.output)
    return speed


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of JPEG images")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--max-steps", type=int, default=-1)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    args = parse()
    print(f"{train(args):.1f} images/s")
