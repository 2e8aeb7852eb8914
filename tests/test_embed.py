"""Embedding: every galaxy once, in order, whatever the batch, without a trace on the encoder."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from selfsup.checkpoint import LAST
from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.embed import (
    as_float,
    device_of,
    embed,
    evaluation_mode,
    feature_maps,
    load_encoder,
    load_objective,
    load_untrained,
)
from selfsup.types import ConfigError


@pytest.fixture
def encoder(tiny, compose):
    torch.manual_seed(0)
    return build(compose(*tiny, "encoder.drop_path=0.5").encoder, "encoder")


@pytest.fixture
def data(tiny, compose):
    return GalaxyData(build(compose(*tiny).data, "data"), 16, 0, seed=0, splits=("train",))


def test_bytes_and_floats_are_the_same_image():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert as_float(pixels).max() == 1
    assert torch.equal(as_float(pixels), as_float(pixels.double() / 255))
    assert as_float(pixels).dtype == torch.float32


def test_every_galaxy_once_in_order_with_its_columns(encoder, data):
    rows = data.rows("test")
    columns = {"value": data.columns["value"][rows]}
    found = embed(encoder, data.catalogue_loader(rows), columns, {"checkpoint": "nowhere"})
    assert found.ids == [data.packed.ids[row] for row in rows]
    assert found.embedding().shape == (len(rows), encoder.dim)
    assert found.embedding().dtype == np.float32
    assert found.column("value").tolist() == columns["value"].tolist()
    assert found.provenance == {"checkpoint": "nowhere"}


def test_batch_size_changes_nothing(encoder, data):
    rows = data.rows("test")
    large, small = (embed(encoder, data.catalogue_loader(rows, size)).embedding() for size in (256, 7))
    np.testing.assert_allclose(large, small, rtol=1e-4, atol=1e-6)


def test_the_encoder_is_asked_in_evaluation_and_left_as_it_was(encoder, data):
    encoder.train()
    frozen = next(part for part in encoder.modules() if isinstance(part, nn.BatchNorm2d))
    frozen.eval()
    modes = {name: part.training for name, part in encoder.named_modules()}
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    first = embed(encoder, data.catalogue_loader(data.rows())).embedding()
    assert {name: part.training for name, part in encoder.named_modules()} == modes
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())
    assert np.array_equal(first, embed(encoder, data.catalogue_loader(data.rows())).embedding())


def test_the_mode_returns_after_an_error(encoder):
    encoder.train()
    with evaluation_mode(encoder):
        assert not any(part.training for part in encoder.modules())
    with pytest.raises(ZeroDivisionError), evaluation_mode(encoder):
        _ = 1 / 0
    assert all(part.training for part in encoder.modules())


def test_no_galaxies_make_an_empty_catalogue(encoder):
    found = embed(encoder, [])
    assert len(found) == 0
    assert found.dim == encoder.dim


def test_device_is_the_parameters(encoder):
    assert device_of(encoder) == torch.device("cpu")


@pytest.mark.parametrize("name", ["tiny_resnet", "tiny_vit"])
def test_every_cell_has_the_features_of_every_level(name, tiny, compose, data):
    torch.manual_seed(0)
    encoder = build(compose(*tiny, f"encoder={name}").encoder, "encoder")
    rows = data.rows("test")
    found = feature_maps(encoder, data.catalogue_loader(rows, 7), cells=8)
    image = next(iter(data.catalogue_loader(rows)))["image"]
    encoder.eval()
    with torch.no_grad():
        levels = encoder.pyramid(as_float(image))
    assert found.shape == (len(rows), 8, 8, sum(level.shape[1] for level in levels))
    assert found.dtype == np.float16
    assert np.isfinite(found).all()
    start = 0
    for level in levels:  # one that is on the grid already is there as it is
        part = found[..., start : start + level.shape[1]].astype(np.float32)
        start += level.shape[1]
        if level.shape[-1] == 8:
            np.testing.assert_allclose(part, level.permute(0, 2, 3, 1).numpy(), rtol=2e-3, atol=2e-3)
    assert any(level.shape[-1] == 8 for level in levels)


def test_a_place_stays_where_it_is():
    class Sees(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(1, 1)

        def pyramid(self, image):
            return [image, nn.functional.avg_pool2d(image, 8)]

    image = torch.zeros(1, 3, 32, 32)
    image[..., 20:24, 12:16] = 1
    found = feature_maps(Sees(), [{"id": ["a"], "image": image}], cells=8)
    assert found.shape == (1, 8, 8, 6)
    fine, coarse = (found[0, ..., level].astype(float) for level in (0, 3))
    assert np.argwhere(fine == fine.max()).tolist() == [[5, 3]]
    assert [5, 3] in np.argwhere(coarse == coarse.max()).tolist()  # which knows no better than 8 px


def test_maps_are_asked_in_evaluation_and_do_not_overflow(encoder, data):
    encoder.train()
    loader = data.catalogue_loader(data.rows("test"))
    assert np.array_equal(feature_maps(encoder, loader, 4), feature_maps(encoder, loader, 4))
    assert encoder.training
    plain = encoder.pyramid
    encoder.pyramid = lambda image: [1e9 * level for level in plain(image)]
    assert np.isfinite(feature_maps(encoder, loader, 4)).all()


@pytest.fixture
def run(tiny, compose, tmp_path):
    """A run folder with a checkpoint as a training leaves it, of the weights that it started with."""
    cfg = compose(*tiny, "objective=dirichlet")
    torch.manual_seed(cfg.seed)
    objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
    weights = {f"objective.{name}": value for name, value in objective.state_dict().items()}
    file = tmp_path / "run" / LAST
    file.parent.mkdir(parents=True)
    torch.save({"config": OmegaConf.to_container(cfg, resolve=True), "state_dict": weights}, file)
    return tmp_path / "run"


@pytest.mark.parametrize(("symmetries", "same"), [(1, False), (8, True)])
def test_a_trained_encoder_is_made_symmetric_afterwards(symmetries, same, run, data):
    batch = next(iter(data.catalogue_loader(data.rows("test"))))
    turned = batch | {"image": batch["image"].rot90(1, (-2, -1)).flip(-1)}
    for load in (load_encoder, load_untrained):
        encoder = load(run, symmetries=symmetries)
        found = [embed(encoder, [each]).embedding() for each in (batch, turned)]
        assert np.allclose(*found, rtol=1e-4, atol=1e-6) is same
    objective = load_objective(run, symmetries=symmetries)
    said = [objective.predict(as_float(each["image"]))["votes"] for each in (batch, turned)]
    assert torch.allclose(*said, rtol=0, atol=1e-6) is same
    assert not any(part.training for part in objective.modules())
    assert not any(weight.requires_grad for weight in objective.parameters())


def test_symmetries_that_no_square_has_are_refused(run):
    for load in (load_encoder, load_objective, load_untrained):
        with pytest.raises(ConfigError, match=r"task\.symmetries is 4"):
            load(run, symmetries=4)
