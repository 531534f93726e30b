"""Terminal layout: tables without lines, hanging marks, and a console that always says the same."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDTH = 100
ALARM, STRONG, QUIET = "bold red", "bold", "dim"


def rendered(parts: Iterable[RenderableType], *, colour: bool) -> str:
    """Text of all parts, one below the other; no line wider than `WIDTH`, whatever the terminal is."""
    out = io.StringIO()
    console = Console(
        file=out, width=WIDTH, force_terminal=colour, color_system="standard" if colour else None, legacy_windows=False,
        force_jupyter=False, highlight=False, emoji=False, markup=False, _environ={},
    )  # fmt: skip
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def table(*columns: tuple[str, int], right: Sequence[int] = ()) -> Table:
    """Columns as (heading, width), those in `right` set to the right."""
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style=QUIET)
    for i, (name, width) in enumerate(columns):
        made.add_column(name, width=width, justify="right" if i in right else "left", overflow="fold")
    return made


def hanging(mark: str, text: str | Text, width: int = 1) -> Table:
    """A mark, and text that wraps beside it."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=width, justify="right")
    grid.add_column()
    grid.add_row(mark, Text(text) if isinstance(text, str) else text)
    return grid
