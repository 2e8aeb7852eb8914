"""The hub's mixin around our folder, offline: a local folder, and what the hub's cache would hold."""

import json

import pytest
import torch

from selfsup.publishing.hub import PublishedEncoder, fetched
from selfsup.publishing.loading import load_encoder
from selfsup.types import ConfigError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def fetched_before(folder, tmp_path):
    """The cache of the hub, as if owner/name had been fetched."""
    home = tmp_path / "hub"
    model = home / "models--owner--name"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    (model / "refs" / "v1").write_text(COMMIT)
    (model / "snapshots").mkdir()
    folder.rename(model / "snapshots" / COMMIT)
    return home


def test_save_and_load_the_way_of_the_hub(published, tmp_path):
    published.save_pretrained(tmp_path / "saved")
    loaded = PublishedEncoder.from_pretrained(tmp_path / "saved")
    image = torch.rand(2, 3, 32, 32)
    assert torch.equal(loaded(image), published(image))
    assert (loaded.card, loaded.description, loaded.size_px) == (published.card, published.description, 32)
    assert not any(part.training for part in loaded.modules())
    assert torch.equal(loaded.feature_map(image), published.encoder.feature_map(image))
    assert [level.shape for level in loaded.pyramid(image)] == [level.shape for level in published.pyramid(image)]
    assert len(loaded.by_depth()) == len(published.encoder.by_depth()) > 1
    loaded.save_pretrained(tmp_path / "again")
    for file in (tmp_path / "saved").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


@pytest.mark.parametrize("revision", [None, "v1", COMMIT])
def test_a_repository_is_read_from_the_cache(revision, fetched_before, published):
    loaded = PublishedEncoder.from_pretrained("owner/name", revision=revision, cache_dir=fetched_before)
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded(image), published(image))


@pytest.mark.parametrize("address", ["hf://owner/name", "hf://owner/name@v1"])
def test_an_address_of_the_hub_loads(address, fetched_before, published, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(fetched_before))
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(load_encoder(address)(image), published(image))


@pytest.mark.parametrize("address", ["hf://owner/other", "hf://owner/name@v2", "hf://a/b/c", "hf://"])
def test_what_cannot_be_fetched_is_refused_with_its_address(address, fetched_before, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(fetched_before))
    with pytest.raises(ConfigError, match=f"{address}: cannot be fetched"):
        load_encoder(address)


@pytest.mark.promise("code")
def test_a_repository_cannot_let_its_own_classes_in(folder):
    record = json.loads((folder / "config.json").read_text())
    record["encoder"]["_target_"] = "timm.models.ResNet"
    (folder / "config.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="not from a trusted package"):
        PublishedEncoder.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({**record, "trust": ["timm"]}))
    with pytest.raises(Exception, match="there is no key 'trust'"):
        PublishedEncoder.from_pretrained(folder)


@pytest.mark.promise("code")
def test_only_the_three_files_are_asked_for(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr("selfsup.publishing.hub.snapshot_download", lambda *a, **k: asked.update(k) or str(tmp_path))
    fetched("owner/name", "v1")
    assert asked == {"revision": "v1", "allow_patterns": ["model.safetensors", "config.json", "README.md"]}
