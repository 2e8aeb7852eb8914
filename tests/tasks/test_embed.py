"""A catalogue by the command line, from a trained encoder as it is and averaged over flips and quarter turns."""

import numpy as np
import pytest
from PIL import Image

from selfsup.catalogue import Catalogue

COUNT, SIZE_PX = 6, 32


@pytest.fixture
def run(checkpoint, selfsup, tmp_path, monkeypatch):
    """Overrides -> the command line, in a folder with a checkpoint, pictures, and the same pictures turned."""
    monkeypatch.chdir(tmp_path)
    trained = checkpoint(f"data.size_px={SIZE_PX}")
    pixels = np.random.default_rng(0).integers(0, 255, (COUNT, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    for name, turned in (("upright", pixels), ("turned", np.rot90(pixels, axes=(1, 2))[:, :, ::-1])):
        (tmp_path / name).mkdir()
        for number, image in enumerate(turned):
            Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / name / f"g{number}.png")
    return lambda *arguments: selfsup("task=embed", f"task.checkpoint={trained}", "data=images", *arguments)


@pytest.mark.parametrize(("symmetries", "same"), [(1, False), (8, True)])
def test_the_catalogue_of_turned_pictures_is_the_same_where_symmetries_are_asked_for(symmetries, same, run, tmp_path):
    found = []
    for name in ("upright", "turned"):
        choices = [f"data.folder={tmp_path / name}", f"task.output={name}.parquet", f"task.symmetries={symmetries}"]
        ended = run(*choices)
        assert ended.code == 0, ended.err
        found.append(Catalogue.open(tmp_path / f"{name}.parquet"))
    assert found[0].ids == found[1].ids == [f"g{number}" for number in range(COUNT)]
    assert found[0].provenance["symmetries"] == symmetries
    assert np.allclose(found[0].embedding(), found[1].embedding(), rtol=1e-4, atol=1e-5) is same


def test_another_number_of_symmetries_is_refused(run, tmp_path):
    ended = run(f"data.folder={tmp_path / 'upright'}", "task.output=a.parquet", "task.symmetries=4")
    assert ended.code == 1
    assert "task.symmetries is 4; write 1" in ended.err
