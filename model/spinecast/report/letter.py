"""The answer as a letter for a terminal: a hundred columns, read in a minute, the same every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text
from rich.tree import Tree

from spinecast.assessment.assessment import Assessment, Weight
from spinecast.report import outline
from spinecast.report.layout import ALARM, QUIET, STRONG, Columns, hanging, rendered, table
from spinecast.report.options import options_section
from spinecast.report.plan_tree import tree_of
from spinecast.report.words import bar, gain, money, percent, percents, plain
from spinecast.wording import words

BAR = 18


def letter(assessment: Assessment, *, colour: bool = False) -> str:
    """The letter as text, no line wider than 100 columns.

    Parameters
    ----------
    assessment : Assessment
    colour : bool
        With terminal colour codes; never for a file or a pipe.
    """
    return rendered(_parts(assessment), colour=colour)


def _parts(a: Assessment) -> Iterator[RenderableType]:
    yield from _header(a)
    for title, section in SECTIONS.items():
        yield Text()
        yield Rule(Text(title, STRONG), align="left", style=QUIET)
        yield from section(a)
    yield Text()
    yield Text(a.disclaimer, QUIET)


def _header(a: Assessment) -> Iterator[RenderableType]:
    s = a.settings
    yield Text(plain(a.label) or "One patient", STRONG)
    yield Text(f"Setting: {words(s.setting)}. Rules: {words(s.rule_set)}. Over {s.horizon_weeks:g} weeks.")
    yield Text(f"Recorded: {'; '.join(outline.recorded(a)) or 'nothing'}. Everything else counts as not observed.")
    yield Text()
    for gate in outline.alarms(a):
        yield Text(f"{gate.label}.", ALARM)
    for line in outline.in_short(a):
        yield Text(line, STRONG)


def _not_missed(a: Assessment) -> Iterator[RenderableType]:
    found = outline.alarms(a)
    for gate in found:
        yield hanging("!", Text.assemble((f"{gate.label}. ", ALARM), f"{gate.message} Lifted by: {gate.lift}"))
    if not found:
        yield Text("No red-flag rule speaks on what is recorded.")
    for generator, kinds in outline.serious(a):
        chance = f"{percent(generator.probability)} (95 % interval {percents(generator.low, generator.high)})"
        yield hanging("-", f"{generator.label}: {chance}{f': {kinds}' if kinds else ''}.")
    if outline.steroid_line(a):
        yield hanging("-", outline.steroid_line(a))
    unknown = outline.asks(a)
    if unknown:
        yield Text("Not recorded, so not cleared. Ask first:", STRONG)
    for when, missing in unknown.items():
        yield hanging("?", Text.assemble((f"{when}: ", STRONG), "; ".join(missing) + "."))


def _likely(a: Assessment) -> Iterator[RenderableType]:
    yield _differential(a)
    for line in outline.other_sides(a):
        yield hanging("!", Text(line, ALARM))
    _, rest = outline.shown(a)
    if rest:
        yield Text(f"Less likely: {'; '.join(f'{g.label} {percent(g.probability)}' for g in rest)}.", QUIET)
    yield Text()
    yield Text("Taken together (several can be true at once)", STRONG)
    for e in a.explanations:
        yield hanging(percent(e.probability), e.label, 6)
    yield Text()
    yield from _why(a)
    yield Text()
    yield Text(a.surprise.message, ALARM if a.surprise.not_understood else "")


def _differential(a: Assessment) -> Columns:
    made = table(("Pain source", 34), ("where, if so", 28), ("", 5), ("95 %", 11), ("0 to 100 %", 18), right=(2, 3))
    full, _ = outline.shown(a)
    for g in full:
        bars = bar(g.low, g.probability, g.high, BAR)
        made.add_row(Text(g.label), Text(outline.whereabouts(g)), percent(g.probability), percents(g.low, g.high), bars)
    made.add_row(
        "None of these: nonspecific", "", percent(a.nonspecific), "", bar(a.nonspecific, a.nonspecific, a.nonspecific, BAR)
    )
    return made


def _why(a: Assessment) -> Iterator[RenderableType]:
    labels = {g.id: g.label for g in a.differential}
    yield Text.assemble(
        ("Why", STRONG), " (in decibans: 3 double the odds, 10 make them ten times; related findings count as one)"
    )
    made = table(("", 24), ("for", 37), ("against", 37))
    for generator, weights in outline.weighed(a):
        made.add_row(Text(labels.get(generator, generator)), _weights(weights, 1), _weights(weights, -1))
    yield made


def _weights(weights: Sequence[Weight], sign: int) -> Text:
    lines = [f"{w.decibans:+.1f} {w.label}" for w in weights if sign * w.decibans >= outline.WEIGHTY][: outline.MOST_ASKED]
    return Text("\n".join(lines) or "nothing of weight")


def _plan(a: Assessment) -> Iterator[RenderableType]:
    yield plan_tree(a)
    for gate in a.first.gates:
        if gate.effect == "flag":
            yield hanging("!", f"{gate.label}: {gate.message}")
    if a.goals:
        yield Text(f"Measured by: {plain('; '.join(a.goals))}.")
    yield Text("After each step, enter what happened (`spinecast update`): the plan is only as good as what is known today.")


def plan_tree(a: Assessment) -> Tree:
    """The plan with its branches."""
    return tree_of(outline.steps(a))


def _change(a: Assessment) -> Iterator[RenderableType]:
    yield Text(outline.contest(a))
    against = outline.counter_evidence(a)
    if against is not None:
        yield Text(f"Strongest against {a.differential[0].label}: {against.label} ({against.decibans:+.1f} decibans).")
    top = outline.next_steps(a)
    if not top:
        return
    yield Text()
    decides = any(f.value >= outline.WORTH_ASKING for f in top)
    yield Text(
        "Ask or test next" if decides else "No one answer is expected to change the first choice; these tell most apart", STRONG
    )
    made = table(
        ("", 56),
        ("kind", 12),
        (f"worth, {a.settings.value_unit}", 12),
        ("bits", 6),
        (f"cost, {a.settings.currency}", 10),
        right=(2, 3, 4),
    )
    for f in top:
        made.add_row(Text(f.label), words(f.kind), gain(f.value, a.settings), f"{f.bits:.2f}", money(f.cost))
    yield made


def _rests(a: Assessment) -> Iterator[RenderableType]:
    p = a.provenance
    yield Text(outline.share_line(a))
    if p.assumed:
        leaned = "; ".join(f"{outline.parameter_name(name, a.labels)} ({100 * share:.1f} %)" for name, share in p.assumed)
        yield Text(f"Assumptions leaned on most: {leaned}.")
    if p.unfitted:
        yield Text(f"{p.unfitted} numbers are newer than the fit and stand at their defaults.")
    for line in outline.settings_lines(a):
        yield Text(line)


SECTIONS = {
    outline.NOT_MISSED: _not_missed,
    outline.LIKELY: _likely,
    outline.OPTIONS: options_section,
    outline.PLAN: _plan,
    outline.CHANGE: _change,
    outline.RESTS: _rests,
}
