from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from selfsup.sky.galaxy import Arm, Artifact, Bar, Body, Disc, EdgeOn, Galaxy, Knot, Lens, Ring, Spheroid
from selfsup.sky.opinions import ANSWERS, opinions
from selfsup.sky.survey import Survey
from selfsup.sky.view import View

SURVEYS = Path(__file__).parents[2] / "conf" / "survey"
RING = Ring(radius=2.0, width=0.2, share_old=0.1, share_young=0.5, q=1.0, angle=0.0)
STRONG_BAR = Bar(strong=True, share=0.2, length=1.2, q=0.25, angle=0.3, gap=0.4, boxiness=3.0, ansae=False)
WEAK_BAR = replace(STRONG_BAR, strong=False, length=0.7)
EDGE_ON = EdgeOn(height=0.2, dust=4.0, lane_height=0.4, lane_offset=0.0, warp=0.0, boxy_bulge=False)


@lru_cache
def survey_named(name: str) -> Survey:
    return Survey.from_config(OmegaConf.to_container(OmegaConf.load(SURVEYS / f"{name}.yaml")))


def view(survey: str = "sdss", redshift: float | None = None, size_px: int = 64, crop: float = 0.5) -> View:
    return View(survey_named(survey), size_px, crop, redshift)


def arms(count: int, amplitude: float = 1.5, pitch_deg: float = 14.0) -> tuple[Arm, ...]:
    return tuple(Arm(6.28 * k / count, pitch_deg, 0.28, amplitude, 0.5, 3.0) for k in range(count))


def disc(**changes) -> Disc:
    plain = Disc(
        share=0.8,
        h_kpc=3.5,
        inclination_deg=25.0,
        q=0.91,
        thickness=0.18,
        angle=0.4,
        kind=0.5,
        young_share=0.25,
        old_stars=(0.2, 0.6, 0.2, 0.0, 0.0),
        young_stars=(0.0, 0.0, 0.0, 0.85, 0.15),
        sense=1,
        arms=(),
        flocculent=False,
        arm_old=0.6,
        arm_young=0.8,
        arm_noise=0.2,
        arm_wiggle=0.05,
        patchiness=0.4,
        truncation=4.0,
        truncation_width=0.5,
        outer_share=0.0,
        outer_scale=2.5,
        young_scale=1.3,
        hole_depth=0.5,
        hole_radius=0.5,
        dust=0.5,
        bar=None,
        rings=(),
        knots=(),
        knot_share=0.0,
        lopsided=0.05,
        lopsided_angle=0.0,
        mottle=0.0,
        mottle_cells=2.0,
        tails=(),
        edge_on=None,
        texture_seed=1,
    )
    return replace(plain, **changes)


def bulge(share: float, q: float = 0.95) -> Spheroid:
    return Spheroid(share, 4.0, 3.5, q, 0.4, 2.0, 0.0, (1.0, 0.0, 0.0, 0.0, 0.0))


def disc_galaxy(magnitude: float = -21.5, redshift: float = 0.03, bulge_share: float = 0.2, **changes) -> Galaxy:
    body = Body(magnitude, 0.0, 0.0, bulge(bulge_share), disc(share=1 - bulge_share, **changes))
    return Galaxy(1, 7, "spiral", redshift, (body,), "none")


def elliptical(q: float = 0.95, redshift: float = 0.04) -> Galaxy:
    return Galaxy(1, 8, "elliptical", redshift, (Body(-21.8, 0.0, 0.0, bulge(1.0, q), None),), "none")


def edge_on_galaxy(**changes) -> Galaxy:
    return disc_galaxy(inclination_deg=88.0, q=0.18, edge_on=replace(EDGE_ON, **changes))


def share(galaxy: Galaxy, question: str, answer: str, seen: View | None = None) -> float:
    return float(opinions(galaxy, seen or view())[question][ANSWERS[question].index(answer)])


