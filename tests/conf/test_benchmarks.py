"""Every benchmark composes, passes the gate, and is in the table of the README."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from selfsup.config import validate
from selfsup.tasks._benchmarks import ELSEWHERE, KEYS

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted((CONF / "benchmark").glob("*.yaml"))


def test_the_readme_has_them_all():
    table = re.findall(r"^\| (`.*?) \|", (CONF / "benchmark" / "README.md").read_text(), re.MULTILINE)
    assert {name for cell in table for name in re.findall(r"`(\w+)`", cell)} == {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_its_data_and_its_probe_pass_the_gate(file, compose):
    ((name, values),) = OmegaConf.to_container(OmegaConf.load(file)).items()
    assert name == file.stem
    assert set(values) == set(KEYS)
    assert values["cite"]
    places = [values] + ([values["elsewhere"]] if values["elsewhere"] is not None else [])
    for place in places:
        assert set(ELSEWHERE[:2]) <= set(place)
        cfg = compose(*place["overrides"])
        assert OmegaConf.is_missing(cfg.data, "folder") == (place["folder"] is not None)
        cfg.data.folder = "somewhere"
        validate(cfg, ("data", "probe"))
        assert place is not values or len(cfg.probe) == 1


def test_a_training_scores_none_unless_asked(compose):
    assert not compose().get("benchmark")
    assert list(compose("benchmark=[rings_decals,sky_rare]").benchmark) == ["rings_decals", "sky_rare"]
