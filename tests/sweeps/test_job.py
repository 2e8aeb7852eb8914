"""A job's command composes the job's configuration again, its digest is that of what it computes."""

import sys
from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

import selfsup.__main__  # noqa: F401  (which every job is started by: folders are named with its resolver)
from selfsup.sweeps.job import compose

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def sweep():
    """Overrides -> Hydra's loader and the configuration of a sweep."""

    def composed(*overrides):
        GlobalHydra.instance().clear()
        hydra.initialize_config_dir(str(CONF), version_base="1.3")
        engine = GlobalHydra.instance().hydra
        cfg = engine.compose_config("config", ["hydra.mode=MULTIRUN", *overrides], RunMode.MULTIRUN, False)
        return engine.config_loader, cfg

    yield composed
    GlobalHydra.instance().clear()


def job(sweep, number=0, given=(), overrides=()):
    loader, cfg = sweep(*given)
    return compose(loader, cfg, [*overrides], number)


def test_the_digest_is_of_what_is_computed(sweep):
    base = job(sweep, overrides=["seed=1", "objective=dino"])
    moved = job(sweep, 7, ["hydra.sweep.dir=/elsewhere", "hydra.launcher.n_jobs=3"], ["objective=dino", "seed=1"])
    resumed = job(sweep, overrides=["seed=1", "objective=dino", "sweep.resume=true"])
    spelt = job(sweep, overrides=["objective=dino", "++seed=1", "trainer.max_epochs=20"])
    assert {base.digest, moved.digest, resumed.digest, spelt.digest} == {base.digest}
    assert job(sweep, overrides=["objective=dino", "seed=2"]).digest != base.digest
    assert job(sweep, overrides=["objective=dino", "seed=1", "optimizer.lr=1e-9"]).digest != base.digest


def test_the_command_composes_the_same_in_a_process_of_its_own(sweep):
    awkward = ["data.folder='it''s [a] folder'", "probe=[knn,linear]", "+sweep=compare_objectives", "sweep.resume=true"]
    given = ["hydra.sweep.dir=multi", "hydra.verbose=true", "hydra.launcher.n_jobs=2"]
    made = job(sweep, 3, given, [awkward[0].replace("''", "\\'"), *awkward[1:]])
    command = made.command(Path("multi/3's"))
    assert command[0] == sys.executable
    assert command[command.index("-m") :][:4] == ["-m", "selfsup", "--config-name", "config"]
    words = command[command.index("config") + 1 :]
    assert "hydra.verbose=true" in words
    assert not [word for word in words if word.startswith(("sweep.", "hydra.launcher", "hydra.mode"))]
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        again = hydra.compose("config", words, return_hydra_config=True)
    assert again.hydra.run.dir == str(Path("multi/3's").absolute())
    assert again.hydra.sweep.dir == str(Path("multi").absolute())
    assert (again.hydra.job.num, again.hydra.job.id) == (3, "3")
    assert again.hydra.callbacks.result._target_ == "selfsup.sweeps.result.Result"
    assert again.data.folder == "it's [a] folder"
    for group in ("objective", "encoder", "data", "trainer", "probe", "seed"):
        assert again[group] == made.cfg[group], group


def test_what_hydras_sweepers_expect_is_returned(sweep):
    HydraConfig.instance().cfg = None
    returned = job(sweep, 2, ["hydra.sweep.dir=multi"], ["objective=mae"]).returned(Path("multi/2"))
    assert returned.overrides == ["objective=mae"]
    assert returned.cfg.objective._target_.endswith("MAE")
    assert "hydra" not in returned.cfg
    assert returned.hydra_cfg.hydra.runtime.choices.objective == "mae"
    assert returned.hydra_cfg.hydra.job.num == 2
    assert returned.hydra_cfg.hydra.runtime.output_dir == str(Path("multi/2").absolute())
    assert returned.task_name == "pretrain"
    assert HydraConfig.instance().cfg is None


def test_a_folder_of_the_persons_own_choosing(sweep):
    made = job(sweep, 1, ["hydra.sweep.subdir=${hydra:job.override_dirname}"], ["seed=4"])
    assert made.subdir == "seed=4"


def test_the_preset_that_compares_objectives_composes(sweep):
    """Every pair of encoder and objective is composed in tests/conf."""
    made = job(sweep, given=["+sweep=compare_objectives"], overrides=["+sweep=compare_objectives", "seed=2"])
    params = OmegaConf.to_container(made.cfg.hydra.sweeper.params)
    assert set(params) == {"objective", "encoder", "seed"}
    for group in ("objective", "encoder"):
        for name in params[group].split(","):
            assert (CONF / group / f"{name}.yaml").is_file()
    assert made.cfg.trainer.max_epochs == OmegaConf.load(CONF / "trainer" / "quick.yaml").max_epochs


def test_the_preset_that_searches_composes(sweep):
    made = job(sweep, given=["+sweep=optuna", "hydra.sweeper.n_jobs=3"], overrides=["+sweep=optuna"])
    assert made.cfg.hydra.sweeper._target_ == "hydra_plugins.selfsup.Search"
    assert made.cfg.hydra.launcher.n_jobs == 3
    for key in made.cfg.hydra.sweeper.params:
        assert OmegaConf.select(made.cfg, key) is not None
