"""Worked patients as data: one answer for each person asked about, and one judge for each kind of expectation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spinecast.assessment.assess import assess
from spinecast.assessment.assessment import Assessment
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.model import Model, load_model
from spinecast.report import outline
from spinecast.report.letter import letter
from spinecast.resources import examples_folder

CALM = ("rehabilitation", "whole_person_care", "waiting")
"""What needs no needle, knife or scan."""

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """The assessment of one person, and what the judges ask of it."""

    assessment: Assessment
    model: Model
    patient: Table

    @property
    def order(self) -> list[str]:
        return [row.id for row in self.assessment.ranking]

    @property
    def first(self) -> str:
        return self.order[0]

    @property
    def text(self) -> str:
        return letter(self.assessment)

    def place(self, actions: Sequence[str]) -> int:
        """Best place in the ranking that any of the actions has."""
        return min(self.order.index(a) for a in actions)

    def probability(self, generator: str) -> float:
        return next(g.probability for g in self.assessment.differential if g.id == generator)

    def action(self, name: str) -> Any:
        return next(row for row in self.assessment.ranking if row.id == name)

    def measure(self, wanted: Table) -> float:
        """A number of an action (less the best of `over`), or the probability of a generator."""
        if wanted["measure"] == "probability":
            return self.probability(wanted["generator"])
        own = getattr(self.action(wanted["action"]), wanted["measure"])
        return own - max((getattr(self.action(a), wanted["measure"]) for a in wanted.get("over", [])), default=0.0)

    def invasive(self, names: Sequence[str]) -> list[str]:
        """The actions, `invasive` standing for every invasive one."""
        every = [p.id for p in self.model.priors.procedures.values() if p.invasive]
        return [a for name in names for a in (every if name == "invasive" else [name])]


def changed(patient: Table, change: Table) -> dict[str, Any]:
    """The patient with entries set (`with`), records added to its lists, and ids taken away (`without`)."""
    made: dict[str, Any] = json.loads(json.dumps(patient, default=str))
    for section, entries in change.get("with", {}).items():
        if isinstance(entries, list):
            made.setdefault(section, []).extend(entries)
        else:
            made.setdefault(section, {}).update(entries)
    for section, names in change.get("without", {}).items():
        for name in names:
            del made[section][name]
    return made


def answer(file: str, rule_set: str, change: Table | None = None) -> Answer:
    """The answer for a person of `examples/`, changed where the expectation says so."""
    return _answer(file, rule_set, json.dumps(change or {}, sort_keys=True))


@lru_cache(maxsize=100)
def _answer(file: str, rule_set: str, change: str) -> Answer:
    model = load_model()
    patient = changed(read_patient_file(examples_folder() / file.removeprefix("examples/")), json.loads(change))
    return Answer(assess(patient, rule_set=rule_set, model=model), model, patient)


def contains(text: str, wanted: Sequence[str]) -> list[str]:
    """What of `wanted` the text lacks; case does not matter, and a span of numbers may be written with a hyphen or `to`."""
    return [w for w in wanted if _flat(w) not in _flat(text)]


def _flat(text: str) -> str:
    return " ".join(re.sub(r"(?<=\d)\s*[-\u2013]\s*(?=\d)", " to ", text).lower().split())


def _leader(a: Answer, e: Table) -> str:
    top = a.assessment.differential[0]
    led = "nonspecific" if a.assessment.nonspecific > top.probability else top.id
    named = [led, top.id]
    return "" if set(named) & set(e["among"]) else f"{led} leads"


def _probability(a: Answer, e: Table) -> str:
    p = a.probability(e["generator"])
    return "" if e["low"] <= p <= e["high"] else f"P({e['generator']}) = {p:.3f}"


def _moves(sign: int) -> Judge:
    def judge(a: Answer, e: Table) -> str:
        before = _before(a, e).probability(e["generator"])
        after = a.probability(e["generator"])
        return "" if sign * (after - before) > 0 else f"P({e['generator']}) goes from {before:.3f} to {after:.3f}"

    return judge


def _before(a: Answer, e: Table) -> Answer:
    return answer(e["patient"], a.assessment.settings.rule_set)


def _root(a: Answer, e: Table) -> str:
    levels = next(g.levels for g in a.assessment.differential if g.id == "radiculopathy")
    top = max(levels, key=lambda k: levels[k])
    return "" if top in e["among"] else f"the most probable root is {top}"


def _first_action(a: Answer, e: Table) -> str:
    return "" if a.first in e["among"] else f"{a.first} comes first; {_places(a, e['among'])}"


def _first_invasive(a: Answer, e: Table) -> str:
    first = next(name for name in a.order if a.model.priors.procedures[name].invasive)
    return "" if first in e["among"] else f"{first} is the best invasive action; {_places(a, e['among'])}"


def _not_first(a: Answer, e: Table) -> str:
    return f"{a.first} comes first" if a.first in e["actions"] else ""


def _ranks_above(a: Answer, e: Table) -> str:
    above = [b for b in e["below"] if a.place([b]) < a.place([e["above"]])]
    return f"{', '.join(above)} above {e['above']}" if above else ""


def _below_noninvasive(a: Answer, e: Table) -> str:
    above = [x for x in a.invasive(e["actions"]) if a.place([x]) < a.place(CALM)]
    return f"{', '.join(above)} above {a.order[a.place(CALM)]}" if above else ""


def _aim(a: Answer, e: Table) -> str:
    row = a.action(e["action"])
    levels = [level.replace("-", "_") for level in row.level.split(" and ")]
    fits = set(levels) <= set(e["level"]) and row.side in e.get("side", [row.side])
    return "" if fits else f"{e['action']} is aimed at {row.level} {row.side}"


def _done_as(a: Answer, e: Table) -> str:
    procedure = a.model.priors.procedures[e["action"]]
    return _lacks(contains(f"{procedure.description} {procedure.with_it}", e["contains"]))


def _schedule(a: Answer, e: Table) -> str:
    return _lacks(contains(a.model.priors.procedures[e["action"]].repeats, e["contains"]))


def _gate(a: Answer, e: Table) -> str:
    gates = [g for g in a.action(e["action"]).gates if g.effect == e["effect"]]
    asked = {name for g in gates for name in a.model.priors.rules[g.rule].unknown}
    missing = [name for name in e.get("about", []) if name not in asked]
    if missing:
        return f"nothing asks about {', '.join(missing)}"
    return "" if gates else f"no gate with the effect {e['effect']}"


def _no_gate(a: Answer, e: Table) -> str:
    gates = [g.rule for g in a.action(e["action"]).gates if g.effect == e["effect"]]
    return f"gates: {', '.join(gates)}" if gates else ""


def _plan(a: Answer, e: Table) -> str:
    titles = list(_titles(outline.steps(a.assessment)))
    return "" if any(e["has_branch"] in t for t in titles) else f"branches: {'; '.join(titles) or 'none'}"


def _titles(step: outline.Step) -> Iterator[str]:
    for way in step.ways:
        yield way.title
        if way.then is not None:
            yield from _titles(way.then)


def _goal(a: Answer, e: Table) -> str:
    return _lacks(contains("; ".join(a.assessment.goals), e["contains"]))


def _text(a: Answer, e: Table) -> str:
    return _lacks(contains(a.text, e["contains"]))


def _unmoved_by(a: Answer, e: Table) -> str:
    before = _before(a, e)
    moved = [
        g.id
        for g, h in zip(before.assessment.differential, a.assessment.differential, strict=True)
        if (g.id, g.probability) != (h.id, h.probability)
    ]
    return f"moved: {', '.join(moved) or 'the ranking'}" if moved or before.order != a.order else ""


def _lacks(missing: Sequence[str]) -> str:
    return f"nothing says {'; '.join(missing)}" if missing else ""


def _places(a: Answer, names: Sequence[str]) -> str:
    return ", ".join(f"{n} has place {a.place([n]) + 1}" for n in names)


Judge = Callable[[Answer, Table], str]
"""What is wrong, in words; "" where the expectation holds."""

JUDGES: Mapping[str, Judge] = {
    "leader": _leader,
    "probability": _probability,
    "probability_rises": _moves(+1),
    "probability_falls": _moves(-1),
    "root": _root,
    "first_action": _first_action,
    "first_invasive": _first_invasive,
    "not_first": _not_first,
    "ranks_above": _ranks_above,
    "below_noninvasive": _below_noninvasive,
    "aim": _aim,
    "done_as": _done_as,
    "schedule": _schedule,
    "gate": _gate,
    "no_gate": _no_gate,
    "plan": _plan,
    "goal": _goal,
    "text": _text,
    "unmoved_by": _unmoved_by,
}


def judge(expectation: Table, patient: str, rule_set: str) -> str:
    """What is wrong with one expectation of one person, in words; "" where it holds."""
    change = {k: expectation[k] for k in ("with", "without") if k in expectation}
    found = answer(patient, expectation.get("rule_set", rule_set), change)
    return JUDGES[expectation["kind"]](found, {**expectation, "patient": patient})


def compare(expectation: Table, patients: Mapping[str, str], rule_set: str) -> str:
    """What is wrong with one comparison of two people; "" where it holds."""
    values = []
    for side in ("greater", "lesser"):
        who = expectation[side]
        who = {"patient": who} if isinstance(who, str) else who
        change = {k: who[k] for k in ("with", "without") if k in who}
        values.append(answer(patients[who["patient"]], rule_set, change).measure(expectation))
    greater, lesser = values
    return "" if greater > lesser else f"{expectation['measure']}: {greater:.3g} against {lesser:.3g}"
