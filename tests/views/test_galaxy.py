from dataclasses import fields, replace

import pytest
import torch

from selfsup.types import DataError
from selfsup.views.galaxy import GalaxyView
from selfsup.views.settings import ViewSettings

NEUTRAL = replace(
    ViewSettings(**{field.name: {int: 12, float: 0.0}.get(field.type, (0.0, 0.0)) for field in fields(ViewSettings)}),
    size_share=1.0, area_share=(1.0, 1.0), aspect=(1.0, 1.0), zoom=(1.0, 1.0), brightness=(1.0, 1.0),
    contrast=(1.0, 1.0), saturation=(1.0, 1.0),
)  # fmt: skip


def test_neutral_settings_give_the_image_back():
    image = torch.rand(2, 3, 12, 12)
    kept = image.clone()
    for view in GalaxyView(NEUTRAL)(image, copies=2):
        torch.testing.assert_close(view, image)
    full = replace(NEUTRAL, blur_p=1.0, noise_p=1.0, colour_p=1.0, reddening_p=1.0, erase_p=1.0)
    torch.testing.assert_close(GalaxyView(full)(image, copies=1)[0], image, msg="certain, but of no strength")
    assert torch.equal(image, kept), "the images themselves are left alone"


def test_a_grey_view_has_grey_noise():
    settings = replace(NEUTRAL, noise_p=1.0, noise_sigma=(0.1, 0.1), grey_p=1.0)
    (view,) = GalaxyView(settings)(torch.full((2, 3, 12, 12), 0.5), copies=1)
    assert view[:, 0].std() > 0.03
    torch.testing.assert_close(view[:, 0], view[:, 1])


@pytest.mark.parametrize("settings", [{"colour_p": 0.5}, {"grey_p": 1.0}, {"reddening_p": 0.1}])
def test_colour_needs_three_channels(settings):
    image = torch.rand(2, 5, 12, 12)
    with pytest.raises(DataError, match="5 channels"):
        GalaxyView(replace(NEUTRAL, **settings))(image, copies=1)
    torch.testing.assert_close(GalaxyView(NEUTRAL)(image, copies=1)[0], image)
