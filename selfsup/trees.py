"""The question trees of the Galaxy Zoo projects, by name.

GZ2 (Willett et al. 2013, arXiv:1308.3496), GZ DECaLS (Walmsley et al. 2022, arXiv:2102.08414), GZ Hubble (Willett et
al. 2017, arXiv:1610.03068), GZ CANDELS (Simmons et al. 2017, arXiv:1610.03070). A question that several projects put in
the same words, after the same answers, stands here once.

Several trees can be one: "gz2+gz_decals5" has the questions of both, and each galaxy votes on those that it was shown
for (GZ Evo, Walmsley et al. 2022, arXiv:2206.11927).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from selfsup.spelling import nearest
from selfsup.types import ConfigError
from selfsup.votes import Question, QuestionTree


@cache
def tree(name: str) -> QuestionTree:
    """The tree of that name, or of several names with "+" between them, as `joined`.

    Raises:
        ConfigError: there is none, with the nearest name and all names; or one is named twice.
    """
    if JOINT in name:
        return joined(name.split(JOINT))
    if name not in TREES:
        raise ConfigError(f"no question tree '{name}'{nearest(name, list(TREES))}; there are: {', '.join(TREES)}.")
    return TREES[name]


def joined(names: Sequence[str]) -> QuestionTree:
    """The questions of several trees, one after the other, each called "<question>-<tree>": "bar-gz2", "bar-gz_hubble".

    No answer of one tree leads into another: a galaxy has votes in its own, and none in the others.

    Raises:
        ConfigError: no names, one that is there twice, or one that no tree has.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"question tree '{JOINT.join(names)}': '{twice[0]}' is named twice; name each tree once.")
    return QuestionTree(JOINT.join(names), tuple(each for name in names for each in _suffixed(tree(name))))


def _suffixed(one: QuestionTree) -> list[Question]:
    """Its questions with its name behind theirs, and behind the questions that their parents answer."""
    new = {f"{each.name}_{a}": f"{each.name}-{one.name}_{a}" for each in one.questions for a in each.answers}
    return [
        Question(f"{each.name}-{one.name}", each.answers, tuple(new[parent] for parent in each.parents))
        for each in one.questions
    ]


JOINT = "+"
"""Between the names of trees that are one."""


def _question(name: str, answers: str, *parents: str) -> Question:
    return Question(name, tuple(answers.split()), parents)


# Of the four, or of two or three of them.
_FIRST = _question("smooth-or-featured", "smooth featured-or-disk artifact")
_EDGE_ON = _question("disk-edge-on", "yes no", "smooth-or-featured_featured-or-disk")
_BAR = _question("bar", "yes no", "disk-edge-on_no")
_SPIRAL = _question("has-spiral-arms", "yes no", "disk-edge-on_no")
_WINDING = _question("spiral-winding", "tight medium loose", "has-spiral-arms_yes")
_ARMS = _question("spiral-arm-count", "1 2 3 4 more-than-4 cant-tell", "has-spiral-arms_yes")

# Of the two projects with the Hubble Space Telescope, where distant galaxies are clumpy.
_HST_FIRST = _question("smooth-or-featured", "smooth features artifact")
_HST_ROUNDED = _question("how-rounded", "completely in-between cigar-shaped", "smooth-or-featured_smooth")
_HST_CLUMPY = _question("clumpy-appearance", "yes no", "smooth-or-featured_features")
_HST_EDGE_ON = _question("disk-edge-on", "yes no", "clumpy-appearance_no")
_HST_ARMS = _question("spiral-arm-count", "1 2 3 4 5-plus cant-tell", "has-spiral-arms_yes")

