from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from selfsup.types import ConfigError, DataError
from selfsup.views.multiview import MultiView

RECIPES = sorted((Path(__file__).parents[2] / "conf" / "augmentation").glob("*.yaml"))
assert RECIPES


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def groups(request, compose):
    return compose("data.size_px=32", f"augmentation={request.param.stem}").augmentation.groups


@pytest.fixture
def image():
    """Uneven blobs, so that no view is black; uint8, channels last, as the packed store gives them."""
    torch.manual_seed(1)
    coarse = torch.nn.functional.interpolate(torch.rand(4, 3, 5, 5), size=32, mode="bilinear")
    return (coarse * 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)


def views_of(groups, image, seed=0):
    torch.manual_seed(seed)
    return MultiView(groups)(image)


def test_recipe_gives_what_it_counts(groups, image):
    module = MultiView(groups)
    views = module(image)
    assert {name: len(copies) for name, copies in views.items()} == module.counts
    for name, copies in views.items():
        size = round(32 * groups[name].size_share)
        for view in copies:
            assert view.shape == (4, 3, size, size)
            assert view.dtype == torch.float32
            assert view.isfinite().all()
            assert view.min() >= 0
            assert view.max() <= 1
            assert view.std() > 0.01
            assert not view.requires_grad
            assert view.is_contiguous(memory_format=torch.channels_last)
    assert module.state_dict() == {}
    assert list(module.buffers()) == []


def test_the_seed_decides(groups, image):
    first, again, other = (views_of(groups, image, seed) for seed in (0, 0, 1))
    for name in first:
        assert all(torch.equal(a, b) for a, b in zip(first[name], again[name], strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(first[name], other[name], strict=True))


def test_images_and_copies_draw_for_themselves(groups, image):
    views = views_of(groups, image[:1].repeat(4, 1, 1, 1))
    for copies in views.values():
        every = torch.cat(copies)
        assert len({one.numpy().tobytes() for one in every}) == len(every)


def test_bytes_floats_and_layouts_agree(groups, image):
    from_bytes = views_of(groups, image)
    from_floats = views_of(groups, image.float() / 255)
    planar = views_of(groups, image.contiguous())
    for name in from_bytes:
        for a, b, c in zip(from_bytes[name], from_floats[name], planar[name], strict=True):
            torch.testing.assert_close(a, b)
            torch.testing.assert_close(a, c)
            assert c.is_contiguous()


def test_autocast_outside_changes_nothing(groups, image):
    plain = views_of(groups, image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = views_of(groups, image)
    for name in plain:
        assert all(torch.equal(a, b) for a, b in zip(plain[name], cast[name], strict=True))


def test_no_gradient_reaches_the_images(groups, image):
    views = views_of(groups, (image.float() / 255).requires_grad_())
    assert not any(view.requires_grad for copies in views.values() for view in copies)


def test_settings_faults_name_their_key(groups):
    plain = OmegaConf.to_container(groups, resolve=True)
    plain["global"]["rotate_degre"] = [0, 1]
    with pytest.raises(ConfigError, match=r"augmentation\.groups\.global\.rotate_degre: unknown; did you mean"):
        MultiView(plain)
    for copies in ({"copies": -1}, {"copies": "two"}):
        del plain["global"]["copies"]
        with pytest.raises(ConfigError, match=r"augmentation\.groups\.global\.copies"):
            MultiView(plain)
        plain["global"] |= copies
    with pytest.raises(ConfigError, match="copies"):
        MultiView(plain)


def test_large_batches_keep_their_order(groups):
    """A batch of several blocks: image i is flat grey i, so that every view of it is too, whatever is drawn."""
    plain = OmegaConf.to_container(groups, resolve=True)
    for kind in plain.values():
        kind |= {"colour_p": 0, "grey_p": 0, "reddening_p": 0, "noise_p": 0, "solarize_p": 0, "erase_p": 0}
    image = torch.arange(40, dtype=torch.uint8).view(-1, 1, 1, 1).expand(40, 3, 32, 32)
    for copies in MultiView(plain)(image).values():
        for view in copies:
            torch.testing.assert_close(view.amax(dim=(1, 2, 3)), torch.arange(40) / 255)
            torch.testing.assert_close(view.amin(dim=(1, 2, 3)), torch.arange(40) / 255)


def test_no_copies_make_an_empty_list(image, compose):
    cfg = compose("data.size_px=32", "augmentation=multicrop", "augmentation.groups.local.copies=0")
    module = MultiView(cfg.augmentation.groups)
    assert module.counts == {"global": 2, "local": 0}
    assert module(image)["local"] == []


def test_refuses_what_is_no_batch_of_images(groups, image):
    with pytest.raises(DataError, match="int64"):
        MultiView(groups)(image.long())
    with pytest.raises(DataError, match="shape"):
        MultiView(groups)(image[0])
