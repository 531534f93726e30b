"""Charts of analysis results: five forms, one style, a caption that says what they rest on."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spinecast.errors import InvalidValueError
from spinecast.report import colours, style
from spinecast.report.words import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spinecast.analysis.result import Chart, Column, Result

SERIES = (
    colours.BLUE, colours.ORANGE, colours.GREEN, colours.VERMILLION, colours.SKY, colours.PURPLE, colours.BLACK, colours.GREY,
)  # fmt: skip
MARKERS = "osD^vPX*"
LINES = ("-", "--", "-.", ":")
"""Series differ in marker and dash as well, so that a black-and-white print is read too."""

WIDTH = 8.27
"""Inches; the width of A4."""

LABEL_WIDTH, CAPTION_WIDTH, TITLE_WIDTH, AXIS_WIDTH = 54, 138, 90, 48
TITLE_HEIGHT = 0.2
KEY_HEIGHT = 24
"""Points by which the title of a panel stands higher where a key is between it and the plot."""

BAR, LINE_HEIGHT, MOST_BARS = 0.27, 0.15, 40


def figure_of(result: Result) -> Figure:
    """All charts of a result, one below the other."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from spinecast.report.sheet import Sheet

    if not result.charts:
        raise InvalidValueError("figure", result.name, "a result with a chart (this one is a table only)")
    caption, title = _caption(result), textwrap.fill(plain(result.title), TITLE_WIDTH)
    heights = [_height(result, chart) for chart in result.charts]
    foot = 0.35 + LINE_HEIGHT * (caption.count("\n") + 1)
    with style.styled():
        head = 0.25 + TITLE_HEIGHT * (title.count("\n") + 1)
        total = sum(heights) + foot + head
        engine = ConstrainedLayoutEngine(rect=(0.01, foot / total, 0.98, 1 - (foot + head) / total))
        figure = Sheet(figsize=(WIDTH, total), layout=engine)
        figure.text(0.02, 1 - 0.1 / total, title, fontsize=11, fontweight="bold", va="top")
        figure.text(0.02, (foot - 0.1) / total, caption, fontsize=6.5, color=colours.GREY, va="top", linespacing=1.35)
        panels = figure.subplots(len(result.charts), 1, squeeze=False, height_ratios=heights)
        for axes, chart in zip(panels[:, 0], result.charts, strict=True):
            DRAWN[chart.form](axes, result, chart)
            if chart.title:
                axes.set_title(chart.title, pad=KEY_HEIGHT if _keyed(result, chart) else None)
    return figure


def save_figure(result: Result, path: Path) -> None:
    """Write a result's figure by the suffix of its path; complete or not at all."""
    with style.styled():
        temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
        style.save(figure_of(result), temporary)
        temporary.replace(path)


def _caption(result: Result) -> str:
    from spinecast import DISCLAIMER

    paragraphs = (*result.notes, result.basis.caption, DISCLAIMER)
    return "\n".join(textwrap.fill(plain(p), CAPTION_WIDTH) for p in paragraphs)


def _height(result: Result, chart: Chart) -> float:
    if chart.form in ("bars", "tornado"):
        return 0.85 + BAR * len(_names(result, chart)) + (KEY_HEIGHT / 72 if chart.title and _keyed(result, chart) else 0.0)
    return 3.6


def _keyed(result: Result, chart: Chart) -> bool:
    """Is there a key between the title and the plot?"""
    if chart.form == "heat":
        return any(isinstance(v, str) for v in result[chart.z])
    return chart.form == "tornado" or (chart.form == "bars" and bool(chart.by))


def _names(result: Result, chart: Chart) -> list[str]:
    return [_text(v) for v in result[chart.y][: chart.top or MOST_BARS]]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return textwrap.shorten(plain(str(value)), 2 * LABEL_WIDTH, placeholder=" …")


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.array([np.nan if v is None else float(v) for v in values])


def _rows_axis(axes: Axes, names: Sequence[str]) -> None:
    two_lines = ["\n".join(textwrap.wrap(n, LABEL_WIDTH, max_lines=2, placeholder=" …")) for n in names]
    axes.set_yticks(range(len(names)), two_lines)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=colours.LIGHT, lw=0.4)
    axes.set_axisbelow(True)


