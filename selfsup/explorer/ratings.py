"""The ratings of a journal that count, as a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from selfsup.analysis.journal import Entry
from selfsup.spreadsheet import guarded


def written(rated: Mapping[str, Entry]) -> bytes:
    """CSV of `id`, `rating`, `when`, `who`, which `task=hunt` reads; what a spreadsheet would run is guarded."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["id", "rating", "when", "who"])
    for galaxy, entry in rated.items():
        table.writerow([guarded(galaxy), entry.rating, entry.when, guarded(entry.who)])
    return out.getvalue().encode()
