"""Rule sets side by side as a matrix: one square a procedure and set, read by colour, letter and hatching alike."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from spinecast import DISCLAIMER
from spinecast.assessment.rule_comparison import DEFER, FIRST, NOT, PERMITTED, SILENT, RuleComparison
from spinecast.decision.gates import ASK
from spinecast.report import colours, style
from spinecast.report.words import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {
    PERMITTED: (colours.BLUE, "white", "", "permitted"),
    ASK: (colours.YELLOW, "black", "", "ask first"),
    DEFER: (colours.SKY, "black", "//", "defer"),
    NOT: (colours.VERMILLION, "white", "", "not"),
    FIRST: (colours.PURPLE, "black", "", "first"),
    SILENT: ("white", colours.GREY, "", "silent"),
}
"""Face, text colour, hatching and word of each verdict; the word stands in every square."""

NAME_WIDTH = 44


def draw_comparison(comparison: RuleComparison, path: Path) -> None:
    """Write the matrix to `path` (.svg, .png or .pdf)."""
    with style.styled():
        style.save(matrix(comparison), path)


def matrix(c: RuleComparison) -> Figure:
    """The matrix as a matplotlib figure."""
    from spinecast.report.sheet import Sheet

    figure = Sheet(figsize=style.LANDSCAPE)
    figure.text(
        0.03, 0.965, f"What each rule set permits: {plain(c.label) or 'one patient'}", fontsize=12, fontweight="bold", va="top"
    )
    axes = figure.add_axes((0.30, 0.13, 0.67, 0.74))
    _squares(axes, c)
    _key(figure)
    note = (
        "Each column shows a set's own rules; a procedure needs safety (always in force) and the set. Numbers: rules that speak. "
        f"`spinecast rules compare` cites each clause and says what is missing. {DISCLAIMER}"
    )
    figure.text(0.03, 0.05, textwrap.fill(note, 210), fontsize=7, color=colours.GREY, va="top")
    return figure


def _squares(axes: Axes, c: RuleComparison) -> None:
    from matplotlib.patches import Rectangle

    names, sets = list(c.actions), list(c.sets)
    for row, action in enumerate(names):
        for column, name in enumerate(sets):
            ruling = c.rulings[action, name]
            face, ink, hatch, word = LOOKS[ruling.verdict]
            axes.add_patch(
                Rectangle(
                    (column + 0.03, row + 0.05), 0.94, 0.9, facecolor=face, edgecolor=colours.GREY, hatch=hatch, linewidth=0.5
                )
            )
            text = f"{word} ({len(ruling.gates)})" if ruling.gates else word
            box = {"facecolor": face, "edgecolor": "none", "pad": 1.0} if hatch else None
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, color=ink, bbox=box)
    axes.set(xlim=(0, len(sets)), ylim=(len(names), 0))
    axes.set_xticks([i + 0.5 for i in range(len(sets))], list(c.sets.values()), fontsize=9, fontweight="bold")
    axes.xaxis.tick_top()
    axes.set_yticks([i + 0.5 for i in range(len(names))], [textwrap.fill(c.actions[a], NAME_WIDTH) for a in names])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _key(figure: Figure) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=f, edgecolor=colours.GREY, hatch=h, label=w) for f, _, h, w in LOOKS.values()]
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.29, 0.065), ncols=len(handles), fontsize=8)
