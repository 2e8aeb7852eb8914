"""What the tests of the whole share: made-up galaxies on disk, composed configurations, trainings, the command line."""

import csv
import logging
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict
from PIL import Image

# Before torch is imported, and inherited by every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="disabled")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a background job ignores Ctrl-C, and so would its children
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.promises"]
CONF = Path(__file__).parents[1] / "conf"
COUNT, SIZE_PX = 120, 40


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Packed images never land in the home of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("SELFSUP_CACHE")
    os.environ["SELFSUP_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["SELFSUP_CACHE"]
    else:
        os.environ["SELFSUP_CACHE"] = before


@pytest.fixture(scope="session")
def galaxies(tmp_path_factory):
    """120 JPEGs of blobs, and labels.csv: label (round, elongated), value (the axis ratio), votes of the gz2 tree."""
    from selfsup import trees

    folder = tmp_path_factory.mktemp("galaxies")
    generator = np.random.default_rng(0)
    answers = trees.tree("gz2").answers
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "label", "value", *answers])
        for number in range(COUNT):
            ratio = generator.uniform(0.2, 0.45) if number % 2 else generator.uniform(0.8, 1.0)
            Image.fromarray(blob(generator, ratio)).save(folder / f"g{number:03}.jpg", quality=95)
            label = "elongated" if number % 2 else "round"
            table.writerow([f"g{number:03}", label, f"{ratio:.4f}", *generator.integers(0, 20, len(answers))])
    return folder


def blob(generator, ratio):
    """(size, size, 3) uint8: an ellipse of this axis ratio at a random angle, on noisy sky."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    angle = generator.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    light = np.exp(-((along / 9) ** 2 + (across / (9 * ratio)) ** 2))
    pixels = light[..., None] * generator.uniform(0.6, 1.0, 3) + generator.normal(0.05, 0.02, (SIZE_PX, SIZE_PX, 3))
    return (pixels.clip(0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def free_port():
    """Nothing -> a port at which processes can meet."""

    def found():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return str(free.getsockname()[1])

    return found


@pytest.fixture
def compose():
    """Overrides -> the configuration that the command line would compose, without running anything."""
    import selfsup.__main__  # noqa: F401 - it knows ${process:}

    def composed(*overrides):
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = hydra.compose("config", list(overrides), return_hydra_config=True)
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "outputs"
        HydraConfig.instance().set_config(cfg)
        OmegaConf.set_readonly(cfg, False)
        with open_dict(cfg):
            del cfg.hydra
        return cfg

    yield composed
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture
def tiny(galaxies):
    """Overrides of a training that takes seconds: 5 batches of 16 an epoch, at 32 pixels, in one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield [
        *("data=images", f"data.folder={galaxies}", "data.table=labels.csv", "data.label=label"),
        *("data.classes=[round,elongated]", "data.tree=gz2", "data.size_px=32"),
        *("encoder=tiny_resnet", "trainer.batch_size=16", "trainer.max_epochs=2", "trainer.log_every_steps=1"),
        *("trainer.probe_every_epochs=null", "trainer.accelerator=cpu", "trainer.precision=32-true"),
        *("task.pixel_components=8", "probe=[]"),
    ]
    torch.set_num_threads(threads)


@pytest.fixture
def checkpoint(tiny, compose, tmp_path):
    """Overrides -> a folder with the checkpoint of what they build at `tiny` size, untrained."""
    import torch

    from selfsup.checkpoint import LAST
    from selfsup.config import build

    def made(*overrides):
        cfg = compose(*tiny, *overrides)
        torch.manual_seed(cfg.seed)
        objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
        weights = {f"objective.{name}": value for name, value in objective.state_dict().items()}
        (tmp_path / "made" / LAST).parent.mkdir(parents=True, exist_ok=True)
        config = OmegaConf.to_container(cfg, resolve=True)
        torch.save({"config": config, "state_dict": weights}, tmp_path / "made" / LAST)
        return tmp_path / "made"

    return made


@pytest.fixture(scope="session")
def altered():
    """Run folder, new one -> another trained head on the same encoder, without the time of another training."""
    import torch

    from selfsup.checkpoint import LAST, read_checkpoint

    def made(run, other):
        saved = read_checkpoint(run)
        torch.manual_seed(0)
        for name in ("objective.head.weight", "objective.head.bias"):
            saved["state_dict"][name] += 0.1 * torch.randn_like(saved["state_dict"][name])
        (other / LAST).parent.mkdir(parents=True)
        torch.save(saved, other / LAST)

    return made


@dataclass
class Ended:
    """How a command ended: exit code (0 where none was given) and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def selfsup(monkeypatch, capfd):
    """Arguments -> the command line run in this process."""
    from selfsup.__main__ import main

    def run(*arguments):
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["selfsup", *map(str, arguments)])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        capfd.readouterr()
        code, message = 0, ""
        try:
            main()
        except SystemExit as end:
            # As the interpreter does it: a text goes to stderr and the code is 1.
            code, message = (1, end.code) if isinstance(end.code, str) else (end.code or 0, "")
        out, err = capfd.readouterr()
        return Ended(code, out, err + message)

    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield run
    for handler in set(root.handlers) - set(handlers):  # Hydra's, which write to what pytest is about to close
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None
