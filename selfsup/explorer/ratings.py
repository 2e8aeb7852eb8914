"""The ratings of a journal that count, as a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from selfsup.analysis.exchange import FORMULA
from selfsup.analysis.journal import Entry


def written(rated: Mapping[str, Entry]) -> bytes:
    """CSV of `id`, `rating`, `when`, `who`, which `task=hunt` reads; what a spreadsheet would run is guarded."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["id", "rating", "when", "who"])
    for galaxy, entry in rated.items():
        name, who = (FORMULA.sub(r"'\1", text) for text in (galaxy, entry.who))
        table.writerow([name, entry.rating, entry.when, who])
    return out.getvalue().encode()
