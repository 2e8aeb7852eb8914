"""What the denoiser is asked for, term by term, and that it learns it with either kind of encoder."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selfsup.encoders.base import Encoder
from selfsup.encoders.convnet import ConvNet
from selfsup.encoders.vit import ViT
from selfsup.objectives.denoise import Denoise
from selfsup.objectives.masks import background_light, background_variation, foreground_ssim
from selfsup.types import ConfigError

EDGE = 32
QUIET = {"poisson_electrons": None, "gaussian_sigma": [0.0, 0.0]}
SETTINGS = {
    "poisson_electrons": [50.0, 100.0],
    "gaussian_sigma": [0.05, 0.1],
    "mask_threshold_sigmas": 3.0,
    "mask_smoothing_px": 1.0,
    "mask_centre_share": 0.2,
    "mask_dilation_px": 2,
    "decoder_dim": 128,
    "decoder_depth": 1,
    "ssim_window_px": 11,
    "foreground_weight": 1.0,
    "variation_weight": 1.0,
    "darkness_weight": 1.0,
    "contrast_weight": 0.1,
    "temperature": 0.2,
    "hidden_dim": 16,
    "output_dim": 8,
    "batch_norm": True,
}
TERMS = ("foreground", "variation", "darkness", "contrast")


class Normed(Encoder):
    """Its embedding is not the mean of its map; counts how often it looks."""

    dim = 8

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.net, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.looks = 0

    def feature_map(self, image):
        self.looks += 1
        return self.net(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.norm(self.feature_map(image).mean((2, 3)))


class Plain(Normed):
    """Its embedding is the mean of its map."""

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


ENCODERS = {
    "cnn": lambda: ConvNet("test_resnet", 3, EDGE, "auto", False, 0.0),
    "vit": lambda: ViT("test_vit", 3, EDGE, 8, False, 0.0),
    "plain": Plain,
    "normed": Normed,
}
both = pytest.mark.parametrize("encoder", ["cnn", "vit"])


def make(encoder="plain", **changed):
    """A transformer has one map, which takes more width to grow from."""
    torch.manual_seed(0)
    width = {"decoder_dim": 256} if encoder == "vit" else {}
    return Denoise(ENCODERS[encoder](), **SETTINGS | width | changed)


def galaxies(count=4):
    """Two views (count, 3, EDGE, EDGE): ellipses on a grey, slightly noisy sky, and the same turned."""
    generator = torch.Generator().manual_seed(1)
    offset = torch.arange(EDGE) - (EDGE - 1) / 2
    wide = torch.linspace(3, 6, count).view(-1, 1, 1, 1)
    light = torch.exp(-0.5 * ((offset / wide) ** 2 + (offset[:, None] / 3) ** 2))
    colour = 0.5 + 0.5 * torch.rand(count, 3, 1, 1, generator=generator)
    image = (light * colour + 0.08 + 0.01 * torch.randn(count, 3, EDGE, EDGE, generator=generator)).clamp(0, 1)
    return [image, image.rot90(1, (2, 3)).contiguous()]


def run(objective, views, seed=0):
    torch.manual_seed(seed)
    return objective({"global": views}, {}, 0.0)


def slow_ntxent(first, second, temperature):
    """Equation 1 of the SimCLR paper, one anchor at a time."""
    points = F.normalize(torch.cat([first, second]))
    count, terms = len(first), []
    for i in range(2 * count):
        scores = points @ points[i] / temperature
        others = torch.cat([scores[:i], scores[i + 1 :]])
        terms.append(others.logsumexp(0) - scores[(i + count) % (2 * count)])
    return sum(terms) / len(terms)


def test_total_is_the_weighted_sum_of_the_terms_by_hand():
    weights = {"foreground": 2.0, "variation": 3.0, "darkness": 5.0, "contrast": 0.5}
    objective = make(**{f"{name}_weight": weight for name, weight in weights.items()}).double()
    views = [view.double() for view in galaxies()]
    loss, clean = run(objective, views), torch.cat(views)
    torch.manual_seed(0)
    noisy, mask = objective.noise(clean), objective.masks(clean)
    restored = objective.decoder(objective.encoder.pyramid(noisy), noisy)
    first, second = objective.projector(objective.encoder(noisy)).chunk(2)
    terms = {
        "foreground": 1 - foreground_ssim(restored, clean, mask, 11).mean(),
        "variation": background_variation(restored, mask).mean(),
        "darkness": background_light(restored, mask).mean(),
        "contrast": slow_ntxent(first, second, 0.2),
    }
    for name, term in terms.items():
        torch.testing.assert_close(loss.log[name], term, msg=name)
    torch.testing.assert_close(loss.total, sum(weights[name] * term for name, term in terms.items()))
    torch.testing.assert_close(loss.log["ssim_noisy"], foreground_ssim(noisy, clean, mask, 11).mean())
    torch.testing.assert_close(loss.log["ssim_denoised"], 1 - terms["foreground"])


@both
def test_learns_to_denoise_galaxies_and_to_darken_the_sky(encoder):
    objective, views = make(encoder), galaxies()
    optimizer = torch.optim.Adam(objective.parameters(), lr=3e-3)
    logs = []
    for step in range(50):
        loss = run(objective, views, seed=step)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        logs.append({name: value.item() for name, value in loss.log.items()} | {"total": loss.total.item()})
    last = {name: sum(log[name] for log in logs[-10:]) / 10 for name in logs[0]}
    assert last["total"] < 0.6 * logs[0]["total"]
    assert last["ssim_denoised"] > last["ssim_noisy"] + 0.05, last
    assert last["contrast"] < 0.8 * logs[0]["contrast"]
    sky = (views[0] - objective.clean(views[0]))[..., :4, :4]
    assert sky.mean() > 0.05, "the sky's 0.08 are gone"


@both
def test_without_noise_the_image_itself_comes_back(encoder):
    objective, views = make(encoder, **QUIET, variation_weight=0.0, darkness_weight=0.0), galaxies()
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-3)
    for _ in range(50):
        loss = run(objective, views)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    assert loss.log["ssim_noisy"].item() == pytest.approx(1.0, abs=1e-4)
    assert loss.log["ssim_denoised"] > 0.9


@both
@pytest.mark.parametrize("term", TERMS)
def test_each_term_alone_reaches_the_encoder(encoder, term):
    weights = {f"{name}_weight": float(name == term) for name in TERMS}
    objective = make(encoder, **weights)
    for part in objective.encoder.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)  # timm lets residual branches begin at zero, where no gradient enters
    run(objective, galaxies()).total.backward()
    # The class token's last say is in the embedding alone: the image is decoded from the patches.
    gradients = [p.grad for p in objective.encoder.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert sum(g.abs().sum() > 0 for g in gradients) > 0.9 * len(gradients)


@pytest.mark.parametrize(("encoder", "looks"), [("plain", 1), ("normed", 2)])
def test_the_projection_is_of_the_embedding_and_one_look_suffices_where_it_can(encoder, looks):
    objective = make(encoder, batch_norm=False)
    given = []
    objective.projector.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0]))
    objective.encoder.looks = 0
    run(objective, galaxies())
    assert objective.encoder.looks == looks
    torch.manual_seed(0)
    torch.testing.assert_close(given[0], objective.encoder(objective.noise(torch.cat(galaxies()))))


def test_the_mask_is_of_the_clean_image():
    loud, views = make(gaussian_sigma=[0.5, 0.5]), galaxies()
    asked = []
    masks = loud.masks
    loud.masks = lambda image: asked.append(image) or masks(image)
    run(loud, views)
    assert torch.equal(asked[0], torch.cat(views))


def test_loss_is_float32_and_near_in_half_precision():
    objective, views = make("cnn"), galaxies()
    state = {key: value.clone() for key, value in objective.state_dict().items()}
    exact = run(objective, views).total
    objective.load_state_dict(state)
    with torch.autocast("cpu", torch.bfloat16):
        loss = run(objective, views)
    assert all(value.dtype == torch.float32 for value in [loss.total, *loss.log.values()])
    torch.testing.assert_close(loss.total, exact, rtol=0.05, atol=0)


@both
@torch.no_grad()
def test_cleaning_draws_nothing_and_stays_in_range(encoder):
    objective = make(encoder).eval()
    objective.decoder.to_pixels.bias.copy_(torch.tensor([-1.0, 0.5, 2.0]))
    image = 0.4 * galaxies()[0]
    cleaned = objective.clean(image)
    assert cleaned.shape == image.shape
    assert (cleaned[:, 0] == 0).all()
    assert (cleaned[:, 2] == 1).all()
    assert 0 < cleaned[:, 1].min() < cleaned[:, 1].max() < 1
    assert torch.equal(objective.clean(image), cleaned)
    torch.testing.assert_close(objective.clean(image[:1]), cleaned[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0.0),
        ("hidden_dim", 0),
        ("output_dim", 0),
        ("foreground_weight", -1.0),
        ("mask_centre_share", 2.0),
        ("gaussian_sigma", [0.2, 0.1]),
        ("decoder_dim", 2),
    ],
)
def test_impossible_numbers_are_refused_by_key(key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}"):
        make(**{key: value})


def test_something_has_to_count():
    with pytest.raises(ConfigError, match="all weights are 0"):
        make(**{f"{name}_weight": 0.0 for name in TERMS})


def test_images_smaller_than_the_window_are_refused():
    with pytest.raises(ConfigError, match=r"objective\.ssim_window_px: 11 px for images of 8 x 8 px"):
        run(make(), [view[..., :8, :8] for view in galaxies()])
