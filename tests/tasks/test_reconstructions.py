"""What objectives paint is drawn: of each that paints, of the parts of a sum, of no other."""

import numpy as np
import pytest
from PIL import Image

from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.tasks._reconstructions import draw_reconstructions

CASES = {
    "mae": (["objective=mae", "objective.decoder_dim=32"], ["reconstruction"]),
    "denoise": (["objective=denoise", "objective.decoder_dim=32", "objective.decoder_depth=1"], ["reconstruction"]),
    "hybrid": (["objective=hybrid", "objective@objective.parts.contrastive=mae"], ["contrastive_reconstruction"]),
    "ntxent": (["objective=ntxent"], []),
}


@pytest.mark.parametrize(("choices", "names"), CASES.values(), ids=CASES)
def test_each_that_paints_has_a_figure(choices, names, tiny, compose, tmp_path):
    cfg = compose(*tiny, *choices)
    data = GalaxyData(build(cfg.data, "data"), 16, 0, seed=0, splits=("train",))
    objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder")).train()
    drawn = draw_reconstructions(objective, data, data.rows("test"), tmp_path)
    assert [path.stem for path, _ in drawn] == names
    assert all(part.training for part in objective.modules())
    for path, _ in drawn:
        with Image.open(path) as figure:
            assert len(np.unique(np.asarray(figure.convert("L")))) > 100
