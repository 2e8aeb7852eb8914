"""The published folder: what is read is what was written, and a stranger's folder is a stranger's."""

import dataclasses
import hashlib
import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfsup.encoders.dihedral import Symmetric, symmetric
from selfsup.publishing.package import CARD, CONFIG, FILES, WEIGHTS, read_package, write_package
from selfsup.types import ConfigError, DataError


def change(folder, **changes):
    """Keys of the description; None leaves one out."""
    record = json.loads((folder / CONFIG).read_text()) | changes
    (folder / CONFIG).write_text(json.dumps({key: value for key, value in record.items() if value is not None}))


def test_what_is_read_is_what_was_written(published, folder):
    encoder, description, card = read_package(folder)
    assert sorted(file.name for file in folder.iterdir()) == sorted(FILES)
    assert (description, card) == (published.description, published.card)
    image = torch.rand(3, 3, 32, 32)
    assert torch.equal(encoder(image), published.encoder(image))
    assert not any(part.training for part in encoder.modules())
    assert not any(weight.requires_grad for weight in encoder.parameters())


def test_an_averaged_encoder_is_published_with_the_weights_of_the_one_it_asks(published, folder, tmp_path):
    (tmp_path / "eight").mkdir()
    described = dataclasses.replace(published.description, symmetries=8)
    write_package(tmp_path / "eight", symmetric(published.encoder, 8), described, "")
    assert (tmp_path / "eight" / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    encoder, _, _ = read_package(tmp_path / "eight")
    image = torch.rand(2, 3, 32, 32)
    assert isinstance(encoder, Symmetric)
    assert torch.allclose(encoder(image), encoder(image.rot90(1, (-2, -1)).flip(-1)), rtol=0, atol=1e-5)


def test_the_weights_are_those_of_the_encoder_alone_and_no_path_travels(published, folder, galaxies):
    assert set(load_file(folder / WEIGHTS)) == set(published.encoder.state_dict())
    for file in folder.iterdir():
        content = file.read_bytes()
        assert str(galaxies).encode() not in content
        assert str(folder.parent).encode() not in content


@pytest.mark.promise("code")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra": 1}, "there is no key 'extra'"),
        ({"symmetry": 1}, r"there is no key 'symmetry' \(did you mean 'symmetries'\?\)"),
        ({"dim": None}, "'dim' is missing"),
        ({"dim": "96"}, "'dim' is no int"),
        ({"size_px": True}, "'size_px' is no int"),
        ({"size_px": 10**9}, "'size_px' is not between 1 and 4096"),
        ({"symmetries": 3}, "neither 1 nor 8"),
        ({"format": 2}, "install a newer one"),
        ({"dim": 97}, r"said to be \(97, 3\), and its encoder has \(96, 3\)"),
        ({"versions": {"a": "${oc.env:HOME}"}}, "interpolation"),
        ({"weights_sha256": "0" * 64}, "SHA-256"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_description_that_cannot_be_is_refused(changes, message, folder):
    change(folder, **changes)
    with pytest.raises(DataError, match=message):
        read_package(folder)


@pytest.mark.promise("code")
@pytest.mark.parametrize("text", ["[]", "{", "[" * 10**5, "\0", " " * 2**20 + "{}"], ids=range(5))
def test_a_file_that_is_no_description_is_refused(text, folder):
    (folder / CONFIG).write_text(text)
    with pytest.raises(DataError, match=CONFIG):
        read_package(folder)


def test_an_escaped_interpolation_is_one(folder):
    text = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(text.replace("test_resnet", "\\u0024\\u007boc.env:HOME\\u007d"))
    with pytest.raises(DataError, match="interpolation"):
        read_package(folder)


@pytest.mark.promise("code")
@pytest.mark.parametrize("target", ["os.system", "torch.nn.Linear", "selfsup.config.build", "timm.create_model"])
def test_classes_pass_the_gate(target, folder):
    change(folder, encoder={"_target_": target, "model": "resnet18"})
    with pytest.raises(ConfigError, match=f"{CONFIG}: encoder._target_"):
        read_package(folder)


def test_a_package_of_ones_own_is_trusted_by_name(published, folder, tmp_path, monkeypatch):
    (tmp_path / "my_encoders.py").write_text(
        "from selfsup.encoders.convnet import ConvNet\nclass Mine(ConvNet):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    change(folder, encoder={**published.description.encoder, "_target_": "my_encoders.Mine"})
    with pytest.raises(ConfigError, match=r"trust=\[my_encoders\]"):
        read_package(folder)
    encoder, _, _ = read_package(folder, trust=["my_encoders"])
    assert type(encoder).__name__ == "Mine"


@pytest.mark.promise("code")
def test_one_bit_of_the_weights_is_noticed(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1000] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(DataError, match="not those that were published"):
        read_package(folder)


def rehash(folder):
    change(folder, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())


@pytest.mark.promise("code")
def test_a_pickle_runs_nothing(folder, tmp_path):
    class Runs:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (folder / WEIGHTS).write_bytes(pickle.dumps(Runs()))
    rehash(folder)
    with pytest.raises(DataError, match="do not fit"):
        read_package(folder)
    torch.save(Runs(), folder / WEIGHTS)
    rehash(folder)
    with pytest.raises(DataError, match="do not fit"):
        read_package(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.promise("code")
def test_weights_of_another_encoder_are_refused(folder):
    weights = load_file(folder / WEIGHTS)
    weights.pop(next(name for name in weights if name.endswith("conv1.weight")))
    save_file(weights, folder / WEIGHTS)
    rehash(folder)
    with pytest.raises(DataError, match=r"do not fit the encoder(.|\n)*Missing key"):
        read_package(folder)


def test_a_missing_file_is_named_and_the_page_may_be_missing(folder):
    (folder / CARD).unlink()
    assert read_package(folder)[2] == ""
    (folder / WEIGHTS).unlink()
    with pytest.raises(DataError, match=f"{WEIGHTS}: cannot be read"):
        read_package(folder)
    (folder / CONFIG).unlink()
    with pytest.raises(DataError, match=f"{CONFIG}: cannot be read"):
        read_package(folder)


def test_nothing_is_fetched_for_weights_that_are_here(published, folder):
    change(folder, encoder={**published.description.encoder, "pretrained": True})
    assert read_package(folder)[0].dim == published.dim  # timm has no weights of this name offline
