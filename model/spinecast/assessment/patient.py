"""One patient as given, checked against the vocabulary: every unknown id or value is an error that helps."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from typing import Any

from spinecast.errors import InputError, InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Context, Finding, Input, Priors

SECTIONS = (
    "label", "assessed_on", "setting", "reliability", "context", "findings", "inputs", "procedures", "goals", "rule_set", "elapsed_weeks",
    "now", "baseline",
)  # fmt: skip
SIDES = ("left", "right", "bilateral", "midline")
SPINE_LEVELS = ("L1_L2", "L2_L3", "L3_L4", "L4_L5", "L5_S1", "L1", "L2", "L3", "L4", "L5", "S1", "S2")
UNKNOWN = ("unknown", "not_done", "not_asked")
SEDATION = ("no", "yes", "unknown")
BLOCK = "block"
"""Findings of this kind are what the person reports in numbers; no second examiner looks."""
PUBLISHED, EXACT = "published", "exact"
RELIABILITY = (PUBLISHED, EXACT)
"""How well a finding was recorded: as two examiners agree in print, or (the default) as in the studies behind the numbers."""
_PROCEDURE_FIELDS = (
    "procedure", "date", "weeks_ago", "side", "level", "levels", "drug", "dose_mg", "anaesthetic", "sedation", "relief_percent",
    "duration_hours", "duration_weeks", "note", "best_relief_percent", "reviewed_weeks", "reviewed_relief_percent",
)  # fmt: skip
_GOAL_FIELDS = ("goal", "baseline", "target", "unit", "measure", "now")


@dataclass(frozen=True, slots=True)
class Observation:
    """One finding as recorded: a likelihood over its values, and where it was.

    `kappa` is the agreement of whoever recorded it with the examiners of the studies; None: as good as theirs.
    """

    likelihood: tuple[float, ...]
    value: str = ""
    side: str = ""
    level: str = ""
    sedation: str = "unknown"
    kappa: float | None = None


@dataclass(frozen=True, slots=True)
class PositiveCount:
    """So many of so many tests of a family positive, without saying which."""

    family: str
    tests: tuple[str, ...]
    positive: int


@dataclass(frozen=True, slots=True)
class EarlierProcedure:
    """Something that was done before; times in weeks, relief in percent.

    `relief_percent` is the best relief while the anaesthetic lasted, `best_relief_percent` the best later relief and
    `duration_weeks` how long that lasted. A follow-up also says what was left of it at its review: `reviewed_relief_percent`
    so many `reviewed_weeks` after the procedure. That is evidence about the cause of the pain.
    """

    procedure: str
    weeks_ago: float | None = None
    side: str = ""
    level: str = ""
    drug: str = ""
    dose_mg: float | None = None
    anaesthetic: str = ""
    sedation: str = "unknown"
    relief_percent: float | None = None
    duration_hours: float | None = None
    duration_weeks: float | None = None
    best_relief_percent: float | None = None
    reviewed_weeks: float | None = None
    reviewed_relief_percent: float | None = None

    @property
    def reviewed(self) -> bool:
        """Is it known how the pain was at a stated time after it?"""
        return self.reviewed_weeks is not None and self.reviewed_relief_percent is not None


@dataclass(frozen=True, slots=True)
class Goal:
    """A function goal in plain words; `measure` is the input that measures it, where one does."""

    goal: str
    baseline: str = ""
    target: str = ""
    unit: str = ""
    measure: str = ""
    now: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """Everything that is known; what is absent is unobserved, never negative.

    Attributes
    ----------
    elapsed_weeks : float
        Weeks since contexts and findings were recorded: what time did since then counts for rules, modifiers and the
        natural course, and not as evidence about the cause.
    now : mapping of context id to value
        Contexts that have changed since, for the same uses.
    baseline : mapping of input id to value
        Function and pain at the first assessment, against which a follow-up shows progress.
    table : mapping
        The patient as given, as plain data, so that an answer can carry it and be resumed.
    """

    label: str = ""
    setting: str = ""
    rule_set: str = ""
    contexts: Mapping[str, Observation] = field(default_factory=dict)
    findings: Mapping[str, Observation] = field(default_factory=dict)
    counts: tuple[PositiveCount, ...] = ()
    inputs: Mapping[str, object] = field(default_factory=dict)
    procedures: tuple[EarlierProcedure, ...] = ()
    goals: tuple[Goal, ...] = ()
    context_numbers: Mapping[str, float] = field(default_factory=dict)
    elapsed_weeks: float = 0.0
    now: Mapping[str, str] = field(default_factory=dict)
    baseline: Mapping[str, object] = field(default_factory=dict)
    table: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


def parse_patient(table: Mapping[str, Any], priors: Priors) -> Patient:
    """Check a patient table against the vocabulary.

    Raises
    ------
    UnknownIdError, InvalidValueError, MalformedFileError
        Naming the field, the value, what is allowed and the nearest match.
    """
    for key in table:
        if key not in SECTIONS:
            raise _misplaced("the top of the file", key, priors) or UnknownIdError("section", key, SECTIONS)
    contexts = _section(table, "context")
    findings, counts = _findings(_section(table, "findings"), priors, _reliability_of_all(table))
    procedures = _procedures(table.get("procedures", []), priors, _assessed_on(table))
    for name, seen in _from_procedures(procedures, priors).items():
        if name in findings:
            raise InvalidValueError(
                f"findings.{name}", findings[name].value, "either the finding or the dated procedure record, not both"
            )
        findings[name] = seen
    inputs = _inputs(table, "inputs", priors)
    _needles_agree(inputs, procedures, priors)
    findings |= _from_sides(findings, priors)
    return Patient(
        label=_text(table, "label"),
        setting=_choice("setting", table["setting"], tuple(priors.settings))
        if table.get("setting") not in (None, "", *UNKNOWN)
        else "",
        rule_set=_text(table, "rule_set"),
        contexts={k: v for k, raw in contexts.items() if (v := _context(k, raw, priors)) is not None},
        findings=findings,
        counts=counts,
        inputs=inputs,
        procedures=procedures,
        goals=_goals(table.get("goals", []), priors),
        context_numbers={k: float(v) for k, v in contexts.items() if _is_number(v)},
        elapsed_weeks=_number("elapsed_weeks", table.get("elapsed_weeks", 0), 0, MOST_WEEKS, "weeks"),
        now={k: _choice(f"now.{k}", v, _context_values(k, priors)) for k, v in _section(table, "now").items()},
        baseline=_inputs(table, "baseline", priors),
        table=_plain_table(table, procedures),
    )


MOST_WEEKS = 5200
"""Longest time accepted: a century in weeks."""


def _misplaced(where: str, name: str, priors: Priors) -> InputError | None:
    """The error for an id that exists and stands in the wrong place; None where it does not exist."""
    homes = {"context": priors.contexts, "findings": {**priors.findings, **priors.dependencies}, "inputs": priors.inputs}
    home = next((section for section, ids in homes.items() if name in ids), "")
    return MalformedFileError(f"{name}: belongs under [{home}], not {where}") if home else None


def _needles_agree(inputs: Mapping[str, object], procedures: Sequence[EarlierProcedure], priors: Priors) -> None:
    """No earlier injection, and one listed, cannot both be true."""
    listed = [p.procedure for p in procedures if priors.procedures[p.procedure].kind in NEEDLES]
    if inputs.get(EARLIER) == "none" and listed:
        raise InvalidValueError(f"inputs.{EARLIER}", "none", f"listed, since [[procedures]] holds {listed[0]}")


NEEDLES = ("injection", BLOCK)
EARLIER = "earlier_injections"


def _context_values(name: str, priors: Priors) -> tuple[str, ...]:
    if name not in priors.contexts:
        raise UnknownIdError("now", name, tuple(priors.contexts))
    return priors.contexts[name].values


def _plain_table(table: Mapping[str, Any], procedures: Sequence[EarlierProcedure]) -> dict[str, Any]:
    """The table as JSON can hold it; dates of procedures become weeks, so that it says the same on another day."""
    plain: dict[str, Any] = {k: _plain(v) for k, v in table.items()}
    for record, known in zip(plain.get("procedures", []), procedures, strict=False):
        if record.pop("date", None) is not None:
            record["weeks_ago"] = known.weeks_ago
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value


def _inputs(table: Mapping[str, Any], section: str, priors: Priors) -> dict[str, object]:
    return {k: w for k, raw in _section(table, section).items() if (w := _input(section, k, raw, priors)) is not None}


def _known(where: str, table: Mapping[str, Any], allowed: Sequence[str]) -> None:
    for key in table:
        if key not in allowed:
            raise UnknownIdError(where, key, allowed)


def _section(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, dict):
        raise MalformedFileError(f"[{name}] must be a table of id = value, found {type(section).__name__}")
    return section


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or len(value) > 500:
        raise InvalidValueError(name, str(value)[:40], "a short text")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def percent(name: str, value: object) -> float:
    """A number from 0 to 100; a fraction, which would be read as less than one percent, is refused."""
    number = _number(name, value, 0, 100, "percent")
    if 0 < number < 1:
        raise InvalidValueError(name, value, f"a number from 0 to 100 percent: {100 * number:g} if {number:g} is a fraction")
    return number


def _choice(name: str, value: object, allowed: Sequence[str]) -> str:
    if isinstance(value, bool) and {"yes", "no"} <= set(allowed):
        value = "yes" if value else "no"
    if not isinstance(value, str) or value not in allowed:
        raise UnknownIdError(name, value, allowed)
    return value


def _number(name: str, value: object, low: float | None, high: float | None, unit: str = "") -> float:
    scale = low is not None and high is not None and unit == f"{low:g}-{high:g}"  # a scale has its ends for a unit
    ends = f"{f' from {low:g}' if low is not None else ''}{f' to {high:g}' if high is not None else ''}"
    bounds = f"a number{ends} {'' if scale else unit}".rstrip()
    if not _is_number(value) or not math.isfinite(float(value)):  # type: ignore[arg-type]
        raise InvalidValueError(name, value, bounds)
    number = float(value)  # type: ignore[arg-type]
    if (low is not None and number < low) or (high is not None and number > high):
        raise InvalidValueError(name, value, bounds)
    return number


def _context(name: str, raw: object, priors: Priors) -> Observation | None:
    if name not in priors.contexts:
        raise _misplaced("[context]", name, priors) or UnknownIdError("context", name, tuple(priors.contexts))
    if isinstance(raw, str) and raw in UNKNOWN:
        return None
    context = priors.contexts[name]
    if isinstance(raw, str) and raw not in context.values and context.bounds:
        numbers = f"a number from {context.bounds[0]:g} to {context.bounds[-1]:g} {context.unit}".rstrip()
        raise UnknownIdError(f"context.{name}", raw, (*context.values, numbers))
    if _is_number(raw):
        return _banded(context, raw)
    if isinstance(raw, dict):
        return _observation(f"context.{name}", raw, context.values)
    return _certain(f"context.{name}", raw, context.values)


def _banded(context: Context, raw: object) -> Observation:
    name = f"context.{context.id}"
    if not context.bounds:
        raise UnknownIdError(name, raw, context.values)
    low, high = context.bounds[0], context.bounds[-1]
    number = _number(name, raw, low, high, context.unit)
    index = min(sum(number >= b for b in context.bounds[1:]), len(context.values) - 1)
    return _at(context.values, index)


def _at(values: Sequence[str], index: int, *, side: str = "", level: str = "", sedation: str = "unknown") -> Observation:
    return Observation(tuple(1.0 if i == index else 0.0 for i in range(len(values))), values[index], side, level, sedation)


def _certain(name: str, raw: object, values: Sequence[str], **where: str) -> Observation:
    """A value by name; true and false where there are two values, false for the absent one of more."""
    if isinstance(raw, bool):
        if raw and len(values) > 2:
            raise InvalidValueError(name, raw, f"one of {', '.join(values)}")
        return _at(values, int(raw), **where)
    if not isinstance(raw, str) or raw not in values:
        raise UnknownIdError(name, raw, values)
    return _at(values, list(values).index(raw), **where)


def _observation(name: str, raw: dict[str, Any], values: Sequence[str], finding: Finding | None = None) -> Observation:
    allowed = ["value", "likelihood"]
    where: dict[str, str] = {}
    if finding is not None:
        allowed += ["reliability"] * (finding.kind != BLOCK)
        allowed += ["side"] * finding.sided + ["level"] * finding.located + ["sedation"] * (finding.sedation is not None)
    _known(name, raw, allowed)
    if "side" in raw:
        where["side"] = _choice(f"{name}.side", raw["side"], SIDES)
    if "level" in raw:
        where["level"] = _choice(f"{name}.level", raw["level"], SPINE_LEVELS)
    if "sedation" in raw:
        where["sedation"] = _choice(f"{name}.sedation", raw["sedation"], SEDATION)
    if ("value" in raw) == ("likelihood" in raw):
        raise MalformedFileError(f"{name}: give either value or likelihood")
    if "value" in raw:
        return _certain(name, raw["value"], values, **where)
    soft = Observation(_soft(f"{name}.likelihood", raw["likelihood"], values))
    return replace(soft, **where)  # type: ignore[arg-type]  # keys are fields that are texts


def _reliability_of_all(table: Mapping[str, Any]) -> str:
    """The file's own `reliability`, for every finding with a published agreement that says nothing else."""
    return _choice("reliability", table["reliability"], RELIABILITY) if "reliability" in table else EXACT


