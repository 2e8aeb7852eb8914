"""What is averaged over the square's symmetries: the same for every orientation, whatever the encoder, whoever asks."""

import numpy as np
import pytest
import torch

from selfsup.config import build
from selfsup.dropout import posterior
from selfsup.embed import evaluation_mode
from selfsup.encoders.dihedral import Symmetric, make_symmetric, symmetric
from selfsup.types import ConfigError

KINDS = {
    "tiny_resnet": [],
    "tiny_vit": [],
    "efficientnet_b0": ["encoder.model=test_efficientnet"],
    "linformer": ["encoder.depth=3", "encoder.dim=32", "encoder.heads=4", "encoder.k=8"],
}
VOTES = ["objective=dirichlet", "data.tree=rings"]
DINO = ["objective=dino", "objective.hidden_dim=8", "objective.bottleneck_dim=4", "objective.output_dim=8"]
HYBRID = ["objective=hybrid", "objective@objective.parts.votes=dirichlet", "data.tree=rings"]


@pytest.fixture(params=KINDS)
def encoder(request, compose):
    torch.manual_seed(0)
    name = request.param
    cfg = compose("data.size_px=32", f"encoder={name}", *KINDS[name])
    return build(cfg.encoder, "encoder").eval()


@pytest.fixture
def learn(compose):
    """Overrides -> an objective in evaluation mode, on a tiny encoder."""

    def made(*overrides):
        torch.manual_seed(0)
        cfg = compose("data.size_px=32", "encoder=tiny_resnet", *overrides)
        return build(cfg.objective, "objective", build(cfg.encoder, "encoder")).eval()

    return made


@pytest.fixture
def image():
    """No two of its orientations are the same."""
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)).cumsum(-1) / 32


def orientations(image):
    """The 8, by another way: transposition and flips make the group too."""
    pixels = [image.numpy(), image.numpy().swapaxes(-1, -2)]
    flipped = [each[..., ::up, ::left] for each in pixels for up in (1, -1) for left in (1, -1)]
    return [torch.from_numpy(np.ascontiguousarray(each)) for each in flipped]


def close(one, other, share=1e-4):
    return (one - other).norm() <= share * other.norm() and other.norm() > 0


@torch.no_grad()
def test_the_embedding_is_the_mean_over_all_orientations_and_so_the_same_for_each(encoder, image):
    every = Symmetric(encoder)
    expected = sum(encoder(each) for each in orientations(image)) / 8
    for each in orientations(image):
        assert close(every(each), expected)
    assert not close(encoder(orientations(image)[1]), encoder(image))
    assert every.dim == encoder.dim == expected.shape[1]
    assert close(every(image[:1]), expected[:1])  # alone as in a batch


@torch.no_grad()
@pytest.mark.parametrize("width_px", [32, 48])
def test_maps_turn_with_the_picture(encoder, image, width_px):
    wide = torch.cat([image, image.flip(-2)], dim=-1)[..., :width_px]
    every = Symmetric(encoder)
    levels = every.pyramid(wide)
    assert [level.shape for level in levels] == [level.shape for level in encoder.pyramid(wide)]
    assert close(every.feature_map(wide), levels[-1])
    turned, flipped = every.pyramid(wide.rot90(1, (-2, -1))), every.pyramid(wide.flip(-1))
    for level, after_turn, after_flip in zip(levels, turned, flipped, strict=True):
        assert close(after_turn, level.rot90(1, (-2, -1)))
        assert close(after_flip, level.flip(-1))


def test_nothing_is_added_to_the_encoder_or_left_on_it(encoder, image):
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    every = symmetric(encoder.train(), 8)
    assert [id(weight) for weight in every.parameters()] == [id(weight) for weight in encoder.parameters()]
    with torch.no_grad(), evaluation_mode(every):
        assert not encoder.training
        every(image)
    assert encoder.training
    assert state.keys() == encoder.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())
    assert symmetric(every, 8) is every  # and not averaged again
    assert symmetric(encoder, 1) is encoder


@torch.no_grad()
@pytest.mark.parametrize("overrides", [VOTES, HYBRID], ids=["alone", "as a part"])
def test_a_vote_head_on_a_symmetric_encoder_sees_no_orientation(overrides, learn, image):
    objective = learn(*overrides)
    before = [objective.predict(each)["votes"] for each in orientations(image)]
    make_symmetric(objective, 8)
    after = [objective.predict(each)["votes"] for each in orientations(image)]
    assert all(torch.allclose(each, after[0], rtol=0, atol=1e-6) for each in after)
    assert not all(torch.allclose(each, before[0], rtol=0, atol=1e-6) for each in before)
    assert isinstance(objective.online_encoder(), Symmetric)


def test_every_pass_of_a_posterior_sees_no_orientation(learn, image):
    objective = learn(*VOTES)
    make_symmetric(objective, 8)
    found = [posterior([objective], [{"id": ["a", "b", "c"], "image": i}], 3, 0).alphas for i in orientations(image)]
    assert not np.allclose(found[0][0], found[0][1])  # passes differ
    assert all(np.allclose(each, found[0], rtol=1e-5) for each in found)


@torch.no_grad()
def test_a_published_teacher_is_averaged_too(learn, image):
    objective = learn(*DINO)
    teacher = objective.online_encoder()
    make_symmetric(objective, 8)
    published = objective.online_encoder()
    assert published.encoder is teacher
    assert close(published(image.flip(-1)), published(image))


def test_as_trained_is_as_it_was_and_other_groups_are_refused(learn):
    objective = learn(*VOTES)
    encoder = objective.encoder
    make_symmetric(objective, 1)
    assert objective.encoder is encoder
    with pytest.raises(ConfigError, match=r"task.symmetries is 4; write 1 .* or 8"):
        make_symmetric(objective, 4)
