"""A small trained encoder, as it comes from a run's folder."""

import pytest


@pytest.fixture
def run(checkpoint):
    """A run's folder, of the weights that it started with."""
    return checkpoint("data.size_px=32")


@pytest.fixture
def published(run):
    from selfsup.publishing.loading import load_encoder

    return load_encoder(run)


@pytest.fixture
def folder(published, tmp_path):
    """The same, as its three files."""
    published.save_pretrained(tmp_path / "published")
    return tmp_path / "published"
