"""Turned pictures of galaxies that are known by formula, and encoders of which the stability is known."""

import math

import numpy as np
import pytest
import torch

from selfsup.config import build as build_node
from selfsup.encoders.dihedral import symmetric
from selfsup.probes.rotation import Rotation, disc_at
from selfsup.types import ConfigError, DataError

EDGE = 32


def galaxy(angle_deg, ratio=0.5, offset_px=4.0):
    """(EDGE, EDGE) smooth ellipse off the centre, and its place, all turned counter-clockwise."""
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    turn = math.radians(angle_deg)
    along, up = x * math.cos(turn) - y * math.sin(turn), -y * math.cos(turn) - x * math.sin(turn)
    return np.exp(-(((along - offset_px) / 7) ** 2) - (up / (7 * ratio)) ** 2)


@pytest.fixture(scope="module")
def images():
    """12 galaxies of different shapes and colours on a noisy sky."""
    random = np.random.default_rng(0)
    light = [galaxy(random.uniform(0, 360), random.uniform(0.2, 0.9), random.uniform(0, 4)) for _ in range(12)]
    pixels = np.stack(light)[..., None] * random.uniform(0.2, 0.9, (12, 1, 1, 3))
    pixels = pixels + random.normal(0.06, 0.01, pixels.shape)
    return (pixels.clip(0, 1) * 255).astype(np.uint8)


def test_a_turn_is_counter_clockwise_about_the_centre_and_keeps_the_scale():
    image = torch.from_numpy(galaxy(0.0)).float()[None, None]
    for angle in (7.5, 30.0, 45.0, 137.5):
        difference = disc_at(image, angle)[0, 0].numpy() - galaxy(angle)
        y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
        assert np.abs(difference[np.hypot(x, y) < EDGE / 2 - 2]).max() < 0.02
    assert np.abs(disc_at(image, 30.0)[0, 0].numpy() - galaxy(-30.0)).max() > 0.3


def test_a_quarter_turn_is_exact_from_any_angle(images):
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for angle in (0.0, 7.5, 22.5):
        turned = disc_at(pictures, angle + 90)
        torch.testing.assert_close(turned, disc_at(pictures, angle).rot90(1, (-2, -1)), rtol=0, atol=1e-5)
        assert (disc_at(pictures, angle + 45) - disc_at(pictures, angle)).abs().max() > 0.1


def test_corners_are_sky_and_what_was_there_is_not_seen(images):
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    spoiled = pictures.clone()
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    spoiled[..., torch.from_numpy(np.hypot(x, y) > EDGE / 2 + 1)] = 1.0
    for angle in (7.5, 52.5):
        seen = disc_at(pictures, angle)
        torch.testing.assert_close(disc_at(spoiled, angle), seen, rtol=0, atol=0.02)  # where the kernel looks beyond
        assert (seen[..., 0, 0] - 0.06).abs().max() < 0.02
        assert torch.equal(seen[..., 0, 0], seen[..., -1, 0])


def test_no_picture_is_sharper_than_the_others():
    noise = np.random.default_rng(0).integers(0, 255, (4, EDGE, EDGE, 3), dtype=np.uint8)
    sharpness = []

    def embedding(image):
        sharpness.append(float(image[..., 8:24, 8:24].std()))
        return image.flatten(1).numpy()

    score(embedding, noise, step_deg=15)
    assert len(sharpness) == 48
    assert max(sharpness) < 1.2 * min(sharpness)
    assert (noise[:, 8:24, 8:24] / 255).std() > 1.1 * max(sharpness)  # than all of them


def score(embedding, images, step_deg=30):
    return Rotation(test_count=100, step_deg=step_deg)(images, embedding)


def rings(image):
    """Mean light in rings about the centre, and its spread in them: what a turn cannot change."""
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    where = np.hypot(x, y).astype(int)
    parts = [image.numpy()[..., where == radius] for radius in range(12)]
    return np.concatenate([part.mean(-1) for part in parts] + [part.std(-1) for part in parts], axis=1)


def test_what_no_turn_changes_is_stable_and_pixels_are_not(images):
    stable = score(rings, images).metrics
    assert min(stable["stability"], stable["stability_quarter"], stable["stability_flip"]) > 0.97
    pixels = score(lambda image: image.flatten(1).numpy(), images).metrics
    assert pixels["stability"] < 0.8
    assert pixels["cosine_turned"] > 0.6  # a cosine alone would call them stable
    assert stable["cosine_other"] < stable["cosine_turned"]


