import io
import re

import lightning as L
import pytest
import torch
from rich.console import Console

from selfsup.training.progress_bar import GalaxyProgressBar


class Galaxies(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return {"id": str(index), "image": torch.ones(1)}


class Line(L.LightningModule):
    def __init__(self, fail_at=None):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.fail_at = fail_at

    def training_step(self, batch, index):
        if self.global_step == self.fail_at:
            raise RuntimeError("stopped on purpose")
        return self.layer(batch["image"]).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def train(bar, module=None, **options):
    trainer = L.Trainer(
        accelerator="cpu",
        callbacks=[bar],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        **{"max_epochs": 3, **options},
    )
    trainer.fit(module or Line(), torch.utils.data.DataLoader(Galaxies(), batch_size=4))
    return trainer


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120)


def test_where_no_terminal_is_each_epoch_is_one_plain_line():
    out = console(terminal=False)
    train(GalaxyProgressBar(console=out))
    text = out.file.getvalue()
    assert "\x1b" not in text
    assert "\r" not in text
    lines = text.splitlines()
    assert len(lines) == 3
    shape = r"epoch {}/3, step {}/9, loss [\d.e-]+, [\d,.]+ images/s, \d:\d\d:\d\d left"
    for line, epoch, step in zip(lines, (1, 2, 3), (3, 6, 9), strict=True):
        assert re.fullmatch(shape.format(epoch, step), line), line
    assert lines[-1].endswith("0:00:00 left")


def test_lines_come_between_the_epochs_when_these_are_long():
    out = console(terminal=False)
    train(GalaxyProgressBar(line_every_s=0.0, console=out), max_epochs=1)
    assert [line.split(",")[1] for line in out.file.getvalue().splitlines()] == [f" step {n}/3" for n in (1, 2, 3, 3)]


def test_speed_counts_the_galaxies_of_all_ranks_and_time_left_the_whole_training(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("selfsup.training.progress_bar.time.monotonic", lambda: float(next(clock)))
    bar = GalaxyProgressBar(console=console(terminal=False))
    trainer = L.Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, callbacks=[bar])
    bar._recent.extend([(64, 0.5), (64, 1.5)])
    bar._start_s, bar._first_step, bar._total = -100.0, 10, 1010
    assert bar._facts(20) == ["64 images/s", "2:45:00 left"]
    assert trainer.progress_bar_callback is bar


def test_on_a_terminal_there_is_a_bar_and_it_is_gone_after_an_error():
    out = console(terminal=True)
    bar = GalaxyProgressBar(console=out)
    with pytest.raises(RuntimeError, match="on purpose"):
        train(bar, Line(fail_at=4))
    text = out.file.getvalue()
    assert "\x1b" in text
    assert "epoch 1/3" in text
    assert text.count("\x1b[?25h") >= text.count("\x1b[?25l") > 0


def test_training_without_end_has_no_time_left():
    out = console(terminal=False)
    bar = GalaxyProgressBar(console=out)
    bar._first_step, bar._total = 0, float("inf")
    assert bar._left_s(5) is None


def test_other_ranks_are_silent():
    out = console(terminal=False)
    bar = GalaxyProgressBar(line_every_s=0.0, console=out)
    bar.disable()
    train(bar, max_epochs=1)
    bar.print("nothing")
    assert out.file.getvalue() == ""
