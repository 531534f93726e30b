"""One sheet: what it is likely to be, what each option adds, what to do. Drawn with matplotlib, imported only here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinecast.assessment.assessment import Assessment
from spinecast.decision.ranking import RankedAction
from spinecast.frozen import dataclass
from spinecast.report import colours, outline, style
from spinecast.report.outline import Step
from spinecast.report.words import gain, percent, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_WIDTH, PLAN_WIDTH, CAPTION_WIDTH = 52, 74, 232
PLAN_LINES = 26
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1}
TOP = 5
"""Options whose intervals set the scale of the value axis; what lies outside is marked with its number."""


def draw(assessment: Assessment, path: Path) -> None:
    """Write the sheet to `path` (.svg, .png or .pdf)."""
    with style.styled():
        style.save(sheet(assessment), path)


def sheet(assessment: Assessment) -> Figure:
    """The sheet as a matplotlib figure."""
    from spinecast.report.sheet import Sheet

    figure = Sheet(figsize=style.LANDSCAPE)
    figure.text(0.03, 0.965, plain(assessment.label) or "One patient", fontsize=13, fontweight="bold", va="top")
    alarms = " ".join(f"{g.label}." for g in outline.alarms(assessment))
    if alarms:
        figure.text(0.97, 0.965, alarms, fontsize=9, fontweight="bold", color=colours.VERMILLION, va="top", ha="right")
    _differential(figure.add_axes((0.19, 0.575, 0.24, 0.31)), assessment)
    _plan(figure.add_axes((0.03, 0.09, 0.40, 0.40)), assessment)
    rows = outline.options(assessment).every
    relief = figure.add_axes((0.675, 0.145, 0.125, 0.74))
    _relief(relief, rows)
    _value(figure.add_axes((0.815, 0.145, 0.155, 0.74), sharey=relief), rows, assessment)
    figure.text(0.455, 0.079, "✕ in grey: not permitted now by a rule in force, or made already", fontsize=7.5, va="top")
    caption = "  ".join((*outline.settings_lines(assessment), assessment.disclaimer))
    figure.text(0.03, 0.055, textwrap.fill(caption, CAPTION_WIDTH), fontsize=6.5, color=colours.GREY, va="top", linespacing=1.35)
    return figure


def _differential(axes: Axes, a: Assessment) -> None:
    shown, _ = outline.shown(a)
    names = [*(g.label for g in shown), "None of these: nonspecific"]
    centre = [100 * g.probability for g in shown] + [100 * a.nonspecific]
    low = [100 * (g.probability - g.low) for g in shown]
    high = [100 * (g.high - g.probability) for g in shown]
    places = range(len(names))
    axes.barh(places, centre, color=[colours.SKY] * len(shown) + [colours.LIGHT], height=0.68)
    error = [[max(v, 0.0) for v in low], [max(v, 0.0) for v in high]]
    axes.errorbar(centre[:-1], list(places)[:-1], xerr=error, fmt="none", ecolor=colours.BLACK, elinewidth=1, capsize=2)
    ends = [100 * g.high for g in shown] + [100 * a.nonspecific]
    for i, (value, end) in enumerate(zip(centre, ends, strict=True)):
        axes.text(max(value, end) + 1.5, i, percent(value / 100), va="center", fontsize=7.5)
    axes.set_yticks(places, [textwrap.fill(n, 34) for n in names], fontsize=7, linespacing=0.95)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 112), xlabel="probability, % (95 % interval)")
    axes.set_xticks(range(0, 101, 25))
    axes.set_title(outline.LIKELY, x=-0.66)
    axes.tick_params(axis="y", length=0)


def _relief(axes: Axes, rows: Sequence[RankedAction]) -> None:
    month, half = colours.ORANGE, colours.BLUE
    for i, row in enumerate(rows):
        for shift, active, control, colour in (
            (-0.17, row.p_relief_4w, row.p_relief_4w_control, month),
            (0.17, row.p_relief_6m, row.p_relief_6m_control, half),
        ):
            axes.plot([100 * control, 100 * active], [i + shift] * 2, color=colour, lw=1.4, zorder=1)
            axes.plot(100 * control, i + shift, "o", ms=4, mfc="white", mec=colour, zorder=2)
            axes.plot(100 * active, i + shift, "o", ms=4, color=colour, zorder=3)
    axes.set_yticks(range(len(rows)), [_name(i, r) for i, r in enumerate(rows)])
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(colours.BLACK if row.permitted else colours.GREY)
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlabel="half relief or more, %")
    axes.set_title(outline.OPTIONS, x=-1.83)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=colours.LIGHT, lw=0.4)
    axes.legend(
        handles=_legend(month, half),
        loc="upper left",
        bbox_to_anchor=(-1.87, -0.018),
        ncols=2,
        handletextpad=0.2,
        columnspacing=1.0,
    )


def _legend(month: str, half: str) -> list[Any]:
    from matplotlib.lines import Line2D

    def dot(colour: str, face: str, label: str) -> Any:
        return Line2D([], [], ls="", marker="o", ms=4, mec=colour, mfc=face, label=label)

    return [
        dot(month, month, "at 1 month"),
        dot(half, half, "at 6 months"),
        dot(colours.GREY, colours.GREY, "with the option"),
        dot(colours.GREY, "white", "control"),
    ]


def _name(index: int, row: RankedAction) -> str:
    number = f"{index + 1}. " if row.permitted else "✕ "
    return textwrap.fill(f"{number}{outline.option_name(row)}", NAME_WIDTH)


def _value(axes: Axes, rows: Sequence[RankedAction], a: Assessment) -> None:
    low, high = _limits(rows)
    for i, row in enumerate(rows):
        colour = colours.GREEN if row.permitted else colours.GREY
        if row.high < low:
            axes.text(low, i, f"◀ {gain(row.value, a.settings)}", va="center", fontsize=7, color=colour, bbox=BEHIND)
            continue
        axes.plot([max(row.low, low), row.high], [i, i], color=colour, lw=1.4)
        if row.low < low:
            axes.plot(low, i, "<", ms=4, color=colour, clip_on=False)
        axes.plot(max(row.value, low), i, "D" if row.value >= low else "<", ms=4.5, color=colour, clip_on=False)
    axes.axvline(0, color=colours.BLACK, lw=0.8)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color=colours.LIGHT, lw=0.4)
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.set_xlabel(f"value over waiting, {a.settings.value_unit} (95 %)\nof the best plan that begins here")


def _limits(rows: Sequence[RankedAction]) -> tuple[float, float]:
    """Scale set by the best options, so that one dear operation does not flatten the rest."""
    top = rows[:TOP]
    low, high = min(0.0, *(r.low for r in top)), max(0.0, *(r.high for r in rows))
    margin = 0.06 * max(high - low, 1.0)
    return low - margin, high + margin


@dataclass(frozen=True, slots=True)
class _Line:
    depth: int
    text: str
    action: bool


def _plan(axes: Axes, a: Assessment) -> None:
    axes.set_axis_off()
    axes.set_title(outline.PLAN)
    lines = list(_lines(outline.steps(a), 0))
    rows = [(line, part, i) for line in lines for i, part in enumerate(_wrapped(line))]
    cut, rows = len(rows) > PLAN_LINES, rows[:PLAN_LINES]
    size = 8 if len(rows) <= PLAN_LINES - 8 else 7
    step = 1.0 / max(len(rows) + cut, 16)
    for k, (line, part, i) in enumerate(rows):
        x, y = 0.035 * line.depth, 1.0 - step * (k + 0.8)
        if not i:
            axes.plot(x, y + 0.3 * step, "s" if line.action else "o", ms=4, color=colours.BLUE if line.action else colours.ORANGE)
        axes.text(x + 0.02, y, part, fontsize=size, fontweight="bold" if line.action else "normal")
    if cut:
        axes.text(0.02, 1.0 - step * (len(rows) + 0.8), "… the letter has the rest", fontsize=size, color=colours.GREY)
    axes.set(xlim=(-0.01, 1), ylim=(0, 1))


def _wrapped(line: _Line) -> list[str]:
    return textwrap.wrap(line.text, PLAN_WIDTH - 3 * line.depth - 8 * line.action)


def _lines(step: Step, depth: int) -> Iterator[_Line]:
    yield _Line(depth, f"{step.when}: {step.title}{', and on as above' if step.again else ''}", action=True)
    for way in step.ways:
        yield _Line(depth + 1, way.title if way.then else f"{way.title}: {way.ends}", action=False)
        if way.then is not None:
            yield from _lines(way.then, depth + 2)
