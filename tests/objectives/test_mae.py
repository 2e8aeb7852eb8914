"""What the masked autoencoder sees, what it is asked for, and that neither leaks."""

import pytest
import torch
from torch import nn

from selfsup.encoders.base import Encoder, TokenEncoder
from selfsup.objectives.mae import MAE
from selfsup.objectives.patches import patchify
from selfsup.types import ConfigError

SETTINGS = {
    "mask_share": 0.75,
    "patch_px": 8,
    "decoder_dim": 16,
    "decoder_depth": 1,
    "decoder_heads": 2,
    "norm_pixels": False,
    "visible_weight": 0.0,
    "poisson_electrons": None,
    "gaussian_sigma": [0.0, 0.0],
}


class Maps(Encoder):
    """Stride 8; remembers what it was shown."""

    dim = 8

    def __init__(self):
        super().__init__(3, (0.2, 0.3, 0.4), 0.5)
        self.net = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.BatchNorm2d(8), nn.GELU())

    def feature_map(self, image):
        self.seen = image
        return self.net(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


class Tokens(TokenEncoder):
    """Patches of 4 px, one attention layer; remembers which patches it was given."""

    dim = 12
    patch_px = 4

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 12))
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)

    def embed(self, image):
        tokens = self.patch(self.normalize(image)).flatten(2).transpose(1, 2)
        return tokens + torch.linspace(0, 1, tokens.shape[1])[:, None].to(tokens)

    def encode(self, tokens, keep=None, grid=None):
        self.given = tokens, keep, grid
        tokens = torch.cat([self.class_token.to(tokens).expand(len(tokens), -1, -1), tokens], 1)
        return tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]

    def feature_map(self, image):
        return self.encode(self.embed(image))[:, 1:].transpose(1, 2).unflatten(2, self.grid(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.encode(self.embed(image))[:, 0]


def make(encoder=Tokens, **changed):
    torch.manual_seed(0)
    return MAE(encoder(), **{**SETTINGS, **changed})


def run(objective, image, seed=0):
    torch.manual_seed(seed)
    return objective({"global": [image]}, {}, 0.0)


def picture(b=4, height=24, width=16, seed=1):
    return torch.rand(b, 3, height, width, generator=torch.Generator().manual_seed(seed))


both = pytest.mark.parametrize("encoder", [Maps, Tokens])


@both
def test_the_same_share_is_hidden_in_each_image_but_not_the_same_patches(encoder):
    objective = make(encoder, patch_px=4)
    torch.manual_seed(0)
    _, hidden, _ = objective.reconstruct(picture(b=8))
    assert (hidden.float().mean((1, 2)) == 0.75).all()
    assert len({row.numpy().tobytes() for row in hidden}) > 1
    cells = hidden.reshape(8, 6, 4, 4, 4).transpose(2, 3)
    assert (cells.flatten(3).all(3) == cells.flatten(3).any(3)).all(), "patches are hidden whole"


def test_an_encoder_of_tokens_is_given_the_visible_patches_alone():
    objective, image = make(), picture()
    run(objective, image)
    tokens, keep, grid = objective.encoder.given
    assert grid == (6, 4)
    assert keep.shape == (4, 6)
    assert (keep.diff(dim=1) > 0).all()
    everything = objective.encoder.embed(image)
    for row in range(4):
        torch.testing.assert_close(tokens[row], everything[row, keep[row]])


@both
def test_what_is_hidden_does_not_reach_the_prediction(encoder):
    objective, image = make(encoder).eval(), picture()
    torch.manual_seed(5)
    _, hidden, first = objective.reconstruct(image)
    changed = torch.where(hidden[:, None], 1 - image, image)
    torch.manual_seed(5)
    _, again, second = objective.reconstruct(changed)
    assert torch.equal(hidden, again)
    torch.testing.assert_close(first, second)
    torch.manual_seed(5)
    _, _, third = objective.reconstruct(torch.where(hidden[:, None], image, 1 - image))
    assert not torch.allclose(first, third), "what is visible does"


def test_an_encoder_of_maps_sees_the_mean_where_patches_are_hidden():
    objective, image = make(Maps), picture()
    run(objective, image)
    seen = objective.encoder.seen
    hidden = (seen == objective.encoder.mean).all(1)
    assert hidden.float().mean() == pytest.approx(4 / 6)  # 0.75 of 6 patches, rounded half to even
    torch.testing.assert_close(seen[~hidden[:, None].expand_as(seen)], image[~hidden[:, None].expand_as(seen)])


@both
@pytest.mark.parametrize("norm_pixels", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_loss_is_the_error_on_the_hidden_patches_plus_some_on_the_visible(encoder, norm_pixels, weight):
    objective, image = make(encoder, norm_pixels=norm_pixels, visible_weight=weight), picture()
    with torch.no_grad():
        loss = run(objective, image)
        torch.manual_seed(0)
        patch_px = objective.patch_px
        hidden = objective._hide(image)
        prediction = objective.decoder(objective.encoder, image, hidden)
    errors = {True: [], False: []}
    for b in range(len(image)):
        for t, true in enumerate(patchify(image, patch_px)[b]):
            target = (true - true.mean()) / (true.var() + 1e-6).sqrt() if norm_pixels else true
            errors[bool(hidden[b, t])].append((prediction[b, t] - target).square().mean())
    on_hidden, on_visible = torch.stack(errors[True]).mean(), torch.stack(errors[False]).mean()
    torch.testing.assert_close(loss.total, on_hidden + weight * on_visible)
    torch.testing.assert_close(loss.log["hidden"], on_hidden)
    torch.testing.assert_close(loss.log["visible"], on_visible)


def test_noise_has_the_promised_mean_and_variance():
    objective = make(poisson_electrons=[400.0, 400.0], gaussian_sigma=[0.02, 0.02])
    torch.manual_seed(0)
    for brightness in (0.25, 0.5):
        noisy = objective._add_noise(torch.full((1, 1, 400, 400), brightness))
        assert noisy.mean().item() == pytest.approx(brightness, abs=1e-3)
        assert noisy.var().item() == pytest.approx(brightness / 400 + 0.02**2, rel=0.02)


def test_noise_differs_in_strength_from_image_to_image_and_stays_in_range():
    objective = make(poisson_electrons=[10.0, 10000.0], gaussian_sigma=[0.0, 0.2])
    torch.manual_seed(0)
    noisy = objective._add_noise(torch.full((32, 1, 32, 32), 0.5))
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    spread = noisy.std((1, 2, 3))
    assert spread.max() > 3 * spread.min()


def test_the_input_is_noisy_and_the_target_clean():
    image = picture()
    quiet, loud = make(visible_weight=1.0), make(visible_weight=1.0, gaussian_sigma=[0.3, 0.3])
    assert run(quiet, image).total != run(loud, image).total
    torch.testing.assert_close(loud._target(image)[0], patchify(image, 4))


@both
def test_reconstruction_undoes_the_normalisation_of_patches(encoder):
    objective, image = make(encoder, norm_pixels=True, patch_px=4), picture()
    target, _, _ = objective._target(image)
    objective.decoder.forward = lambda *_: target
    _, _, prediction = objective.reconstruct(image)
    torch.testing.assert_close(prediction, image)


@both
def test_reconstruction_shows_the_input_with_its_holes(encoder):
    objective, image = make(encoder, patch_px=4), picture()
    shown, hidden, prediction = objective.reconstruct(image)
    assert shown.shape == prediction.shape == image.shape
    assert hidden.shape == (4, 24, 16)
    mean = objective.encoder.mean.expand_as(image)
    torch.testing.assert_close(shown, torch.where(hidden[:, None], mean, image))


@both
def test_learns_to_fill_and_to_denoise_a_picture(encoder):
    noise = {"poisson_electrons": [50.0, 500.0], "gaussian_sigma": [0.0, 0.1]}
    objective = make(encoder, visible_weight=0.5, **noise)
    rows = torch.linspace(0, 1, 16)[:, None].expand(8, 3, 16, 16)
    image = torch.where(torch.arange(8)[:, None, None, None] % 2 == 0, rows, 1 - rows)
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-2)
    losses = []
    for step in range(80):
        loss = run(objective, image, seed=step).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10]), losses[::10]


