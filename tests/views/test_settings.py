import pytest
from omegaconf import OmegaConf

from selfsup.types import ConfigError
from selfsup.views.settings import read_settings

NEUTRAL = {
    "size_px": 16,
    "size_share": 1.0,
    **{name: [1, 1] for name in ("area_share", "aspect", "zoom", "brightness", "contrast", "saturation")},
    **{name: [0, 0] for name in ("place", "rotation_deg", "shift_share", "blur_sigma_px", "noise_sigma")},
    **{name: [0, 0] for name in ("reddening_ebv_mag", "hue_deg", "erase_share")},
    **dict.fromkeys(("hflip_p", "vflip_p", "blur_p", "noise_p", "reddening_p", "colour_p", "grey_p"), 0),
    **dict.fromkeys(("solarize_p", "erase_p"), 0),
}


def test_reads_a_dict_and_an_omegaconf_node_alike():
    node = OmegaConf.create({"size": 16, "view": {**NEUTRAL, "size_px": "${size}"}})
    assert read_settings(node.view, "k") == read_settings(NEUTRAL, "k")
    assert read_settings({**NEUTRAL, "size_share": 0.5}, "k").view_px == 8


def test_names_the_nearest_spelling():
    wrong = {name: value for name, value in NEUTRAL.items() if name != "rotation_deg"} | {"rotate_degre": [0, 360]}
    with pytest.raises(ConfigError) as error:
        read_settings(wrong, "augmentation.groups.global")
    assert "augmentation.groups.global.rotate_degre: unknown; did you mean 'rotation_deg'?" in str(error.value)
    assert "augmentation.groups.global.rotation_deg: missing" in str(error.value), "all faults are listed at once"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size_px", 0),
        ("size_px", 16.5),
        ("size_px", True),
        ("size_share", 0.01),
        ("hflip_p", 1.5),
        ("hflip_p", "often"),
        ("hflip_p", float("nan")),
        ("zoom", 1.0),
        ("zoom", [0.0, 1.0]),
        ("zoom", [1.1, 0.9]),
        ("zoom", [0.9, 1.0, 1.1]),
        ("area_share", [0.5, 1.5]),
        ("rotation_deg", [0, float("inf")]),
        ("rotation_deg", "ab"),
    ],
)
def test_refuses_impossible_values(name, value):
    with pytest.raises(ConfigError, match=f"k.{name}: "):
        read_settings({**NEUTRAL, name: value}, "k")
