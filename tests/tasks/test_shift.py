"""From a trained encoder to a report about other surveys, by the command line."""

import json

import pytest
from PIL import Image

SMALL = [
    "data.count=200",
    "data.size_px=32",
    "encoder=tiny_resnet",
    "trainer.batch_size=16",
    "trainer.max_epochs=1",
    "trainer.log_every_steps=1",
]
QUICK = ["trainer.accelerator=cpu", "trainer.precision=32-true", "task.pixel_components=8", "probe=[knn]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shift")


def test_the_same_galaxies_in_every_survey(selfsup, folder, monkeypatch):
    monkeypatch.chdir(folder)
    ended = selfsup(*SMALL, *QUICK, "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    ended = selfsup(
        *("task=shift", "task.checkpoint=run", "data.count=200", "task.count=60", "task.bins=3", "hydra.run.dir=shift"),
        *("~task.surveys.hsc", "~task.surveys.lsst", "~task.surveys.decals"),
    )
    assert ended.code == 0, ended.err
    report = json.loads((folder / "shift" / "report.json").read_text())
    assert list(report["comparison"]) == ["sdss", "again", "des", "euclid", "hst"]
    home, again = report["comparison"]["sdss"], report["comparison"]["again"]
    assert home["finds_itself"] == 1.0
    assert again["finds_itself"] < 1.0
    assert again["cosine_same"] > report["comparison"]["hst"]["cosine_same"]
    assert set(report["metrics"]) == {f"shift/{s}/{m}" for s, values in report["comparison"].items() for m in values}
    for name in ("surveys", "galaxies", "magnitude", "resolution", "redshift_seen"):
        with Image.open(folder / "shift" / "figures" / f"{name}.png") as figure:
            assert len(figure.convert("RGB").resize((64, 64)).getcolors(4096)) > 1


def test_real_galaxies_have_no_other_surveys(selfsup, folder, galaxies, monkeypatch):
    monkeypatch.chdir(folder)
    ended = selfsup("task=shift", "task.checkpoint=run", "data=images", f"data.folder={galaxies}", "+survey=sdss")
    assert ended.code == 1
    assert "write data=synthetic" in ended.err
