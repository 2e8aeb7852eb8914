"""All that a training counts and remembers is in its checkpoint."""

import collections
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import OmegaConf

from selfsup.tasks.pretrain import assemble
from selfsup.training.learner import Learner
from selfsup.training.loop import fit

OBJECTIVES = Path(__file__).parents[2] / "conf" / "objective"
SMALL = {"hidden_dim": 32, "output_dim": 32, "bottleneck_dim": 16}
SMALL |= {"decoder_dim": 32, "decoder_depth": 1, "decoder_heads": 2}
"""Of the numbers of any objective: those that make it large."""
MOMENTARY = {
    ".training": "the mode; an objective sets that of its teacher before each use",
    ".memory_bank._buffers.": "lightly's, of an empty bank: never set",
    "CollapseWatch._embedding": "of the last batch; the next one brings its own",
    "GalaxyProgressBar._": "speed and clocks of this process",
    "Interruption._step": "where the batch began; set at each",
    "ModelCheckpoint._last_": "of this process; at most, one step is saved a second time",
    "_WithinEpochs._last_": "the same",
}
"""Part of the path of what may differ after a resume, and why."""
PLAIN = (int, float, str, bool, type(None), Path)
ELSEWHERE = ("trainer", "_trainer", "_fabric")
EVERY = ["trainer.checkpoint_every_steps=3", "encoder.drop_path=0.2"]


class CutOff(Exception):
    pass


class Memory(Callback):
    """What everything remembers before the first step of this process and before step `at`, where it is cut off."""

    def __init__(self, at):
        self.at, self.seen = at, []

    def on_train_batch_start(self, trainer, pl_module, *_):
        if not self.seen or trainer.global_step == self.at:
            self.seen.append(remembered(trainer, pl_module))
        if trainer.global_step == self.at:
            raise CutOff


def remembered(trainer, learner):
    """Path -> value of all that can be found in what takes part."""
    found = {}
    callbacks = [each for each in trainer.callbacks if not isinstance(each, Memory)]
    for part in (learner, trainer.datamodule, *callbacks, *trainer.loggers):
        walk(part, f"{type(part).__name__}", found, frozenset())
    for place, optimizer in enumerate(trainer.optimizers):
        walk(optimizer.state_dict(), f"optimizer{place}", found, frozenset())
    for place, config in enumerate(trainer.lr_scheduler_configs):
        walk(config.scheduler.state_dict(), f"schedule{place}", found, frozenset())
    return found


def walk(value, path, found, on_the_way):
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = (str(value.dtype), value.shape, value.tobytes())
        found.setdefault(path, []).append(value)
    elif isinstance(value, PLAIN):
        found.setdefault(path, []).append(value)
    elif id(value) not in on_the_way:
        for key, each in inside(value):
            walk(each, f"{path}.{key}", found, on_the_way | {id(value)})


def inside(value):
    """What a container, or an object of ours or of Lightning's, holds."""
    if isinstance(value, torch.Generator):
        return [("state", value.get_state())]
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple | collections.deque):
        return enumerate(value)
    if isinstance(value, set | frozenset):
        return [("set", repr(sorted(map(repr, value))))]
    ours = type(value).__module__.startswith("selfsup")
    if ours or isinstance(value, torch.nn.Module | L.LightningDataModule | Callback | Logger):
        return [(key, each) for key, each in getattr(value, "__dict__", {}).items() if key not in ELSEWHERE]
    return []


def lost(cfg, folder):
    """What three steps have changed, and what of it a resume has not brought back."""
    seen = []
    for _ in range(2):
        parts, memory = assemble(cfg, folder), Memory(at=3)
        with pytest.raises(CutOff):
            fit(parts.learner, parts.data, parts.probes, parts.loggers, folder, watchers=[memory])
        seen += memory.seen
    start, before, after = seen
    changed = {path for path in before | start if start.get(path) != before.get(path)}
    return changed, {path for path in changed if before.get(path) != after.get(path)}


def unexpected(gone):
    return {path for path in gone if not any(part in path for part in MOMENTARY)}


@pytest.mark.promise("resume")
@pytest.mark.parametrize("objective", sorted(file.stem for file in OBJECTIVES.glob("*.yaml")))
def test_all_that_changes_comes_back(objective, tiny, compose, tmp_path):
    """Plain counters, tensors and states of generators, in modules, callbacks, the data and the loggers."""
    numbers = OmegaConf.load(OBJECTIVES / f"{objective}.yaml")
    small = [f"objective.{key}={value}" for key, value in SMALL.items() if key in numbers]
    cfg = compose(*tiny, *EVERY, f"objective={objective}", *small)
    changed, gone = lost(cfg, tmp_path)
    assert any(path.startswith("Learner._modules.objective") for path in changed)
    assert any(path.startswith("optimizer0.state") for path in changed)
    assert unexpected(gone) == set()


@pytest.mark.promise("resume")
def test_averages_come_back(tiny, compose, tmp_path):
    changed, gone = lost(compose(*tiny, *EVERY, "trainer.ema_decay=0.9"), tmp_path)
    assert any(path.startswith("EMAWeightAveraging._average_model") for path in changed)
    assert "EMAWeightAveraging._latest_update_step" in changed
    assert unexpected(gone) == set()


@pytest.mark.promise("resume")
def test_a_plain_counter_would_be_found(tiny, compose, tmp_path, monkeypatch):
    def count(learner, batch, batch_idx):
        encoder = learner.objective.encoder
        encoder.calls = getattr(encoder, "calls", 0) + 1
        return step(learner, batch, batch_idx)

    step = Learner.training_step
    monkeypatch.setattr(Learner, "training_step", count)
    _, gone = lost(compose(*tiny, *EVERY), tmp_path)
    assert unexpected(gone) == {"Learner._modules.objective._modules.encoder.calls"}
