"""Run as a script by test_table.py: gloo processes train every objective, each on its share of each batch; one, on all.

`python gloo_ranks.py FOLDER` reads FOLDER/objectives.json, name -> node of the configuration, and writes
FOLDER/<ranks>-<rank>.pt for 1, 2 and 3 ranks: name -> what this process saw, the losses of 20 steps, the gradients of
the first and of the last, and the state after it. The last batch is half as large as the others. Where an objective
needs labels, the ranks have unequal numbers of galaxies; where it reads some, unequal numbers of labels.
"""

import importlib
import json
import multiprocessing
import sys
import warnings
from datetime import timedelta
from multiprocessing import connection
from pathlib import Path
from unittest import mock

import torch
from omegaconf import OmegaConf
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from selfsup import config
from selfsup.encoders.base import Encoder
from selfsup.training.batch_norm import synchronised

STEPS, GALAXIES, LAST, CLIP_NORM = 20, 12, 6, 3.0
EDGE_PX = {"global": 16, "local": 8}
WORLDS = (1, 2, 3)
UNLABELLED = torch.tensor([2, 3, 7, 8, 9])


class Strided(Encoder):
    """Two convolutions with BatchNorm."""

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.dim = 8
        self.fine = nn.Sequential(nn.Conv2d(3, 6, 2, 2), nn.BatchNorm2d(6), nn.Tanh())
        self.coarse = nn.Sequential(nn.Conv2d(6, 8, 2, 2), nn.BatchNorm2d(8), nn.Tanh())

    def feature_map(self, image):
        return self.pyramid(image)[-1]

    def pyramid(self, image):
        fine = self.fine(self.normalize(image))
        return [fine, self.coarse(fine)]

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


def build(node):
    torch.manual_seed(0)
    objective = config.build(OmegaConf.create(node), "objective", Strided()).double()
    objective.observe_labels(label_like(objective, torch.Generator().manual_seed(0)))
    return objective


def shares(objective, count, ranks):
    """The rows of each rank."""
    sizes = [count // ranks] * ranks
    if objective.targets and ranks > 1:
        sizes[0], sizes[-1] = sizes[0] + 1, sizes[-1] - 1
    return torch.arange(count).split(sizes)


def views_of(objective, step):
    """Blobs of different sizes under different noise."""
    random = torch.Generator().manual_seed(step)
    width = 0.1 + 0.03 * torch.rand(GALAXIES, 1, 1, 1, generator=random, dtype=torch.float64)
    views = {}
    for kind, (fewest, most) in objective.views.items():
        offset = torch.linspace(-0.5, 0.5, EDGE_PX[kind], dtype=torch.float64)
        blob = torch.exp(-(offset[:, None] ** 2 + offset**2) / (2 * width**2)).expand(-1, 3, -1, -1)
        noise = [torch.rand(blob.shape, generator=random, dtype=torch.float64) for _ in range(min(most, fewest + 2))]
        views[kind] = [0.7 * blob + 0.3 * each for each in noise]
    return views


def label_like(objective, random):
    """Classes, or values where the objective has no classes; some are unknown."""
    classes = torch.randint(0, 2, (GALAXIES,), generator=random)
    values = torch.rand(GALAXIES, generator=random)
    label, unknown = (values, torch.nan) if getattr(objective, "classes", "some") is None else (classes, -1)
    return label.index_fill(0, UNLABELLED, unknown)


def batch_of(objective, step):
    random = torch.Generator().manual_seed(100 + step)
    batch = {"label": label_like(objective, random)}
    batch["votes"] = torch.randint(0, 10, (GALAXIES, 37), generator=random).double().index_fill(0, UNLABELLED, 0)
    return {key: batch[key] for key in (*objective.targets, *objective.optional_targets)}


def drawn_for(rows, count, step):
    """In place of torch.rand: draws for every galaxy of the batch, of which a process takes those of its own."""
    rand, random = torch.rand, torch.Generator().manual_seed(step)

    def own(number, *shape, **options):
        copies = range(number // len(rows))
        return torch.cat([rand(count, *shape, generator=random, **options)[rows] for _ in copies])

    return mock.patch("torch.rand", own)


def train(objective, model, rank, ranks):
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.05, momentum=0.9, weight_decay=0.01)
    report = {"losses": [], "gradients": []}
    for step in range(STEPS):
        count, progress = LAST if step == STEPS - 1 else GALAXIES, step / STEPS
        rows = shares(objective, count, ranks)[rank]
        views = {kind: [copy[rows] for copy in copies] for kind, copies in views_of(objective, step).items()}
        batch = {key: value[rows] for key, value in batch_of(objective, step).items()}
        with drawn_for(rows, count, step):
            loss = model(views, {"id": [], "image": torch.empty(0), **batch}, progress).total
        optimizer.zero_grad()
        loss.backward()
        if step in (0, STEPS - 1):
            report["gradients"].append([parameter.grad.clone() for parameter in trained])
        nn.utils.clip_grad_norm_(trained, CLIP_NORM)
        optimizer.step()
        objective.after_step(progress)
        report["losses"].append(loss.item())
    return report | {"state": objective.state_dict(), "saw": views["global"][0].mean().item()}


def train_rank(nodes, rank, ranks, folder):
    reports = {}
    if ranks > 1:
        meet, patience = f"file://{folder / f'meet-{ranks}'}", timedelta(seconds=240)
        distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=ranks, timeout=patience)
    for name, node in nodes.items():
        objective = build(node)
        # Buffers are not sent round: what makes them differ from rank to rank is to be seen.
        model = DistributedDataParallel(objective, broadcast_buffers=False) if ranks > 1 else objective
        torch.manual_seed(100 + rank)  # what a rank draws for itself must not matter
        with synchronised(objective, ranks, torch.device("cpu")):
            reports[name] = train(objective, model, rank, ranks)
    torch.save(reports, folder / f"{ranks}-{rank}.pt")
    if ranks > 1:
        distributed.destroy_process_group()


def targets(node):
    return [node["_target_"], *(target for part in node.get("parts", {}).values() for target in targets(part))]


def main(folder):
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", ".*broadcast_buffers.*")  # has another name from torch 2.15 on
    nodes = json.loads((folder / "objectives.json").read_text())
    # Forked before torch starts any thread, and after the imports: they are most of the time, and so are paid once.
    for target in {target for node in nodes.values() for target in targets(node)}:
        importlib.import_module(target.rpartition(".")[0])
    context = multiprocessing.get_context("fork")
    places = [(rank, ranks) for ranks in WORLDS for rank in range(ranks)]
    processes = [context.Process(target=train_rank, args=(nodes, *place, folder)) for place in places]
    for process in processes:
        process.start()
    while running := [process for process in processes if process.is_alive()]:
        connection.wait([process.sentinel for process in running])
        if any(process.exitcode for process in processes):  # the others would wait for it for minutes
            for process in running:
                process.terminate()
    return max(abs(process.exitcode) for process in processes)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