VARIED = {
    "spiral": disc_galaxy(arms=arms(2), bar=STRONG_BAR, rings=(RING,), knots=(Knot(1.0, 0.03, (0.1, 0.2)),)),
    "flocculent": disc_galaxy(arms=arms(3, 0.2), flocculent=True),
    "face-on": disc_galaxy(inclination_deg=0.0, q=1.0, arms=arms(6)),
    "from the side, thick": replace(disc_galaxy(inclination_deg=90.0, q=0.4), family="irregular"),
    "edge-on": edge_on_galaxy(),
    "elliptical": elliptical(),
    "merger": replace(disc_galaxy(arms=arms(2)), family="merger", merging="merger"),
    "lens": replace(elliptical(), family="lens", lens=Lens(2.5, 0.1, 0.1, 0.1, 4.0, (0.0, 0.0))),
    "artifact": replace(elliptical(), family="artifact", artifact=Artifact("star", (0.1, 0.2, 0.3, 0.4))),
}


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("survey", ["sdss", "hst"])
@pytest.mark.parametrize("redshift", [0.005, None, 1.3])
def test_every_opinion_is_a_distribution_over_its_answers(name, survey, redshift):
    found = opinions(VARIED[name], view(survey, redshift))
    assert list(found) == list(ANSWERS)
    for question, shares in found.items():
        assert shares.shape == (len(ANSWERS[question]),)
        assert np.all(shares >= 0), (question, shares)
        assert shares.sum() == pytest.approx(1, abs=1e-12)


def test_featured_falls_with_redshift_and_the_deeper_sharper_survey_keeps_it():
    galaxy = disc_galaxy(arms=arms(2), bar=STRONG_BAR)
    redshifts = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2)
    from_ground = [share(galaxy, "smooth-or-featured", "featured", view("sdss", z)) for z in redshifts]
    assert np.all(np.diff(from_ground) < 0)
    assert from_ground[0] > 0.75
    assert from_ground[-1] < 0.35
    assert share(galaxy, "smooth-or-featured", "featured", view("hst", 0.2)) > from_ground[-1] + 0.3


def test_featured_falls_with_faintness():
    found = [
        share(disc_galaxy(magnitude, arms=arms(2)), "smooth-or-featured", "featured")
        for magnitude in (-22, -20, -18, -16)
    ]
    assert np.all(np.diff(found) < 0)
    assert found[0] - found[-1] > 0.3


def test_structure_makes_featured_and_an_elliptical_is_smooth():
    plain = share(disc_galaxy(), "smooth-or-featured", "featured")
    assert share(disc_galaxy(arms=arms(2)), "smooth-or-featured", "featured") > plain + 0.3
    assert share(disc_galaxy(bar=STRONG_BAR), "smooth-or-featured", "featured") > plain + 0.15
    assert share(disc_galaxy(rings=(RING,)), "smooth-or-featured", "featured") > plain + 0.05
    assert share(elliptical(), "smooth-or-featured", "smooth") > 0.8


def test_axis_ratio_decides_edge_on_and_roundness():
    assert share(edge_on_galaxy(), "disk-edge-on", "yes") > 0.9
    assert share(disc_galaxy(), "disk-edge-on", "yes") < 0.05
    assert share(elliptical(0.98), "how-rounded", "round") > 0.9
    assert share(elliptical(0.6), "how-rounded", "in-between") > 0.9
    assert share(edge_on_galaxy(), "how-rounded", "cigar") > 0.9


def test_blur_makes_what_is_elongated_look_rounder():
    near, far = (share(edge_on_galaxy(), "disk-edge-on", "yes", view(redshift=z)) for z in (0.03, 0.8))
    assert near > far + 0.2


def test_bars():
    assert share(disc_galaxy(bar=STRONG_BAR), "bar", "strong") > 0.6
    assert share(disc_galaxy(bar=STRONG_BAR), "bar", "no") < 0.2
    assert share(disc_galaxy(bar=WEAK_BAR), "bar", "weak") > share(disc_galaxy(), "bar", "weak") + 0.1
    assert share(disc_galaxy(), "bar", "no") == pytest.approx(0.87)
    assert share(disc_galaxy(bar=STRONG_BAR), "bar", "no", view(redshift=0.24)) > 0.6


def test_faint_arms_are_no_arms():
    strong, weak = (share(disc_galaxy(arms=arms(2, a)), "has-spiral-arms", "yes") for a in (1.5, 0.1))
    assert strong > 0.8
    assert share(disc_galaxy(), "has-spiral-arms", "yes") < weak < 0.35


def test_pitch_decides_winding():
    for pitch_deg, answer in ((6, "tight"), (14, "medium"), (28, "loose")):
        found = opinions(disc_galaxy(arms=arms(2, pitch_deg=pitch_deg)), view())["spiral-winding"]
        assert ANSWERS["spiral-winding"][int(found.argmax())] == answer


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_the_number_of_arms_is_seen_from_near_and_guessed_from_far(count):
    galaxy = disc_galaxy(arms=arms(count))
    near, far = (opinions(galaxy, view(redshift=z))["spiral-arm-count"] for z in (0.01, 0.24))
    named = near[:5]
    assert int(named.argmax()) == min(count, 5) - 1
    if count != 2:
        assert near[min(count, 5) - 1] > far[min(count, 5) - 1] + 0.15
    assert far[5] > 0.35


