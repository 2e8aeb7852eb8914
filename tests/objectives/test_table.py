"""What is promised of every objective, as one table: `pytest tests/objectives/test_table.py` ends with it.

A row is a file of conf/objective, a column a test of this file; conftest.py prints what came of them.
"""

import json
import subprocess
import sys
from pathlib import Path

import lightning as L
import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from selfsup.checkpoint import LAST
from selfsup.tasks.pretrain import assemble
from selfsup.training.health import CollapseError
from selfsup.training.loop import fit

CONF = Path(__file__).parents[2] / "conf"
SCRIPT = Path(__file__).with_name("gloo_ranks.py")
ROWS = {file.stem: [f"objective={file.stem}"] for file in sorted((CONF / "objective").glob("*.yaml"))}
ROWS |= {"supervised_value": ["objective=supervised", "data.classes=null", "data.label=value"]}
LABELS = ["data=images", "data.folder=somewhere", "data.tree=gz2", "data.label=label", "data.classes=[a,b]"]
SMALL = {"queue_size": 64, "directions": 64, "decoder_depth": 1}
SMALL_DIM = 32
QUIET = {"dropout": 0.0, "gaussian_sigma": [0.0, 0.0], "poisson_electrons": None}
"""What every process would draw for itself."""
each = pytest.mark.parametrize("name", ROWS)


def shrink(node):
    """The same objective with less of everything that makes it slow."""
    if not isinstance(node, dict):
        return node
    small = {key: SMALL_DIM for key in node if key.endswith("_dim")} | SMALL
    return {
        key: min(value, small[key]) if key in small and isinstance(value, int) else shrink(value)
        for key, value in node.items()
    }


