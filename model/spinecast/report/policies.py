"""Policies side by side, and the best one as a tree: for a terminal and as a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from collections.abc import Sequence as Many
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from spinecast.assessment.sequence import BEST, Policy, Sequence
from spinecast.frozen import dataclass
from spinecast.report import colours, style
from spinecast.report.layout import ALARM, QUIET, STRONG, hanging, rendered, table
from spinecast.report.outline import Step, steps_of
from spinecast.report.plan_tree import tree_of
from spinecast.report.words import gain, gains, money, percent, plain
from spinecast.wording import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "What to do over time"
TREE_WIDTH, INDENT = 112, 0.022
"""Characters of a line of the drawn tree, and how far each level moves right (share of the width)."""

LINE, HEAD, FOOT, LEAST = 0.175, 1.15, 0.75, 4.2
"""Inches: a line of the tree, what stands above and below it, and the least height of the sheet."""

SMALL, FULL = 0.005, 1.0


def policies_text(s: Sequence, *, colour: bool = False) -> str:
    """Policies and tree as text, no line wider than 100 columns."""
    return rendered(_parts(s), colour=colour)


def _parts(s: Sequence) -> Iterator[RenderableType]:
    yield Text(plain(s.label) or "One patient", STRONG)
    yield Text(
        f"{TITLE}: {s.settings.horizon_weeks:g} weeks. Most probable source: {s.leader}. Rules: {words(s.settings.rule_set)}."
    )
    yield Text()
    made = table(
        ("Policy", 35), (f"Value over\nwaiting, {s.settings.value_unit}", 20), ("Best is\nworth more by", 20),
        ("Cost\nneedles", 8), ("Serious\nper 10,000", 10), right=(1, 2, 3, 4),
    )  # fmt: skip
    for p in s.policies:
        made.add_row(Text(p.label, STRONG if p.id == BEST else ""), *_columns(p, s))
    yield made
    for p in s.policies:
        if p.note:
            yield hanging("!", Text(f"{p.label}: not followed, {p.note}.", ALARM))
    yield Text()
    yield Text(
        "Intervals: 95 %, each policy as it stands redrawn with common draws. Cost and needles are expected numbers along the tree; "
        "cost is what the payer pays, not discounted.", QUIET,
    )  # fmt: skip
    for p in s.policies:
        if p.plan is not None:
            yield Text()
            yield Rule(Text(p.label, STRONG), align="left", style=QUIET)
            if p.id != BEST:
                yield Text(p.description, QUIET)
            yield tree_of(steps_of(p.plan, s.names, s.notes if p.id == BEST else {}))
    if s.best.plan is None:
        yield Text("Nothing that the rules permit is worth more than waiting.", STRONG)
    yield Text()
    for line in _settings(s):
        yield Text(line, QUIET)
    yield Text(s.disclaimer, QUIET)


def _columns(p: Policy, s: Sequence) -> tuple[str, ...]:
    if p.note:
        return "not followed", "", "", ""
    value = "0" if p.plan is None else f"{gain(p.value, s.settings, signed=True)}\n({gains(p.low, p.high, s.settings)})"
    behind = "" if p.id == BEST else f"{gain(p.behind, s.settings)}\n({gains(p.behind_low, p.behind_high, s.settings)})"
    return value, behind, f"{money(p.cost)}\n{p.needles:.1f}", f"{p.serious_per_10000:.1f}"


def _settings(s: Sequence) -> tuple[str, ...]:
    t = s.settings
    ahead = (
        f"{t.depth} decisions ahead and the best single treatment after them; {t.draws} draws, seed {t.seed}; "
        f"{t.currency} {money(t.willingness_to_pay)} a quality-adjusted life year, of {t.year}; discount {100 * t.discount:.3g} % a year."
    )
    return (
        ahead,
        f"spinecast {s.version}, priors {s.priors_hash[:12]}, fit {s.fit_hash[:12]}. After week 52 effects halve as stated in economics.toml.",
    )


def draw_policies(s: Sequence, path: Path) -> None:
    """Write the sheet to `path` (.svg, .png or .pdf)."""
    with style.styled():
        style.save(policies_sheet(s), path)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the drawn tree; `share` is how many get there, `parent` the line that it hangs on."""

    depth: int
    text: str
    action: bool
    share: float
    parent: int
    first: bool


