"""Who benefits, as a table for a terminal, a page of the documentation and a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from spinecast import DISCLAIMER
from spinecast.analysis.profiles import AGREES, DIFFERS, LEANS, ProfileRow, ProfileTable
from spinecast.report import colours, style
from spinecast.report.layout import QUIET, STRONG, hanging, rendered, table
from spinecast.report.words import money, percent
from spinecast.wording import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Labels = Mapping[str, str]

RULE = (
    "What counts as agreement is fixed beforehand and the same for all. Does well: the procedure is worth more than care without a needle, and its "
    "specific effect is above zero in the whole interval (agrees), or worth more than waiting on the best estimate (leans that way). Do "
    "not inject: care without a needle is worth at least as much as any needle (agrees), or as this one (leans). Urgent evaluation: it goes first."
)


def profiles_text(t: ProfileTable, labels: Labels, *, colour: bool = False) -> str:
    """The table as text, no line wider than 100 columns."""
    return rendered(_parts(t, labels), colour=colour)


def _parts(t: ProfileTable, labels: Labels) -> Iterator[RenderableType]:
    yield Text("Who benefits, by the model, beside what the clinical roadmap says (S11, S12)", STRONG)
    yield Text(
        f"Weeks of at least half relief that the procedure adds over sham (specific) and over waiting (total); value in {t.unit} over waiting of "
        "the best plan that begins with it; with 95 % intervals."
    )
    yield Text()
    made = table(
        ("", 5), ("Profile, procedure", 34), ("specific", 13), ("total", 14), ("value", 18), ("model", 10), right=(2, 3, 4)
    )
    for r in t.rows:
        made.add_row(
            r.code, Text.assemble((r.label, STRONG), f"\n{labels[r.procedure]}\nRoadmap: {r.roadmap}"), _weeks(r.specific), _weeks(r.total),
            f"{money(r.value[0], signed=True)}\n({money(r.value[1])} to {money(r.value[2])})", r.verdict,
        )  # fmt: skip
    yield made
    yield Text()
    for r in t.rows:
        yield hanging(r.code, f"{r.verdict}: {r.why}. First: {labels[r.first]}.", 5)
    yield Text()
    yield Text(RULE, QUIET)
    yield Text(f"{t.settings}; spinecast {t.version}, priors {t.priors_hash[:12]}.", QUIET)
    yield Text(DISCLAIMER, QUIET)


def _weeks(three: tuple[float, float, float]) -> str:
    point, low, high = (round(x, 1) + 0.0 for x in three)  # without a negative zero
    return f"{point:+.1f}\n({low:.1f} to {high:.1f})"


def profiles_page(t: ProfileTable, labels: Labels) -> str:
    """The same as a page of the documentation, with what the model and the roadmap disagree on first."""
    differ = [r for r in t.rows if r.verdict == DIFFERS]
    intro = (
        "The clinical roadmap says who does well with a procedure (S11) and who does not (S12). This is what the model says of such people. The "
        "profiles are files (`examples/profiles/`), written from the roadmap's words before they were run; no number of the model is set by them. "
        "`spinecast profile` prints the same."
    )
    columns = (
        f"Weeks of at least half relief within the horizon: over sham (specific) and over waiting (total). Value: {t.unit} over waiting, of the best "
        f"plan that begins with the procedure: what follows it counts too. 95 % intervals. Settings: {t.settings}."
    )
    head = "| | profile | procedure | aimed at | specific, weeks | total, weeks | value | rank | first | roadmap | model |"
    lines = ["# Who benefits", "", intro, "", columns, "", head, "|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += [_row(r, labels) for r in t.rows]
    lines += ["", "## Where the model and the roadmap differ", ""]
    lines += [f"* **{r.code}, {r.label[0].lower()}{r.label[1:]}**: {_differs(r, labels)}" for r in differ] or [
        "Nowhere, by the rule below."
    ]
    lines += [
        "",
        "Where evidence and roadmap differ, evidence sets the number ([why](where-evidence-and-roadmap-disagree.md)).",
        "",
    ]
    lines += ["## The rule", "", RULE]
    return "\n".join(lines) + "\n"


def _row(r: ProfileRow, labels: Labels) -> str:
    value = f"{money(r.value[0], signed=True)} ({money(r.value[1])} to {money(r.value[2])})"
    aim = f"{words(r.target)}, {percent(r.probability)}" if r.target else ""
    weeks = [_weeks(v).replace("\n", " ") for v in (r.specific, r.total)]
    cells = [
        r.code,
        r.label,
        labels[r.procedure],
        aim,
        *weeks,
        value,
        str(r.rank),
        labels[r.first],
        r.roadmap,
        f"**{r.verdict}**",
    ]
    return f"| {' | '.join(cells)} |"


def _differs(r: ProfileRow, labels: Labels) -> str:
    return (
        f'the roadmap says "{r.roadmap}"; {labels[r.procedure].lower()} is {r.why}. Its specific effect is {_weeks(r.specific).replace(chr(10), " ")} '
        f"weeks; {labels[r.first].lower()} comes first."
    )


LOOKS = {AGREES: (colours.BLUE, "o"), LEANS: (colours.ORANGE, "s"), DIFFERS: (colours.VERMILLION, "D")}
"""Colour and marker of a verdict; the word stands beside it."""


def draw_profiles(t: ProfileTable, labels: Labels, path: Path) -> None:
    """Write the figure to `path` (.svg, .png or .pdf)."""
    with style.styled():
        style.save(profiles_figure(t, labels), path)


def profiles_figure(t: ProfileTable, labels: Labels) -> Figure:
    """Specific effect, total effect and value of every profile, with intervals."""
    from spinecast.report.sheet import Sheet

    figure = Sheet(figsize=style.LANDSCAPE)
    figure.text(0.03, 0.965, "Who benefits: the model beside the clinical roadmap", fontsize=12, fontweight="bold", va="top")
    places = [(0.33, 0.15), (0.50, 0.15), (0.67, 0.17)]
    titles = ("over sham, weeks", "over waiting, weeks", f"value over waiting, {t.unit}")
    for i, ((left, width), title, name) in enumerate(zip(places, titles, ("specific", "total", "value"), strict=True)):
        axes = figure.add_axes((left, 0.13, width, 0.75))
        _points(axes, t, name)
        axes.set(ylim=(len(t.rows) - 0.4, -0.6), xlabel=title)
        axes.set_yticks(range(len(t.rows)), [_name(r, labels) if i == 0 else "" for r in t.rows])
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=colours.BLACK, lw=0.8)
        axes.grid(axis="x", color=colours.LIGHT, lw=0.4)
    for k, r in enumerate(t.rows):
        axes.text(
            1.04,
            k,
            f"{r.verdict}\n(roadmap: {r.roadmap})",
            transform=axes.get_yaxis_transform(),
            fontsize=7.5,
            va="center",
        )
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.locator_params(axis="x", nbins=4)
    note = f"Points: best estimate; lines: 95 % interval. Relief of at least half. {t.settings}; priors {t.priors_hash[:12]}. {DISCLAIMER}"
    figure.text(0.03, 0.045, textwrap.fill(note, 210), fontsize=7, color=colours.GREY, va="top")
    return figure


def _name(r: ProfileRow, labels: Labels) -> str:
    return f"{r.code}  {textwrap.shorten(r.label, 62, placeholder=' …')}\n{labels[r.procedure]}"


def _points(axes: Axes, t: ProfileTable, name: str) -> None:
    for k, r in enumerate(t.rows):
        point, low, high = getattr(r, name)
        colour, marker = LOOKS[r.verdict]
        axes.plot([low, high], [k, k], color=colour, lw=1.4)
        axes.plot(point, k, marker, ms=5, color=colour)
