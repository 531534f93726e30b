"""A result as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import html
import textwrap
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from spinecast.report.layout import QUIET, STRONG, WIDTH, rendered
from spinecast.report.words import plain

if TYPE_CHECKING:
    from spinecast.analysis.result import Column, Result

MOST_ROWS = 25
"""Rows of a table on the screen; the files hold all of them."""

NARROWEST = 26
"""Least width of a column of text that has so much to say."""


def text_of(result: Result, *, colour: bool, most: int = MOST_ROWS) -> str:
    """Title, table, notes and basis in at most 100 columns.

    Parameters
    ----------
    most : int
        Rows shown; what is left out is said. Columns of detail are left to the files.
    """
    shown = [c for c in result.columns if not c.detail]
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style=QUIET)
    cells = [[_shown(v, c) for v in c.values[:most]] for c in shown]
    for column, texts in zip(shown, cells, strict=True):
        if any(isinstance(v, str) for v in column.values):
            longest = max(map(len, texts), default=0)
            made.add_column(column.axis, overflow="fold", min_width=min(longest, NARROWEST))
        else:
            made.add_column(_heading(column, max(map(len, texts), default=0)), justify="right", vertical="bottom", no_wrap=True)
    for row in zip(*cells, strict=True):
        made.add_row(*row)
    rest = len(result) - most
    foot = [f"… and {rest:,} more rows (--json or --table has them)"] if rest > 0 else []
    wrapped = [textwrap.fill(plain(p), WIDTH) for p in (*foot, *result.notes, result.basis.caption)]
    return rendered([Text(plain(result.title), STRONG), Text(), made, Text(), *map(Text, wrapped)], colour=colour)


def _heading(column: Column, width: int) -> str:
    """Of numbers, as narrow as they are; that a share is a probability goes without saying."""
    text = column.label if column.unit == "probability" else column.axis
    longest = max(map(len, text.split()))
    return "\n".join(textwrap.wrap(text, max(width, longest)))


def _shown(value: Any, column: Column) -> str:
    """A cell with no more digits than it bears."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int):
        return f"{value:,}"
    if column.unit == "probability":
        return f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def html_of(result: Result, most: int = MOST_ROWS) -> str:
    """A table with units in the header, for notebooks: the same rows and columns as on a terminal."""
    shown = [c for c in result.columns if not c.detail]
    head = "".join(f"<th>{html.escape(c.axis)}</th>" for c in shown)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(c.values[i], c))}</td>" for c in shown) + "</tr>"
        for i in range(min(len(result), most))
    )
    rest = len(result) - most
    foot = [f"… and {rest:,} more rows (`frame` and `table` have them)"] if rest > 0 else []
    notes = "".join(f"<p style='font-size:smaller'>{html.escape(n)}</p>" for n in (*foot, *result.notes, result.basis.caption))
    return f"<h4>{html.escape(result.title)}</h4><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
