"""Run as a script by the tests: gloo processes train a hybrid, each on its part of a batch; one process alone on all.

`python hybrid_ranks.py FOLDER` writes FOLDER/{votes,classes,values}-{2,3}-{0,1,2}.pt and FOLDER/{...}-alone.pt: the
losses of three steps, the gradient of the first and the state after the last. Few galaxies have labels: with two
processes 1 and 2 of 3, with three processes 1, 0 and 2 of 2.
"""

import multiprocessing
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from selfsup.encoders.base import Encoder
from selfsup.objectives.dirichlet import Dirichlet
from selfsup.objectives.hybrid import Hybrid
from selfsup.objectives.ntxent import NTXent
from selfsup.objectives.supervised import Supervised

STEPS, GALAXIES = 3, 6
KINDS, WORLDS = ("votes", "classes", "values"), (2, 3)
LABELLED = torch.tensor([True, False, False, False, True, True])


class Mean(Encoder):
    """A linear map of the mean pixel: no BatchNorm."""

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.dim = 6
        self.linear = nn.Linear(3, self.dim)

    def feature_map(self, image):
        return self(image)[..., None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return torch.tanh(self.linear(self.normalize(image).mean(dim=(2, 3))))


def hybrid(kind):
    torch.manual_seed(0)
    encoder = Mean()
    contrastive = NTXent(encoder, temperature=0.2, hidden_dim=None, output_dim=5, batch_norm=False)
    if kind == "votes":
        labels = Dirichlet(encoder, "rings", dropout=0.0, alpha_max=100.0)
    else:
        classes = ["a", "b", "c"] if kind == "classes" else None
        labels = Supervised(encoder, classes, [1.0, 2.0, 0.5] if classes else "none", 0.0, 0.1 if classes else 0.0)
    return Hybrid(encoder, {"contrastive": contrastive, "labels": labels}, {"contrastive": 1.0, "labels": 0.3}).double()


def batch(kind, step, galaxies):
    random = torch.Generator().manual_seed(100 + step)
    votes = torch.randint(1, 20, (GALAXIES, 2), generator=random).double()
    classes = torch.randint(0, 3, (GALAXIES,), generator=random)
    made = {"id": [], "image": torch.empty(0)}
    if kind == "votes":
        return made | {"votes": torch.where(LABELLED[:, None], votes, 0.0)[galaxies]}
    missing, values = (-1, classes) if kind == "classes" else (torch.nan, votes[:, 0].float() / 20)
    return made | {"label": torch.where(LABELLED, values, missing)[galaxies]}


def views(step, galaxies):
    random = torch.Generator().manual_seed(step)
    return {
        "global": [torch.rand(GALAXIES, 3, 4, 4, generator=random, dtype=torch.float64)[galaxies] for _ in range(2)]
    }


def train(kind, module, model, galaxies):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    report = {"losses": []}
    for step in range(STEPS):
        loss = model(views(step, galaxies), batch(kind, step, galaxies), step / STEPS).total
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            report["gradient"] = {name: p.grad.clone() for name, p in module.named_parameters()}
        optimizer.step()
        report["losses"].append(loss.item())
    return report | {"state": module.state_dict()}


def train_rank(world, rank, folder):
    meet = f"file://{folder / f'meet-{world}'}"
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=world)
    share = GALAXIES // world
    for kind in KINDS:
        module = hybrid(kind)
        report = train(kind, module, DistributedDataParallel(module), slice(rank * share, (rank + 1) * share))
        torch.save(report, folder / f"{kind}-{world}-{rank}.pt")
    distributed.destroy_process_group()


def main(folder):
    torch.set_num_threads(1)
    # Forked before torch starts any thread: the imports are most of the time, and so they are paid once.
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=train_rank, args=(w, rank, folder)) for w in WORLDS for rank in range(w)]
    for rank in ranks:
        rank.start()
    for kind in KINDS:
        alone = hybrid(kind)
        torch.save(train(kind, alone, alone, slice(None)), folder / f"{kind}-alone.pt")
    for rank in ranks:
        rank.join()
    return max(abs(rank.exitcode) for rank in ranks)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
