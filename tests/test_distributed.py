"""Several processes that train together are one run: one folder, each galaxy once, one message, one end."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from selfsup.checkpoint import read_checkpoint
from selfsup.embed import load_encoder
from selfsup.evaluate import TEST, TRAIN, evaluate
from selfsup.tasks.pretrain import assemble
from selfsup.training.loop import fit

SERVER = Path(__file__).parent / "training" / "forked_runs.py"
STILL = [
    *("augmentation.groups.global.area_share=[1.0,1.0]", "augmentation.groups.global.aspect=[1.0,1.0]"),
    *("augmentation.groups.global.place=[0.0,0.0]", "augmentation.groups.global.rotation_deg=[0.0,0.0]"),
    *("augmentation.groups.global.hflip_p=0.0", "augmentation.groups.global.blur_p=0.0"),
    *("augmentation.groups.global.noise_p=0.0", "augmentation.groups.global.colour_p=0.0"),
    "augmentation.groups.global.grey_p=0.0",
]
"""Views without chance: each rank draws its own, and one process draws others."""
MADE = ["config.yaml", "metrics.csv", "report.json", "report.md", "pretrain.log"]
POISON = '''
import os
import torch
from selfsup.objectives.ntxent import NTXent
from selfsup.types import Loss


class Poisoned(NTXent):
    """The second process's third loss is no number."""

    calls = 0

    def forward(self, views, batch, progress):
        loss = super().forward(views, batch, progress)
        self.calls += 1
        return Loss(loss.total * float("nan")) if self.calls == 3 and os.environ["RANK"] == "1" else loss
