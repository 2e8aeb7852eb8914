"""Run as a script by the tests: two gloo processes train an objective, each on its half of a batch; a third one alone.

`python gloo_ranks.py {ntxent,dino} FOLDER` writes FOLDER/0.pt, 1.pt and alone.pt (which saw the whole batch): the
losses of three steps, the gradient of the first and the state after the last.
"""

import multiprocessing
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from selfsup.encoders.base import Encoder
from selfsup.objectives.dino import DINO
from selfsup.objectives.ntxent import NTXent

STEPS, GALAXIES, RANKS = 3, 6, 2


class Pooled(Encoder):
    """A linear map of 2 x 2 mean pixels: no BatchNorm, any image size."""

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.dim = 7
        self.linear = nn.Linear(3, self.dim)

    def feature_map(self, image):
        pixels = nn.functional.adaptive_avg_pool2d(self.normalize(image), 2)
        return torch.tanh(self.linear(pixels.movedim(1, -1))).movedim(-1, 1)

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean(dim=(2, 3))


def objective(name):
    torch.manual_seed(0)
    if name == "ntxent":
        return NTXent(Pooled(), temperature=0.2, hidden_dim=None, output_dim=5, batch_norm=False).double()
    return DINO(
        Pooled(),
        hidden_dim=9,
        bottleneck_dim=4,
        output_dim=11,
        norm_last_layer=False,
        freeze_last_layer_share=0.4,
        student_temperature=0.1,
        teacher_temperature_start=0.05,
        teacher_temperature=0.07,
        warmup_share=0.5,
        center_momentum=0.9,
        momentum_start=0.9,
        weight_decay_growth=10.0,
    ).double()


def views(name, step, galaxies):
    random = torch.Generator().manual_seed(step)
    sizes = {"global": [8, 8], "local": [4, 4, 4] if name == "dino" else []}
    return {
        kind: [torch.rand(GALAXIES, 3, px, px, generator=random, dtype=torch.float64)[galaxies] for px in sizes_px]
        for kind, sizes_px in sizes.items()
    }


def train(name, module, model, galaxies):
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.5, weight_decay=0.01)
    report = {"losses": []}
    for step in range(STEPS):
        progress = step / STEPS
        loss = model(views(name, step, galaxies), {"id": [], "image": torch.empty(0)}, progress).total
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            report["gradient"] = {k: p.grad.clone() for k, p in module.named_parameters() if p.requires_grad}
        optimizer.step()
        module.after_step(progress)
        report["losses"].append(loss.item())
    return report | {"state": module.state_dict()}


def train_rank(name, rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=RANKS)
    share = GALAXIES // RANKS
    module = objective(name)
    report = train(name, module, DistributedDataParallel(module), slice(rank * share, (rank + 1) * share))
    torch.save(report, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def main(name, folder):
    torch.set_num_threads(1)
    # Forked before torch starts any thread: the imports are most of the time, and so they are paid once.
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=train_rank, args=(name, rank, folder)) for rank in range(RANKS)]
    for rank in ranks:
        rank.start()
    alone = objective(name)
    torch.save(train(name, alone, alone, slice(None)), folder / "alone.pt")
    for rank in ranks:
        rank.join()
    return max(abs(rank.exitcode) for rank in ranks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
