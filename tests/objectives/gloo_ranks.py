"""Run as a script by the tests: gloo processes train an objective, each on its share of a batch; one more, alone.

`python gloo_ranks.py OBJECTIVE FOLDER` writes FOLDER/0.pt, 1.pt (two ranks) and alone.pt (which saw the whole batch);
`python gloo_ranks.py OBJECTIVE FOLDER 2 3` writes FOLDER/2/0.pt, 2/1.pt, 3/0.pt, 3/1.pt, 3/2.pt and alone.pt: what was
seen, the losses of three steps, the gradient of the first and the state after the last.
"""

import importlib
import multiprocessing
import sys
from pathlib import Path

import torch
from lightly.utils.dist import gather
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from selfsup.encoders.base import Encoder

STEPS, GALAXIES = 3, 6
CASES = {
    "ntxent": ("NTXent", {"temperature": 0.2, "hidden_dim": None, "output_dim": 5, "batch_norm": False}),
    "dino": (
        "DINO",
        {
            "hidden_dim": 9,
            "bottleneck_dim": 4,
            "output_dim": 11,
            "norm_last_layer": False,
            "freeze_last_layer_share": 0.4,
            "student_temperature": 0.1,
            "teacher_temperature_start": 0.05,
            "teacher_temperature": 0.07,
            "warmup_share": 0.5,
            "center_momentum": 0.9,
            "momentum_start": 0.9,
            "weight_decay_growth": 10.0,
        },
    ),
    "byol": ("BYOL", {"hidden_dim": 9, "output_dim": 5, "predictor_dim": 8, "momentum_start": 0.9}),
    "moco": ("MoCo", {"temperature": 0.2, "queue_size": 16, "momentum": 0.9, "hidden_dim": None, "output_dim": 5}),
    "vicreg": (
        "VICReg",
        {
            "hidden_dim": 9,
            "output_dim": 5,
            "invariance_weight": 25.0,
            "variance_weight": 25.0,
            "covariance_weight": 1.0,
        },
    ),
    "barlow_twins": ("BarlowTwins", {"hidden_dim": 9, "output_dim": 5, "redundancy_weight": 0.1}),
    "simsiam": ("SimSiam", {"hidden_dim": 9, "output_dim": 5, "predictor_dim": 4}),
    "lejepa": (
        "LeJEPA",
        {"hidden_dim": 9, "output_dim": 5, "sigreg_weight": 0.3, "directions": 20, "knots": 9, "t_max": 3.0},
    ),
}
LOCAL_PX = {"dino": [4, 4, 4], "lejepa": [4, 4, 4]}


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


class GatheredBatchNorm(nn.BatchNorm1d):
    """Statistics over the rows of all ranks, as SyncBatchNorm, which refuses CPU tensors."""

    def forward(self, rows):
        own = slice(distributed.get_rank() * len(rows), (distributed.get_rank() + 1) * len(rows))
        return super().forward(torch.cat(gather(rows)))[own]


def synchronise(module):
    """In place: every BatchNorm of the heads over all ranks."""
    for part in module.modules():
        if type(part) is nn.BatchNorm1d:
            part.__class__ = GatheredBatchNorm
    return module


def objective(name):
    torch.manual_seed(0)
    title, numbers = CASES[name]
    return getattr(importlib.import_module(f"selfsup.objectives.{name}"), title)(Pooled(), **numbers).double()


def views(name, step, galaxies):
    random = torch.Generator().manual_seed(step)
    sizes = {"global": [8, 8], "local": LOCAL_PX.get(name, [])}
    return {
        kind: [torch.rand(GALAXIES, 3, px, px, generator=random, dtype=torch.float64)[galaxies] for px in sizes_px]
        for kind, sizes_px in sizes.items()
    }


def train(name, module, model, galaxies):
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.5, weight_decay=0.01)
    report = {"losses": [], "saw": views(name, 0, galaxies)["global"][0].mean().item()}
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


def train_rank(name, rank, ranks, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=ranks)
    share = GALAXIES // ranks
    module = synchronise(objective(name))
    torch.manual_seed(100 + rank)  # what a rank draws must not matter
    report = train(name, module, DistributedDataParallel(module), slice(rank * share, (rank + 1) * share))
    torch.save(report, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def main(name, folder, groups):
    """Groups: folder -> number of ranks."""
    torch.set_num_threads(1)
    # Forked before torch starts any thread, and after the imports: they are most of the time, and so are paid once.
    importlib.import_module(f"selfsup.objectives.{name}")
    context = multiprocessing.get_context("fork")
    processes = []
    for place, ranks in groups.items():
        place.mkdir(exist_ok=True)
        processes += [context.Process(target=train_rank, args=(name, rank, ranks, place)) for rank in range(ranks)]
    for process in processes:
        process.start()
    alone = objective(name)
    torch.save(train(name, alone, alone, slice(None)), folder / "alone.pt")
    for process in processes:
        process.join()
    return max(abs(process.exitcode) for process in processes)


if __name__ == "__main__":
    name, folder, counts = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    sys.exit(main(name, folder, {folder / count: int(count) for count in counts} or {folder: 2}))
