"""GPUs are taken from what this process may use, and nobody gets another's."""

import os
import sys

import pytest

from selfsup.sweeps.devices import Devices, instances, visible

CARDS = """GPU 0: NVIDIA A100 (UUID: GPU-aa)
  MIG 3g.20gb     Device  0: (UUID: MIG-1)
  MIG 3g.20gb     Device  1: (UUID: MIG-2)
GPU 1: NVIDIA A100 (UUID: GPU-bb)
"""


def test_a_card_that_is_cut_is_its_instances():
    assert instances(CARDS) == ["MIG-1", "MIG-2", "GPU-bb"]
    assert instances("") == []


@pytest.mark.parametrize(("told", "names"), [("2, 3", ["2", "3"]), ("", []), ("GPU-aa", ["GPU-aa"])])
def test_the_parents_set_counts(told, names, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    assert visible() == names


def test_else_the_driver_is_asked(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == ['-L']\nprint({CARDS!r})\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert visible() == ["MIG-1", "MIG-2", "GPU-bb"]
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert visible() == []


def test_what_is_lent_comes_back():
    devices = Devices(["0", "1", "2"])
    first = devices.lend(2)
    assert first == ["0", "1"]
    assert devices.lend(2) is None
    assert devices.lend(0) == []
    devices.take_back(first)
    assert devices.lend(2) == ["2", "0"]
    assert Devices([]).lend(4) == []
