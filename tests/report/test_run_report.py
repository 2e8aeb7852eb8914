import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from selfsup.report.run_report import write_report

COMPARISON = {
    "trained": {"linear/accuracy": 0.91234, "linear/r2": 0.5},
    "untrained": {"linear/accuracy": 0.7, "linear/r2": math.nan},
    "pixels | PCA": {"linear/accuracy": 0.6},
}


def write(folder, **changes):
    figure = folder / "figures" / "loss curves.png"
    parts = {
        "title": "ntxent on the synthetic sky",
        "command": "selfsup objective=ntxent",
        "config": {"optimizer": {"lr": 0.001, "betas": (0.9, 0.99)}, "folder": Path("/data"), "seed": None},
        "metrics": {"probe/linear/accuracy": np.float32(0.5), "probe/linear/r2": math.nan, "n": np.int64(3)},
        "comparison": COMPARISON,
        "figures": [(figure, "what was minimised")],
        "facts": {"galaxies": 12000, "device": "cpu", "seconds": 12.345},
        "unreadable": 3,
    }
    write_report(folder, **{**parts, **changes})


def test_json_has_every_number_and_null_for_what_is_not_one(tmp_path):
    write(tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text(), parse_constant=pytest.fail)
    assert report["metrics"] == {"probe/linear/accuracy": 0.5, "probe/linear/r2": None, "n": 3}
    assert report["comparison"]["untrained"] == {"linear/accuracy": 0.7, "linear/r2": None}
    assert report["command"] == "selfsup objective=ntxent"
    assert report["facts"]["seconds"] == 12.345
    assert report["unreadable"] == 3
    assert report["versions"]["numpy"] == np.__version__
    assert report["machine"]["cores"] == os.cpu_count()
    assert report["figures"] == {"figures/loss curves.png": "what was minimised"}


def test_page_compares_the_encoders_links_the_figures_and_shows_the_configuration(tmp_path):
    write(tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# ntxent on the synthetic sky\n")
    assert "| | trained | untrained | pixels \\| PCA |\n|---|---:|---:|---:|" in page
    assert "| linear/accuracy | 0.9123 | 0.7 | 0.6 |" in page
    assert "| linear/r2 | 0.5 | - | - |" in page
    assert "](figures/loss%20curves.png)" in page
    assert "galaxies: 12,000; device: cpu; seconds: 12.35; **3 images could not be read" in page
    yaml = page.split("```yaml\n")[1].split("```")[0]
    assert OmegaConf.create(yaml) == {
        "optimizer": {"lr": 0.001, "betas": [0.9, 0.99]},
        "folder": "/data",
        "seed": None,
    }


def test_nothing_to_compare_is_no_table_and_nothing_unreadable_is_not_mentioned(tmp_path):
    write(tmp_path, comparison={}, figures=[], unreadable=0)
    page = (tmp_path / "report.md").read_text()
    assert "|---" not in page
    assert "could not be read" not in page


def test_further_sections_stand_between_the_table_and_the_figures(tmp_path):
    write(tmp_path, sections=["## Classes", "## Numbers"])
    page = (tmp_path / "report.md").read_text()
    assert page.index("| linear/r2 |") < page.index("## Classes\n\n## Numbers") < page.index("](figures/")


def test_a_report_is_whole_or_the_old_one(tmp_path, monkeypatch):
    write(tmp_path)
    before = (tmp_path / "report.json").read_bytes()

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selfsup.durable.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path, title="another")
    assert (tmp_path / "report.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "report.md"]
