"""From a training to cleaned pictures, scores and figures, by the command line."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from selfsup.checkpoint import read_checkpoint
from selfsup.config import build
from selfsup.data.datamodule import GalaxyData, part_of
from selfsup.embed import load_objective
from selfsup.tasks.denoise import LEAST_SCATTER, _file_name

SMALL = ["objective=denoise", "objective.decoder_dim=32", "objective.decoder_depth=1"]
SCORES = {"ssim_noisy", "ssim_denoised", "scatter_noisy", "scatter_denoised", "scatter_falls_by"}

LEVELS = ("", "_30e_0.1", "_1000e_0.02")


def pictures(folder):
    return {file.stem: np.asarray(Image.open(file)) for file in (folder / "images").glob("*.png")}


def test_from_training_to_clean_pictures(tiny, compose, galaxies, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*tiny, *SMALL, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    logged = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    for name in ("foreground", "variation", "darkness", "contrast", "ssim_noisy", "ssim_denoised"):
        assert f"train/{name}" in logged
    asked = ["task=denoise", "task.checkpoint=run", "data=images", f"data.folder={galaxies}", "task.output=out"]
    asked += ["task.levels=[[30, 0.1], [1000, 0.02]]"]
    ended = selfsup(*asked, "task.galaxies=3")
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(found["metrics"]) == {f"denoise/{name}{level}" for name in SCORES for level in LEVELS}
    assert found["metrics"]["denoise/ssim_noisy_30e_0.1"] < found["metrics"]["denoise/ssim_noisy_1000e_0.02"] < 1
    for name, value in found["metrics"].items():
        assert f"{name} " in ended.out + ended.err
        assert f"{value:.4f}" in ended.out + ended.err
    check_scores(found["metrics"])
    data = GalaxyData(build(compose(*tiny).data, "data"), 16, 0, seed=0, splits=("train",))
    check_pictures(tmp_path / "out", tmp_path / "run", galaxies, data)
    for name in ("sample", "before_after", "restoration"):
        with Image.open(tmp_path / "out" / "figures" / f"{name}.png") as figure:
            assert len(figure.convert("RGB").resize((64, 64)).getcolors(4096)) > 1
    assert selfsup(*asked).code == 0
    again = json.loads((tmp_path / "out" / "report.json").read_text())
    assert again["metrics"] == found["metrics"], "written over, and the same noise again"


def check_scores(scores):
    assert 0 < scores["denoise/ssim_noisy"] < 0.95
    assert -1 < scores["denoise/ssim_denoised"] < 1
    assert scores["denoise/scatter_noisy"] > 0.01
    factor = scores["denoise/scatter_noisy"] / max(scores["denoise/scatter_denoised"], LEAST_SCATTER)
    assert scores["denoise/scatter_falls_by"] == pytest.approx(factor)


@torch.no_grad()
def check_pictures(output, run, galaxies, data):
    found = pictures(output)
    assert set(found) == {file.stem for file in galaxies.glob("*.jpg")}
    assert {image.shape for image in found.values()} == {(32, 32, 3)}
    objective = load_objective(run)
    image = torch.from_numpy(data.packed.images[data.packed.index_of(["g007"])]).permute(0, 3, 1, 2) / 255
    expected = objective.clean(image)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(found["g007"] - expected).max() < 1
    assert np.abs(found["g008"] - expected).max() > 1
    table = pq.read_table(output / "catalogue.parquet").to_pydict()
    assert table["file"] == [f"images/{galaxy}.png" for galaxy in table["id"]]
    assert not [file for file in output.rglob("*") if file.name.endswith(".partial")]


def test_a_checkpoint_of_another_objective_is_refused(checkpoint, galaxies, selfsup, tmp_path):
    ended = selfsup(
        *("task=denoise", f"task.checkpoint={checkpoint()}", "data=images", f"data.folder={galaxies}"),
        *(f"task.output={tmp_path / 'out'}", f"hydra.run.dir={tmp_path / 'log'}"),
    )
    assert ended.code == 1
    assert "is of NTXent, which cleans nothing; train objective=denoise" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("levels", "message"),
    [("[[100]]", r"task.levels: [100] is not [electrons, sigma]"), ("[[0.5, 0]]", "electrons >= 1")],
)
def test_a_noise_that_cannot_be_is_refused(levels, message, checkpoint, galaxies, selfsup, tmp_path):
    ended = selfsup(
        *("task=denoise", f"task.checkpoint={checkpoint(*SMALL)}", "data=images", f"data.folder={galaxies}"),
        *(f"task.output={tmp_path / 'out'}", f"hydra.run.dir={tmp_path / 'log'}", f"task.levels={levels}"),
    )
    assert ended.code == 1
    assert message in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["galaxies", "galaxies/cleaned", "."])
def test_pictures_are_not_written_among_those_that_are_cleaned(where, checkpoint, galaxies, selfsup, tmp_path):
    folder = tmp_path / "galaxies"
    data = folder / "images" if where == "galaxies" else tmp_path / "images" if where == "." else folder
    data.mkdir(parents=True)
    shutil.copy(galaxies / "g001.jpg", data)
    ended = selfsup(
        *("task=denoise", f"task.checkpoint={checkpoint(*SMALL)}", "data=images", f"data.folder={data}"),
        *(f"task.output={tmp_path / where}", f"hydra.run.dir={tmp_path / 'log'}"),
    )
    assert ended.code == 1
    assert "task.output" in ended.err
    assert sorted(file.name for file in data.iterdir()) == ["g001.jpg"]


def test_a_few_images_without_a_test_part_are_all_scored(checkpoint, galaxies, selfsup, tmp_path):
    names = [file for file in sorted(galaxies.glob("*.jpg")) if part_of(file.stem) != "test"][:3]
    few = tmp_path / "few"
    few.mkdir()
    for name in names:
        shutil.copy(name, few)
    made = checkpoint(*SMALL, "encoder=tiny_vit")
    ended = selfsup(
        *("task=denoise", f"task.checkpoint={made}", "data=images", f"data.folder={few}"),
        *(f"task.output={tmp_path / 'out'}", f"hydra.run.dir={tmp_path / 'log'}"),
    )
    assert ended.code == 0, ended.err
    assert "all are scored" in ended.out + ended.err
    assert set(pictures(tmp_path / "out")) == {name.stem for name in names}
    assert read_checkpoint(made)["config"]["encoder"]["model"] == "test_vit"


@pytest.mark.parametrize("galaxy", ["../../etc/passwd", "/root/x", "a/b", ".hidden", "x" * 300, "", "naïve", "a\n"])
def test_an_id_that_is_no_file_name_becomes_a_digest(galaxy):
    name = _file_name(galaxy)
    assert len(name) == 36
    assert name.removesuffix(".png").isalnum()
    assert _file_name(galaxy + "!") != name


@pytest.mark.parametrize("galaxy", ["g001", "J123456.78-012345.6", "NGC 1300", "587722981741363294"])
def test_an_id_that_is_a_file_name_stays(galaxy):
    assert _file_name(galaxy) == f"{galaxy}.png"
