import csv
import gc
import json
import logging
import os
import socket
import subprocess
import sys
import time
import warnings
from argparse import Namespace
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import numpy as np
import pytest
import wandb
from lightning.pytorch.loggers import CSVLogger
from omegaconf import OmegaConf
from PIL import Image

from selfsup.config import build
from selfsup.training import wandb_run
from selfsup.training.panels import show_confusion, show_figure, show_galaxies, show_table
from selfsup.training.wandb_run import WandbRun
from selfsup.types import ConfigError

WANDB = {
    **{"project": "test", "name": None, "group": "sweep", "sweep": "elsewhere", "galaxies": 3},
    **{"init_timeout_s": 2, "finish_timeout_s": 5},
}
CONF = Path(__file__).parents[2] / "conf" / "logger"


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch, tmp_path):
    """No key, no settings of the person who runs the tests, and nothing left of the run before."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    for name in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))
    yield
    with suppress(OSError, SystemExit):  # its process may have been killed
        wandb.teardown()
    wandb.teardown()  # what the first did not come to
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nobody has waited for those that were killed
        gc.collect()


def bytes_under(folder, shown):
    """All that was written, once the words to be shown are in it: W&B's own process writes a moment later."""
    for _ in range(100):
        written = b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
        if all(word in written for word in shown):
            return written
        time.sleep(0.05)
    pytest.fail(f"not written: {[word for word in shown if word not in written]}")


def test_offline_run_holds_the_numbers_and_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_TOKEN", "canary-environment")
    monkeypatch.setattr(sys, "argv", ["selfsup", "password=canary-argument"])
    config = {"password": "canary-name", "path": "s3://canary-environment/x", "learning_rate_shown": "plain-value"}
    logger = WandbRun(str(tmp_path / "run"), mode="auto", config=config, **WANDB)
    logger.log_hyperparams(Namespace(secret="canary-hyper", encoder_shown="plain-too"))
    logger.log_metrics({"loss_shown": 0.25}, step=3)
    Image.new("RGB", (4, 4)).save(tmp_path / "figure.png")
    show_figure([logger, CSVLogger(str(tmp_path))], "figure_shown", tmp_path / "figure.png")
    show_table([logger], "table_shown", ["answer", "error"], [["ring", 0.1]])
    show_confusion([logger], "confusion_shown", np.array([[3, 1], [0, 4]]), ["ring", "none"])
    ids = [f"shown-{number}" for number in range(9)]
    columns = {"share": np.array([0.5, *[np.nan] * 8], dtype=np.float32), "kind": np.array(["ring-shown"] * 9, object)}
    show_galaxies([logger], "galaxies_shown", ids, columns, lambda ids: np.zeros((len(ids), 4, 4, 3), np.uint8))
    logger.close("success")
    shown = [b"plain-value", b"plain-too", b"loss_shown", b"figure_shown", b"table_shown", b"confusion_shown"]
    written = bytes_under(tmp_path / "run", [*shown, b"galaxies_shown", b"ring-shown"])
    (table,) = (tmp_path / "run").rglob("galaxies_shown*.table.json")
    found = json.loads(table.read_text())
    assert found["columns"] == ["id", "image", "share", "kind"]
    expected = ((0, 0.5), (4, None), (8, None))
    assert [(row[0], *row[2:]) for row in found["data"]] == [(f"shown-{n}", s, "ring-shown") for n, s in expected]
    kept = [file.read_bytes() for file in (tmp_path / "run").rglob("artifacts/staging/*")]
    assert sum(content.startswith(b"\x89PNG") for content in kept) == 3
    assert not (tmp_path / "home").exists()
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
            logger.close("success")
            assert wandb.run is None
    assert ids[0] == ids[2] == (tmp_path / "a" / "wandb_id").read_text()
    assert ids[0] != ids[1]


