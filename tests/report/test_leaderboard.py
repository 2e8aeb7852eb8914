"""Run folders become a table: what is averaged, what is never, who is marked, and pages that are safe to open."""

import csv
import json
import math
import re

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from selfsup.report.benchmark_file import read_record, with_spread, write_record
from selfsup.report.leaderboard import make_board, rank_correlations
from selfsup.report.leaderboard_figures import draw_board, measure_of_cost
from selfsup.report.leaderboard_pages import score_table, write_pages
from selfsup.report.runs import find_runs
from selfsup.report.standings import BEST, LEVEL_WITH_BEST, UNTESTED, WORSE
from selfsup.types import ConfigError, DataError

AUC = {"metric": "auc_n32", "higher_is_better": True, "cite": "Someone 2022"}
MAE = {"metric": "mae", "higher_is_better": False, "cite": "Someone else 2013"}


def config(objective, seed, encoder=(), **changed):
    trainer = {"max_epochs": 20, "workers": seed}
    values = {"seed": seed, "data": {"size_px": 64, "cache": f"/cache/{seed}"}, "task": {"name": "pretrain"}}
    values |= {"objective": {"_target_": f"selfsup.objectives.{objective}.X"}, "trainer": {**trainer, **changed}}
    known = {"_target_": "selfsup.encoders.convnet.ConvNet", "model": "resnet18", "stem": "standard"}
    return values | {"encoder": {**known, **dict(encoder)}}


def entry(shown, scores, protocol="p1", size_px=64):
    found = {}
    for who, value in scores.items():
        found[who] = {shown["metric"]: {"value": value, "std": None, "draws": None}}
        if "_n" in shown["metric"]:
            found[who] |= {f"auc_n{n}": {"value": value - 0.1 / n, "std": 0.01, "draws": 10} for n in (8, 128)}
    return {**shown, "protocol": protocol, "data": "d1", "size_px": size_px, "fitted": 9, "scored": 9, "scores": found}


def written(folder, objective, seed, rings, votes, protocol="p1", pixels=0.6, **changed):
    folder.mkdir(parents=True)
    baselines = {"untrained": 0.66 + seed / 100, "pixels": pixels}
    known = config(objective, seed, **changed)
    facts = {"name": "resnet18", "seed": seed, "digest": f"{seed}", "parameters": 11_000_000}
    encoders = {
        "trained": {**facts, "config": known},
        "untrained": {**facts, "config": {"encoder": known["encoder"]}},
        "pixels": {**facts, "name": "pixels", "seed": 0},
    }
    benchmarks = {"rings": entry(AUC, {"trained": rings, **baselines}, protocol)}
    benchmarks["votes"] = entry(MAE, {"trained": votes, "untrained": 0.092, "pixels": 0.098})
    write_record(folder, {"encoders": encoders, "benchmarks": benchmarks})
    facts = {"minutes": 20 + seed, "learned from": 9000, "epochs": 20, "device": "cpu", "precision": "bf16-mixed"}
    report = {
        "config": known,
        "facts": facts,
        "machine": {"cores": 2},
        "comparison": {"trained": {"probe/knn/f1": rings}},
    }
    (folder / "report.json").write_text(json.dumps(report))
    return folder


NTXENT = {0: (0.70, 0.073), 1: (0.71, 0.074), 2: (0.72, 0.073)}
DINO = {0: (0.69, 0.087), 1: (0.715, 0.088), 2: (0.70, 0.087)}
MAE_RUNS = {0: (0.60, 0.0887), 1: (0.61, 0.0890), 2: (0.62, 0.0888)}


@pytest.fixture
def folder(tmp_path):
    for objective, seeds in (("ntxent", NTXENT), ("dino", DINO), ("mae", MAE_RUNS)):
        for seed, (rings, votes) in seeds.items():
            written(tmp_path / "runs" / f"{objective}{seed}", objective, seed, rings, votes)
    return tmp_path


def board_of(folder, metrics=None):
    return make_board(find_runs([folder / "runs"], metrics or {}))


def cell(board, objective, benchmark):
    [method] = [m for m in board.methods if m.objective == objective]
    [column] = [c for c in board.columns if c.benchmark == benchmark]
    return board.cells[method, column]