def _groups(result: Result, chart: Chart, count: int) -> list[int]:
    """Series number of each row, by order of appearance."""
    if not chart.by:
        return [0] * count
    order = {value: i for i, value in enumerate(dict.fromkeys(result[chart.by]))}
    return [order[value] for value in result[chart.by][:count]]


def _key(axes: Axes, result: Result, chart: Chart) -> None:
    from matplotlib.patches import Patch

    if chart.by:
        shown = list(dict.fromkeys(result[chart.by][: chart.top or MOST_BARS]))
        order = list(dict.fromkeys(result[chart.by]))
        handles = [Patch(color=SERIES[order.index(v) % len(SERIES)], label=_text(v)) for v in shown]
        title = result.column(chart.by).label if any(isinstance(v, bool) for v in shown) else None
        _key_above(axes, handles, title)


def _key_above(axes: Axes, handles: Sequence[Any], title: str | None = None) -> None:
    """At the right above the plot, where no bar is."""
    axes.legend(handles=handles, title=title, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles), borderaxespad=0.2)


def _bars(axes: Axes, result: Result, chart: Chart) -> None:
    names = _names(result, chart)
    x = _numbers(result[chart.x][: len(names)])
    colour = [SERIES[g % len(SERIES)] for g in _groups(result, chart, len(names))]
    axes.barh(range(len(names)), x, color=colour, height=0.66)
    if chart.low and chart.high:
        low, high = (_numbers(result[n][: len(names)]) for n in (chart.low, chart.high))
        reach = np.stack([np.maximum(x - low, 0), np.maximum(high - x, 0)])
        axes.errorbar(x, range(len(names)), xerr=reach, fmt="none", ecolor=colours.BLACK, elinewidth=1, capsize=2)
    _rows_axis(axes, names)
    _reference(axes, chart, vertical=True)
    axes.set_xlabel(_axis(result.column(chart.x), interval=bool(chart.low)))
    _thousands(axes)
    _key(axes, result, chart)


def _axis(column: Column, *, interval: bool) -> str:
    return f"{column.axis} (95 % interval)" if interval else column.axis


def _thousands(axes: Axes) -> None:
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if max(abs(v) for v in limits) >= 1000:
            axis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    if max(abs(v) for v in axes.get_xlim()) >= 1000:
        axes.locator_params(axis="x", nbins=7)


def _tornado(axes: Axes, result: Result, chart: Chart) -> None:
    """From the output at the low end of the number to that at its high end, around today's."""
    names = _names(result, chart)
    base, low, high = (_numbers(result[n][: len(names)]) for n in (chart.x, chart.low, chart.high))
    places = range(len(names))
    axes.barh(places, low - base, left=base, color=colours.ORANGE, height=0.66, label="number at its low end")
    axes.barh(places, high - base, left=base, color=colours.BLUE, height=0.66, label="number at its high end")
    axes.axvline(float(base[0]) if len(base) else 0.0, color=colours.BLACK, lw=0.8)
    _rows_axis(axes, names)
    _reference(axes, chart, vertical=True)
    axes.set_xlabel(result.column(chart.x).axis)
    _thousands(axes)
    _key_above(axes, axes.get_legend_handles_labels()[0])


def _reference(axes: Axes, chart: Chart, *, vertical: bool) -> None:
    if chart.reference is not None:
        (axes.axvline if vertical else axes.axhline)(chart.reference, color=colours.GREY, lw=0.9, ls="--")


def _series(result: Result, chart: Chart) -> Mapping[str, list[int]]:
    if not chart.by:
        return {"": list(range(len(result)))}
    found: dict[str, list[int]] = {}
    for i, value in enumerate(result[chart.by]):
        found.setdefault(_text(value), []).append(i)
    return found


def _lines(axes: Axes, result: Result, chart: Chart) -> None:
    _curves(axes, result, chart, joined=True)


def _points(axes: Axes, result: Result, chart: Chart) -> None:
    _curves(axes, result, chart, joined=False)


