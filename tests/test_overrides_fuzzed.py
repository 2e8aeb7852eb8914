"""Whatever is typed after `selfsup` is understood, or answered with one message: no traceback, nothing is run."""

import contextlib
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra
from hypothesis import strategies as st

import selfsup.__main__ as command
from tests.fuzzing import ODD, often, tried

pytestmark = pytest.mark.promise("inputs")
KEYS = [
    *("task", "task.name", "data", "data.folder", "data.size_px", "encoder", "encoder._target_", "encoder.model"),
    *("objective", "objective.temperature", "objective._target_", "augmentation", "augmentation.groups", "optimizer"),
    *("optimizer.lr", "optimizer.betas", "trainer", "trainer.max_epochs", "trainer.devices", "trainer.splits"),
    *("logger", "probe", "experiment", "seed", "trust", "sweep", "sweep.resume", "benchmark", "survey"),
    *("hydra.mode", "hydra.run.dir", "hydra.verbose", "hydra.job.name", "hydra.job.chdir", "hydra.callbacks"),
    *("hydra.callbacks.sweeps", "hydra.launcher", "hydra/launcher", "hydra/job_logging", "hydra.job_logging"),
    *("hydra.job_logging.root", "hydra.job_logging.handlers.file.filename", "hydra.searchpath", "hydra.output_subdir"),
    *("hydra.job.env_set", "hydra.sweep.subdir", "hydra", "hydra.job.config.override_dirname.kv_sep"),
]
VALUES = [
    *(
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "nan",
        "[]",
        "{}",
        "[1,2]",
        "{a:1}",
        "???",
        "x",
        "'x'",
        "os.system",
        "${seed}",
    ),
    *("{_target_:os.system,command:x}", "{_target_:builtins.open,file:mark,mode:w}", "[{_target_:os.mkdir,path:mark}]"),
    *("${x}", "${oc.env:HOME}", "${oc.env:X_TOKEN}", "${hydra:runtime.cwd}", "${now:%Y}", "${a", "$", "\\", "a,b", "*"),
    *("${oc.decode:'1'}", "${eval:1}", "${encoder}", "${.}", "${..}", "range(1,3)", "glob(*)", "sort(1,2)", "int(x)"),
]
OVERRIDES = st.builds(
    "{}{}={}".format,
    st.sampled_from(["", "", "", "+", "++", "~"]),
    st.sampled_from(KEYS) | st.text(alphabet="abz._/@:", max_size=8),
    st.sampled_from([*VALUES, *ODD]) | st.text(max_size=8),
) | st.text(max_size=12)


class Ran(Exception):
    """The task was reached."""


@pytest.fixture
def typed(tmp_path, monkeypatch, capfd):
    """Words -> how the command ended: understood, or its message; all but the task itself is real."""

    def reached(cfg):
        raise Ran

    monkeypatch.setattr("selfsup.tasks.pretrain.run", reached)
    monkeypatch.setattr("selfsup.tasks.views.run", reached)
    monkeypatch.setenv("X_TOKEN", "canary-4f1d9c27b0")
    monkeypatch.chdir(tmp_path)

    def run(words):
        GlobalHydra.instance().clear()
        sys.argv = ["selfsup", *words, "hydra.output_subdir=null"]
        with contextlib.suppress(Ran):
            try:
                command.main()
            except SystemExit as end:
                return end.code
        return ""

    monkeypatch.setattr(sys, "argv", sys.argv)
    yield run
    capfd.readouterr()


@often(60, 1500)
@pytest.mark.filterwarnings("ignore")
def test_any_override_is_understood_or_answered(examples, record_property, typed, tmp_path):
    def body(words):
        words = [word for word in words if not word.startswith("-") and "\0" not in word]
        message = typed(words)
        assert isinstance(message, str), (words, message)
        assert message == "" or message.startswith("\nselfsup: "), (words, message)
        assert len(message) > len("\nselfsup: ") or not message
        assert "canary" not in message
        assert not (tmp_path / "mark").exists()

    tried(body, examples, record_property, words=st.lists(OVERRIDES, min_size=1, max_size=2))
