"""What a training leaves at its end, by the command line: scores of the part that was asked for, and all panels."""

import json

import pytest
import wandb

from selfsup.catalogue import Catalogue
from selfsup.data.datamodule import part_of

SMALL = ["objective=mae", "objective.decoder_dim=32", "trainer.max_epochs=1", "probe=[knn]", "probe.knn.ks=[3]"]
OFFLINE = ["logger=wandb", "logger.mode=offline", "logger.galaxies=5"]


@pytest.fixture
def train(selfsup, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield lambda *choices: selfsup(*(each for each in tiny if each != "probe=[]"), *choices, "hydra.run.dir=run")
    wandb.teardown()


def test_a_search_sees_the_validation_part_alone_and_wandb_has_every_panel(train, tmp_path):
    ended = train(*SMALL, *OFFLINE, "task.score_on=val")
    assert ended.code == 0, ended.err
    assert "scores on the val part" in ended.out + ended.err
    run = tmp_path / "run"
    report = json.loads((run / "report.json").read_text())
    assert report["facts"]["scored on"] == "val"
    assert next(iter(report["metrics"])).startswith("probe/knn/")  # what Optuna maximises
    assert "probe/knn/balanced_accuracy" in report["metrics"]  # what conf/sweep/wandb_bayes.yaml does
    seen = Catalogue.open(run / "predictions.parquet").ids
    assert {part_of(galaxy) for galaxy in seen} == {"val"}
    media = run / "wandb"
    assert len(list(media.rglob("*.wandb"))) == 1  # training and scores: what is uploaded later is one piece
    for name in ("neighbours", "reconstruction", "curves", "views", "map"):
        assert len(list(media.rglob(f"media/images/{name}_*"))) == 1, name
    (table,) = media.rglob("media/table/galaxies_*.table.json")
    shown = json.loads(table.read_text())
    assert {row[0] for row in shown["data"]} <= set(seen)
    assert len(shown["data"]) == 5
    assert {"label", "knn/label=round", "knn/label=elongated"} <= set(shown["columns"])
    assert len(list(media.rglob("media/table/knn_table_*"))) == 1  # the confusion chart
    assert len(list(media.rglob("media/table/probes_*"))) == 1


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (["task.score_on=vla"], "task.score_on: vla cannot be scored; write one of test, val"),
        (
            ["objective=supervised", "trainer.splits=[train,val]", "task.score_on=val"],
            "would praise what is",
        ),
    ],
)
def test_a_part_that_cannot_be_scored_honestly_is_refused(choices, says, train, tmp_path):
    ended = train(*choices)
    assert ended.code == 1
    assert says in ended.err
    assert not (tmp_path / "run" / "metrics.csv").exists()