@both
def test_any_size_of_whole_and_broken_patches(encoder):
    objective = make(encoder)
    for height, width in ((16, 16), (24, 40), (35, 21)):
        loss = run(objective, picture(2, height, width))
        loss.total.backward()
        assert loss.total.isfinite()
    _, hidden, prediction = objective.reconstruct(picture(2, 35, 21))
    assert prediction.shape == (
        2,
        3,
        35 // objective.patch_px * objective.patch_px,
        21 // objective.patch_px * objective.patch_px,
    )
    assert hidden.shape == (prediction.shape[0], *prediction.shape[2:])


def test_at_least_one_patch_is_hidden_and_one_visible():
    for share in (0.01, 0.99):
        hidden = make(mask_share=share)._hide(picture(2, 8, 8))
        assert (hidden.sum(1) == (1 if share < 0.5 else 3)).all()


def test_building_leaves_the_encoder_as_it_was():
    encoder = Maps()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    MAE(encoder, **SETTINGS)
    assert encoder.training
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize(
    ("encoder", "changed", "message"),
    [
        (Tokens, {"mask_share": 0.0}, "objective.mask_share"),
        (Tokens, {"mask_share": 1.0}, "objective.mask_share"),
        (Tokens, {"decoder_dim": 18}, "objective.decoder_dim"),
        (Tokens, {"decoder_heads": 3}, "objective.decoder_dim"),
        (Maps, {"decoder_dim": 4}, "objective.decoder_dim 4 is halved 3 times"),
        (Maps, {"gaussian_sigma": [0.2, 0.1]}, "objective.gaussian_sigma"),
        (Maps, {"gaussian_sigma": [0.1]}, "objective.gaussian_sigma"),
        (Maps, {"poisson_electrons": [0.0, 10.0]}, "objective.poisson_electrons"),
    ],
)
def test_refuses_what_cannot_be(encoder, changed, message):
    with pytest.raises(ConfigError, match=message):
        make(encoder, **changed)


def test_refuses_images_of_a_single_patch():
    with pytest.raises(ConfigError, match=r"objective\.patch_px"):
        run(make(Maps, patch_px=16), picture(2, 24, 24))
