"""From a folder of JPEGs to a report, a probing, a catalogue and a contact sheet, all by the command line."""

import csv
import json
import re
import subprocess
import sys
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from selfsup.checkpoint import LAST
from selfsup.embed import load_encoder

PROBES = ["probe=[knn,linear,rings]", "probe.knn.ks=[5,10]", "probe.rings.n_per_class=[4,8]"]


@pytest.fixture
def choices(tiny):
    """A training of one epoch with three probes."""
    return [*(choice for choice in tiny if choice != "probe=[]"), *PROBES, "trainer.max_epochs=1"]


@pytest.fixture
def data(choices):
    """What of it a task on the same data needs."""
    return [choice for choice in choices if choice.startswith(("data", "probe", "task"))]


def linked(page):
    """The figures that a report names."""
    return [page.parent / unquote(link) for link in re.findall(r"!\[[^]]*]\(([^)]+)\)", page.read_text())]


def assert_reported(folder):
    report = json.loads((folder / "report.json").read_text())
    figures = linked(folder / "report.md")
    assert figures
    for figure in figures:
        assert figure.is_file(), figure
        with Image.open(figure) as image:
            assert min(image.size) > 50
            assert len(image.convert("RGB").resize((64, 64)).getcolors(4096)) > 1  # not blank
    return report


def test_pretrain_probe_embed_and_views(choices, data, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    ended = selfsup(*choices, f"hydra.run.dir={run}")
    assert ended.code == 0, ended.err
    trained = assert_reported(run)
    for probe in ("knn", "linear", "rings"):
        assert any(name.startswith(f"probe/{probe}/") for name in trained["metrics"]), probe
    assert set(trained["comparison"]) == {"trained", "untrained", "pixels"}
    assert "ntxent · tiny_resnet · images · seed 0" in (run / "report.md").read_text()
    assert (run / "metrics.csv").stat().st_size > 0

    ended = selfsup("task=probe", f"task.checkpoint={run}", *data, "data.size_px=null", "hydra.run.dir=probed")
    assert ended.code == 0, ended.err
    probed = assert_reported(tmp_path / "probed")
    assert probed["metrics"] == trained["metrics"]  # offline as online, to the last bit
    assert probed["comparison"] == trained["comparison"]

    ended = selfsup("task=embed", f"task.checkpoint={run}", *data[:2], "task.output=found/galaxies")
    assert ended.code == 0, ended.err
    check_catalogue(tmp_path / "found" / "galaxies", run)

    views = [choice for choice in choices if not choice.startswith("task.")]
    ended = selfsup("task=views", *views, "task.galaxies=3", "hydra.run.dir=seen")
    assert ended.code == 0, ended.err
    with Image.open(tmp_path / "seen" / "views.png") as sheet:
        assert sheet.width > sheet.height / 3 > 20


def check_catalogue(folder, run):
    table = pq.read_table(folder)
    assert {"id", "embedding"} <= set(table.column_names)
    assert sorted(table["id"].to_pylist()) == [f"g{number:03}" for number in range(120)]
    embedding = torch.tensor(table["embedding"].to_pylist())
    assert embedding.shape == (120, load_encoder(run).dim)
    assert embedding.isfinite().all()
    assert (embedding.std(0) > 0).any()


@pytest.mark.parametrize("objective", ["supervised", "dirichlet"])
def test_a_head_is_scored_offline_as_online(objective, choices, data, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*choices, f"objective={objective}", "trainer.ema_decay=0.9", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    trained = json.loads((tmp_path / "run" / "report.json").read_text())["metrics"]
    assert any(name.startswith("head/") for name in trained)
    assert selfsup("task=probe", "task.checkpoint=run", *data, "hydra.run.dir=probed").code == 0
    assert json.loads((tmp_path / "probed" / "report.json").read_text())["metrics"] == trained


def test_a_resumed_run_is_reported_as_what_it_is(choices, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*choices, "objective=supervised", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    before = json.loads((tmp_path / "run" / "report.json").read_text())
    (tmp_path / "run" / "report.md").unlink()
    ended = selfsup("task=resume", "task.run=run")
    assert ended.code == 0, ended.err
    page = (tmp_path / "run" / "report.md").read_text()
    assert "supervised · tiny_resnet · images · seed 0" in page
    assert "objective=supervised" in page
    assert "scores on the test part" in (tmp_path / "run" / "resume.log").read_text()
    after = json.loads((tmp_path / "run" / "report.json").read_text())
    assert after["metrics"] == before["metrics"]


@pytest.mark.slow
def test_a_sweep_goes_on_when_a_job_fails(choices, tmp_path):
    """In a process of its own, as a user runs it: the first of three jobs cannot learn."""
    jobs = ["objective=dirichlet,ntxent,supervised", "data.tree=null", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    kept = [choice for choice in choices if not choice.startswith(("data.tree", "probe"))]
    command = [sys.executable, "-m", "selfsup", "--multirun", *kept, "probe=[]", *jobs]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    done = sorted(folder.name for folder in (tmp_path / "sweep").iterdir() if (folder / "report.json").is_file())
    assert done == ["1", "2"], ended.stderr
    assert ended.returncode == 1
    assert "objective.tree is null: data without votes" in ended.stderr
    assert "Traceback" not in ended.stderr
    for job in done:
        assert (tmp_path / "sweep" / job / LAST).is_file()
        with (tmp_path / "sweep" / job / "metrics.csv").open(newline="") as table:
            assert len([row for row in csv.DictReader(table) if row.get("train/loss")]) == 5


def test_a_probe_of_maps_is_refused_before_the_training_where_there_are_none(choices, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*(c for c in choices if not c.startswith("probe")), "probe=[dense]", "probe.dense.cells=8")
    assert ended.code == 1
    assert "no maps of structure; write data=synthetic" in ended.err
    assert not list(tmp_path.rglob("last.ckpt"))


def test_the_synthetic_sky_from_nothing_to_a_report_with_overlays(selfsup, tmp_path, galaxies, monkeypatch):
    """The default data, the dense probe among the others, and real pictures below its figure."""
    monkeypatch.chdir(tmp_path)
    ended = selfsup(
        *("data.count=240", "data.size_px=32", "encoder=tiny_resnet", "trainer.batch_size=16", "trainer.max_epochs=1"),
        *("trainer.log_every_steps=1", "trainer.accelerator=cpu", "trainer.precision=32-true", "hydra.run.dir=run"),
        *("task.pixel_components=8", "probe=[votes,parameters,sky_rings,dense]", "probe.rings.n_per_class=[8]"),
        *("probe.dense.cells=8", "probe.dense.max_iter=5", f"probe.dense.examples={galaxies}"),
    )
    assert ended.code == 0, ended.err
    report = assert_reported(tmp_path / "run")
    names = set(report["comparison"]["untrained"])
    assert {"probe/dense/iou_mean", "probe/parameters/r2_inclination_deg", "probe/votes/mae"} <= names
    assert any(name.startswith("probe/rings/auc_n8") for name in names)
    assert "figures/dense_maps.jpg" in report["figures"]
