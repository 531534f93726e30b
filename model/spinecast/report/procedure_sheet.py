"""A procedure's sheet as text and as a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from spinecast.analysis.procedure_sheet import Band, EffectCurves, Figure, ProcedureSheet, Published
from spinecast.report import colours, style
from spinecast.report.layout import QUIET, STRONG, hanging, rendered, table
from spinecast.wording import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
MOST_PANELS = 6
DODGE = 0.55
"""Weeks between points of one week, so that none hides another."""

COLOURS = {"active": colours.BLUE, "sham": colours.ORANGE, "usual_care": colours.GREY}
NAMES = {"active": "active", "sham": "sham (time and context)", "usual_care": "usual care (time alone)"}


def sheet_text(sheet: ProcedureSheet, *, colour: bool) -> str:
    """The sheet in 100 columns."""
    return rendered(_parts(sheet), colour=colour)


def _parts(sheet: ProcedureSheet) -> Iterator[RenderableType]:
    yield Text(f"{sheet.label}  [{sheet.id}, {words(sheet.kind)}]", STRONG)
    yield Text(sheet.description)
    if sheet.repeats:
        yield Text(f"Repeats: {sheet.repeats}.")
    for effect in sheet.effects:
        yield from _effect(effect)
    yield from _figures(
        "What multiplies the effect (the published effect is the average over its usual people)", sheet.modifiers, "×"
    )
    yield from _figures("Harms", sheet.harms, "%")
    yield from _figures(
        "Harms elsewhere, with the other steroid or in the neck (printed, not in any value)", sheet.harms_elsewhere, "%"
    )
    kind = f", {sheet.steroid_kind.replace('_', '-')} first" if sheet.steroid_kind else ""
    yield from _figures(f"Steroid{kind}", sheet.steroid, "")
    yield from _figures("Radiation", sheet.radiation, "mSv")
    yield from _figures(f"Cost, {sheet.currency} of {sheet.year}", sheet.costs, sheet.currency)
    if sheet.rules:
        yield from (Text(), Text("Rules", STRONG))
        for rule in sheet.rules:
            sets = f" [{', '.join(map(words, rule.rule_sets))}]" if rule.rule_sets else ""
            yield hanging("·", Text(f"{rule.label}{sets}: {rule.message} ({rule.effect}; {', '.join(rule.sources)})"))


def _effect(effect: EffectCurves) -> Iterator[RenderableType]:
    yield from (Text(), Text(f"{effect.label}: half relief or more, % of people (95 %)", STRONG))
    made = table(
        ("week", 5), ("usual care", 13), ("sham", 13), ("active", 14), ("over sham", 18), ("over usual care", 18), right=(0,)
    )
    for i, week in enumerate(effect.weeks):
        bands = (effect.usual_care, effect.sham, effect.active, effect.over_sham, effect.over_usual_care)
        made.add_row(f"{week:g}", *(_cell(b, i, signed=k > 2) for k, b in enumerate(bands)))
    yield made
    for point in effect.published:
        yield hanging("·" if point.fitted else "○", Text(_published(point), "" if point.fitted else QUIET))
    if any(not p.fitted for p in effect.published):
        yield Text("○ predicted only, not fitted", QUIET)


def _cell(band: Band, i: int, *, signed: bool) -> str:
    sign = "+" if signed else ""
    return f"{100 * band.centre[i]:{sign}.0f} ({100 * band.low[i]:.0f} to {100 * band.high[i]:.0f})"


def _published(point: Published) -> str:
    over = f" over {words(point.over)}" if point.over else ""
    sign = "+" if point.over else ""
    value = f"{100 * point.value:{sign}.0f} % ({100 * point.low:.0f} to {100 * point.high:.0f})"
    return f"{point.label}: {words(point.arm)}{over}, week {point.week:g}: {value} [{point.citation}]"


def _figures(title: str, figures: tuple[Figure, ...], unit: str) -> Iterator[RenderableType]:
    if not figures:
        return
    yield from (Text(), Text(title, STRONG))
    for f in figures:
        scale = 100 if unit == "%" else 1
        shown = f"{_short(scale * f.value)} ({_short(scale * f.low)} to {_short(scale * f.high)}) {unit or f.unit}"
        yield hanging("·", Text(f"{words(f.label) if unit not in ('%', '×') else f.label}: {shown}. ").append(f.rests_on, QUIET))


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


# ── figure ───────────────────────────────────────────────────────────────────────────────────────


def draw_sheet(sheet: ProcedureSheet, path: Path) -> None:
    """Curves of the procedure with bands and published points, written to `path`."""
    with style.styled():
        style.save(sheet_figure(sheet), path)


def sheet_figure(sheet: ProcedureSheet) -> Any:
    """One panel an effect (at most six), as a matplotlib figure."""
    from spinecast.report.sheet import Sheet

    shown = sheet.effects[:MOST_PANELS]
    across = min(max(len(shown), 1), COLUMNS)
    down = -(-max(len(shown), 1) // COLUMNS)
    canvas = Sheet(figsize=(max(4.0 * across, 6.5), 3.1 * down + 1.5), layout="constrained")
    axes = canvas.subplots(down, across, squeeze=False, sharey=True).ravel()
    for place, effect in zip(axes, shown, strict=False):
        _panel(place, effect)
    for empty in axes[len(shown) :]:
        empty.set_axis_off()
    axes[0].set_ylabel("half relief or more, % of people")
    left = len(sheet.effects) - len(shown)
    more = f" {left} more effects: `spinecast procedure {sheet.id}`." if left > 0 else ""
    note = (
        "Lines with 95 % bands: people of a spine clinic who have this source of pain. Points: published arms, filled where the curves "
        f"were fitted to them, open where they were only predicted; each trial's people differ from these.{more}"
    )
    canvas.supxlabel(
        textwrap.fill(note, int(17 * canvas.get_size_inches()[0])), fontsize=7, color=colours.GREY, x=0.01, ha="left"
    )
    handles, labels = axes[0].get_legend_handles_labels()
    canvas.legend(
        handles, labels, loc="outside upper left", ncols=max(len(handles), 1), title=sheet.label, alignment="left",
        title_fontproperties={"size": 12, "weight": "bold"},
    )  # fmt: skip
    return canvas


def _panel(axes: Axes, effect: EffectCurves) -> None:
    for name in ("usual_care", "sham", "active"):
        band: Band = getattr(effect, name)
        low, high, centre = ([100 * v for v in line] for line in (band.low, band.high, band.centre))
        axes.fill_between(effect.weeks, low, high, color=COLOURS[name], alpha=0.18, lw=0)
        axes.plot(effect.weeks, centre, color=COLOURS[name], lw=1.6, label=NAMES[name])
    taken: dict[float, int] = {}
    for point in effect.published:
        if not point.over:
            beside = DODGE * taken.get(point.week, 0)
            taken[point.week] = taken.get(point.week, 0) + 1
            colour = COLOURS.get(point.arm, colours.BLUE)
            reach = [[100 * (point.value - point.low)], [100 * (point.high - point.value)]]
            axes.errorbar(
                point.week + beside, 100 * point.value, yerr=reach, fmt="o", ms=4.5, color=colour, mfc=colour if point.fitted else "white",
                elinewidth=0.8, capsize=2,
            )  # fmt: skip
    axes.set_title(textwrap.fill(effect.label, 34))
    axes.set(xlim=(0, 54), ylim=(0, 100), xlabel="weeks from the procedure")
    axes.set_xticks([0, 4, 13, 26, 39, 52])
    axes.grid(axis="y", color=colours.LIGHT, lw=0.4)
