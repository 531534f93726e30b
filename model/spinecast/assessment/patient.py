"""One patient as given, checked against the vocabulary: every unknown id or value is an error that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date
from typing import Any

from spinecast.assessment import fields, history, recorded
from spinecast.assessment.fields import UNKNOWN
from spinecast.assessment.history import MOST_WEEKS, EarlierProcedure, Goal
from spinecast.assessment.recorded import BLOCK, Observation, PositiveCount
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.priors.records import Input, Priors

SECTIONS = (
    "label", "assessed_on", "setting", "reliability", "context", "findings", "inputs", "procedures", "goals", "rule_set", "elapsed_weeks",
    "now", "baseline",
)  # fmt: skip


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
            raise fields.misplaced("the top of the file", key, priors) or UnknownIdError("section", key, SECTIONS)
    contexts = fields.section(table, "context")
    findings, counts = recorded.findings(fields.section(table, "findings"), priors, recorded.reliability_of_all(table))
    procedures = history.procedures(table.get("procedures", []), priors, history.assessed_on(table))
    for name, seen in history.from_procedures(procedures, priors).items():
        if name in findings:
            raise InvalidValueError(
                f"findings.{name}", findings[name].value, "either the finding or the dated procedure record, not both"
            )
        findings[name] = seen
    inputs = _inputs(table, "inputs", priors)
    _needles_agree(inputs, procedures, priors)
    findings |= recorded.from_sides(findings, priors)
    return Patient(
        label=fields.text(table, "label"),
        setting=fields.choice("setting", table["setting"], tuple(priors.settings))
        if table.get("setting") not in (None, "", *UNKNOWN)
        else "",
        rule_set=fields.text(table, "rule_set"),
        contexts={k: v for k, raw in contexts.items() if (v := recorded.context(k, raw, priors)) is not None},
        findings=findings,
        counts=counts,
        inputs=inputs,
        procedures=procedures,
        goals=history.goals(table.get("goals", []), priors),
        context_numbers={k: float(v) for k, v in contexts.items() if fields.is_number(v)},
        elapsed_weeks=fields.number("elapsed_weeks", table.get("elapsed_weeks", 0), 0, MOST_WEEKS, "weeks"),
        now={k: fields.choice(f"now.{k}", v, _context_values(k, priors)) for k, v in fields.section(table, "now").items()},
        baseline=_inputs(table, "baseline", priors),
        table=_plain_table(table, procedures),
    )


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
    return {k: w for k, raw in fields.section(table, section).items() if (w := _input(section, k, raw, priors)) is not None}


def _input(section: str, name: str, raw: object, priors: Priors) -> object | None:
    if name not in priors.inputs:
        raise fields.misplaced(f"[{section}]", name, priors) or UnknownIdError(section, name, tuple(priors.inputs))
    if isinstance(raw, str) and raw in UNKNOWN:
        return None
    return _input_value(f"{section}.{name}", raw, priors.inputs[name])


def _input_value(name: str, raw: object, declared: Input) -> object:
    match declared.type:
        case "number":
            return fields.number(name, raw, declared.minimum, declared.maximum, declared.unit)
        case "boolean":
            return fields.choice(name, raw, ("yes", "no"))
        case "list":
            items = tuple(fields.choice(name, item, declared.values) for item in (raw if isinstance(raw, list) else [raw]))
            if "none" in items and len(items) > 1:
                raise InvalidValueError(name, list(items), "none alone, or what applies without it")
            return items
        case _:
            return fields.choice(name, raw, declared.values)