def test_jobs_of_one_offline_sweep_are_a_group_and_are_told_apart(tmp_path, compose, monkeypatch):
    """As the job's own process composes them."""
    monkeypatch.chdir(tmp_path)
    places = [f"hydra.sweep.dir={tmp_path / 'my-sweep'}", "logger=wandb", "logger.mode=offline"]
    for number, objective in enumerate(("dino", "mae")):
        cfg = compose(*places, f"objective={objective}")
        logger = build(cfg.logger, "logger", str(tmp_path / "my-sweep" / str(number)))
        logger.log_metrics({"loss": 1.0}, step=0)
        assert (wandb.run.group, wandb.run.name) == ("my-sweep", f"{number} {objective} resnet18")
        logger.close("success")
        (file,) = (tmp_path / "my-sweep" / str(number)).rglob("*.wandb")
        bytes_under(file.parent, [b"my-sweep", f"{number} {objective} resnet18".encode()])
    alone = build(compose("logger=wandb", "logger.mode=offline", "objective=dino").logger, "logger", "alone")
    assert alone.experiment.group == ""
    assert alone.experiment.name == "dino resnet18"
    alone.close("success")


def test_a_run_keeps_the_id_that_an_agent_of_wandb_gives(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "given-by-agent")
    wandb.teardown()
    logger = WandbRun(str(tmp_path), mode="offline", **WANDB)
    assert logger.experiment.id == "given-by-agent"
    logger.close("success")
    assert (tmp_path / "wandb_id").read_text() == "given-by-agent"


LOST = """
import logging, os, signal, sys, time
from pathlib import Path
from selfsup.training.panels import show_table
from selfsup.training.wandb_run import WandbRun
logging.basicConfig()
limits = {"init_timeout_s": 5, "finish_timeout_s": 5}
given = {"mode": "offline", "project": "test", "name": None, "group": None, "sweep": "elsewhere", "galaxies": 3}
logger = WandbRun(sys.argv[1], **given, **limits)
logger.log_metrics({"loss": 1.0}, step=0)
for stat in Path("/proc").glob("[0-9]*/stat"):
    number, _, rest = stat.read_text().partition(" ")
    if "wandb-core" in rest and rest.rpartition(")")[2].split()[1] == str(os.getpid()):
        os.kill(int(number), signal.SIGKILL)
        print("killed")
for step in range(1, 4):
    time.sleep(0.2)
    logger.log_metrics({"loss": 1.0}, step=step)
logger.log_hyperparams({"late": 1})
show_table([logger], "table", ["answer"], [["ring"]])
logger.close("success")
print("the end")
after = WandbRun(sys.argv[2], **given, **limits)
after.log_metrics({"loss": 1.0}, step=0)
after.close("success")
"""


