"""How stable a trained encoder is under turns, by the command line: metrics and figure of a report."""

import json

import pytest
from PIL import Image


@pytest.fixture
def probe(tiny, checkpoint, selfsup, tmp_path, monkeypatch):
    """Overrides -> the report of the probe of rotation of a network that votes, asked about twelve galaxies."""
    monkeypatch.chdir(tmp_path)
    trained = checkpoint("objective=dirichlet", "seed=3")
    data = [choice for choice in tiny if choice.startswith(("data", "task"))]
    small = ["probe=[rotation]", "probe.rotation.test_count=12", "probe.rotation.step_deg=45"]

    def report(*arguments):
        ended = selfsup("task=probe", f"task.checkpoint={trained}", *data, *small, *arguments, "hydra.run.dir=probed")
        assert ended.code == 0, ended.err
        return json.loads((tmp_path / "probed" / "report.json").read_text())

    return report


def test_symmetries_make_an_encoder_stable_and_are_asked_of_the_untrained_one_too(probe, tmp_path):
    one, eight = probe(), probe("task.symmetries=8")
    plain, every = one["comparison"], eight["comparison"]
    for who in ("trained", "untrained"):
        assert plain[who]["probe/rotation/stability_quarter"] < 0.999
        for name in ("quarter", "flip"):
            assert every[who][f"probe/rotation/stability_{name}"] == pytest.approx(1, abs=1e-3)
        assert plain[who]["probe/rotation/stability"] < every[who]["probe/rotation/stability"] < 1
    assert plain["pixels"] == every["pixels"]
    assert one["metrics"]["head/votes_mae"] != eight["metrics"]["head/votes_mae"]
    with Image.open(tmp_path / "probed" / "figures" / "rotation.png") as figure:
        assert len(figure.convert("RGB").resize((64, 64)).getcolors(4096)) > 1
