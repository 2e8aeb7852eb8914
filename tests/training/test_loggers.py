import csv
import logging
import os
import socket
import sys
import time
from argparse import Namespace
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import lightning as L
import numpy as np
import pytest
import torch
import wandb
from omegaconf import OmegaConf
from PIL import Image

from selfsup.training import loggers
from selfsup.training.loggers import MetricsCSV, TensorBoard, WandbRun, redact, show_confusion, show_figure, show_table
from selfsup.types import ConfigError

WANDB = {"project": "test", "name": None, "group": "sweep", "init_timeout_s": 2, "finish_timeout_s": 5}
CONF = Path(__file__).parents[2] / "conf" / "logger"


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch, tmp_path):
    """No key, no settings of the person who runs the tests, and nothing left of the run before."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))
    yield
    wandb.teardown()


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def bytes_under(folder, shown):
    """All that was written, once the words to be shown are in it: W&B's own process writes a moment later."""
    for _ in range(100):
        written = b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
        if all(word in written for word in shown):
            return written
        time.sleep(0.05)
    pytest.fail(f"not written: {[word for word in shown if word not in written]}")


def test_table_grows_in_width_and_keeps_what_it_had(tmp_path):
    logger = MetricsCSV(str(tmp_path))
    logger.log_metrics({"loss": torch.tensor(2.0)}, step=1)
    logger.save()
    logger.log_metrics({"loss": 1.0, "accuracy": 0.5}, step=2)
    logger.finalize("success")
    assert rows(tmp_path) == [
        {"step": "1", "epoch": "", "loss": "2.0", "accuracy": ""},
        {"step": "2", "epoch": "", "loss": "1.0", "accuracy": "0.5"},
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_second_run_in_the_folder_adds_rows_and_drops_one_cut_short(tmp_path):
    first = MetricsCSV(str(tmp_path))
    first.log_metrics({"loss": 2.0}, step=1)
    first.finalize("failed")
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("2,,1.")
    second = MetricsCSV(str(tmp_path))
    second.log_metrics({"loss": 1.5}, step=2)
    second.log_metrics({"accuracy": 0.5}, step=3)
    second.finalize("success")
    assert [(row["step"], row["loss"], row["accuracy"]) for row in rows(tmp_path)] == [
        ("1", "2.0", ""),
        ("2", "1.5", ""),
        ("3", "", "0.5"),
    ]


class Line(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        loss = self.layer(batch).square().mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def test_lightning_puts_each_logged_row_on_disk_at_once_and_resumes_the_same_file(tmp_path):
    seen = []

    class Look(L.Callback):
        def on_train_batch_start(self, *_):
            seen.append(len(rows(tmp_path)) if (tmp_path / "metrics.csv").is_file() else 0)

    for _ in range(2):
        L.Trainer(
            accelerator="cpu",
            max_steps=3,
            log_every_n_steps=1,
            logger=MetricsCSV(str(tmp_path)),
            callbacks=[Look()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(Line(), torch.utils.data.DataLoader(torch.ones(6, 1), batch_size=2))
    assert seen == [0, 1, 2, 3, 4, 5]
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2"] * 2


def test_redact_hides_by_name_and_by_value_and_leaves_the_rest(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "canary-value")
    monkeypatch.setenv("SOME_TOKEN", "1")
    config = {"Api_Key": 3, "deep": [{"PASSWORD": "x", "url": "https://u:canary-value@host"}], "lr": 0.1, "n": "12"}
    assert redact(OmegaConf.create(config)) == {
        "Api_Key": "(hidden)",
        "deep": [{"PASSWORD": "(hidden)", "url": "https://u:(hidden)@host"}],
        "lr": 0.1,
        "n": "12",
    }


def test_offline_run_holds_the_numbers_and_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_TOKEN", "canary-environment")
    monkeypatch.setattr(sys, "argv", ["selfsup", "password=canary-argument"])
    config = {"password": "canary-name", "path": "s3://canary-environment/x", "learning_rate_shown": "plain-value"}
    logger = WandbRun(str(tmp_path / "run"), mode="auto", config=config, **WANDB)
    logger.log_hyperparams(Namespace(secret="canary-hyper", encoder_shown="plain-too"))
    logger.log_metrics({"loss_shown": 0.25}, step=3)
    Image.new("RGB", (4, 4)).save(tmp_path / "figure.png")
    show_figure([logger, MetricsCSV(str(tmp_path))], "figure_shown", tmp_path / "figure.png")
    show_table([logger], "table_shown", ["answer", "error"], [["ring", 0.1]])
    show_confusion([logger], "confusion_shown", np.array([[3, 1], [0, 4]]), ["ring", "none"])
    logger.finalize("success")
    shown = [b"plain-value", b"plain-too", b"loss_shown", b"figure_shown", b"table_shown", b"confusion_shown"]
    written = bytes_under(tmp_path / "run", shown)
    for secret in (b"canary-name", b"canary-environment", b"canary-hyper", b"canary-argument"):
        assert secret not in written
    assert wandb.run is None


def test_two_folders_are_two_runs_and_one_folder_taken_up_again_is_one(tmp_path):
    ids = []
    for folder in ("a", "b", "a"):
        logger = WandbRun(str(tmp_path / folder), mode="offline", **WANDB)
        logger.log_metrics({"loss": 1.0}, step=0)
        assert wandb.run.group == "sweep"
        assert wandb.run.name == folder
        ids.append(logger.version)
        if folder == "a":
            logger.finalize("success")
            assert wandb.run is None
    assert ids[0] == ids[2] == (tmp_path / "a" / "wandb_id").read_text()
    assert ids[0] != ids[1]


@pytest.fixture
def silent_server():
    """Takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        kept = []

        def take():
            with suppress(OSError):
                while True:
                    kept.append(server.accept()[0])

        Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in kept:
            connection.close()


def test_a_server_that_never_answers_sends_the_run_offline_with_one_message(
    tmp_path, monkeypatch, silent_server, caplog
):
    monkeypatch.setenv("WANDB_BASE_URL", silent_server)
    monkeypatch.setenv("WANDB_API_KEY", "c" * 40)
    wandb.teardown()
    logger = WandbRun(str(tmp_path / "run"), mode="auto", **WANDB)
    with caplog.at_level(logging.WARNING, logger=loggers.__name__):
        logger.log_metrics({"loss_shown": 0.25}, step=3)
    (record,) = [record for record in caplog.records if record.name == loggers.__name__]
    assert "going on offline" in record.message
    assert logger.experiment.settings.mode == "offline"
    logger.finalize("success")
    written = bytes_under(tmp_path / "run", [b"loss_shown"])
    assert b"c" * 40 not in written


def test_online_without_a_key_and_an_unknown_mode_say_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="wandb login"):
        WandbRun(str(tmp_path), mode="online", **WANDB)
    with pytest.raises(ConfigError, match="auto, online, offline, disabled"):
        WandbRun(str(tmp_path), mode="cloud", **WANDB)
    assert list(tmp_path.glob("*.wandb")) == []


@pytest.mark.skipif(find_spec("tensorboard") is not None, reason="tensorboard is installed")
def test_tensorboard_that_is_not_installed_says_how_to_get_it(tmp_path):
    with pytest.raises(ConfigError, match="uv sync --extra tensorboard"):
        TensorBoard(str(tmp_path))


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_writes_events_into_the_run_folder(tmp_path):
    logger = TensorBoard(str(tmp_path))
    logger.log_metrics({"loss": 1.0}, step=0)
    logger.finalize("success")
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.parametrize("name", ["csv", "wandb", "tensorboard"])
def test_each_yaml_names_a_logger_and_its_parameters(tmp_path, name):
    node = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    kind = getattr(loggers, node.pop("_target_").removeprefix("selfsup.training.loggers."))
    if name == "tensorboard" and find_spec("tensorboard") is None:
        assert node == {}
        return
    assert isinstance(kind(str(tmp_path), **node), L.pytorch.loggers.Logger)