def _curves(axes: Axes, result: Result, chart: Chart, *, joined: bool) -> None:
    x, y = _numbers(result[chart.x]), _numbers(result[chart.y])
    low, high = (_numbers(result[n]) if n else None for n in (chart.low, chart.high))
    series = _series(result, chart)
    for number, (name, rows) in enumerate(series.items()):
        colour, i = SERIES[number % len(SERIES)], np.array(rows)
        i = i[np.argsort(x[i], kind="stable")]
        dash = LINES[number // len(SERIES) % len(LINES)] if len(series) > len(SERIES) else LINES[number % len(LINES)]
        if low is not None and high is not None:
            if joined:
                axes.fill_between(x[i], low[i], high[i], color=colour, alpha=0.15, lw=0)
            else:
                reach = np.stack([np.maximum(y[i] - low[i], 0), np.maximum(high[i] - y[i], 0)])
                axes.errorbar(x[i], y[i], yerr=reach, fmt="none", ecolor=colour, elinewidth=1, capsize=2)
        marker = "" if joined and len(rows) > 30 else MARKERS[number % len(MARKERS)]
        axes.plot(x[i], y[i], color=colour, ls=dash if joined else "", marker=marker, ms=4, lw=1.4, label=name)
    if chart.diagonal:
        ends = (np.nanmin([x.min(), y.min()]), np.nanmax([x.max(), y.max()]))
        axes.plot(ends, ends, color=colours.GREY, lw=0.8, ls="--", label="equal")
    _reference(axes, chart, vertical=False)
    axes.set_xlabel(result.column(chart.x).axis)
    axes.set_ylabel(textwrap.fill(_axis(result.column(chart.y), interval=bool(chart.low)), AXIS_WIDTH))
    if chart.log_x:
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(np.unique(x), [f"{v:,g}" for v in np.unique(x)])
    else:
        _thousands(axes)
    if chart.log_y:
        _log_y(axes)
    axes.grid(color=colours.LIGHT, lw=0.4)
    if chart.by or chart.diagonal:
        _outside_key(axes, len(series))


def _log_y(axes: Axes) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _outside_key(axes: Axes, count: int) -> None:
    """Beside the plot where there are many series, so that it covers none of them."""
    if count > 4:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    else:
        axes.legend(loc="best")


def _heat(axes: Axes, result: Result, chart: Chart) -> None:
    """Numbers as shades, text as regions."""
    x, y = (_numbers(result[n]) for n in (chart.x, chart.y))
    across, up = np.unique(x), np.unique(y)
    place = (np.searchsorted(up, y), np.searchsorted(across, x))
    values = result[chart.z]
    if any(isinstance(v, str) for v in values):
        _regions(axes, across, up, place, [_text(v) for v in values])
    else:
        grid = np.full((len(up), len(across)), np.nan)
        grid[place] = _numbers(values)
        mesh = axes.pcolormesh(across, up, grid, cmap="cividis", shading="nearest")
        axes.figure.colorbar(mesh, ax=axes, label=textwrap.fill(result.column(chart.z).axis, AXIS_WIDTH))
    axes.set_xlabel(result.column(chart.x).axis)
    axes.set_ylabel(textwrap.fill(result.column(chart.y).axis, AXIS_WIDTH))
    _thousands(axes)


def _regions(axes: Axes, across: np.ndarray, up: np.ndarray, place: tuple[np.ndarray, np.ndarray], words: list[str]) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    names = list(dict.fromkeys(words))
    shades = [SERIES[i % len(SERIES)] for i in range(len(names))]
    grid = np.full((len(up), len(across)), np.nan)
    grid[place] = [names.index(w) for w in words]
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names)) if len(names) > 1 else None
    axes.pcolormesh(across, up, grid, cmap=ListedColormap(shades), norm=norm, shading="nearest")
    axes.legend(
        handles=[Patch(color=c, label=n) for c, n in zip(shades, names, strict=True)], loc="lower center",
        bbox_to_anchor=(0.5, 1.01), ncols=math.ceil(math.sqrt(len(names))),
    )  # fmt: skip


DRAWN: Mapping[str, Callable[[Axes, Result, Chart], None]] = {
    "bars": _bars,
    "tornado": _tornado,
    "lines": _lines,
    "points": _points,
    "heat": _heat,
}