_GZ2 = (  # questions and answers in the order of the challenge's columns Class1.1 ... Class11.6
    _FIRST,
    _EDGE_ON,
    _BAR,
    _SPIRAL,
    _question("bulge-size", "no just-noticeable obvious dominant", "disk-edge-on_no"),
    # Put to all but those who saw an artifact; the challenge rescales it to sum to 1, which makes it a root.
    _question("something-odd", "yes no"),
    _question("how-rounded", "round in-between cigar", "smooth-or-featured_smooth"),
    _question("odd-feature", "ring lens-or-arc disturbed irregular other merger dust-lane", "something-odd_yes"),
    _question("bulge-shape", "round boxy no-bulge", "disk-edge-on_yes"),
    _WINDING,
    _ARMS,
)
_DECALS_SEEN = ("smooth-or-featured_smooth", "smooth-or-featured_featured-or-disk")
_GZ_DECALS5 = (
    _FIRST,
    _EDGE_ON,
    _SPIRAL,
    _question("bar", "strong weak no", "disk-edge-on_no"),
    _question("bulge-size", "dominant large moderate small none", "disk-edge-on_no"),
    _question("how-rounded", "round in-between cigar-shaped", "smooth-or-featured_smooth"),
    _question("edge-on-bulge", "boxy none rounded", "disk-edge-on_yes"),
    _WINDING,
    _ARMS,
    _question("merging", "none minor-disturbance major-disturbance merger", *_DECALS_SEEN),
)
_GZ_DECALS12 = (  # the first two campaigns
    _FIRST,
    _EDGE_ON,
    _SPIRAL,
    _BAR,
    _question("bulge-size", "dominant obvious none", "disk-edge-on_no"),
    _question("how-rounded", "completely in-between cigar-shaped", "smooth-or-featured_smooth"),
    _question("edge-on-bulge", "boxy none rounded", "disk-edge-on_yes"),
    _WINDING,
    _question("spiral-arm-count", "1 2 3 4 more-than-4", "has-spiral-arms_yes"),
    _question("merging", "neither tidal-debris both merger", *_DECALS_SEEN),
)
_GZ_HUBBLE = (  # without the four questions on single clumps, which need several answers to one question as parents
    _HST_FIRST,
    _HST_ROUNDED,
    _HST_CLUMPY,
    _HST_EDGE_ON,
    _question("bulge-shape", "rounded boxy none", "disk-edge-on_yes"),
    _BAR,
    _SPIRAL,
    _WINDING,
    _HST_ARMS,
    _question("bulge-size", "none just-noticeable obvious dominant", "disk-edge-on_no"),
    _question("galaxy-symmetrical", "yes no", "clumpy-appearance_yes"),
    _question("clumps-embedded-larger-object", "yes no", "clumpy-appearance_yes"),
)
# Parents as on the project's own web site: it asks for winding and number of arms only after a spiral, and for merging
# only after smooth or features. The schema of Zoobot (Walmsley et al. 2023, JOSS 8, 5312) simplifies: there both
# questions on arms follow "not edge-on", and merging is put to everyone.
_GZ_CANDELS = (
    _HST_FIRST,
    _HST_ROUNDED,
    _HST_CLUMPY,
    _HST_EDGE_ON,
    _question("edge-on-bulge", "yes no", "disk-edge-on_yes"),
    _BAR,
    _SPIRAL,
    _WINDING,
    _HST_ARMS,
    _question("bulge-size", "none obvious dominant", "disk-edge-on_no"),
    _question(
        "merging", "merger tidal-debris both neither", "smooth-or-featured_smooth", "smooth-or-featured_features"
    ),
)

TREES: dict[str, QuestionTree] = {
    "gz2": QuestionTree("gz2", _GZ2),
    "gz_decals12": QuestionTree("gz_decals12", _GZ_DECALS12),
    "gz_decals5": QuestionTree("gz_decals5", _GZ_DECALS5),
    "gz_decals8": QuestionTree("gz_decals8", _GZ_DECALS5),  # GZ DESI asked as the fifth campaign did
    "gz_hubble": QuestionTree("gz_hubble", _GZ_HUBBLE),
    "gz_candels": QuestionTree("gz_candels", _GZ_CANDELS),
    "gz_ukidss": QuestionTree("gz_ukidss", _GZ2),  # the questions of Galaxy Zoo 2
    "rings": QuestionTree("rings", (_question("ring", "yes no"),)),
}
