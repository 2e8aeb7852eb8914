"""A census by the command line: shares, relations and counts of a catalogue of votes."""

import csv
import json

import numpy as np
import pytest

from selfsup.catalogue import Catalogue

COUNT = 400


@pytest.fixture
def votes(tmp_path):
    """More bars at small redshift; tighter arms with larger bulges, which volunteers see better."""
    rng = np.random.default_rng(0)
    redshift, bulge = rng.uniform(0, 0.2, COUNT), rng.uniform(0, 1, COUNT)
    bar = np.clip(1 - 5 * redshift + rng.normal(0, 0.1, COUNT), 0, 1)
    columns = {"redshift": redshift, "bar_yes_mean": bar, "bar_no_mean": 1 - bar}
    for end, noise in (("mean", 0.2), ("share", 0.05)):
        tight = np.clip(bulge + rng.normal(0, noise, COUNT), 0, 1)
        columns |= {f"bulge_large_{end}": bulge, f"bulge_small_{end}": 1 - bulge}
        columns |= {f"winding_tight_{end}": tight, f"winding_loose_{end}": 1 - tight}
    ids = [f"g{number}" for number in range(COUNT)]
    Catalogue.from_arrays(ids, np.zeros((COUNT, 1)), columns, {}).save(tmp_path / "votes.parquet")
    return tmp_path / "votes.parquet"


def test_a_population_in_figures_and_tables(votes, selfsup, tmp_path):
    ended = selfsup(
        *("task=census", f"task.catalogue={votes}", f"hydra.run.dir={tmp_path / 'out'}", "task.bins=4"),
        "task.shares=[{of: {bar: 'yes'}, along: redshift}]",
        "task.relations=[{x: {bulge: {large: 1}}, y: {winding: {tight: 1}}, where: {redshift: [0.01, null]}}]",
        "task.counts=[{name: barred, where: {bar_yes_mean: [0.8, null]}}, {name: all}]",
    )
    assert ended.code == 0, ended.err
    metrics = json.loads((tmp_path / "out" / "report.json").read_text())["metrics"]
    barred = Catalogue.open(votes).column("bar_yes_mean") >= 0.8
    assert metrics == {"census/barred": barred.sum(), "census/all": COUNT}
    with (tmp_path / "out" / "tables" / "bins.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    bars = [float(row["value"]) for row in rows if row["of"] == "bar: yes"]
    assert len(bars) == 4
    assert bars == sorted(bars, reverse=True)
    winding = [row for row in rows if row["of"] == "winding against bulge"]
    assert {row["who"] for row in winding} == {"model", "volunteers"}
    for name in ("share_0", "relation_0"):
        assert (tmp_path / "out" / "figures" / f"{name}.png").stat().st_size > 1000


def test_what_is_not_asked_rightly_is_answered(votes, selfsup):
    for arguments, message in (
        ([], "nothing is asked for"),
        (["task.counts=[{of: a}]"], "task.counts[0]={'of': 'a'}: write {name, where}"),
        (["task.shares=[{of: bar, along: redshift}]"], "write {QUESTION: ANSWER}"),
        (["task.shares=[{of: {bra: 'yes'}, along: redshift}]"], "no votes on 'bra'"),
        (["task.shares=[{of: {bar: 'yes'}, along: z}]"], "no column 'z'"),
    ):
        ended = selfsup("task=census", f"task.catalogue={votes}", *arguments)
        assert ended.code == 1
        assert message in ended.err
