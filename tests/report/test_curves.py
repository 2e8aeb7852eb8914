"""A training's log as curves: which values count, and in which panel they are."""

import csv

from selfsup.report import curves, style


def write_metrics(path, rows):
    columns = sorted({name for row in rows for name in row})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_repeated_step_keeps_its_last_value_and_empty_or_infinite_cells_are_skipped(tmp_path):
    rows = [
        {"step": 1, "loss": 9.0},
        {"step": 2, "loss": 8.0, "lr": 0.1},
        {"step": 2, "loss": 5.0},
        {"step": 3, "loss": float("nan")},
        {"step": 3, "probe/knn/accuracy": 0.5},
    ]
    series = curves._series(write_metrics(tmp_path / "metrics.csv", rows))
    assert series == {"loss": {1: 9.0, 2: 5.0}, "lr": {2: 0.1}, "probe/knn/accuracy": {3: 0.5}}


def test_losses_share_a_panel_rates_too_and_each_probe_has_its_own():
    one = {0: 1.0}
    names = ["train/loss", "loss_koleo", "lr", "health/rank", "val/probe/knn/accuracy", "probe/knn/f1"]
    names += ["probe/linear/f1", "val/probe/knn/k", "val/probe/knn/accuracy_k10"]  # settings and details have no curve
    panels = curves._panels(dict.fromkeys(names, one))
    assert {title: sorted(curves) for title, curves in panels.items()} == {
        "loss": ["loss", "loss_koleo"],
        "learning rate": ["lr"],
        "health/rank": ["rank"],
        "knn": ["accuracy", "f1"],
        "linear": ["f1"],
    }


def test_loss_curves_are_drawn_at_page_width_even_when_nothing_was_logged(tmp_path, pixels, has_colour):
    rows = [{"step": step, "loss": 1 / (step + 1), "lr": 0.1} for step in range(200)]
    curves.loss_curves(write_metrics(tmp_path / "metrics.csv", rows), tmp_path / "new" / "loss.png")
    assert pixels(tmp_path / "new" / "loss.png").shape[1] == style.WIDTH_PX
    assert has_colour(tmp_path / "new" / "loss.png", style.BLUE)
    (tmp_path / "empty.csv").write_text("step,epoch\n")
    curves.loss_curves(tmp_path / "empty.csv", tmp_path / "empty.png")
    assert not has_colour(tmp_path / "empty.png", style.BLUE)
