"""Probes during the training: the numbers of `evaluate`, at the epochs asked for, and no trace in what is learned."""

import csv

import lightning as L
import pytest
import torch

from selfsup.evaluate import evaluate
from selfsup.tasks.pretrain import assemble
from selfsup.training.loop import fit

PROBES = ["probe=[linear,knn]", "probe.knn.ks=[5]", "trainer.max_epochs=4"]


class Compare(L.Callback):
    """Probes once more after each epoch, by hand."""

    def __init__(self, parts):
        self.parts, self.found, self.modes = parts, [], []

    def on_train_epoch_end(self, trainer, pl_module):
        self.modes.append(all(module.training for module in pl_module.objective.encoder.modules()))
        encoder, data = self.parts.objective.online_encoder(), self.parts.data
        self.found.append(evaluate(encoder, data, self.parts.probes, ("train",), ("val",)).metrics)


def train(cfg, folder):
    parts = assemble(cfg, folder)
    watch = Compare(parts)
    fit(parts.learner, parts.data, parts.probes, parts.loggers, folder, [watch])
    return parts, watch


def logged(folder):
    with (folder / "metrics.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row.get("val/probe/linear/accuracy")]
    return {
        int(row["epoch"]): {k.removeprefix("val/"): float(v) for k, v in row.items() if "probe" in k} for row in rows
    }


def test_scores_are_those_of_evaluate_at_the_epochs_asked_for(tiny, compose, tmp_path):
    _, watch = train(compose(*tiny, *PROBES, "trainer.probe_every_epochs=2"), tmp_path)
    found = logged(tmp_path)
    assert set(found) == {1}  # counted from 0; the last epoch is left to the final evaluation
    assert found[1] == pytest.approx(watch.found[1])
    assert all(watch.modes)


def test_probing_does_not_change_what_is_learned(tiny, compose, tmp_path):
    looked, _ = train(compose(*tiny, *PROBES, "trainer.probe_every_epochs=1"), tmp_path / "looked")
    alone, _ = train(compose(*tiny, *PROBES, "trainer.probe_every_epochs=null"), tmp_path / "alone")
    assert logged(tmp_path / "looked").keys() == {0, 1, 2}
    assert logged(tmp_path / "alone") == {}
    for name, value in looked.objective.state_dict().items():
        assert torch.equal(value, alone.objective.state_dict()[name]), name
