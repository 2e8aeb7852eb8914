"""A site over made-up catalogues, written or served: a process that tests start.

    python made_site.py FOLDER [WRITTEN]

FOLDER holds `a.parquet`, perhaps `b.parquet` to compare, and `page/`; WRITTEN is made before anything is served.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from selfsup.analysis.components import reduce
from selfsup.analysis.interest import Bounds
from selfsup.catalogue import Catalogue
from selfsup.explorer.comparison import compare
from selfsup.explorer.developing import Darkroom
from selfsup.explorer.exhibit import Exhibit
from selfsup.explorer.hunting import Hunting, Settings
from selfsup.explorer.labelling import Asked, Labelling
from selfsup.explorer.maps import Layout
from selfsup.explorer.near import Exactly
from selfsup.explorer.prepared import prepare
from selfsup.explorer.serving import bound, serve
from selfsup.explorer.site import Site
from selfsup.explorer.writing import write_site
from selfsup.votes import Question, QuestionTree

UNPICTURED = 3
TREE = QuestionTree("t", (Question("bar", ("yes", "no")), Question("size", ("large", "small"), ("bar_yes",))))


class Drawn:
    """Each row in a colour of its own; one has no picture."""

    def __init__(self, edge_px):
        self.edge_px = edge_px

    def some(self, rows):
        for row in rows:
            colour = np.array([row * 7 % 256, row * 13 % 256, 128], dtype=np.uint8)
            yield None if row == UNPICTURED else np.tile(colour, (self.edge_px, self.edge_px, 1))


def exhibit(file):
    catalogue = Catalogue.open(file)
    layouts = [Layout("pca", "Principal components", lambda: catalogue.embedding()[:, :2])]
    home = file.with_name(f"{file.name}.explorer")
    prepared = prepare(catalogue, home, {"catalogue": file.stat().st_mtime_ns}, layouts, lambda _: None)
    small, large, seen = (Darkroom(partial(Drawn, edge), edge, 90, 10**6) for edge in (16, 32, 24))
    return Exhibit(file.stem, prepared, Exactly(catalogue), small, large, {"hst": seen}, ("ra", "dec"), {}), catalogue


def asked(folder, ids):
    """One round, until it is answered."""

    def finish(galaxies, votes):
        lines = [f"{galaxy} {row.tolist()}" for galaxy, row in zip(galaxies, votes, strict=True)]
        (folder / "answers.csv").write_text("\n".join(lines))

    return None if (folder / "answers.csv").exists() else Asked(0, folder, ids, TREE, finish)


def main(folder, written):
    first, catalogue = exhibit(folder / "a.parquet")
    others = [exhibit(folder / "b.parquet")[0]] if (folder / "b.parquet").exists() else []
    compared = compare(first, others[0], 50, 0) if others else None
    site = Site("Made up", [first, *others], compared, folder / "page")
    if written is not None:
        write_site(site, written, lambda _: None)
    bounds = Bounds((1, 100), (0.1, 100), (0.1, 10))
    settings = Settings(folder / "hunt" / "ratings.jsonl", "=eve", 5, bounds, 0.5, 0)
    table = first.prepared.table
    hunting = Hunting(table, lambda: reduce(catalogue, 4, lambda whole: whole.batches(100)), settings)
    label = Labelling(table, lambda: asked(folder, ["nobody", *catalogue.ids[:3]]), "eve")
    serve(site, bound("127.0.0.1", 0), "127.0.0.1", hunting, label, show=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
