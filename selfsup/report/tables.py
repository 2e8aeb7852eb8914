"""Rows of numbers become a table: CSV for programs, Markdown for people, runs side by side."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from selfsup.durable import replacing
from selfsup.spreadsheet import guarded

Row = Mapping[str, str | float]


def write_csv(rows: Sequence[Row], out: Path) -> None:
    """All columns of all rows, in the order in which they first come.

    A number that is not finite is an empty cell; text that a spreadsheet would run is `guarded`.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="")
    table.writerow({name: guarded(name) for name in columns})
    table.writerows({name: _exact(value) for name, value in row.items()} for row in rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as file:
        file.write(text.getvalue().encode())


def markdown(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """A table whose first column is text; a number that is not finite is a dash, what could break a cell is escaped."""
    head = f"| {' | '.join(map(cell, header))} |\n|---|{'---:|' * (len(header) - 1)}"
    lines = (f"| {' | '.join(cell(v) if isinstance(v, str) else number(v) for v in row)} |" for row in rows)
    return "\n".join([head, *lines])


def plain_table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """These columns of the rows; "" without rows."""
    return markdown(columns, ([row.get(name, "") for name in columns] for row in rows)) if rows else ""


def beside(rows: Sequence[Row], keys: Sequence[str], across: str, values: Sequence[str]) -> str:
    """A row for each different `keys`, a column for each different `across`; several values stand in one cell.

    Where a row is missing is a dash; "" without rows.
    """
    if not rows:
        return ""
    columns = list(dict.fromkeys(str(row[across]) for row in rows))
    cells: dict[tuple[str | float, ...], dict[str, str]] = {}
    for row in rows:
        shown = " / ".join(number(float(row[name])) for name in values)
        cells.setdefault(tuple(row[key] for key in keys), {})[str(row[across])] = shown
    return markdown(
        [*keys, *columns], ([*key, *(found.get(column, "-") for column in columns)] for key, found in cells.items())
    )


def number(value: float) -> str:
    """Four digits, whole numbers with all of theirs; a dash where it is not finite."""
    if not math.isfinite(value):
        return "-"
    return f"{int(value):,}" if float(value).is_integer() and abs(value) > 1 else f"{value:,.4g}"


def cell(text: str) -> str:
    """Text that stays within its cell and is no HTML."""
    for mark, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("\n", " ")):
        text = text.replace(mark, escaped)
    return text


def _exact(value: str | float) -> str | float:
    if isinstance(value, str):
        return guarded(value)
    return "" if isinstance(value, float) and not math.isfinite(value) else value
