"""Probes on an encoder: which galaxies they see, and that what is found there can be trusted."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from selfsup.config import build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.encoders.base import Encoder
from selfsup.evaluate import TEST, TRAIN, evaluate, evaluate_pixels
from selfsup.probes.base import CatalogueProbe, MapProbe, PictureProbe, Probe, Scores
from selfsup.types import ConfigError, DataError


class Roundness(Encoder):
    """Knows the answer: second moments of the light along the image's axes and diagonals."""

    dim = 3

    def __init__(self):
        super().__init__(3, 0.0, 1.0)
        self.unused = nn.Linear(1, 1)

    def feature_map(self, image):
        return self.forward(image)[:, :, None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        light = image.mean(1) - 0.1
        light = light.clamp(min=0) / light.clamp(min=0).sum((1, 2), keepdim=True)
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in light.shape[1:]), indexing="ij")
        xx, yy, xy = ((light * weight).sum((1, 2)) for weight in (x * x, y * y, x * y))
        root = ((xx - yy).square() + 4 * xy.square()).sqrt()
        return torch.stack([root / (xx + yy), xx + yy, xx * yy - xy * xy], dim=1)


class Seen(CatalogueProbe):
    """Remembers what it is given."""

    def __call__(self, train, test):
        self.train, self.test = train, test
        return Scores({"galaxies": float(len(test))})


@pytest.fixture
def make(tiny, compose):
    def made(*overrides):
        cfg = compose(*tiny, *overrides)
        return GalaxyData(build(cfg.data, "data"), 16, 0, seed=0, splits=("train",)), build_all(cfg.probe, "probe")

    return made


def test_probes_are_fitted_on_train_and_scored_on_test(make):
    data, _ = make()
    probe = Seen()
    found = evaluate(Roundness(), data, {"seen": probe}, TRAIN, TEST)
    assert probe.train.ids == [data.packed.ids[row] for row in data.rows(*TRAIN)]
    assert probe.test.ids == [data.packed.ids[row] for row in data.rows(*TEST)]
    assert not set(probe.train.ids) & set(probe.test.ids)
    assert list(probe.test.column("label")) == list(data.columns["label"][data.rows(*TEST)])
    assert found.metrics == {"probe/seen/galaxies": float(len(probe.test))}
    assert found.test is probe.test


def test_without_a_probe_of_embeddings_only_the_test_part_is_embedded(make):
    data, _ = make()
    counted = Roundness()
    shown = []
    counted.register_forward_hook(lambda _module, args, _out: shown.append(len(args[0])))
    found = evaluate(counted, data, {}, TRAIN, TEST)
    assert sum(shown) == len(found.test.ids) == len(data.rows(*TEST))


def test_an_encoder_that_knows_scores_better_than_one_that_does_not(make):
    data, probes = make("probe=[linear,knn]", "probe.knn.ks=[5]")
    good = evaluate(Roundness(), data, probes, TRAIN, TEST).metrics
    blind = Roundness()
    blind.forward = lambda image: torch.ones(len(image), 3) + 1e-3 * torch.arange(len(image))[:, None]
    bad = evaluate(blind, data, probes, TRAIN, TEST).metrics
    assert good["probe/linear/accuracy"] > 0.95
    assert good["probe/knn/accuracy"] > 0.95
    assert bad["probe/linear/accuracy"] < 0.8


def test_unlabelled_galaxies_are_left_out_of_the_probes(make):
    data, _ = make()
    rows = data.rows(*TEST)
    for values in data.columns.values():
        values[rows[:3]] = np.nan if values.dtype.kind == "f" else ""
    probe = Seen()
    evaluate(Roundness(), data, {"seen": probe}, TRAIN, TEST)
    assert probe.test.ids == [data.packed.ids[row] for row in rows[3:]]


def test_pixels_are_a_baseline_fitted_on_train_alone(make):
    data, _ = make()
    one, two = Seen(), Seen()
    evaluate_pixels(data, {"seen": one}, TRAIN, TEST, components=4)
    evaluate_pixels(data, {"seen": two}, TRAIN, ("val",), components=4)
    assert one.train.embedding().shape == (len(data.rows(*TRAIN)), 4)
    np.testing.assert_array_equal(one.train.embedding(), two.train.embedding())  # whatever is scored
    assert np.ptp(one.train.embedding().mean(0)) < 0.5  # centred on train
    few = Seen()
    evaluate_pixels(data, {"seen": few}, TRAIN, TEST, components=10_000)
    assert few.train.dim == len(data.rows(*TRAIN))


class Eyes(Roundness):
    """An encoder that sees the image as it is."""

    def pyramid(self, image):
        return [image]


class SeenMaps(MapProbe):
    """Remembers what it is given."""

    def __init__(self, train_count=30, test_count=10, cells=8, examples=None):
        self.train_count, self.test_count, self.cells, self.examples = train_count, test_count, cells, examples

    def __call__(self, train, test, examples=None):
        self.train, self.test, self.shown = train, test, examples
        return Scores({"galaxies": float(len(test.ids))})