def _kappa(name: str, raw: object, finding: Finding, priors: Priors) -> float | None:
    """Agreement from "published", "exact" or a number; None: as good as the examiners of the studies."""
    if _is_number(raw):
        return _number(name, raw, 0, 1, "(kappa)")
    if _choice(name, raw, RELIABILITY) == EXACT:
        return None
    if finding.kappa is None:
        known = sorted(f.id for f in priors.findings.values() if f.kappa is not None)
        raise InvalidValueError(
            name, raw, f"a number from 0 to 1 (kappa): none is published for it; for {', '.join(known)} there is"
        )
    return published_kappa(finding, priors)


def published_kappa(finding: Finding, priors: Priors) -> float | None:
    """Agreement between examiners from the finding's rows, not below 0; None where none is known."""
    if finding.kappa is None or finding.kind == BLOCK:
        return None
    return min(max(estimate(finding.kappa, priors.rows, "identity").value, 0.0), 1.0)


def _soft(name: str, raw: object, values: Sequence[str]) -> tuple[float, ...]:
    if not isinstance(raw, dict):
        raise InvalidValueError(name, raw, f"a table with a number from 0 to 1 for each of {', '.join(values)}")
    _known(name, raw, values)
    missing = [v for v in values if v not in raw]
    if missing:
        raise InvalidValueError(name, raw, f"a number for every value; {missing[0]} is missing")
    vector = tuple(_number(f"{name}.{v}", raw[v], 0, 1) for v in values)
    if not any(vector):
        raise InvalidValueError(name, raw, "at least one value above 0")
    return vector


