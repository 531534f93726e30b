"""Terminal layout: columns without lines, hanging marks, and a console that always says the same."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
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
    console.print(Group(*parts))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


class Columns:
    """Cells that wrap side by side. `rich.table` measures every cell several times over; here the widths are given.

    Parameters
    ----------
    widths : sequence of int
        0 takes what the others leave of the line.
    right : sequence of int
        Columns that are set to the right.
    headed : bool
        The first row holds headings.
    """

    def __init__(self, widths: Sequence[int], right: Sequence[int] = (), *, headed: bool = False) -> None:
        self._widths, self._right, self._headed = tuple(widths), frozenset(right), headed
        self._rows: list[tuple[str | Text, ...]] = []

    def add_row(self, *cells: str | Text) -> None:
        """One row, a cell a column; a cell may hold several lines."""
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        rest = options.max_width - sum(self._widths) - len(self._widths) + 1
        widths = [width or rest for width in self._widths]
        for number, row in enumerate(self._rows):
            wrapped = [_wrapped(cell, width, console) for cell, width in zip(row, widths, strict=True)]
            if number == 0 and self._headed:  # headings stand on the same line at the bottom
                most = max(map(len, wrapped))
                wrapped = [[Text()] * (most - len(lines)) + lines for lines in wrapped]
            for line in zip_longest(*wrapped, fillvalue=Text()):
                for column, part in enumerate(line):
                    gap = " " * max(widths[column] - part.cell_len, 0)
                    yield Segment(gap if column in self._right else "")
                    yield from part.render(console)
                    yield Segment(" " if column in self._right else gap + " ")
                yield Segment.line()


def _wrapped(cell: str | Text, width: int, console: Console) -> list[Text]:
    if isinstance(cell, Text) and cell.spans:
        lines = cell.wrap(console, width, overflow="fold")
        for line in lines:
            line.rstrip()
        return list(lines)
    plain, style = (cell.plain, cell.style) if isinstance(cell, Text) else (cell, "")
    parts = [textwrap.wrap(part, width, break_on_hyphens=False) or [""] for part in plain.split("\n")]
    return [Text(line, style, end="") for part in parts for line in part]


def table(*columns: tuple[str, int], right: Sequence[int] = ()) -> Columns:
    """Columns as (heading, width), those in `right` set to the right; without any heading there is no line for it."""
    made = Columns([width for _, width in columns], right, headed=True)
    made.add_row(*(Text(name, QUIET) for name, _ in columns))
    return made


def hanging(mark: str, text: str | Text, width: int = 1) -> Columns:
    """A mark, and text that wraps beside it."""
    made = Columns([width, 0], right=(0,))
    made.add_row(mark, text)
    return made