def test_seeds_are_averaged_and_nothing_else(folder):
    board = board_of(folder)
    assert [m.objective for m in board.methods] == ["pixels", "untrained", "dino", "mae", "ntxent"]
    found = cell(board, "ntxent", "rings")
    assert found.values == {"0": 0.70, "1": 0.71, "2": 0.72}
    low, high = stats.t.interval(0.95, 2, 0.71, 0.01 / math.sqrt(3))
    assert (found.interval.low, found.interval.high) == (pytest.approx(low), pytest.approx(high))
    assert cell(board, "pixels", "rings").values == {"any": 0.6}
    assert cell(board, "untrained", "rings").interval.n == 3
    assert board.costs[next(m for m in board.methods if m.objective == "dino")]["minutes"] == 21
    assert any("With n = 3" in note for note in board.notes)


def test_the_best_and_what_is_not_shown_to_be_worse_are_marked(folder):
    board = board_of(folder)
    standing = {o: cell(board, o, "rings").standing for o in ("ntxent", "dino", "mae", "untrained", "pixels")}
    expected = {"ntxent": BEST, "dino": LEVEL_WITH_BEST, "mae": WORSE, "untrained": WORSE, "pixels": WORSE}
    assert standing == expected
    assert cell(board, "ntxent", "votes").standing == BEST  # where less is better
    assert cell(board, "dino", "votes").standing == WORSE


def test_a_single_seed_is_not_tested(tmp_path):
    written(tmp_path / "runs" / "a", "ntxent", 0, 0.7, 0.07)
    written(tmp_path / "runs" / "b", "dino", 0, 0.6, 0.08)
    assert cell(board_of(tmp_path), "dino", "rings").standing == UNTESTED


def test_one_lucky_seed_is_not_the_best_where_others_have_several(folder):
    written(folder / "runs" / "lucky", "byol", 0, 0.99, 0.07)
    board = board_of(folder)
    assert cell(board, "byol", "rings").standing == UNTESTED
    assert cell(board, "ntxent", "rings").standing == BEST


def test_pixels_can_be_best_without_a_seed(tmp_path):
    for seed in range(3):
        written(tmp_path / "runs" / str(seed), "mae", seed, 0.55 + seed / 100, 0.1, pixels=0.9)
    board = board_of(tmp_path)
    assert cell(board, "pixels", "rings").standing == BEST
    assert cell(board, "untrained", "rings").standing == WORSE
    assert cell(board, "mae", "rings").standing == WORSE


def test_other_settings_are_another_row_and_say_so(folder):
    written(folder / "runs" / "long", "ntxent", 0, 0.75, 0.07, max_epochs=100)
    board = board_of(folder)
    labels = [board.label(m) for m in board.methods if m.objective == "ntxent"]
    assert labels == ["ntxent · resnet18 · trainer.max_epochs=100", "ntxent · resnet18 · trainer.max_epochs=20"]


def test_two_encoders_of_one_name_are_two_rows_untrained_too(folder):
    written(folder / "runs" / "small", "ntxent", 0, 0.75, 0.07, encoder={"stem": "small"})
    board = board_of(folder)
    labels = [board.label(m) for m in board.methods if m.objective in ("untrained", "ntxent")]
    stems = ['encoder.stem="small"', 'encoder.stem="standard"']
    assert labels == [f"{who} · resnet18 · {stem}" for who in ("untrained", "ntxent") for stem in stems]


def test_another_protocol_is_another_column_and_is_said(folder):
    written(folder / "runs" / "other", "byol", 0, 0.9, 0.07, protocol="p2")
    board = board_of(folder)
    titles = [board.titles[c] for c in board.columns if c.benchmark == "rings"]
    assert len(titles) == 2
    assert all("64 px" in title for title in titles)
    assert any("rings was scored under 2 protocols" in note for note in board.notes)
    assert all(cell.interval.n <= 3 for cell in board.cells.values())


def test_a_seed_that_comes_twice_counts_once(folder):
    written(folder / "runs" / "zzz", "ntxent", 0, 0.5, 0.073)
    board = board_of(folder)
    assert cell(board, "ntxent", "rings").values == {"0": 0.5, "1": 0.71, "2": 0.72}
    assert any("seed 0 has two different scores (ntxent0, zzz)" in note for note in board.notes)


def test_methods_with_one_encoder_are_compared_in_pairs(folder):
    board = board_of(folder)
    found = {(c.one.objective, c.other.objective, c.column.benchmark): c for c in board.comparisons}
    one = found["dino", "ntxent", "rings"]
    differences = np.array([-0.01, 0.005, -0.02])
    assert one.paired.difference.mean == pytest.approx(differences.mean())
    assert one.paired.p_t == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert one.p_holm >= one.paired.p_t
    assert found["dino", "ntxent", "votes"].paired.difference.mean < 0  # its error is larger