def _findings(
    section: dict[str, Any], priors: Priors, reliability: str
) -> tuple[dict[str, Observation], tuple[PositiveCount, ...]]:
    found: dict[str, Observation] = {}
    counts = []
    for name, raw in section.items():
        if name in priors.findings:
            finding = priors.findings[name]
            if isinstance(raw, str) and raw in UNKNOWN:
                continue
            field_name = f"findings.{name}"
            found[name] = (
                _observation(field_name, raw, finding.values, finding)
                if isinstance(raw, dict)
                else _certain(field_name, raw, finding.values)
            )
            if isinstance(raw, dict) and "reliability" in raw:
                kappa = _kappa(f"{field_name}.reliability", raw["reliability"], finding, priors)
                found[name] = replace(found[name], kappa=kappa)
            elif reliability == PUBLISHED:
                found[name] = replace(found[name], kappa=published_kappa(finding, priors))
        elif name in priors.dependencies:
            counts.append(_count(name, raw, priors))
        else:
            known = (*priors.findings, *priors.dependencies)
            raise _misplaced("[findings]", name, priors) or UnknownIdError("findings", name, known)
    for count in counts:
        for test in count.tests:
            if test in found:
                raise InvalidValueError(
                    f"findings.{test}", found[test].value, f"not to be given beside the count of {count.family}"
                )
    return found, tuple(counts)


