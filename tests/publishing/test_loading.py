"""One call loads an encoder from wherever it is, and its numbers are those of the command line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import selfsup as package
from selfsup.catalogue import Catalogue
from selfsup.publishing.loading import embed_images, load_encoder
from selfsup.types import ConfigError, DataError


@pytest.mark.parametrize("symmetries", [1, 8])
def test_the_numbers_are_those_of_the_catalogue(symmetries, run, galaxies, selfsup, tmp_path):
    output = tmp_path / "catalogue"
    ended = selfsup(
        *("task=embed", f"task.checkpoint={run}", "data=images", f"data.folder={galaxies}"),
        *(f"task.output={output}", f"task.symmetries={symmetries}", f"hydra.run.dir={tmp_path / 'log'}"),
    )
    assert ended.code == 0, ended.err
    expected = Catalogue.open(output)
    load_encoder(run, symmetries=symmetries).save_pretrained(tmp_path / "published")
    encoder = package.load_encoder(tmp_path / "published")
    found = package.embed_images(encoder, [galaxies / f"{galaxy}.jpg" for galaxy in expected.ids])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.embedding(), rtol=1e-6, atol=1e-6)


def test_pixels_and_their_lossless_files_are_the_same(published, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 50, 3), dtype=np.uint8)
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for file, image in zip(files, pixels, strict=True):
        Image.fromarray(image).save(file)
    found = embed_images(published, pixels)
    assert found.shape == (5, published.dim)
    assert np.array_equal(found, embed_images(published, [str(file) for file in files]))
    assert np.array_equal(found, embed_images(published, np.array([str(file) for file in files], dtype=object)))
    np.testing.assert_allclose(found, embed_images(published, pixels, batch_size=2), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[:1], embed_images(published, pixels[:1]), rtol=1e-4, atol=1e-6)
    assert embed_images(published, []).shape == (0, published.dim)


def test_a_run_its_file_and_its_publication_are_one_encoder(run, published, folder):
    image = torch.rand(2, 3, 32, 32)
    for place in (run, run / "checkpoint" / "last.ckpt", str(folder)):
        loaded = load_encoder(place)
        assert torch.equal(loaded(image), published(image))
        assert loaded.description == published.description


def test_orientations_are_averaged_where_they_are_asked_for(published, folder):
    image = torch.rand(2, 3, 32, 32)
    encoder = load_encoder(folder, symmetries=8)
    assert encoder.description.symmetries == 8
    turns = [image.rot90(k, (-2, -1)) for k in range(4)]
    expected = torch.stack([published(each) for each in [*turns, *(each.flip(-1) for each in turns)]]).mean(0)
    torch.testing.assert_close(encoder(image), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ConfigError, match="symmetries is 3"):
        load_encoder(folder, symmetries=3)


def test_nothing_there_is_said_with_all_that_could_be(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing there; name a published folder.*hf://owner/name"):
        load_encoder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no checkpoint there"):
        load_encoder(tmp_path / "empty")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8, 3)), r"float64; pixels are \(N, H, W, 3\) uint8"),
        (np.zeros((8, 8, 3), np.uint8), r"\(8, 8, 3\) uint8; pixels"),
        ("galaxy.jpg", "write a list of files"),
        (["nowhere.jpg"], r"nowhere\.jpg: cannot be opened"),
    ],
)
def test_what_is_no_picture_is_named(images, message, published):
    with pytest.raises(DataError, match=message):
        embed_images(published, images)


def test_a_torn_file_is_not_filled_up(published, galaxies, tmp_path):
    content = (galaxies / "g001.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"torn\.jpg: damaged image.*leave it out"):
        embed_images(published, [galaxies / "g001.jpg", tmp_path / "torn.jpg"])


def test_a_report_that_is_none_is_refused(run):
    (run / "report.json").write_text(json.dumps({"facts": 1}))
    with pytest.raises(DataError, match=r"report\.json: not the report of a training"):
        load_encoder(run)
