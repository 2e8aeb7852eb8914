"""Tables: nothing is lost on the way to CSV, and nothing breaks out of a cell of the page."""

import csv
import math

from selfsup.report.tables import beside, cell, markdown, number, plain_table, write_csv

ROWS = [
    {"predictor": "a", "question": "bar", "auc": 0.91234, "galaxies": 1200},
    {"predictor": "b", "question": "bar", "auc": math.nan, "galaxies": 3},
    {"predictor": "a", "question": "ring", "auc": 1.0, "extra": "yes"},
]


def test_csv_has_every_column_and_every_digit(tmp_path):
    write_csv(ROWS, tmp_path / "tables" / "roc.csv")
    with (tmp_path / "tables" / "roc.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["predictor", "question", "auc", "galaxies", "extra"]
    assert rows[0]["auc"] == "0.91234"
    assert rows[1]["auc"] == ""
    assert rows[2]["galaxies"] == ""


def test_runs_stand_side_by_side():
    table = beside(ROWS, ["question"], "predictor", ["auc"]).splitlines()
    assert table == ["| question | a | b |", "|---|---:|---:|", "| bar | 0.9123 | - |", "| ring | 1 | - |"]
    assert "| bar | 0.9123 / 1,200 | - / 3 |" in beside(ROWS[:2], ["question"], "predictor", ["auc", "galaxies"])
    assert beside([], ["question"], "predictor", ["auc"]) == ""


def test_a_row_without_a_column_has_an_empty_cell():
    assert plain_table(ROWS, ["question", "galaxies"]).splitlines()[-1] == "| ring |  |"
    assert plain_table([], ["question"]) == ""


def test_names_stay_in_their_cells():
    assert cell("a|b\n<script>&") == "a\\|b &lt;script&gt;&amp;"
    assert "<b>" not in markdown(["<b>"], [["<b>", 1.0]])


def test_numbers_are_short():
    assert [number(value) for value in (0.123456, 12000, 1.0, math.nan)] == ["0.1235", "12,000", "1", "-"]