_COUNT = re.compile(r"\s*(\d{1,3})\s*(?:of|/)\s*(\d{1,3})\s*")
"""A count as people write it: 4 of 5, 4/5."""


def _count(family: str, raw: object, priors: Priors) -> PositiveCount:
    """`family = "3 of 5"` or `{ positive = 3, of = 5 }`: of a battery or of all tests of the family; others are named in `tests`."""
    name = f"findings.{family}"
    members = [f.id for f in priors.findings.values() if f.family == family and len(f.values) == 2]
    batteries = {len(tests): list(tests) for tests in (members, *priors.dependencies[family].batteries)}
    if isinstance(raw, str) and (said := _COUNT.fullmatch(raw)):
        raw = {"positive": int(said[1]), "of": int(said[2])}
    if not isinstance(raw, dict):
        raise InvalidValueError(name, raw, f'a count of positive tests, as in "{min(batteries) - 1} of {min(batteries)}"')
    _known(name, raw, ("positive", "of", "tests"))
    of = int(_number(f"{name}.of", raw["of"], 1, len(members), "tests")) if "of" in raw else None
    tests = raw.get("tests", batteries.get(of or len(members)))
    if tests is None:
        sets = " or ".join(f"{size} ({', '.join(tests)})" for size, tests in sorted(batteries.items()))
        raise InvalidValueError(f"{name}.of", of, f"{sets}; which other tests it were is said by tests = [...]")
    if not isinstance(tests, list) or not tests:
        raise InvalidValueError(f"{name}.tests", tests, f"a list of {', '.join(members)}")
    for test in tests:
        _choice(f"{name}.tests", test, members)
    positive = _number(f"{name}.positive", raw.get("positive"), 0, len(tests), f"(of {len(tests)} tests)")
    if positive != int(positive) or (of or len(tests)) != len(set(tests)):
        raise InvalidValueError(name, raw, "whole numbers, and as many different tests as `of` says")
    return PositiveCount(family, tuple(sorted(set(tests))), int(positive))