def policies_sheet(s: Sequence) -> Figure:
    """The sheet as a matplotlib figure: policies with intervals above, the best one as a tree below."""
    from spinecast.report.sheet import Sheet

    lines: list[_Line] = []
    if s.best.plan is not None:
        _add(lines, steps_of(s.best.plan, s.names, {}), 0, FULL, -1)
    bars = 0.34 * len(s.policies) + 0.35
    height = max(LEAST, HEAD + bars + LINE * (len(lines) + 2) + FOOT)
    width = style.LANDSCAPE[0]
    figure = Sheet(figsize=(width, height))
    figure.text(0.03, 1 - 0.2 / height, plain(s.label) or "One patient", fontsize=13, fontweight="bold", va="top")
    said = f"{TITLE}: {s.settings.horizon_weeks:g} weeks, rules {words(s.settings.rule_set)}"
    figure.text(0.03, 1 - 0.48 / height, said, fontsize=9, va="top")
    _bars(figure.add_axes((0.4, 1 - (0.85 + bars) / height, 0.55, bars / height)), s)
    top = 1 - (1.45 + bars) / height
    _tree(figure.add_axes((0.03, FOOT / height, 0.94, max(top - FOOT / height, 0.05))), lines, s)
    caption = textwrap.fill("  ".join((*_settings(s), s.disclaimer)), 190)
    figure.text(0.03, 0.45 / height, caption, fontsize=6.5, color=colours.GREY, va="top", linespacing=1.35)
    return figure


def _bars(axes: Axes, s: Sequence) -> None:
    for i, p in enumerate(s.policies):
        colour = colours.BLUE if p.id == BEST else colours.GREY
        if p.note:
            axes.text(0, i, "  not followed", va="center", fontsize=7.5, color=colours.GREY)
            continue
        if p.plan is not None:
            axes.plot([p.low, p.high], [i, i], color=colour, lw=1.6)
        axes.plot(p.value, i, "D", ms=5, color=colour)
    axes.axvline(0, color=colours.BLACK, lw=0.8)
    axes.set_yticks(range(len(s.policies)), [textwrap.fill(p.label, 52) for p in s.policies])
    axes.set(ylim=(len(s.policies) - 0.4, -0.6), xlabel=f"value over waiting, {s.settings.value_unit} (95 %)")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.grid(axis="x", color=colours.LIGHT, lw=0.4)
    axes.tick_params(axis="y", length=0)


def _add(lines: list[_Line], step: Step, depth: int, share: float, parent: int) -> None:
    """A step, what can be seen after it, and what follows."""
    here = _wrapped(
        lines, f"{step.when}: {step.title}{', and on as above' if step.again else ''}", depth, share, parent, action=True
    )
    for way in step.ways:
        reached = share * way.probability
        text = way.title if way.then else f"{way.title}: {way.ends}"
        there = _wrapped(lines, text, depth + 1, reached, here, action=False)
        if way.then is not None:
            _add(lines, way.then, depth + 2, reached, there)
    if step.left_out >= SMALL:
        _wrapped(
            lines,
            f"rarer outcomes ({percent(step.left_out)}): assess again",
            depth + 1,
            share * step.left_out,
            here,
            action=False,
        )


def _wrapped(lines: list[_Line], text: str, depth: int, share: float, parent: int, *, action: bool) -> int:
    number = len(lines)
    for i, part in enumerate(textwrap.wrap(text, TREE_WIDTH - 4 * depth) or [""]):
        lines.append(_Line(depth, part, action, share, parent, i == 0))
    return number


def _tree(axes: Axes, lines: Many[_Line], s: Sequence) -> None:
    axes.set_axis_off()
    axes.set_title(s.best.label if lines else "Nothing that the rules permit is worth more than waiting")
    rows = max(len(lines), 1)
    for k, line in enumerate(lines):
        x, y = INDENT * line.depth, rows - k - 0.5
        if line.first:
            axes.plot(x, y, "s" if line.action else "o", ms=4, color=colours.BLUE if line.action else colours.ORANGE, zorder=3)
            axes.text(0.985, y, percent(line.share), fontsize=7, ha="right", va="center", color=colours.GREY)
            if line.parent >= 0:
                up = lines[line.parent]
                left = INDENT * up.depth
                axes.plot([left, left, x], [rows - line.parent - 0.5, y, y], color=colours.LIGHT, lw=0.7, zorder=1)
        axes.text(x + 0.012, y, line.text, fontsize=7.5, va="center", fontweight="bold" if line.action else "normal")
    if lines:
        axes.text(0.985, rows + 0.3, "how many get there", fontsize=7, ha="right", va="center", color=colours.GREY)
    axes.set(xlim=(-0.01, 1), ylim=(0, rows + 0.8))