'''


@pytest.fixture(scope="module")
def together(cache, free_port):
    """Arguments, a folder for the outputs -> (processes, a function that waits for their exit codes)."""
    server = subprocess.Popen([sys.executable, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(arguments, outputs, starter, **environment):
        meet = starter(free_port())
        runs = [
            {
                "arguments": list(map(str, arguments)),
                "environment": {**meet(rank), **environment},
                "output": str(outputs / f"{rank}.txt"),
            }
            for rank in range(2)
        ]
        server.stdin.write(json.dumps(runs) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline()), lambda: json.loads(server.stdout.readline())

    with server:
        yield begin
        server.stdin.close()


def torchrun(port):
    """What torchrun tells the processes of one machine."""
    told = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    told |= {"TORCHELASTIC_RUN_ID": "none", "GROUP_RANK": "0", "TORCHELASTIC_RESTART_COUNT": "0"}
    return lambda rank: {**told, "RANK": str(rank), "LOCAL_RANK": str(rank)}


def srun(port):
    """What srun --ntasks-per-node=2 tells them."""
    told = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0"}
    told |= {"SLURM_JOB_ID": "1234", "SLURM_JOB_NAME": "train", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return lambda rank: {**told, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}


def said(outputs):
    return "\n".join((outputs / f"{rank}.txt").read_text() for rank in range(2))


def rows(folder, column="train/loss"):
    with (folder / "metrics.csv").open(newline="") as table:
        return {int(row["step"]): float(row[column]) for row in csv.DictReader(table) if row.get(column)}


def runs_below(folder):
    return sorted(file.parent for file in folder.rglob("config.yaml") if file.parent.name != ".hydra")


@pytest.mark.promise("ranks")
@pytest.mark.parametrize("starter", [torchrun, pytest.param(srun, marks=pytest.mark.slow)])
def test_two_processes_are_one_run_that_learns_what_one_with_the_whole_batch_does(
    starter, together, tiny, compose, tmp_path
):
    """Of 84 galaxies to learn from and 24 to score, which two processes of eight do not divide."""
    choices = [*tiny, *STILL, "probe=[knn]", "probe.knn.ks=[5]", "trainer.probe_every_epochs=1"]
    alone = assemble(compose(*choices), tmp_path / "alone")
    fit(alone.learner, alone.data, alone.probes, alone.loggers, tmp_path / "alone")

    _, codes = together(
        [*choices, "trainer.batch_size=8", f"hydra.run.dir={tmp_path}/run/${{now:%f}}"], tmp_path, starter
    )
    assert codes() == [0, 0], said(tmp_path)
    (folder,) = runs_below(tmp_path / "run")
    assert all((folder / name).is_file() for name in MADE)
    assert (tmp_path / "1.txt").read_text() == ""
    assert (folder / "pretrain.log").read_text().count("report: ") == 1

    one, two = rows(tmp_path / "alone"), rows(folder)
    assert list(two) == list(one) == list(range(10))
    assert two[0] == pytest.approx(one[0], rel=1e-5)
    assert list(two.values()) == pytest.approx(list(one.values()), rel=5e-2)  # rounding grows from step to step
    assert len(rows(folder, "val/probe/knn/accuracy")) == 1

    scores = json.loads((folder / "report.json").read_text())["metrics"]
    again = evaluate(load_encoder(folder), alone.data, alone.probes, TRAIN, TEST)
    assert scores == pytest.approx(again.metrics)


@pytest.mark.promise("numbers")
def test_a_loss_that_is_no_number_stops_all_with_the_galaxies_of_the_one_at_fault(together, tiny, tmp_path):
    (tmp_path / "poison.py").write_text(POISON)
    choices = [*tiny, "trust=[poison]", "objective._target_=poison.Poisoned", "trainer.batch_size=8"]
    folder = tmp_path / "run"
    _, codes = together([*choices, f"hydra.run.dir={folder}"], tmp_path, torchrun, PYTHONPATH=str(tmp_path))
    assert codes() == [1, 1], said(tmp_path)
    assert said(tmp_path).count("the loss is nan at step 2 on rank 1; galaxies of this batch: g") == 1
    assert said(tmp_path).count("Traceback (most recent call last)") == 1
    assert list(rows(folder)) == [0, 1]


def test_a_message_is_said_once(together, tiny, tmp_path):
    _, codes = together([*tiny, "augmentation=one_view", f"hydra.run.dir={tmp_path / 'run'}"], tmp_path, torchrun)
    assert codes() == [1, 1]
    assert said(tmp_path).count("selfsup: augmentation: makes 1 global views") == 1
    assert "Traceback" not in said(tmp_path)


@pytest.mark.promise("ranks")
def test_other_tasks_are_for_one_process(together, tiny, tmp_path):
    choices = ["task=views", *(choice for choice in tiny if not choice.startswith("task."))]
    _, codes = together([*choices, f"hydra.run.dir={tmp_path / 'run'}"], tmp_path, torchrun)
    assert codes()[1] == 1
    assert "selfsup: task=views: runs in one process" in (tmp_path / "1.txt").read_text()


def wait_for(folder, step, outputs):
    deadline = time.monotonic() + 120
    while not ((folder / "metrics.csv").is_file() and any(at >= step for at in rows(folder))):
        assert time.monotonic() < deadline, said(outputs)
        time.sleep(0.01)


def end_of(folder):
    saved = read_checkpoint(folder)
    return saved["global_step"], saved["state_dict"], saved["optimizer_states"][0]["state"]


@pytest.mark.promise("ranks")
@pytest.mark.parametrize("asked", [[1], pytest.param([0, 1], marks=pytest.mark.slow)])
def test_a_signal_to_one_or_to_all_costs_nothing(asked, together, tiny, tmp_path):
    """All stop after the same step, all go on from it, and end where those end that were never asked."""
    choices = [*tiny, "trainer.batch_size=8", "trainer.max_epochs=6", "encoder.drop_path=0.2"]
    whole = tmp_path.parent / "whole_of_two"
    if not whole.exists():
        _, codes = together([*choices, f"hydra.run.dir={whole}"], tmp_path, torchrun)
        assert codes() == [0, 0], said(tmp_path)

    cut = tmp_path / "cut"
    processes, codes = together([*choices, f"hydra.run.dir={cut}"], tmp_path, torchrun)
    wait_for(cut, 6, tmp_path)
    for rank in asked:
        os.kill(processes[rank], signal.SIGUSR1)
    assert codes() == [75, 0], said(tmp_path)
    assert said(tmp_path).count("which is saved. Go on with: selfsup task=resume") == 1
    assert 6 < end_of(cut)[0] < 30

    _, codes = together(["task=resume", f"task.run={cut}", f"hydra.run.dir={tmp_path / 'again'}"], tmp_path, torchrun)
    assert codes() == [0, 0], said(tmp_path)
    torch.testing.assert_close(end_of(cut), end_of(whole), rtol=0, atol=0)
    assert rows(cut) == rows(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["-m", "selfsup", "trainer=ddp", "trainer.devices=2"],
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "selfsup"],
    ],
)
def test_the_commands_of_the_readme(command, tiny, tmp_path):
    """With real launchers."""
    choices = [*tiny[:-1], "probe=[]", "trainer.batch_size=8", "hydra.run.dir=run"]
    ended = subprocess.run(
        [sys.executable, *command, *choices], cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert runs_below(tmp_path) == [tmp_path / "run"]
    assert len(rows(tmp_path / "run")) == 10
    assert (tmp_path / "run" / "pretrain.log").read_text().count("report: ") == 1