def _input(section: str, name: str, raw: object, priors: Priors) -> object | None:
    if name not in priors.inputs:
        raise _misplaced(f"[{section}]", name, priors) or UnknownIdError(section, name, tuple(priors.inputs))
    if isinstance(raw, str) and raw in UNKNOWN:
        return None
    return _input_value(f"{section}.{name}", raw, priors.inputs[name])


def _input_value(name: str, raw: object, declared: Input) -> object:
    match declared.type:
        case "number":
            return _number(name, raw, declared.minimum, declared.maximum, declared.unit)
        case "boolean":
            return _choice(name, raw, ("yes", "no"))
        case "list":
            items = tuple(_choice(name, item, declared.values) for item in (raw if isinstance(raw, list) else [raw]))
            if "none" in items and len(items) > 1:
                raise InvalidValueError(name, list(items), "none alone, or what applies without it")
            return items
        case _:
            return _choice(name, raw, declared.values)


def _assessed_on(table: Mapping[str, Any]) -> date:
    given = table.get("assessed_on")
    return date.today() if given is None else _date("assessed_on", given)


def _date(name: str, raw: object) -> date:
    if isinstance(raw, date):
        return raw
    try:
        return date.fromisoformat(str(raw))
    except ValueError:
        raise InvalidValueError(name, raw, "a date as YYYY-MM-DD") from None


def _procedures(raw: object, priors: Priors, today: date) -> tuple[EarlierProcedure, ...]:
    if not isinstance(raw, list):
        raise MalformedFileError("[[procedures]] must be a list of records")
    return tuple(_procedure(f"procedures[{i}]", item, priors, today) for i, item in enumerate(raw, start=1))