def silence(node):
    if not isinstance(node, dict):
        return node
    return {key: QUIET[key] if key in QUIET else silence(value) for key, value in node.items()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Number of ranks -> the reports of each; all objectives are trained by one set of processes."""
    folder = tmp_path_factory.mktemp("ranks")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        configurations = {name: hydra_compose("config", [*LABELS, *chosen]) for name, chosen in ROWS.items()}
    nodes = {name: OmegaConf.to_container(cfg.objective, resolve=True) for name, cfg in configurations.items()}
    quiet = {name: silence(shrink(node)) for name, node in nodes.items()}
    (folder / "objectives.json").write_text(json.dumps(quiet))
    subprocess.run([sys.executable, SCRIPT, folder], check=True, timeout=600)
    files = {world: [folder / f"{world}-{rank}.pt" for rank in range(world)] for world in (1, 2, 3)}
    return {world: [torch.load(file, weights_only=True) for file in each] for world, each in files.items()}


@pytest.fixture
def configured(tiny, compose):
    """Row and further overrides -> the configuration of a short training."""

    def make(name, *overrides):
        cfg = compose(*tiny, "trainer.max_epochs=1", *ROWS[name], *overrides)
        cfg.objective = shrink(OmegaConf.to_container(cfg.objective, resolve=True))
        return cfg

    return make


def check_losses(trained, name, world):
    """Ranks with different galaxies have on average the loss of one process with all of them, at every step."""
    [alone], ranks = trained[1], trained[world]
    assert len({rank[name]["saw"] for rank in ranks}) == world, "ranks saw the same galaxies"
    assert len(set(alone[name]["losses"])) == 20, "nothing was learnt"
    mean = torch.tensor([rank[name]["losses"] for rank in ranks], dtype=torch.float64).mean(0)
    torch.testing.assert_close(mean, torch.tensor(alone[name]["losses"], dtype=torch.float64), rtol=1e-9, atol=1e-12)


@pytest.mark.promise("ranks")
@each
def test_loss_of_2(name, trained):
    check_losses(trained, name, 2)


@pytest.mark.promise("ranks")
@each
def test_loss_of_3(name, trained):
    check_losses(trained, name, 3)


@pytest.mark.promise("ranks")
@each
def test_gradient(name, trained):
    """Averaged over the ranks; of the first step, and of the last, with fewer galaxies."""
    [alone] = trained[1]
    for whole in alone[name]["gradients"]:
        assert max(gradient.abs().max() for gradient in whole) > 1e-6
    for rank in (*trained[2], *trained[3]):
        torch.testing.assert_close(rank[name]["gradients"], alone[name]["gradients"], rtol=1e-7, atol=1e-9)


@pytest.mark.promise("ranks")
@each
def test_twenty_steps(name, trained):
    """Weights, teacher, centre, queue and statistics: as in one process, and bit for bit the same on every rank."""
    [alone] = trained[1]
    for ranks in (trained[2], trained[3]):
        torch.testing.assert_close(ranks[0][name]["state"], alone[name]["state"], rtol=1e-7, atol=1e-10)
        for rank in ranks[1:]:
            torch.testing.assert_close(rank[name]["state"], ranks[0][name]["state"], rtol=0, atol=0)


class Killed(Exception):
    pass


class Cut(L.Callback):
    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 3:
            raise Killed


def end(cfg, folder, *watchers):
    """Train in this folder, from its checkpoint where there is one; what the last checkpoint holds."""
    parts = assemble(cfg, folder)
    try:
        fit(parts.learner, parts.data, {}, parts.loggers, folder, watchers)
    except Killed:
        assert watchers
    saved = torch.load(folder / LAST, weights_only=True)
    return {key: saved[key] for key in ("global_step", "state_dict", "optimizer_states", "lr_schedulers")}


@pytest.mark.promise("resume")
@each
def test_resume(name, configured, tmp_path):
    """Interrupted in the middle of an epoch, it ends with every bit of an uninterrupted training."""
    cfg = configured(name, "trainer.checkpoint_every_steps=2", "encoder.drop_path=0.2")
    assert end(cfg, tmp_path / "cut", Cut())["global_step"] == 2
    cut, whole = (end(cfg, tmp_path / folder) for folder in ("cut", "whole"))
    assert whole["global_step"] == 5
    torch.testing.assert_close(cut, whole, rtol=0, atol=0)


@pytest.mark.promise("numbers")
@each
def test_alarm(name, configured, tmp_path):
    """An encoder that says the same of all galaxies is heard of at once, whichever of its methods is called."""
    parts = assemble(configured(name, "trainer.on_collapse=stop"), tmp_path)
    with torch.no_grad():
        for parameter in parts.objective.encoder.parameters():
            parameter.zero_()
    with pytest.raises(CollapseError, match=r"the representation has collapsed .* at step 1; try "):
        fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)


@each
def test_overfits(name, configured, tmp_path):
    parts = assemble(configured(name, "trainer.batch_size=8"), tmp_path)
    objective, [batch, *_] = parts.objective, parts.data.train_dataloader()
    views = parts.learner.views(batch["image"])
    views = {kind: copies[: max(objective.views[kind][0], 1)] for kind, copies in views.items()}
    trainable = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    torch.manual_seed(9)
    with torch.no_grad():  # else a teacher is its student's copy, and little is left to learn
        for parameter in trainable:
            parameter.mul_(1 + 0.3 * torch.randn_like(parameter))
    # Teachers and centres are put back after each step: against a target that moves, a loss may well rise.
    moving = [*objective.buffers(), *(p for p in objective.parameters() if not p.requires_grad)]
    start = [tensor.clone() for tensor in moving]
    optimizer, losses = torch.optim.Adam(trainable, lr=3e-3), []
    for _ in range(60):
        torch.manual_seed(3)
        loss = objective(views, batch, 0.5).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for tensor, value in zip(moving, start, strict=True):
                tensor.copy_(value)
        losses.append(loss.item())
    # The likelihood of votes has a floor far above 0 (the multinomial noise of the volunteers), hence no lower bar.
    assert losses[-1] < 0.85 * losses[0], losses[::10]
