"""What was done before, and what success is: earlier procedures with their dates, and goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from spinecast.assessment import fields, recorded
from spinecast.assessment.recorded import SEDATION, SIDES, SPINE_LEVELS, Observation
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.priors.records import Finding, Priors

_PROCEDURE_FIELDS = (
    "procedure", "date", "weeks_ago", "side", "level", "levels", "drug", "dose_mg", "anaesthetic", "sedation", "relief_percent",
    "duration_hours", "duration_weeks", "note", "best_relief_percent", "reviewed_weeks", "reviewed_relief_percent",
)  # fmt: skip
_GOAL_FIELDS = ("goal", "baseline", "target", "unit", "measure", "now")


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


MOST_WEEKS = 5200
"""Longest time accepted: a century in weeks."""


def assessed_on(table: Mapping[str, Any]) -> date:
    """The day of the assessment: today, where the file does not say."""
    given = table.get("assessed_on")
    return date.today() if given is None else fields.calendar_day("assessed_on", given)


def procedures(raw: object, priors: Priors, today: date) -> tuple[EarlierProcedure, ...]:
    """What was done before, in the order of the file."""
    if not isinstance(raw, list):
        raise MalformedFileError("[[procedures]] must be a list of records")
    return tuple(_procedure(f"procedures[{i}]", item, priors, today) for i, item in enumerate(raw, start=1))


def _procedure(name: str, raw: object, priors: Priors, today: date) -> EarlierProcedure:
    if not isinstance(raw, dict) or "procedure" not in raw:
        raise MalformedFileError(f"{name}: expected a record with procedure = one of {', '.join(priors.procedures)}")
    fields.known(name, raw, _PROCEDURE_FIELDS)
    weeks = fields.number(f"{name}.weeks_ago", raw["weeks_ago"], 0, MOST_WEEKS, "weeks") if "weeks_ago" in raw else None
    if "date" in raw:
        done = fields.calendar_day(f"{name}.date", raw["date"])
        if done > today:
            raise InvalidValueError(f"{name}.date", str(done), f"a day not after the assessment ({today})")
        weeks = (today - done).days / 7
    levels = raw.get("levels", [raw["level"]] if "level" in raw else [])
    if not isinstance(levels, list):
        raise InvalidValueError(f"{name}.levels", levels, "a list of spinal levels")
    for level in levels:
        fields.choice(f"{name}.level", level, SPINE_LEVELS)

    def number(key: str, high: float, unit: str) -> float | None:
        return fields.number(f"{name}.{key}", raw[key], 0, high, unit) if key in raw else None

    def share(key: str) -> float | None:
        return fields.percent(f"{name}.{key}", raw[key]) if key in raw else None

    return EarlierProcedure(
        procedure=fields.choice(f"{name}.procedure", raw["procedure"], tuple(priors.procedures)),
        weeks_ago=weeks,
        side=fields.choice(f"{name}.side", raw["side"], SIDES) if "side" in raw else "",
        level=" ".join(levels),
        drug=fields.text(raw, "drug"),
        dose_mg=number("dose_mg", 1_000, "mg"),
        anaesthetic=fields.text(raw, "anaesthetic"),
        sedation=fields.choice(f"{name}.sedation", raw["sedation"], SEDATION) if "sedation" in raw else "unknown",
        relief_percent=share("relief_percent"),
        duration_hours=number("duration_hours", 10_000, "hours"),
        duration_weeks=number("duration_weeks", 1_000, "weeks"),
        best_relief_percent=share("best_relief_percent"),
        reviewed_weeks=number("reviewed_weeks", MOST_WEEKS, "weeks"),
        reviewed_relief_percent=share("reviewed_relief_percent"),
    )


def from_procedures(procedures: Sequence[EarlierProcedure], priors: Priors) -> dict[str, Observation]:
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


def _relief(done: EarlierProcedure, finding: Finding) -> Observation:
    """Grade of relief: a value named `..._<percent>` but the first is reached from that percentage on; where it was given."""
    thresholds = [float(v.rsplit("_", 1)[1]) for v in finding.values[1:]]
    index = sum((done.relief_percent or 0.0) >= t for t in thresholds)
    side = done.side if finding.sided else ""
    level = done.level if finding.located and done.level in SPINE_LEVELS else ""
    return recorded.at(finding.values, index, side=side, level=level, sedation=done.sedation)


def goals(raw: object, priors: Priors) -> tuple[Goal, ...]:
    """Goals in the order of the file."""
    if not isinstance(raw, list):
        raise MalformedFileError("[[goals]] must be a list of records")
    goals = []
    for i, item in enumerate(raw, start=1):
        if not isinstance(item, dict) or not isinstance(item.get("goal"), str):
            raise MalformedFileError(f"goals[{i}]: expected a record with goal = a text")
        fields.known(f"goals[{i}]", item, _GOAL_FIELDS)
        if item.get("measure", "") not in ("", *priors.inputs):
            raise UnknownIdError(f"goals[{i}].measure", item["measure"], tuple(priors.inputs))
        goals.append(Goal(**{k: str(v) for k, v in item.items()}))
    return tuple(goals)