def test_bulges_are_ordered_by_their_share():
    shares = (0.004, 0.04, 0.18, 0.5, 0.95)
    found = [opinions(disc_galaxy(bulge_share=s), view()) for s in shares]
    assert [int(f["bulge-size"].argmax()) for f in found] == [0, 1, 2, 3, 4]
    prominence = [float(f["bulge-prominence"] @ np.arange(4)) for f in found]
    assert np.all(np.diff(prominence) > 0)


def test_bulges_from_the_side():
    assert share(edge_on_galaxy(), "edge-on-bulge", "rounded") > 0.6
    assert share(edge_on_galaxy(boxy_bulge=True), "edge-on-bulge", "boxy") > 0.25
    thin = disc_galaxy(bulge_share=0.01, inclination_deg=88.0, q=0.18, edge_on=EDGE_ON)
    assert share(thin, "edge-on-bulge", "none") > 0.6


def test_merging_has_the_answer_of_its_truth():
    for merging in ("none", "minor", "major", "merger"):
        found = opinions(replace(disc_galaxy(), merging=merging), view(redshift=0.02))["merging"]
        assert ANSWERS["merging"][int(found.argmax())] == merging
    assert share(replace(disc_galaxy(), merging="merger"), "merging", "none", view(redshift=1.0)) > 0.5


@pytest.mark.parametrize(
    ("galaxy", "feature"),
    [
        (disc_galaxy(rings=(RING,)), "ring"),
        (VARIED["lens"], "lens-or-arc"),
        (replace(disc_galaxy(), merging="major"), "disturbed"),
        (replace(disc_galaxy(), family="irregular"), "irregular"),
        (elliptical(), "other"),
        (replace(disc_galaxy(), merging="merger"), "merger"),
        (edge_on_galaxy(dust=6.0), "dust-lane"),
    ],
)
def test_what_is_odd_is_called_by_its_name(galaxy, feature):
    found = opinions(galaxy, view(redshift=0.02))
    assert ANSWERS["odd-feature"][int(found["odd-feature"].argmax())] == feature
    ordinary = share(elliptical(), "odd", "yes")
    assert ordinary == pytest.approx(0.115)
    assert feature == "other" or found["odd"][0] > ordinary + 0.1


def test_rings_are_seen_from_near_only():
    galaxy = disc_galaxy(rings=(RING,))
    assert share(galaxy, "ring", "yes", view(redshift=0.02)) > 0.8
    assert share(galaxy, "ring", "yes", view(redshift=0.24)) < 0.4
    assert share(disc_galaxy(), "ring", "yes") == pytest.approx(0.04)


def test_clumps_show_at_high_redshift_where_they_are_resolved():
    knots = (Knot(0.5, 0.03, (0.1, 0.2)), Knot(0.5, 0.03, (0.6, 0.7)))
    galaxy = disc_galaxy(-22.5, knots=knots, knot_share=0.2, young_share=0.4)
    near, far = (share(galaxy, "clumpy", "yes", view("hst", z)) for z in (0.1, 0.5))
    assert far > near + 0.05
    assert share(galaxy, "clumpy", "yes", view("sdss", 0.5)) < near - 0.1
    assert share(disc_galaxy(), "clumpy", "yes", view("hst", 0.5)) == pytest.approx(0.03)
    irregular = replace(galaxy, family="irregular")
    assert share(irregular, "clumps-symmetrical", "yes") < share(galaxy, "clumps-symmetrical", "yes")
    assert share(irregular, "clumps-embedded", "yes") < share(galaxy, "clumps-embedded", "yes")


def test_artifacts_are_called_so():
    assert share(VARIED["artifact"], "smooth-or-featured", "artifact") == pytest.approx(0.85)
    assert share(elliptical(), "smooth-or-featured", "artifact") < 0.06


def test_the_size_of_the_image_does_not_matter():
    galaxy = VARIED["spiral"]
    small, large = opinions(galaxy, view(size_px=32)), opinions(galaxy, view(size_px=224, crop=1.0))
    for question in ANSWERS:
        np.testing.assert_array_equal(small[question], large[question])