@pytest.fixture
def mapped(make):
    """Galaxies of which it is known where they are bright, and where they are faint."""
    data, _ = make()

    def structure_maps(ids):
        light = data.packed.images[data.packed.index_of(ids)].mean(axis=3)
        return np.stack([light > 130, (light > 40) & (light <= 130)], axis=1)

    data.source.structure_maps = structure_maps
    data.source.structures = ("core", "halo")
    return data


def test_probes_of_maps_get_maps_and_the_others_catalogues(mapped):
    one, other = SeenMaps(), Seen()
    found = evaluate(Eyes(), mapped, {"maps": one, "rows": other}, TRAIN, TEST)
    assert list(found.scores) == ["maps", "rows"]
    assert found.metrics["probe/maps/galaxies"] == 10.0
    assert (len(one.train.ids), len(one.test.ids)) == (30, 10)
    assert set(one.train.ids) <= set(other.train.ids)
    assert set(one.test.ids) <= set(other.test.ids)
    assert one.train.features.shape == (30, 8, 8, 3)
    assert one.train.names == ("core", "halo")
    np.testing.assert_array_equal(one.test.images, mapped.packed.images[mapped.packed.index_of(one.test.ids)])
    np.testing.assert_array_equal(one.test.truth, mapped.source.structure_maps(one.test.ids))
    assert one.shown is None


def test_every_encoder_and_the_pixels_are_asked_about_the_same_galaxies(mapped):
    one, two = SeenMaps(), SeenMaps(train_count=20, test_count=1000)
    evaluate(Eyes(), mapped, {"maps": one}, TRAIN, TEST)
    evaluate_pixels(mapped, {"maps": two}, TRAIN, TEST, components=4)
    assert set(two.train.ids) < set(one.train.ids)
    assert len(two.test.ids) == len(mapped.rows(*TEST))
    assert two.train.features.shape == (20, 8, 8, 48)
    corner = two.train.images[:, 4:8, 8:12].transpose(0, 3, 1, 2).reshape(20, -1) / 255  # cell (1, 2)
    np.testing.assert_allclose(two.train.features[:, 1, 2], corner, atol=1e-3)


def test_the_dense_probe_finds_what_the_features_show(mapped, compose, tiny, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((50, 40, 3), 90, np.uint8)).save(tmp_path / name)
    small = ("probe.dense.cells=16", f"probe.dense.examples={tmp_path}", "probe.dense.max_iter=30")
    probes = build_all(compose(*tiny, "probe=[dense]", *small).probe, "probe")
    found = evaluate(Eyes(), mapped, probes, TRAIN, TEST)
    assert found.metrics["probe/dense/iou_core"] > 0.8
    assert found.metrics["probe/dense/iou_core"] > found.metrics["probe/dense/iou_constant"]
    overlays = found.scores["dense"].overlays
    assert [each.truth is None for each in overlays] == [False] * 8 + [True] * 2
    assert {each.image.shape for each in overlays} == {(32, 32, 3)}
    assert overlays[-1].predicted.shape == (2, 32, 32)
    assert evaluate(Eyes(), mapped, probes, TRAIN, TEST).metrics == found.metrics


class SeenPictures(PictureProbe):
    """Remembers what it is given, and what is said of it as it is."""

    def __init__(self, test_count):
        self.test_count = test_count

    def __call__(self, images, embedding):
        self.images = images
        self.said = embedding(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
        return Scores({"galaxies": float(len(images))})


def test_probes_of_pictures_get_pictures_of_test_and_what_the_encoder_says_of_them(make, monkeypatch):
    monkeypatch.setattr("selfsup.evaluate.AT_A_TIME", 7)
    data, _ = make()
    some, every, other = SeenPictures(10), SeenPictures(1000), Seen()
    found = evaluate(Roundness(), data, {"some": some, "every": every, "rows": other}, TRAIN, TEST)
    assert found.metrics["probe/some/galaxies"] == 10.0
    np.testing.assert_array_equal(every.images, data.packed.images[data.packed.index_of(other.test.ids)])
    np.testing.assert_allclose(every.said, other.test.embedding(), rtol=1e-5)
    assert all((every.images == image).all((1, 2, 3)).any() for image in some.images)
    few = SeenPictures(10)
    evaluate_pixels(data, {"pixels": every, "few": few, "rows": other}, TRAIN, TEST, components=4)
    np.testing.assert_allclose(every.said, other.test.embedding(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(few.images, some.images)


def test_data_without_maps_names_those_that_have_them(make):
    data, _ = make()
    with pytest.raises(DataError, match="data=synthetic"):
        evaluate(Eyes(), data, {"maps": SeenMaps()}, TRAIN, TEST)


def test_what_cannot_be_mapped_is_refused(mapped, tmp_path):
    with pytest.raises(ConfigError, match="5 cells do not divide images of 32 px"):
        evaluate(Eyes(), mapped, {"maps": SeenMaps(cells=5)}, TRAIN, TEST)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.png: neither JPEG nor PNG"):
        evaluate(Eyes(), mapped, {"maps": SeenMaps(examples=str(tmp_path))}, TRAIN, TEST)

    class Neither(Probe):
        pass

    with pytest.raises(TypeError, match="is no CatalogueProbe, MapProbe or PictureProbe"):
        evaluate(Eyes(), mapped, {"it": Neither()}, TRAIN, TEST)