@pytest.mark.promise("loggers", faults=2)
def test_a_run_outlives_the_process_of_wandb_and_the_next_has_its_own(tmp_path):
    command = [sys.executable, "-c", LOST, tmp_path / "lost", tmp_path / "next"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split("\n")[:2] == ["killed", "the end"]
    assert ended.stderr.count("W&B is lost") == 1
    assert list((tmp_path / "next").rglob("*.wandb"))


@pytest.fixture
def silent_server():
    """Takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        kept = []

        def take():
            with suppress(OSError):
                while True:
                    kept.append(server.accept()[0])

        thread = Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)  # closing alone would leave the thread waiting for one more
        thread.join()
        for connection in kept:
            connection.close()


@pytest.mark.promise("loggers")
def test_a_server_that_never_answers_sends_the_run_offline_with_one_message(
    tmp_path, monkeypatch, silent_server, caplog
):
    monkeypatch.setenv("WANDB_BASE_URL", silent_server)
    monkeypatch.setenv("WANDB_API_KEY", "c" * 40)
    wandb.teardown()
    logger = WandbRun(str(tmp_path / "run"), mode="auto", **WANDB)
    with caplog.at_level(logging.WARNING, logger=wandb_run.__name__):
        logger.log_metrics({"loss_shown": 0.25}, step=3)
    (record,) = [record for record in caplog.records if record.name == wandb_run.__name__]
    assert "going on offline" in record.message
    assert logger.experiment.settings.mode == "offline"
    logger.close("success")
    written = bytes_under(tmp_path / "run", [b"loss_shown"])
    assert b"c" * 40 not in written


def train(selfsup, tiny, folder, *choices):
    """By the command line, until the report is written -> what was said."""
    limits = ["logger=wandb", "logger.init_timeout_s=5", "logger.finish_timeout_s=3", "trainer.max_epochs=1"]
    ended = selfsup(*tiny, *limits, f"hydra.run.dir={folder}", *choices)
    assert ended.code == 0, ended.err
    assert (folder / "report.json").is_file()
    with (folder / "metrics.csv").open(newline="") as table:
        assert [row["step"] for row in csv.DictReader(table) if row["train/loss"]] == list("01234")
    return ended.out + ended.err


@pytest.mark.promise("loggers")
def test_a_proxy_that_never_answers_stops_no_training(selfsup, tiny, tmp_path, monkeypatch, silent_server):
    monkeypatch.setenv("HTTPS_PROXY", silent_server)
    monkeypatch.setenv("WANDB_API_KEY", "c" * 40)
    wandb.teardown()
    said = train(selfsup, tiny, tmp_path / "run", "logger.mode=online")
    assert said.count("going on offline. Upload later: wandb sync") == 1


BUCKET = {"id": "b", "name": "r", "displayName": "r", "config": "{}", "historyLineCount": 0}
BUCKET |= {"project": {"id": "p", "name": "test", "entity": {"id": "e", "name": "me"}}}


class Accepts(BaseHTTPRequestHandler):
    """Says that a run may begin; what is uploaded then is never answered."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if "graphql" not in self.path:
            self.server.asked.add(self.path)
            self.server.over.wait()
            return
        answer = {"upsertBucket": {"bucket": BUCKET, "inserted": True}} if b"upsertBucket" in body else {}
        answer |= {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": []}} if b"createRun" in body else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": answer}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def hanging_server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Accepts) as server:
        server.daemon_threads, server.over, server.asked = True, Event(), set()
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def alone(*how):
    """The command line in a process of its own, for W&B logs nobody in any more where its own process was killed."""

    def run(*arguments):
        command = [sys.executable, *how, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        return SimpleNamespace(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    return run


@pytest.mark.promise("loggers")
def test_an_upload_that_hangs_is_left_behind(tiny, tmp_path, monkeypatch, hanging_server):
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{hanging_server.server_port}")
    monkeypatch.setenv("WANDB_API_KEY", "c" * 40)
    said = train(alone("-m", "selfsup"), tiny, tmp_path / "run", "logger.mode=online", "logger.init_timeout_s=120")
    assert hanging_server.asked, "nothing was uploaded: the test shows nothing"
    assert said.count("not all was uploaded in time. Upload the rest: wandb sync") == 1


@pytest.mark.promise("loggers", faults=2)
def test_online_without_a_key_and_an_unknown_mode_say_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="wandb login"):
        WandbRun(str(tmp_path), mode="online", **WANDB)
    with pytest.raises(ConfigError, match="auto, online, offline, disabled"):
        WandbRun(str(tmp_path), mode="cloud", **WANDB)
    assert list(tmp_path.glob("*.wandb")) == []


def test_the_yaml_names_the_logger_and_its_parameters(tmp_path):
    node = OmegaConf.to_container(OmegaConf.load(CONF / "wandb.yaml"))
    assert node.pop("_target_") == "selfsup.training.wandb_run.WandbRun"
    assert isinstance(WandbRun(str(tmp_path), **node), WandbRun)


KILLS = """
import os, signal
from pathlib import Path
from selfsup.__main__ import main
from selfsup.training.learner import Learner
step, killed = Learner.training_step, []
def kill(learner, batch, batch_idx):
    if learner.global_step == 2 and not killed:
        for file in Path("/proc/self/task").glob("*/children"):
            killed.extend(n for n in file.read_text().split() if Path(f"/proc/{n}/comm").read_text() == "wandb-core\\n")
        for number in killed:
            os.kill(int(number), signal.SIGKILL)
        print(f"killed {len(killed)}")
    return step(learner, batch, batch_idx)
Learner.training_step = kill
main()
"""


@pytest.mark.promise("loggers")
def test_wandb_killed_in_the_middle_of_a_training_stops_it_not(tiny, tmp_path):
    said = train(alone("-c", KILLS), tiny, tmp_path / "run", "logger.mode=offline")
    assert "killed 1" in said
    assert said.count("W&B is lost") == 1