def test_ranks_of_benchmarks_are_compared_with_better_upwards(folder):
    board = board_of(folder)
    ((rho, n),) = rank_correlations(board).values()
    rings = {o: cell(board, o, "rings").interval.mean for o in ("pixels", "untrained", "dino", "mae", "ntxent")}
    votes = {o: -cell(board, o, "votes").interval.mean for o in rings}
    assert n == 5
    assert rho == pytest.approx(stats.spearmanr(list(rings.values()), list(votes.values())).statistic)


def test_a_metric_of_the_reports_can_be_a_column(folder):
    board = board_of(folder, {"probe/knn/f1": "higher"})
    assert cell(board, "mae", "probe/knn/f1").interval.mean == pytest.approx(0.61)


def test_long_names_leave_room_for_the_panels(folder):
    written(folder / "runs" / "long", "ntxent", 0, 0.75, 0.07, note=f"{'as far as it goes ' * 10}")
    draw_board(board_of(folder), folder / "figures")  # matplotlib warns of axes of no width, and warnings are errors


def test_trainings_are_compared_by_what_is_known_of_all(folder):
    assert measure_of_cost(board_of(folder)) == "minutes"  # on one kind of machine
    reports = {file: json.loads(file.read_text()) for file in (folder / "runs").rglob("report.json")}
    for file, report in reports.items():
        report["facts"]["processor minutes"] = 12.5
        file.write_text(json.dumps(report))
    assert measure_of_cost(board_of(folder)) == "processor minutes"
    file, report = next(iter(reports.items()))
    report["facts"]["device"] = "cuda:0"
    file.write_text(json.dumps(report))
    assert measure_of_cost(board_of(folder)) == "galaxies seen"


def test_pages_and_figures(folder):
    evil = "<script>alert(1)</script>"
    written(folder / "runs" / "evil", "ntxent", 0, 0.75, 0.07, note=f"{evil}|**")
    board = board_of(folder)
    out = folder / "out"
    figures = draw_board(board, out / "figures")
    write_pages(board, figures, out)
    assert [path.stem for path, _ in figures] == ["scores", "compute", "labels", "ranks"]
    for path, _ in figures:
        with Image.open(path) as image:
            assert len(image.convert("RGB").resize((64, 64)).getcolors(4096)) > 10
    page, text = (out / "leaderboard.html").read_text(), (out / "leaderboard.md").read_text()
    assert evil not in page
    assert evil not in text
    assert "&lt;script&gt;" in page
    assert not re.search(r"https?://|src=\"(?!data:)|<script|<link", page)
    assert "default-src 'none'" in page
    assert len(re.findall(r"<img [^>]*data:image/png;base64,", page)) == 4
    with (out / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    [row] = [r for r in rows if r["objective"] == "dino" and r["benchmark"] == "rings"]
    assert float(row["mean"]) == pytest.approx(np.mean([0.69, 0.715, 0.70]))
    assert row["values"] == "0:0.69 1:0.715 2:0.7"
    assert "Someone 2022" in text


def test_the_best_is_bold_and_what_is_not_shown_to_be_worse_is_marked(folder):
    board = board_of(folder)
    _, rows = score_table(board)
    cells = {(row[0], column): cell for row in rows for column, cell in zip(board.columns, row[1:], strict=True)}
    for (method, column), cell in board.cells.items():
        shown = cells[board.label(method), column]
        assert shown.startswith("**") == (cell.standing == BEST)
        assert ("≈" in shown) == (cell.standing == LEVEL_WITH_BEST)
        assert ("n=" in shown) == (cell.interval.n != 3)
    assert sum(cell.startswith("**") for cell in cells.values()) == len(board.columns)


def test_folders_without_scores_are_refused_with_the_remedy(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(ConfigError, match="task=benchmark"):
        board_of(tmp_path)
    with pytest.raises(ConfigError, match=r"no such folder: .*nowhere"):
        find_runs([tmp_path / "nowhere"], {})
    with pytest.raises(ConfigError, match="higher or lower"):
        find_runs([tmp_path], {"probe/knn/f1": "up"})


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "benchmark.json").write_text(text)
    with pytest.raises(DataError, match=r"benchmark\.json: .*remove it"):
        read_record(tmp_path)


def test_draws_become_one_metric_with_a_spread():
    found = with_spread({"auc_n8_mean": 0.6, "auc_n8_std": 0.1, "auc_all": 0.8, "r2_mean": 0.5, "c": math.inf}, 10)
    assert found == {
        "auc_n8": {"value": 0.6, "std": 0.1, "draws": 10},
        "auc_all": {"value": 0.8, "std": None, "draws": None},
        "r2_mean": {"value": 0.5, "std": None, "draws": None},
        "c": {"value": None, "std": None, "draws": None},
    }
