"""What two trainings on votes say of every galaxy, as a catalogue of shards, by the command line."""

import numpy as np
import pytest

from selfsup import trees
from selfsup.catalogue import Catalogue

TREE = trees.tree("gz2")
QUICK = ["task.exact_up_to=100", "task.draws=4", "task.rows_per_shard=50"]


@pytest.fixture
def run(selfsup, checkpoint, altered, tmp_path, galaxies, monkeypatch):
    """The command line in a folder with run0 and run1, two untrained networks of one tree."""
    monkeypatch.chdir(tmp_path)
    checkpoint("objective=dirichlet", "objective.dropout=0.2").rename(tmp_path / "run0")
    altered(tmp_path / "run0", tmp_path / "run1")
    data = ["data=images", f"data.folder={galaxies}", "data.table=labels.csv"]
    return lambda *arguments: selfsup("task=predict", *data, *QUICK, *arguments)


def test_networks_and_passes_become_a_catalogue(run, tmp_path):
    ended = run("task.checkpoints=[run0,run1]", "task.passes=3", "task.output=found")
    assert ended.code == 0, ended.err
    found = Catalogue.open(tmp_path / "found")
    assert sorted(found.ids) == [f"g{number:03}" for number in range(120)]
    assert found.provenance["checkpoints"] == ["run0", "run1"]
    assert found.provenance["made_of"]["passes"] == 3
    assert found.has("value")  # what the data set brought
    check_answers(found)
    smooth, rounded = found.column("smooth-or-featured_smooth_mean"), found.column("how-rounded_asked")
    np.testing.assert_allclose(rounded, smooth, rtol=0.1)  # the mean of products is near the product of means
    information = found.column("smooth-or-featured_information")
    assert (information > 0).all()
    assert (information <= np.log(6)).all()
    assert (found.column("smooth-or-featured_information_error") == 0).all()
    assert (found.column("odd-feature_information_error") > 0).all()


def check_answers(found):
    for answers in TREE.slices.values():
        names = TREE.answers[answers]
        mean, low, high, error = (
            np.stack([found.column(f"{a}_{what}") for a in names], 1) for what in ("mean", "low", "high", "error")
        )
        np.testing.assert_allclose(mean.sum(1), 1.0, rtol=1e-5)
        assert ((low >= 0) & (low < high) & (high <= 1) & (error > 0)).all()
        assert ((low < mean) & (mean < high)).mean() > 0.99


def test_symmetries_are_asked_of_every_network_and_the_embedding_is_its_own(run, tmp_path, selfsup):
    found = []
    for symmetries in (1, 8):
        out = f"over{symmetries}"
        ended = run("task.checkpoints=[run0]", "task.passes=2", f"task.symmetries={symmetries}", f"task.output={out}")
        assert ended.code == 0, ended.err
        found.append(Catalogue.open(tmp_path / out))
    for what in (lambda one: one.embedding(), lambda one: one.column("smooth-or-featured_smooth_mean")):
        assert not np.allclose(what(found[0]), what(found[1]), rtol=1e-5)
    folder = found[0].provenance["folder"]
    ended = selfsup(
        "task=embed", "task.checkpoint=run0", "data=images", f"data.folder={folder}", "task.output=embedded"
    )
    assert ended.code == 0, ended.err
    np.testing.assert_allclose(Catalogue.open(tmp_path / "embedded").embedding(), found[0].embedding(), rtol=1e-5)


def test_a_wrong_choice_is_answered_with_a_right_one(run):
    for arguments, message in (
        ([], "write 'task.checkpoints=[RUN1,RUN2]'"),
        (["task.checkpoints=[nowhere]"], "nowhere: no checkpoint there"),
        (["task.checkpoints=[run0]", "task.level=90"], "level = 90"),
        (["task.checkpoints=[run0]", "task.output=b.parquet"], "name one, such as b"),
    ):
        ended = run("task.output=a", *arguments)
        assert ended.code == 1
        assert message in ended.err
        assert "Traceback" not in ended.err
