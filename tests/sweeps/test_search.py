"""Optuna proposes, jobs answer, the journal remembers. Jobs are sums of this process; launching has its own tests."""

import json
import math
from pathlib import Path

import pytest
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from omegaconf import OmegaConf

from selfsup.config import CONTRACTS, validate
from selfsup.sweeps.search import BEST, Search, finished
from selfsup.types import ConfigError

optuna = pytest.importorskip("optuna", reason="an extra: uv sync --extra optuna")
WANDB = Path(__file__).parents[2] / "conf" / "sweep" / "wandb_bayes.yaml"
SPACE = {"optimizer.lr": "tag(log,interval(1e-4,1e-1))", "encoder": "choice(small,large)"}


class Parabola:
    """A launcher whose jobs are best at a learning rate of 0.01; some die."""

    def __init__(self, dies=lambda number: False):
        self.dies, self.batches = dies, []

    def launch(self, job_overrides, initial_job_idx):
        self.batches.append((initial_job_idx, job_overrides))
        return [self.run(initial_job_idx + place, overrides) for place, overrides in enumerate(job_overrides)]

    def run(self, number, overrides):
        told = dict(text.split("=") for text in overrides)
        if self.dies(number):
            return JobReturn(status=JobStatus.FAILED)
        lr = math.log10(float(told["optimizer.lr"]))
        return JobReturn(status=JobStatus.COMPLETED, _return_value=-((lr + 2) ** 2) - (told["encoder"] == "small"))


@pytest.fixture
def search(tmp_path, monkeypatch):
    """A launcher and settings -> the sweep, with a folder that stays."""

    def made(launcher, **settings):
        monkeypatch.setattr(Plugins, "instantiate_launcher", lambda *_: launcher)
        sweep = Search(**{"n_trials": 20, "n_jobs": 2, "direction": "maximize", "seed": 0, "params": SPACE, **settings})
        config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
        context = HydraContext(config_loader=None, callbacks=None)
        sweep.setup(hydra_context=context, task_function=None, config=config)
        return sweep

    return made


def tried(launcher):
    return [overrides for _, batch in launcher.batches for overrides in batch]


def test_it_finds_what_is_best(search, tmp_path):
    launcher = Parabola()
    search(launcher).sweep(["seed=3"])
    assert [first for first, _ in launcher.batches] == list(range(0, 20, 2))
    assert all(overrides[0] == "seed=3" for overrides in tried(launcher))
    best = json.loads((tmp_path / BEST).read_text())
    assert best["params"]["encoder"] == "large"
    assert 0.003 < best["params"]["optimizer.lr"] < 0.03


@pytest.mark.promise("sweeps")
def test_trials_that_die_are_told_as_failed_and_the_others_count(search, tmp_path):
    launcher = Parabola(dies=lambda number: number % 3 == 0)
    with pytest.raises(SystemExit, match="4 of 10 trials failed"):
        search(launcher, n_trials=10).sweep([])
    assert len(tried(launcher)) == 10
    assert json.loads((tmp_path / BEST).read_text())["trial"] % 3


@pytest.mark.promise("sweeps")
def test_a_search_that_was_killed_asks_the_same_again_and_goes_on(search):
    class Killed(Exception):
        pass

    def die(number):
        if number == 5:
            raise Killed
        return False

    killed, unbroken = Parabola(die), Parabola()
    with pytest.raises(Killed):
        search(killed, n_trials=10).sweep([])
    again = search(unbroken, n_trials=10)
    again.sweep([])
    assert tried(unbroken)[:2] == tried(killed)[-2:]  # those at work; the launcher finds them by their configuration
    assert len(tried(unbroken)) == 6
    assert len({tuple(overrides) for overrides in [*tried(killed), *tried(unbroken)]}) == 10
    done = Parabola()
    search(done, n_trials=10).sweep([])
    assert tried(done) == []


def test_the_command_line_fixes_or_widens_what_is_searched(search):
    launcher = Parabola()
    sweep = search(launcher, n_trials=4)
    sweep.sweep(["encoder=large", "trainer.batch_size=range(8,33,8)", "trainer.clip_norm=int(interval(1,3))"])
    assert {overrides[0] for overrides in tried(launcher)} == {"encoder=large"}
    for overrides in tried(launcher):
        told = dict(text.split("=") for text in overrides)
        assert told["trainer.batch_size"] in {"8", "16", "24", "32"}
        assert told["trainer.clip_norm"] in {"1", "2", "3"}
    assert len(finished(sweep._study())) == 4


def test_a_search_never_sees_the_test_part(compose):
    assert compose("+sweep=optuna").task.score_on == "val"
    assert compose().task.score_on == "test"


def test_the_command_of_a_sweep_by_wandb_is_one_of_ours(compose):
    """As its agent fills it in: program, then the settings as name=value."""
    sweep = OmegaConf.to_container(OmegaConf.load(WANDB), resolve=False)
    *program, settings = sweep["command"]
    assert program[:2] == ["${env}", "selfsup"]
    assert settings == "${args_no_hyphens}"
    values = {name: one.get("min", one.get("values", [None])[0]) for name, one in sweep["parameters"].items()}
    cfg = compose(*program[2:], *(f"{name}={value}" for name, value in values.items()))
    validate(cfg, tuple(CONTRACTS))
    assert cfg.task.score_on == "val"
    assert all(OmegaConf.select(cfg, name) == value for name, value in values.items())
    assert sweep["metric"] == {"name": "probe/knn/balanced_accuracy", "goal": "maximize"}


def test_nothing_to_search_is_refused(search):
    with pytest.raises(ConfigError, match="nothing to search"):
        search(Parabola(), params={}).sweep(["seed=1"])
