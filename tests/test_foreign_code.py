"""Attacks by every route on which a configuration or a checkpoint comes: each is refused by name, and none has run.

Each would leave a file: the attacker's mark. The command line and a configuration file end at the same two gates: that
of `selfsup.composition`, before Hydra acts on anything, and that of `selfsup.config`, before an object is built.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import joblib
import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf

from selfsup.config import build, validate
from selfsup.data.hdf5_texts import texts_of
from selfsup.types import ConfigError

pytestmark = pytest.mark.promise("code")


class Evil:
    """Unpickled, it leaves the mark."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def arsenal(tmp_path, mark, monkeypatch):
    """A folder with what the attacks below name; on the path of imports, as a hostile working directory may be."""
    torch.save(Evil(mark), tmp_path / "evil.pt")
    joblib.dump(Evil(mark), tmp_path / "evil.joblib")
    np.save(tmp_path / "evil.npy", np.array([Evil(mark)], dtype=object), allow_pickle=True)
    (tmp_path / "evil.pickle").write_bytes(pickle.dumps(Evil(mark)))
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "hubconf.py").write_text(f"import os\nos.mkdir({str(mark)!r})\ndef evil(): ...\n")
    leaves_mark = f"import os\nos.mkdir({str(mark)!r})\n"
    (tmp_path / "evil_package").mkdir()
    (tmp_path / "evil_package" / "__init__.py").write_text(leaves_mark)
    (tmp_path / "evil_package" / "config.yaml").write_text("{}\n")
    (tmp_path / "evil_module.py").write_text(f"{leaves_mark}class Evil: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("evil_package", "evil_module"):
        sys.modules.pop(name, None)


def weapons(at):
    """Name -> a node that leaves the mark where something instantiates it: those that Hydra's own list lets through."""
    mark = str(at / "mark")
    path = {"_target_": "pathlib.Path", "_args_": [mark]}
    return {
        "torch.load": {"_target_": "torch.load", "f": str(at / "evil.pt"), "weights_only": False},
        "numpy.load": {"_target_": "numpy.load", "file": str(at / "evil.npy"), "allow_pickle": True},
        "joblib.load": {"_target_": "joblib.load", "filename": str(at / "evil.joblib")},
        "torch.hub.load": {
            **{"_target_": "torch.hub.load", "repo_or_dir": str(at / "tree"), "model": "evil"},
            **{"source": "local", "trust_repo": True},
        },
        "shutil.copytree": {"_target_": "shutil.copytree", "src": str(at / "tree"), "dst": mark},
        "pathlib.Path.write_text": {"_target_": "pathlib.Path.write_text", "_args_": [path, "x"]},
        "builtins.open": {"_target_": "builtins.open", "file": mark, "mode": "w"},
        "urllib.request.urlretrieve": {
            **{"_target_": "urllib.request.urlretrieve"},
            **{"url": (at / "evil.pt").as_uri(), "filename": mark},
        },
        "json.codecs.open": {"_target_": "json.codecs.open", "filename": mark, "mode": "w"},
        "logging.os.system": {"_target_": "logging.os.system", "command": f"mkdir {mark}"},
        "os.system": {"_target_": "os.system", "command": f"mkdir {mark}"},
        "os.mkdir, partly": {"_target_": "os.mkdir", "path": mark, "_partial_": True},
        "os.makedirs": {"_target_": "os.makedirs", "name": mark},
        "a wrapped one": {"_target_": "builtins.list", "_args_": [[{"_target_": "os.makedirs", "name": mark}]]},
    }


WEAPONS = list(weapons(Path("/")))


def typed(value):
    """A value as it is typed on the command line."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{typed(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(typed, value)) + "]"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def refused(ended, mark, *says):
    """No mark; one message with these words; exit code 1, no traceback."""
    assert not mark.exists(), "the attack has succeeded"
    assert ended.code == 1, ended
    for each in says:
        assert each in ended.err, ended.err
    assert "Traceback" not in ended.err, ended.err
    assert ended.err.count("selfsup: ") == 1


NODES = {
    "+hydra.callbacks.x=": ([], "hydra.callbacks.x"),
    "hydra.launcher.n_jobs=": (["--multirun"], "hydra.launcher.n_jobs"),
    "hydra.sweeper.max_batch_size=": (["--multirun"], "hydra.sweeper.max_batch_size"),
    "+hydra.callbacks.sweeps.x=": ([], "hydra.callbacks.sweeps.x"),
    "trainer.devices=": (["--multirun"], "hydra.launcher.gpus_per_job"),
    "+encoder.extra=": ([], "encoder.extra"),
    "+probe.x=": ([], "probe.x"),
    "++optimizer.betas=": ([], "optimizer.betas"),
}
"""Where a node is put -> the flags that make something look at it, and how the refusal calls it."""


@pytest.mark.parametrize("where", NODES)
@pytest.mark.parametrize("weapon", ["builtins.open", "torch.load"])
def test_no_node_of_the_command_line_is_called(where, weapon, arsenal, mark, selfsup):
    flags, says = NODES[where]
    refused(selfsup(*flags, f"{where}{typed(weapons(arsenal)[weapon])}"), mark, says)


@pytest.mark.parametrize("weapon", WEAPONS)
def test_none_of_the_known_weapons_is_called_by_hydra(weapon, arsenal, mark, selfsup):
    refused(selfsup(f"+hydra.callbacks.x={typed(weapons(arsenal)[weapon])}"), mark, "hydra.callbacks.x")


@pytest.mark.parametrize("weapon", WEAPONS)
@pytest.mark.parametrize("kind", ["encoder", "logger", "data", "optimizer", "probe"])
def test_none_of_them_is_built(weapon, kind, arsenal, mark):
    """Nor by another name, nor as a part."""
    for node in (weapons(arsenal)[weapon], {"_target_": f"selfsup.config.{weapons(arsenal)[weapon]['_target_']}"}):
        with pytest.raises(ConfigError, match=rf"{kind}\._"):
            build(OmegaConf.create(node), kind)
    with pytest.raises(ConfigError, match=r"objective\.parts\.x\._"):
        validate(OmegaConf.create({"trust": [], "objective": {**HYBRID, "parts": {"x": node}}}), ["objective"])
    assert not mark.exists()


HYBRID = {"_target_": "selfsup.objectives.hybrid.Hybrid", "weights": {"x": 1.0}}


def command_line(at):
    """What is typed -> how the refusal calls it."""
    weapon, mark = weapons(at)["builtins.open"], at / "mark"
    return {
        "an interpolated node": ([f"+x={typed(weapon)}", "+hydra.callbacks.x=${x}"], "hydra.callbacks.x"),
        "an interpolated target": (
            ["+x=builtins.open", "+hydra.callbacks.x={_target_:${x},file:mark,mode:w}"],
            "hydra.callbacks.x",
        ),
        "a log file": (
            [f"hydra.job_logging.handlers.file.filename={mark}"],
            "hydra.job_logging.handlers.file.filename",
        ),
        "a handler's class": (
            ["+hydra.hydra_logging.handlers.x={class:evil_module.Evil}"],
            "hydra.hydra_logging.handlers.x.class",
        ),
        "a stream": (
            ["hydra.job_logging.handlers.console.stream=ext://evil_module.Evil"],
            "hydra.job_logging.handlers.console.stream",
        ),
        "a searched package": (["hydra.searchpath=[pkg://evil_package]"], "hydra.searchpath"),
        "a package of configurations": (["--config-path", "pkg://evil_package"], "--config-path"),
        "a pickled run": (["--experimental-rerun", "evil.pickle"], "--experimental-rerun"),
        "a pickled run, shortened": (["--exp=evil.pickle"], "--experimental-rerun"),
        "the environment of children": (["+hydra.job.env_set.PYTHONSTARTUP=evil_module.py"], "hydra.job.env_set"),
        "a class through trust": (["trust=[evil_module]", "encoder._target_=os.system"], "encoder._target_"),
        "a plugin": (["--multirun", "hydra.launcher._target_=evil_module.Evil"], "hydra.launcher"),
        "a node within itself": (["+x.y=${x}", "hydra.sweeper.params=${x}"], "hydra.sweeper: "),
    }


COMMAND_LINE = list(command_line(Path("/")))


@pytest.mark.parametrize("attack", COMMAND_LINE)
def test_no_argument_runs_code(attack, arsenal, mark, selfsup):
    arguments, says = command_line(arsenal)[attack]
    refused(selfsup(*arguments), mark, says)


def files(at):
    """What a configuration file says -> how the refusal calls it."""
    weapon, pickled = weapons(at)["builtins.open"], weapons(at)["numpy.load"]
    return {
        "a callback": ({"hydra": {"callbacks": {"x": pickled}}}, "hydra.callbacks.x"),
        "a callback that is there": ({"hydra": {"callbacks": {"sweeps": {"x": weapon}}}}, "hydra.callbacks.sweeps.x"),
        "a launcher": ({"hydra": {"launcher": {"timeout_s": weapon}}}, "hydra.launcher.timeout_s"),
        "logging": (
            {"hydra": {"job_logging": {"handlers": {"x": {"()": "os.getcwd"}}}}},
            "hydra.job_logging.handlers.x",
        ),
        "trust": ({"trust": ["evil_module"], "encoder": {"_target_": "evil_module.Evil"}}, "trust: a file cannot say"),
        "an encoder": ({"encoder": {"_target_": "evil_module.Evil"}}, "encoder._target_: evil_module.Evil is not from"),
        "an argument": ({"optimizer": {"_target_": "torch.optim.AdamW", "lr": weapon}}, "optimizer.lr: a nested"),
        "a shell command": (
            {"hydra": {"launcher": {"setup": ["mkdir mark"]}}},
            "hydra.launcher.setup: a file cannot say",
        ),
        "an environment": ({"hydra": {"job": {"env_set": {"LD_PRELOAD": "x.so"}}}}, "hydra.job.env_set"),
    }


FILES = list(files(Path("/")))


@pytest.mark.parametrize("attack", FILES)
def test_no_configuration_file_runs_code(attack, arsenal, mark, selfsup):
    said, says = files(arsenal)[attack]
    (arsenal / "experiment").mkdir()
    (arsenal / "experiment" / "evil.yaml").write_text(f"# @package _global_\n{yaml.safe_dump(said)}")
    flags = ["--multirun"] if "launcher" in said.get("hydra", {}) else []
    refused(selfsup("--config-dir", arsenal, "experiment=evil", *flags), mark, says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hydra:\n  searchpath: [pkg://evil_package]\ndefaults: [config, _self_]\n", "hydra.searchpath"),
        ("defaults: [config, _self_]\ntrust: [evil_module]\n", "trust: a file cannot say"),
        ("x: !!python/object/apply:os.mkdir [mark]\n", "could not determine a constructor"),
    ],
)
def test_no_table_of_contents_runs_code(text, says, arsenal, mark, selfsup):
    (arsenal / "evil.yaml").write_text(text)
    refused(selfsup("--config-dir", arsenal, "--config-name", "evil"), mark, says)


SELFSUP = Path(sys.executable).with_name("selfsup")
"""The command, which does not look for modules in the current folder."""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--multirun", "task.name=nope,nada", "hydra.sweep.dir=sweep"],
        pytest.param(["trainer.devices=2", "hydra.run.dir=run"], marks=pytest.mark.slow),
    ],
)
def test_no_process_that_it_starts_runs_what_lies_in_the_folder(arguments, tiny, arsenal, mark):
    (arsenal / "json.py").write_text((arsenal / "evil_module.py").read_text())
    ended = subprocess.run([SELFSUP, *arguments, *tiny], capture_output=True, text=True, timeout=300, check=False)
    assert not mark.exists(), "the attack has succeeded"
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode == 0 or "there is no task nope" in ended.stderr, ended.stderr


def test_the_reader_of_texts_runs_nothing_that_lies_in_the_folder(arsenal, mark, monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in {"", str(arsenal)}])
    (arsenal / "json.py").write_text((arsenal / "evil_module.py").read_text())
    with h5py.File(arsenal / "a.h5", "w") as h5:
        h5.create_dataset("name", data=["a", "b"], dtype=h5py.string_dtype())
    assert texts_of(arsenal / "a.h5", "name", 2) == ["a", "b"]
    assert not mark.exists(), "the attack has succeeded"
