"""Galaxy Zoo 2 with whole votes: SDSS images and how many people gave each answer.

Counts tell how sure a share is, which shares alone do not: 3 of 4 people is not 30 of 40. Willett et al. 2013
(arXiv:1308.3496), table 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfsup.data.galaxy_challenge import morphology
from selfsup.data.source import Galaxies, Source
from selfsup.data.tables import taken, vote_counts
from selfsup.trees import tree

COLUMNS = (
    *("t01_a01_smooth", "t01_a02_features", "t01_a03_artifact"),
    *("t02_edgeon_a04_yes", "t02_edgeon_a05_no"),
    *("t03_bar_a06_bar", "t03_a07_no_bar"),
    *("t04_spiral_a08_spiral", "t04_a09_no_spiral"),
    *("t05_a10_no_bulge", "t05_a11_just_noticeable", "t05_prominence_a12_obvious", "t05_prominence_a13_dominant"),
    *("t06_odd_a14_yes", "t06_odd_a15_no"),
    *("t07_a16_completely_round", "t07_a17_in_between", "t07_a18_cigar_shaped"),
    *("t08_feature_a19_ring", "t08_lens_or_arc", "t08_feature_a21_disturbed", "t08_feature_a22_irregular"),
    *("t08_feature_a23_other", "t08_feature_a24_merger", "t08_a38_dust_lane"),
    *("t09_shape_a25_rounded", "t09_shape_a26_boxy", "t09_a27_no_bulge"),
    *("t10_winding_a28_tight", "t10_winding_a29_medium", "t10_winding_a30_loose"),
    *("t11_number_a31_1", "t11_number_a32_2", "t11_number_a33_3", "t11_number_a34_4", "t11_more_than_4"),
    "t11_a37_cant_tell",
)
"""The file's columns in the order of the answers of the tree "gz2" (the file has tasks 10 and 11 before 9 and 8)."""


@dataclass(kw_only=True)
class GZ2Counts(Source):
    """The folder: `images/` and `votes.csv`, with the class string of Galaxy Zoo 2 as the column `gz2_class`."""

    def read(self) -> Galaxies:
        """Find the images and the votes; adds the column `morphology`.

        Raises:
            DataError: no images, or a column is missing or malformed.
            ConfigError: another tree than gz2.
        """
        self.require_tree("gz2")
        found, table, rows = self.beside_images("votes.csv", "asset_id")
        questions = tree("gz2")
        votes = taken(vote_counts(table, COLUMNS), rows, 0.0)
        columns = {name: values for name, values in table.taken(rows).items() if name not in COLUMNS}
        columns["morphology"] = morphology(questions, votes)
        galaxies = Galaxies(list(found), list(found.values()), columns, votes, questions)
        return self.finished(galaxies, unknown=["artifact"])
