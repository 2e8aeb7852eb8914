"""Run as a script by the tests: two gloo processes learn to denoise, each with its own galaxies, and a third with all.

`python denoise_ranks.py FOLDER` writes FOLDER/0.pt, 1.pt and alone.pt: the loss of each step and the gradient of the
first. There is no noise, which each process would draw for itself.
"""

import multiprocessing
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from selfsup.encoders.base import Encoder
from selfsup.objectives.denoise import Denoise

STEPS, GALAXIES, RANKS, EDGE = 2, 6, 2, 16


class Strided(Encoder):
    """Two convolutions without BatchNorm."""

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.dim = 6
        self.fine, self.coarse = nn.Conv2d(3, 5, 2, 2), nn.Conv2d(5, self.dim, 2, 2)

    def feature_map(self, image):
        return self.pyramid(image)[-1]

    def pyramid(self, image):
        fine = torch.tanh(self.fine(self.normalize(image)))
        return [fine, torch.tanh(self.coarse(fine))]

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


def objective():
    torch.manual_seed(0)
    return Denoise(
        Strided(),
        poisson_electrons=None,
        gaussian_sigma=[0.0, 0.0],
        mask_threshold_sigmas=3.0,
        mask_smoothing_px=1.0,
        mask_centre_share=0.3,
        mask_dilation_px=1,
        decoder_dim=8,
        decoder_depth=1,
        ssim_window_px=5,
        foreground_weight=1.0,
        variation_weight=0.7,
        darkness_weight=0.4,
        contrast_weight=0.5,
        temperature=0.2,
        hidden_dim=None,
        output_dim=4,
        batch_norm=False,
    ).double()


def galaxies(step):
    """(GALAXIES, 3, EDGE, EDGE): blobs of different sizes, so that no two masks are alike."""
    random = torch.Generator().manual_seed(step)
    offset = torch.arange(EDGE, dtype=torch.float64) - EDGE / 2
    width = 1.5 + torch.arange(GALAXIES, dtype=torch.float64).view(-1, 1, 1, 1)
    blob = torch.exp(-(offset[:, None] ** 2 + offset**2) / (2 * width**2))
    noise = torch.rand(GALAXIES, 3, EDGE, EDGE, generator=random, dtype=torch.float64)
    return (0.8 * blob + 0.1 * noise).clamp(0, 1)


def train(module, model, part):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.2)
    report = {"losses": []}
    for step in range(STEPS):
        clean = galaxies(step)
        views = {"global": [clean[part], clean.flip(3)[part]]}
        loss = model(views, {"id": [], "image": torch.empty(0)}, step / STEPS).total
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            report["gradient"] = {name: p.grad.clone() for name, p in module.named_parameters()}
        optimizer.step()
        report["losses"].append(loss.item())
    return report


def train_rank(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=RANKS)
    share, module = GALAXIES // RANKS, objective()
    report = train(module, DistributedDataParallel(module), slice(rank * share, (rank + 1) * share))
    torch.save(report, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def main(folder):
    torch.set_num_threads(1)
    # Forked before torch starts any thread: the imports are most of the time, and so they are paid once.
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=train_rank, args=(rank, folder)) for rank in range(RANKS)]
    for rank in ranks:
        rank.start()
    alone = objective()
    torch.save(train(alone, alone, slice(None)), folder / "alone.pt")
    for rank in ranks:
        rank.join()
    return max(abs(rank.exitcode) for rank in ranks)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
