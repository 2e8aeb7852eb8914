"""How published tables call the votes of each Galaxy Zoo campaign, and what becomes of them: whole counts per answer.

Three spellings are in use: `bar_strong` (GZ DECaLS and DESI, on Zenodo), `bar-dr5_strong` (all campaigns in one table:
Walmsley et al. 2024, arXiv:2404.02973, and the data sets made from it), and `t03_bar_a06_bar_count` (the first data
releases, whose tables of the Hubble Space Telescope have shares of each task and the number of people who were asked).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfsup.data.tables import Table, require_column, vote_counts
from selfsup.trees import JOINT
from selfsup.types import DataError
from selfsup.votes import Question, QuestionTree

SUFFIXES = {
    **{"gz2": "gz2", "gz_decals12": "dr12", "gz_decals5": "dr5", "gz_decals8": "dr8"},
    **{"gz_hubble": "hubble", "gz_candels": "candels", "gz_ukidss": "ukidss"},
}
"""Tree -> what stands behind the names of its questions where several campaigns share a table."""

# Question of the tree -> task, then its answers in the order of the tree.
_GZ2 = {
    "smooth-or-featured": "t01_smooth_or_features a01_smooth a02_features_or_disk a03_star_or_artifact",
    "disk-edge-on": "t02_edgeon a04_yes a05_no",
    "bar": "t03_bar a06_bar a07_no_bar",
    "has-spiral-arms": "t04_spiral a08_spiral a09_no_spiral",
    "bulge-size": "t05_bulge_prominence a10_no_bulge a11_just_noticeable a12_obvious a13_dominant",
    "something-odd": "t06_odd a14_yes a15_no",
    "how-rounded": "t07_rounded a16_completely_round a17_in_between a18_cigar_shaped",
    "odd-feature": "t08_odd_feature a19_ring a20_lens_or_arc a21_disturbed a22_irregular a23_other a24_merger"
    " a38_dust_lane",
    "bulge-shape": "t09_bulge_shape a25_rounded a26_boxy a27_no_bulge",
    "spiral-winding": "t10_arms_winding a28_tight a29_medium a30_loose",
    "spiral-arm-count": "t11_arms_number a31_1 a32_2 a33_3 a34_4 a36_more_than_4 a37_cant_tell",
}
_HUBBLE = {
    "smooth-or-featured": "t01_smooth_or_features a01_smooth a02_features_or_disk a03_star_or_artifact",
    "how-rounded": "t07_rounded a01_completely_round a02_in_between a03_cigar_shaped",
    "clumpy-appearance": "t12_clumpy a01_yes a02_no",
    "disk-edge-on": "t02_edgeon a01_yes a02_no",
    "bulge-shape": "t09_bulge_shape a01_rounded a02_boxy a03_no_bulge",
    "bar": "t03_bar a01_bar a02_no_bar",
    "has-spiral-arms": "t04_spiral a01_spiral a02_no_spiral",
    "spiral-winding": "t10_arms_winding a01_tight a02_medium a03_loose",
    "spiral-arm-count": "t11_arms_number a01_1 a02_2 a03_3 a04_4 a05_more_than_4 a06_cant_tell",
    "bulge-size": "t05_bulge_prominence a01_no_bulge a02_just_noticeable a03_obvious a04_dominant",
    "galaxy-symmetrical": "t17_clumps_symmetrical a01_yes a02_no",
    "clumps-embedded-larger-object": "t18_clumps_embedded a01_yes a02_no",
}
_CANDELS = {
    "smooth-or-featured": "t00_smooth_or_featured a0_smooth a1_features a2_artifact",
    "how-rounded": "t01_how_rounded a0_completely a1_inbetween a2_cigarshaped",
    "clumpy-appearance": "t02_clumpy_appearance a0_yes a1_no",
    "disk-edge-on": "t09_disk_edge_on a0_yes a1_no",
    "edge-on-bulge": "t10_edge_on_bulge a0_yes a1_no",
    "bar": "t11_bar_feature a0_yes a1_no",
    "has-spiral-arms": "t12_spiral_pattern a0_yes a1_no",
    "spiral-winding": "t13_spiral_arm_winding a0_tight a1_medium a2_loose",
    "spiral-arm-count": "t14_spiral_arm_count a0_1 a1_2 a2_3 a3_4 a4_5_plus a5_cant_tell",
    "bulge-size": "t15_bulge_prominence a0_no_bulge a1_obvious a2_dominant",
    "merging": "t16_merging_tidal_debris a0_merging a1_tidal_debris a2_both a3_neither",
}
TASKS: dict[str, tuple[dict[str, str], str, str | None]] = {
    "gz2": (_GZ2, "count", None),
    "gz_hubble": (_HUBBLE, "fraction", "total_count"),
    "gz_candels": (_CANDELS, "frac", "count"),
}
"""Tree -> its tasks, what stands behind an answer, and behind a task where that is a share of this number of people."""


class Spelling(NamedTuple):
    """How a table may call the votes on one question.

    Args:
        task: how the question is called.
        names: columns of the answers, in the order of the tree.
        total: column of the number of people, where `names` hold shares of it.
    """

    task: str
    names: list[str]
    total: str | None = None


def spellings(tree: QuestionTree, question: Question) -> list[Spelling]:
    """All that are known of one question of a tree."""
    if JOINT in tree.name:  # its questions are called "bar-gz_decals5"
        name, _, member = question.name.rpartition("-")
        called = [f"{name}-{SUFFIXES.get(member, member)}"]
    else:
        called = [question.name, f"{question.name}-{SUFFIXES.get(tree.name, tree.name)}"]
    known = [Spelling(task, [f"{task}_{answer}" for answer in question.answers]) for task in called]
    tasks, kind, total = TASKS.get(tree.name, ({}, "", None))
    if question.name in tasks:
        task, *answers = tasks[question.name].split()
        names = [f"{task}_{answer}_{kind}" for answer in answers]
        known.append(Spelling(task, names, None if total is None else f"{task}_{total}"))
    return known


def published_votes(table: Table, tree: QuestionTree) -> np.ndarray:
    """A table with any of the spellings -> (rows, A) float32 counts; of a question that it does not have, none.

    Raises:
        DataError: it has none of the questions, or a part of one, or no numbers of votes.
    """
    votes = np.zeros((len(table.ids), len(tree.answers)), dtype=np.float32)
    found = {question.name: _found(table, tree, question) for question in tree.questions}
    if not any(found.values()):
        first = spellings(tree, tree.questions[0])[0]
        require_column(first.names[0], table.columns, str(table.file))
    for name, spelling in found.items():
        if spelling is not None:
            votes[:, tree.slices[name]] = _counts(table, spelling)
    return votes


def without_votes(table: Table, tree: QuestionTree) -> dict[str, np.ndarray]:
    """The table's columns but those that say again what the votes say: counts, shares, totals, weights, flags.

    What its authors worked out beyond the counts (`..._debiased`) stays.
    """
    asked = tuple(f"{known.task}_" for question in tree.questions for known in spellings(tree, question))
    columns = table.columns.items()
    return {name: values for name, values in columns if name.endswith("_debiased") or not name.startswith(asked)}


def _found(table: Table, tree: QuestionTree, question: Question) -> Spelling | None:
    """The spelling that a table has any answer in."""
    known = spellings(tree, question)
    return next((spelling for spelling in known if any(name in table.columns for name in spelling.names)), None)


def _counts(table: Table, spelling: Spelling) -> np.ndarray:
    """(rows, answers) float32; from shares, whole votes, for shares are published to a few digits."""
    if spelling.total is None:
        return vote_counts(table, spelling.names)
    shares, asked = np.nan_to_num(table.numbers(spelling.names)), np.nan_to_num(table.numbers([spelling.total]))
    bad = np.argwhere(~((shares >= 0) & (shares <= 1) & (asked >= 0)))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{table.file}: row {row + 1}: {spelling.names[column]} is {shares[row, column]:g} of {asked[row, 0]:g} "
            f"people, which is no share; get the file again"
        )
    return np.asarray(np.rint(shares * asked), dtype=np.float32)
