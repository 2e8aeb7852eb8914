"""The leaderboard as a page to read (Markdown), a page to show (HTML, one file that fetches nothing) and rows (CSV)."""

from __future__ import annotations

import base64
import html
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from selfsup.durable import replacing
from selfsup.report.leaderboard import Board, Cell
from selfsup.report.methods import Column, Method
from selfsup.report.standings import BEST, LEVEL_WITH_BEST, UNTESTED
from selfsup.report.statistics import LEVEL
from selfsup.report.tables import Row, markdown, number, write_csv

Table = tuple[list[str], list[list[str]]]
"""Header, and rows of texts."""
Captioned = Sequence[tuple[Path, str]]
TITLE = "Leaderboard"
LEGEND = (
    f"Mean ± half of the {LEVEL:.0%} interval (Student's t) over seeds. **Bold**: the best. ≈: a paired t test over "
    f"the same seeds does not show it to be worse than the best (Holm, {1 - LEVEL:.0%}). ?: no test, for too few "
    "seeds in common. ↑ more is better, ↓ less is."
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}"
    "td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}"
    "td:first-child,th:first-child{text-align:left}img{max-width:100%}figcaption{color:#555}"
)

_POLICY = (  # even a page that someone mends by hand fetches nothing
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)


def write_pages(board: Board, figures: Captioned, folder: Path) -> None:
    """leaderboard.md, leaderboard.html, leaderboard.csv and comparisons.csv, each whole or absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("leaderboard.md", _markdown(board, figures, folder)),
        ("leaderboard.html", _html(board, figures)),
    ):
        with replacing(folder / name) as file:
            file.write(text.encode())
    write_csv(_rows(board), folder / "leaderboard.csv")
    write_csv(_comparison_rows(board), folder / "comparisons.csv")


def score_table(board: Board) -> Table:
    """Methods down, benchmarks across."""
    header = ["method", *(f"{board.titles[c]} {'↑' if c.higher_is_better else '↓'}" for c in board.columns)]
    usual = _usual_seeds(board)
    rows = [[board.label(m), *(_shown(board.cells.get((m, c)), usual) for c in board.columns)] for m in board.methods]
    return header, rows


def cost_table(board: Board) -> Table:
    """What each method took, mean over its runs."""
    names = ["minutes", "processor minutes", "galaxies seen", "parameters", "hardware"]
    rows = [
        [board.label(m), *(_text(board.costs[m].get(name, math.nan)) for name in names)]
        for m in board.methods
        if m in board.costs
    ]
    return ["method", *names], rows


def comparison_table(board: Board) -> Table:
    """All pairs of methods with one encoder, over the same seeds."""
    header = ["benchmark", "better", "than", "by", "n", "p (t)", "p (Holm)", "p (signs)"]
    rows = []
    for each in board.comparisons:
        one, other, sign = (each.one, each.other, 1) if each.paired.difference.mean >= 0 else (each.other, each.one, -1)
        by, n = each.paired.difference, each.paired.difference.n
        reach = f" ± {number(by.reach)}" if n > 1 else ""
        tests = [number(p) for p in (each.paired.p_t, each.p_holm, each.paired.p_flip)]
        gain = f"{number(sign * by.mean)}{reach}"
        rows.append([board.titles[each.column], board.label(one), board.label(other), gain, str(n), *tests])
    return header, rows


def _usual_seeds(board: Board) -> int:
    """The number of seeds that most cells have."""
    return Counter(cell.interval.n for cell in board.cells.values()).most_common(1)[0][0] if board.cells else 0


def _shown(cell: Cell | None, usual: int) -> str:
    if cell is None:
        return "-"
    found = cell.interval
    text = f"{found.mean:.4f}" + (f" ± {found.reach:.4f}" if found.n > 1 else "")
    seeds = "" if found.n == usual else f" (n={found.n})"
    return {BEST: f"**{text}**", LEVEL_WITH_BEST: f"{text} ≈", UNTESTED: f"{text} ?"}.get(cell.standing, text) + seeds


def _seeds(board: Board) -> str:
    return f"Where nothing else is said, n = {_usual_seeds(board)} seeds."


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _parts(board: Board) -> list[tuple[str, Table]]:
    found = [("Scores", score_table(board)), ("Cost", cost_table(board)), ("Pairs", comparison_table(board))]
    return [(title, table) for title, table in found if table[1]]


def _cites(board: Board) -> list[str]:
    return list(dict.fromkeys(f"{c.benchmark}: {c.cite}" for c in board.columns if c.cite))


def _markdown(board: Board, figures: Captioned, folder: Path) -> str:
    page = [f"# {TITLE}", LEGEND]
    page += [_seeds(board)]
    page += ["\n".join(f"- {note}" for note in board.notes)] if board.notes else []
    page += [f"## {title}\n\n{markdown(*table)}" for title, table in _parts(board)]
    page += [f"![{caption}]({path.relative_to(folder).as_posix()})\n\n*{caption}*" for path, caption in figures]
    page += ["## Sources\n\n" + "\n".join(f"- {cite}" for cite in _cites(board))] if _cites(board) else []
    return "\n\n".join(page) + "\n"


def _html(board: Board, figures: Captioned) -> str:
    page = [f"<h1>{TITLE}</h1><p>{_rich(LEGEND)} {_seeds(board)}</p>", _listed(board.notes)]
    page += [f"<h2>{title}</h2>{_table(table)}" for title, table in _parts(board)]
    for path, caption in figures:
        data = base64.b64encode(path.read_bytes()).decode()
        text = html.escape(caption)
        page.append(
            f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'
        )
    page += ["<h2>Sources</h2>", _listed(_cites(board))]
    head = f'<meta charset="utf-8"><title>{TITLE}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{_POLICY}{head}</head><body>{"".join(page)}</body></html>\n'


def _table(table: Table) -> str:
    header, rows = table
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_rich(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _listed(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>" if items else ""


def _rich(text: str) -> str:
    """Escaped; what stands between two pairs of stars is bold."""
    parts = html.escape(text).split("**")
    return "".join(f"<b>{part}</b>" if i % 2 and i < len(parts) - 1 else part for i, part in enumerate(parts))


def _rows(board: Board) -> list[Row]:
    return [_row(board, m, c, cell) for m in board.methods for c in board.columns if (cell := board.cells.get((m, c)))]


def _row(board: Board, method: Method, column: Column, cell: Cell) -> Row:
    objective, encoder, note = board.names[method]
    said: dict[str, str | float] = {"objective": objective, "encoder": encoder, "settings": note}
    said |= {"benchmark": column.benchmark, "metric": column.metric, "protocol": column.protocol}
    said |= {"size_px": float(column.size_px), "better": "higher" if column.higher_is_better else "lower"}
    found = cell.interval
    said |= {"n": float(found.n), "mean": found.mean, "low": found.low, "high": found.high, "std": found.std}
    said |= {"standing": cell.standing, "p_holm": cell.p}
    return (
        said
        | {"values": " ".join(f"{seed}:{value!r}" for seed, value in sorted(cell.values.items()))}
        | board.costs.get(method, {})
    )


def _comparison_rows(board: Board) -> list[Row]:
    rows: list[Row] = []
    for each in board.comparisons:
        said: dict[str, str | float] = {"benchmark": board.titles[each.column], "protocol": each.column.protocol}
        said |= {"one": board.label(each.one), "other": board.label(each.other)}
        found = each.paired.difference
        said |= {"n": float(found.n), "gain": found.mean, "low": found.low, "high": found.high}
        rows.append(said | {"p_t": each.paired.p_t, "p_holm": each.p_holm, "p_signs": each.paired.p_flip})
    return rows