def test_noise_is_as_far_from_itself_as_from_others():
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (60, EDGE, EDGE, 3), dtype=np.uint8)
    metrics = score(lambda image: 1 + random.normal(size=(len(image), 400)), images).metrics
    assert metrics["cosine_turned"] == pytest.approx(0.5, abs=0.02)
    assert metrics["stability"] == pytest.approx(0, abs=0.02)
    assert metrics["stability_flip"] == pytest.approx(0, abs=0.03)


def test_an_encoder_that_says_the_same_of_every_galaxy_is_not_stable(images):
    metrics = score(lambda image: np.full((len(image), 4), 0.3, np.float32), images).metrics
    assert metrics["cosine_turned"] == pytest.approx(1)
    assert metrics["stability"] == metrics["stability_quarter"] == metrics["stability_flip"] == 0
    assert all(math.isfinite(value) for value in metrics.values())


def test_agrees_with_a_slow_mean_over_pairs(images):
    said = []

    def embedding(image):
        said.append(image.flatten(1).numpy()[:, 100::7].astype(float))
        return said[-1]

    scores = score(embedding, images, step_deg=45)
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in said]
    turned, flipped = unit[::2], unit[1::2]
    assert len(turned) == 8
    n, every = len(images), range(8)
    other = np.mean(
        [turned[a][i] @ turned[b][j] for a in every for b in every for i in range(n) for j in range(n) if i != j]
    )
    by_angle = {
        lag: [np.mean([turned[a][i] @ turned[(a + lag) % 8][i] for a in every]) for i in range(n)]
        for lag in range(1, 8)
    }
    stability = {lag: 1 - (1 - np.array(cosines)) / (1 - other) for lag, cosines in by_angle.items()}
    metrics = scores.metrics
    assert metrics["cosine_other"] == pytest.approx(other)
    assert metrics["cosine_turned"] == pytest.approx(np.mean(list(by_angle.values())))
    assert metrics["cosine_flipped"] == pytest.approx(
        np.mean([a[i] @ b[i] for a, b in zip(turned, flipped, strict=True) for i in range(n)])
    )
    assert metrics["stability"] == pytest.approx(np.mean(list(stability.values())))
    assert metrics["stability_std"] == pytest.approx(np.mean(list(stability.values()), axis=0).std(ddof=1))
    assert metrics["stability_quarter"] == pytest.approx(np.mean([stability[lag] for lag in (2, 4, 6)]))
    assert scores.curve["angle_deg"] == [45.0, 90.0, 135.0, 180.0]
    assert scores.curve["mean"] == pytest.approx([stability[lag].mean() for lag in (1, 2, 3, 4)])
    assert scores.curve["std"] == pytest.approx([stability[lag].std(ddof=1) for lag in (1, 2, 3, 4)])


@pytest.mark.parametrize("name", ["tiny_resnet", "tiny_vit"])
def test_an_encoder_over_all_symmetries_is_stable_under_them_and_nearly_so_between(name, images, compose):
    torch.manual_seed(0)
    encoder = build_node(compose(f"data.size_px={EDGE}", f"encoder={name}").encoder, "encoder").eval()

    @torch.inference_mode()
    def scores_of(asked):
        return score(lambda image: asked(image).numpy(), images)

    plain, every = scores_of(encoder), scores_of(symmetric(encoder, 8))
    assert every.metrics["stability_quarter"] == pytest.approx(1, abs=1e-4)
    assert every.metrics["stability_flip"] == pytest.approx(1, abs=1e-4)
    assert plain.metrics["stability_quarter"] < 0.99
    assert plain.metrics["stability_flip"] < 0.99
    by_angle = dict(zip(every.curve["angle_deg"], every.curve["mean"], strict=True))
    assert [by_angle[90.0], by_angle[180.0]] == pytest.approx([1, 1], abs=1e-4)
    assert max(by_angle[angle] for angle in (30.0, 60.0, 120.0, 150.0)) < 0.9999
    assert plain.metrics["stability"] < every.metrics["stability"] < 0.9999


@pytest.mark.parametrize("step_deg", [0, -15, 40, 100])
def test_a_step_that_misses_the_quarter_turn_is_refused(step_deg):
    with pytest.raises(ConfigError, match=r"probe\.rotation\.step_deg=.* write probe\.rotation\.step_deg=15"):
        Rotation(test_count=10, step_deg=step_deg)


def test_nobody_to_compare_with_is_refused(images):
    with pytest.raises(ConfigError, match=r"probe\.rotation\.test_count"):
        Rotation(test_count=0, step_deg=15)
    with pytest.raises(DataError, match="single galaxy"):
        score(rings, images[:1])
