import csv
from importlib.util import find_spec
from pathlib import Path

import lightning as L
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from selfsup.training import loggers
from selfsup.training.loggers import MetricsCSV, TensorBoard
from selfsup.training.panels import show_figure
from selfsup.types import ConfigError

CONF = Path(__file__).parents[2] / "conf" / "logger"


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


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


@pytest.mark.promise("kills")
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


@pytest.mark.promise("loggers")
@pytest.mark.skipif(find_spec("tensorboard") is not None, reason="tensorboard is installed")
def test_tensorboard_that_is_not_installed_says_how_to_get_it(tmp_path):
    with pytest.raises(ConfigError, match="uv sync --extra tensorboard"):
        TensorBoard(str(tmp_path))


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_writes_events_into_the_run_folder(tmp_path):
    logger = TensorBoard(str(tmp_path))
    logger.log_metrics({"loss": 1.0}, step=0)
    Image.new("RGB", (4, 4)).save(tmp_path / "figure.png")
    show_figure([logger], "figure_shown", tmp_path / "figure.png")
    logger.finalize("success")
    (events,) = (tmp_path / "tensorboard").glob("events*")
    assert b"figure_shown" in events.read_bytes()


@pytest.mark.promise("loggers")
@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_a_folder_in_which_tensorboard_cannot_write_stops_no_training(tiny, selfsup, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("in the way")
    ended = selfsup(*tiny, "logger=tensorboard", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}")
    assert ended.code == 0, ended.err
    assert (ended.out + ended.err).count("TensorBoard is lost") == 1
    assert (tmp_path / "run" / "report.json").is_file()
    assert len(rows(tmp_path / "run")) >= 5


@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_each_yaml_names_a_logger_and_its_parameters(tmp_path, name):
    node = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    kind = getattr(loggers, node.pop("_target_").removeprefix("selfsup.training.loggers."))
    if name == "tensorboard" and find_spec("tensorboard") is None:
        assert node == {}
        return
    assert isinstance(kind(str(tmp_path), **node), L.pytorch.loggers.Logger)
