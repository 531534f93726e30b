"""Rule sets side by side for a terminal: one table, the clauses below it, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from spinecast import DISCLAIMER
from spinecast.assessment.rule_comparison import DEFER, FIRST, NOT, PERMITTED, SAFETY, SILENT, RuleComparison, Ruling, belongs
from spinecast.decision.gates import ASK, Gate
from spinecast.priors.records import Priors, Rule
from spinecast.report.layout import ALARM, QUIET, STRONG, WIDTH, Columns, hanging, rendered, table
from spinecast.report.words import plain
from spinecast.wording import words

WORDS = {FIRST: "first", NOT: "not", DEFER: "defer", ASK: "ask", PERMITTED: "permitted", SILENT: "-"}
"""Verdicts as they stand in the table; each is a word, so that colour is never needed to read it."""

COLUMN = 11
AT_ONCE = 5
"""Rule sets beside safety in one table; more make another table below it."""

STYLES = {NOT: STRONG, FIRST: ALARM, SILENT: QUIET}


def comparison_text(c: RuleComparison, *, colour: bool = False) -> str:
    """The comparison as text, no line wider than 100 columns."""
    return rendered(_parts(c), colour=colour)


def _parts(c: RuleComparison) -> Iterator[RenderableType]:
    yield Text(plain(c.label) or "One patient", STRONG)
    yield Text(
        "permitted: the set's rules are met. not: a clause is not met. defer: not yet. ask: something it needs is not recorded. -: the set "
        "says nothing of it. Each column shows its own rules; a procedure needs safety and the set."
    )
    yield Text()
    numbers = {g.rule: i for i, g in enumerate(c.clauses(), start=1)}
    own = [s for s in c.sets if s != SAFETY]
    for i in range(0, len(own), AT_ONCE):
        yield _grid(c, numbers, (SAFETY, *own[i : i + AT_ONCE]))
    if c.unmentioned:
        yield Text(f"No rule speaks of: {'; '.join(c.unmentioned.values())}.", QUIET)
    yield Text()
    yield Text("The clauses, and what is missing", STRONG)
    for gate in c.clauses():
        yield hanging(f"[{numbers[gate.rule]}]", _clause(gate, c.sets), 5)
    yield Text()
    yield Text(DISCLAIMER, QUIET)


def _grid(c: RuleComparison, numbers: Mapping[str, int], sets: Sequence[str]) -> Columns:
    columns = [(c.sets[name], COLUMN) for name in sets]
    made = table(("Procedure", WIDTH - (COLUMN + 1) * len(columns) - 1), *columns)
    for action, label in c.actions.items():
        made.add_row(Text(label), *(_cell(c.rulings[action, name], numbers) for name in sets))
    return made


def _cell(ruling: Ruling, numbers: Mapping[str, int]) -> Text:
    """The verdict, and below it the clauses behind it."""
    own = sorted(numbers[g.rule] for g in ruling.gates)
    marks = f"\n{' '.join(map(str, own))}" if own else ""
    return Text.assemble((WORDS[ruling.verdict], STYLES.get(ruling.verdict, "")), (marks, QUIET))


def _clause(gate: Gate, sets: Mapping[str, str]) -> Text:
    whose = ", ".join(sets.get(s, words(s)) for s in gate.rule_sets if s in sets) or SAFETY
    verdict = {"block": "not permitted", "defer": "not yet", "first": "goes first", "ask": "ask", "flag": "mind"}[gate.effect]
    parts = [f"{gate.label} ({whose}): {verdict}. {gate.message}"]
    if gate.missing:
        parts.append(f"Missing: {'; '.join(gate.missing)}.")
    elif gate.effect in ("block", "defer"):
        parts.append(f"Lifted by: {gate.lift}")
    parts.append(f"Clause: {gate.clause}." if gate.clause else f"Rows: {', '.join(gate.sources)}.")
    return Text(" ".join(parts))


def rule_sets_text(priors: Priors, *, colour: bool = False) -> str:
    """Every rule set with its document, and every rule with what it asks and its clause."""
    return rendered(_listing(priors), colour=colour)


def _listing(priors: Priors) -> Iterator[RenderableType]:
    yield Text(f"{SAFETY}: always in force", STRONG)
    yield from _rules(priors, SAFETY)
    for s in priors.rule_sets.values():
        yield Text()
        yield Text(f"{s.id}: {s.label}", STRONG)
        yield Text(f"{s.issuer}. {s.document}. Covers: {s.scope}. {s.description}")
        yield from _rules(priors, s.id)


def _rules(priors: Priors, name: str) -> Iterator[RenderableType]:
    for rule in priors.rules.values():
        if belongs(rule, name):
            yield hanging("-", _rule(rule))


def _rule(rule: Rule) -> Text:
    about = ", ".join(words(a.removeprefix("kind:")) for a in rule.applies_to)
    clause = f" [{rule.clause}]" if rule.clause else ""
    return Text.assemble((rule.id, STRONG), f" ({rule.effect}; {about}): {rule.message}", (clause, QUIET))


def rule_sets_data(priors: Priors) -> list[dict[str, object]]:
    """The same as plain data: one record a rule set, safety first."""
    sets = [
        {"id": SAFETY, "label": "Safety rules, always in force", "issuer": "", "document": "", "scope": "", "description": ""}
    ]
    sets += [{name: getattr(s, name) for name in sets[0]} for s in priors.rule_sets.values()]
    return [s | {"rules": [_record(r) for r in priors.rules.values() if belongs(r, str(s["id"]))]} for s in sets]


def _record(rule: Rule) -> dict[str, object]:
    names = ("id", "label", "kind", "effect", "applies_to", "when", "unknown", "message", "lift", "clause", "sources")
    return {n: list(v) if isinstance(v := getattr(rule, n), tuple) else v for n in names}
