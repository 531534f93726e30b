"""The ranking in the letter: the best options in full, the others in a line each, and the rules that speak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from spinecast.assessment.assessment import Assessment, Settings
from spinecast.decision.gates import Gate
from spinecast.decision.ranking import RankedAction
from spinecast.report import outline
from spinecast.report.layout import QUIET, STRONG, Columns, hanging, table
from spinecast.report.words import gain, gains, harms, money, percent, versus, weeks

Notes = Mapping[str, tuple[int, Gate]]


def options_section(a: Assessment) -> Iterator[RenderableType]:
    """Every action, the permitted ones first."""
    s, groups, notes = a.settings, outline.options(a), outline.numbered(a)
    yield Text(
        "54 vs 41 %: chance of at least half relief, with the option against its control, at 1 month and at 6. Extra weeks: of such "
        f"relief, over waiting. Value: in {s.value_unit}, over waiting, of the best plan that begins here. Harm: serious, per 10,000. "
        "Best: share of draws in which nothing has a higher value. Intervals: 95 %. Unit and control are spelled out at the end."
    )
    yield Text()
    yield _in_full(groups.full, s, notes)
    if groups.rest:
        yield from _in_short("Further options", groups.rest, s, notes, len(groups.full) + 1)
    if groups.blocked:
        yield from _in_short(
            "Not permitted now by a rule in force, or made already; with what they would be worth", groups.blocked, s, notes
        )
    yield Text()
    for number, gate in notes.values():
        yield hanging(f"[{number}]", Text(outline.note_text(gate), "" if outline.holds(gate) else QUIET), 4)
    if any(outline.by_context(row) for row in groups.every):
        yield hanging("[=]", Text(outline.BY_CONTEXT, QUIET), 4)
    if outline.asks(a):
        yield hanging("[?]", Text("Ask first: see the list under what must not be missed.", QUIET), 4)


def _in_full(rows: Sequence[RankedAction], s: Settings, notes: Notes) -> Columns:
    made = table(
        ("#", 2), ("Option, where", 33), ("1 month\n6 months", 10), ("Extra weeks\nof relief", 14),
        (f"Harm\n{s.currency}", 6), (f"Value, {s.value_unit}", 20), ("Rank\nbest", 6), right=(0, 2, 3, 4, 5, 6),
    )  # fmt: skip
    for i, row in enumerate(rows, start=1):
        made.add_row(str(i), _name(row, notes, STRONG if i == 1 else ""), *_columns(row, s))
    return made


def _name(row: RankedAction, notes: Notes, style: str = "") -> Text:
    return Text.assemble((outline.option_name(row), style), (f" {outline.marks(row, notes)}", QUIET))


def _columns(row: RankedAction, s: Settings) -> tuple[str, ...]:
    relief = f"{versus(row.p_relief_4w, row.p_relief_4w_control)}\n{versus(row.p_relief_6m, row.p_relief_6m_control)}"
    extra = f"{weeks(row.relief_weeks)}\n({row.relief_weeks_low:.1f} to {row.relief_weeks_high:.1f})"
    relieves = outline.relieves(row)
    return (
        relief if relieves else "finds out",
        extra if relieves else "",
        f"{harms(row.serious_harm_per_10000)}\n{money(row.cost)}",
        f"{gain(row.value, s, signed=True)}\n({gains(row.low, row.high, s)})",
        f"{row.rank_low}-{row.rank_high}\n{percent(row.p_best)}",
    )


def _in_short(title: str, rows: Sequence[RankedAction], s: Settings, notes: Notes, start: int = 0) -> Iterator[RenderableType]:
    yield Text()
    yield Text(title, STRONG)
    made = table(
        ("#", 2), ("Option, where", 35), ("6 months", 10), ("Weeks", 5), ("Harm", 5), (s.currency, 6), (f"Value, {s.value_unit}", 31),
        right=(0, 2, 3, 4, 5, 6),
    )  # fmt: skip
    for i, row in enumerate(rows, start=start):
        relieves = outline.relieves(row)
        made.add_row(
            str(i) if start else "-",
            _name(row, notes),
            versus(row.p_relief_6m, row.p_relief_6m_control) if relieves else "finds out",
            weeks(row.relief_weeks) if relieves else "",
            harms(row.serious_harm_per_10000),
            money(row.cost),
            f"{gain(row.value, s, signed=True)} ({gains(row.low, row.high, s)})",
        )
    yield made