def _procedure(name: str, raw: object, priors: Priors, today: date) -> EarlierProcedure:
    if not isinstance(raw, dict) or "procedure" not in raw:
        raise MalformedFileError(f"{name}: expected a record with procedure = one of {', '.join(priors.procedures)}")
    _known(name, raw, _PROCEDURE_FIELDS)
    weeks = _number(f"{name}.weeks_ago", raw["weeks_ago"], 0, MOST_WEEKS, "weeks") if "weeks_ago" in raw else None
    if "date" in raw:
        done = _date(f"{name}.date", raw["date"])
        if done > today:
            raise InvalidValueError(f"{name}.date", str(done), f"a day not after the assessment ({today})")
        weeks = (today - done).days / 7
    levels = raw.get("levels", [raw["level"]] if "level" in raw else [])
    if not isinstance(levels, list):
        raise InvalidValueError(f"{name}.levels", levels, "a list of spinal levels")
    for level in levels:
        _choice(f"{name}.level", level, SPINE_LEVELS)

    def number(key: str, high: float, unit: str) -> float | None:
        return _number(f"{name}.{key}", raw[key], 0, high, unit) if key in raw else None

    def share(key: str) -> float | None:
        return percent(f"{name}.{key}", raw[key]) if key in raw else None

    return EarlierProcedure(
        procedure=_choice(f"{name}.procedure", raw["procedure"], tuple(priors.procedures)),
        weeks_ago=weeks,
        side=_choice(f"{name}.side", raw["side"], SIDES) if "side" in raw else "",
        level=" ".join(levels),
        drug=_text(raw, "drug"),
        dose_mg=number("dose_mg", 1_000, "mg"),
        anaesthetic=_text(raw, "anaesthetic"),
        sedation=_choice(f"{name}.sedation", raw["sedation"], SEDATION) if "sedation" in raw else "unknown",
        relief_percent=share("relief_percent"),
        duration_hours=number("duration_hours", 10_000, "hours"),
        duration_weeks=number("duration_weeks", 1_000, "weeks"),
        best_relief_percent=share("best_relief_percent"),
        reviewed_weeks=number("reviewed_weeks", MOST_WEEKS, "weeks"),
        reviewed_relief_percent=share("reviewed_relief_percent"),
    )


def _from_procedures(procedures: Sequence[EarlierProcedure], priors: Priors) -> dict[str, Observation]:
    """Block responses: the k-th such procedure with a recorded relief feeds the k-th finding, oldest first.

    A finding about the weeks after a treatment, which no procedure `observes`, is left to the follow-up where there is one:
    the same relief is not counted twice.
    """
    seen: dict[str, Observation] = {}
    for finding in priors.findings.values():
        if finding.from_procedure is None:
            continue
        kind, order = finding.from_procedure
        shows = any(finding.id in group for group in priors.procedures[kind].observes)
        done = [p for p in procedures if p.procedure == kind and p.relief_percent is not None and (shows or not p.reviewed)]
        done.sort(key=lambda p: -(p.weeks_ago or 0.0))
        if len(done) >= order:
            seen[finding.id] = _relief(done[order - 1], finding)
    return seen


def _from_sides(findings: Mapping[str, Observation], priors: Priors) -> dict[str, Observation]:
    """What the side of a recorded finding tells of others that are not recorded: pain in the left leg is not in both."""
    told = {}
    for finding in priors.findings.values():
        source = findings.get(finding.from_side)
        if source is None or finding.id in findings or source.side not in TELLING:
            continue
        if source.value and source.value != priors.findings[finding.from_side].values[0]:
            told[finding.id] = _at(finding.values, TELLING[source.side])
    return told


TELLING = {"left": 0, "right": 0, "bilateral": 1}
"""Sides that say whether something is on both sides, with the value that it then has."""


def _relief(done: EarlierProcedure, finding: Finding) -> Observation:
    """Grade of relief: a value named `..._<percent>` but the first is reached from that percentage on; where it was given."""
    thresholds = [float(v.rsplit("_", 1)[1]) for v in finding.values[1:]]
    index = sum((done.relief_percent or 0.0) >= t for t in thresholds)
    side = done.side if finding.sided else ""
    level = done.level if finding.located and done.level in SPINE_LEVELS else ""
    return _at(finding.values, index, side=side, level=level, sedation=done.sedation)


def _goals(raw: object, priors: Priors) -> tuple[Goal, ...]:
    if not isinstance(raw, list):
        raise MalformedFileError("[[goals]] must be a list of records")
    goals = []
    for i, item in enumerate(raw, start=1):
        if not isinstance(item, dict) or not isinstance(item.get("goal"), str):
            raise MalformedFileError(f"goals[{i}]: expected a record with goal = a text")
        _known(f"goals[{i}]", item, _GOAL_FIELDS)
        if item.get("measure", "") not in ("", *priors.inputs):
            raise UnknownIdError(f"goals[{i}].measure", item["measure"], tuple(priors.inputs))
        goals.append(Goal(**{k: str(v) for k, v in item.items()}))
    return tuple(goals)
