"""The follow-up as a letter: what happened, what it says, what was reached, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from spinecast.assessment.follow_up import FollowUp, Progress
from spinecast.report import outline
from spinecast.report.layout import ALARM, QUIET, STRONG, hanging, rendered, table
from spinecast.report.letter import letter, plan_tree
from spinecast.report.words import gain, percent, place, plain
from spinecast.wording import words

MOST_MOVED = 5
"""Generators shown, those that moved farthest."""


def follow_up_letter(f: FollowUp, *, colour: bool = False, whole: bool = False) -> str:
    """The letter as text, no line wider than 100 columns; with `whole`, the new assessment's letter after it."""
    text = rendered(_parts(f), colour=colour)
    return f"{text}\n{letter(f.after, colour=colour)}" if whole else text


def _parts(f: FollowUp) -> Iterator[RenderableType]:
    yield Text(plain(f.label) or "One patient", STRONG)
    yield Text(" ".join(_happened(f)))
    for line in f.conflicts:
        yield hanging("!", Text(line, ALARM))
    for title, section in SECTIONS.items():
        parts = list(section(f))
        if parts:
            yield Text()
            yield Rule(Text(title, STRONG), align="left", style=QUIET)
            yield from parts
    yield Text()
    yield Text(f.after.disclaimer, QUIET)


def _happened(f: FollowUp) -> Iterator[str]:
    o = f.outcome
    where = place(o.level.replace(" ", " and "), o.side)
    yield f"Done {o.weeks:g} weeks ago: {', '.join(p for p in (f.procedure, where, plain(o.drug)) if p)}."
    if o.block_relief_percent is not None:
        yield f"Relief while the anaesthetic lasted: {o.block_relief_percent:g} %."
    if o.relief_percent is not None:
        holds = "at least half relief holds" if o.holds else "less than half relief now"
        lasted = f"; it had been at least half for {o.relief_weeks:g} weeks" if o.relief_weeks and not o.holds else ""
        yield f"Relief now: {o.relief_percent:g} % ({holds}{lasted})."
    changes = [f"{name} {change}" for name, change in o.medications.items()]
    if changes:
        yield f"Medicines: {', '.join(changes)}."


def _says(f: FollowUp) -> Iterator[RenderableType]:
    e = f.expected
    if e is not None:
        yield Text(
            f"Of 100 such people about {100 * e.natural:.0f} would have half relief by now with time alone, "
            f"{100 * e.control:.0f} with care of any kind, and {100 * e.active:.0f} after what was done. "
            + (_reading(f) if f.target else "It has no target of its own, so it tells little about the cause.")
        )
    moved = [s for s in f.shifts[:MOST_MOVED] if abs(s.after - s.before) >= LEAST_MOVED]
    if not moved:
        yield Text("No cause became more or less likely by as much as one in two hundred.")
        return
    made = table(("Pain source", 44), ("before", 8), ("now", 8), ("this outcome, with it : without it", 34), right=(1, 2))
    for s in moved:
        made.add_row(Text(s.label), percent(s.before), percent(s.after), f"{s.ratio:.2f} : 1" if e is not None else "")
    yield made


LEAST_MOVED = 0.005


def _reading(f: FollowUp) -> str:
    """How much the outcome proves of the target, in words."""
    shift = next(s for s in f.shifts if s.id == f.target)
    direction = "for" if shift.ratio >= 1 else "against"
    strength = abs(shift.ratio - 1)
    how = "hardly at all" if strength < 0.1 else "a little" if strength < 0.5 else "clearly" if strength < 2 else "strongly"
    block = ", what the anaesthetic showed counted too" if f.outcome.block_relief_percent is not None else ""
    moved = f"{percent(shift.before)} before, {percent(shift.after)} now{block}"
    return f"So this speaks {how} {direction} {shift.label.lower()} ({moved})."


def _reached(f: FollowUp) -> Iterator[RenderableType]:
    if not f.progress:
        yield Text("No measure of function was recorded both then and now; `spinecast new outcome` lists them.", QUIET)
        return
    made = table(("", 44), ("at the start", 13), ("now", 13), ("target", 10), ("", 16), right=(1, 2, 3))
    for p in f.progress:
        label = f"{p.label}{f', {p.unit}' if p.unit else ''}"
        made.add_row(Text(plain(label)), plain(p.baseline), plain(p.now), plain(p.target), _verdict(p))
    yield made


def _verdict(p: Progress) -> str:
    return ", ".join(part for part in (p.direction, "reached" if p.reached else "not yet" if p.reached is False else "") if part)


def _advised(f: FollowUp) -> Iterator[RenderableType]:
    for gate in f.advice:
        mark = "!" if gate.effect == "first" else "-"
        whose = f" ({', '.join(words(s) for s in gate.rule_sets)})" if gate.rule_sets else ""
        style = ALARM if gate.effect == "first" else STRONG
        clause = f" [{gate.clause}]" if gate.clause else ""
        yield hanging(mark, Text.assemble((f"{gate.label}{whose}. ", style), f"{gate.message}", (clause, QUIET)))


def _next(f: FollowUp) -> Iterator[RenderableType]:
    a = f.after
    first = a.first
    was = f" (before: {f.first_before})" if f.first_before != first.label else " (as before)"
    worth = f", worth {a.settings.value_unit} {gain(first.value, a.settings)} over waiting" if first.id != "waiting" else ""
    worth = ", whatever it is worth" if outline.urgent(a) else worth
    yield Text(f"First now: {outline.option_name(first)}{worth}{was}.", STRONG)
    held = [r for r in outline.options(a).blocked if r.value > 0]
    if held:
        yield Text(f"Held back by a rule: {'; '.join(r.label for r in held)}.")
    yield plan_tree(a)


SECTIONS = {
    "What does it say about the cause?": _says,
    "What was reached?": _reached,
    "What this calls for": _advised,
    "What next, and if it does not fit?": _next,
}
