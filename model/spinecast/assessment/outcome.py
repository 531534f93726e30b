"""What was done and how it went, as given at a follow-up, checked against the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from spinecast.assessment import fields
from spinecast.assessment.history import MOST_WEEKS
from spinecast.assessment.patient import _inputs as checked_inputs
from spinecast.assessment.recorded import SEDATION, SIDES, SPINE_LEVELS
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.priors.records import Priors

FIELDS = (
    "procedure", "weeks", "weeks_since_assessment", "same_procedure", "side", "level", "drug", "sedation", "relief_percent",
    "best_relief_percent", "relief_weeks", "block_relief_percent", "rehabilitation", "inputs", "medications", "goals", "findings", "context",
    "note",
)  # fmt: skip
CHANGES = ("stopped", "reduced", "same", "increased", "started")
MEDICATIONS = ("opioids", "benzodiazepines", "relaxants")
HALF = 50.0
"""Percent of relief that counts as relief, as everywhere in the outcome model."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One follow-up.

    Attributes
    ----------
    procedure : str
        What was done (an action's id; "waiting" where nothing was).
    weeks : float
        Weeks from then to now.
    elapsed_weeks : float
        Weeks from the assessment to now; at least as many, where the procedure came after it.
    same_procedure : bool
        A later look at the last recorded procedure, which is not counted again.
    relief_percent, best_relief_percent, relief_weeks : float or None
        Relief of the pain now, at its best, and for how long it was at least half; None where it still is.
    block_relief_percent : float or None
        Best relief while the anaesthetic lasted.
    inputs : mapping of input id to value
        Function, pain and other answers as they are now.
    medications : mapping of medicine to what became of it
    goals : mapping of goal to where it stands now
    findings, context : mapping
        What was found since, and what has changed of the person.
    """

    procedure: str
    weeks: float
    elapsed_weeks: float
    same_procedure: bool = False
    side: str = ""
    level: str = ""
    drug: str = ""
    sedation: str = "unknown"
    relief_percent: float | None = None
    best_relief_percent: float | None = None
    relief_weeks: float | None = None
    block_relief_percent: float | None = None
    rehabilitation: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)
    medications: Mapping[str, str] = field(default_factory=dict)
    goals: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Is there at least half relief now? None where that was not asked (a block, a scan)."""
        return None if self.relief_percent is None else self.relief_percent >= HALF


def parse_outcome(table: Mapping[str, Any], priors: Priors) -> Outcome:
    """Check an outcome table.

    Raises
    ------
    UnknownIdError, InvalidValueError, MalformedFileError
        Naming the field, the value, what is allowed and the nearest match.
    """
    fields.known("outcome", table, FIELDS)
    if "procedure" not in table:
        raise MalformedFileError(
            "outcome: procedure is missing: what was done? (`spinecast new outcome FILE.toml` writes a template)"
        )
    procedure = fields.choice("procedure", table["procedure"], tuple(priors.procedures))
    if "weeks" not in table:
        raise MalformedFileError("outcome: weeks is missing: how many weeks ago was it done?")
    weeks = fields.number("weeks", table["weeks"], 0, MOST_WEEKS, "weeks since it was done")
    again = _truth(table, "same_procedure")
    elapsed = fields.number("weeks_since_assessment", table.get("weeks_since_assessment", weeks), 0, MOST_WEEKS, "weeks")
    found = Outcome(
        procedure=procedure,
        weeks=weeks,
        elapsed_weeks=elapsed,
        same_procedure=again,
        side=fields.choice("side", table["side"], SIDES) if "side" in table else "",
        level=_level(table),
        drug=str(table.get("drug", "")),
        sedation=fields.choice("sedation", table["sedation"], SEDATION) if "sedation" in table else "unknown",
        **{name: _percent(table, name) for name in ("relief_percent", "best_relief_percent", "block_relief_percent")},
        relief_weeks=fields.number("relief_weeks", table["relief_weeks"], 0, weeks, f"weeks (it was done {weeks:g} weeks ago)")
        if "relief_weeks" in table
        else None,
        rehabilitation=_truth(table, "rehabilitation"),
        inputs=_inputs(table, priors),
        medications=_medications(table),
        goals=_goals(table),
        findings=fields.section(table, "findings"),
        context={k: fields.choice(f"context.{k}", v, _values(k, priors)) for k, v in fields.section(table, "context").items()},
    )
    _told_enough(found, priors)
    return found


def _told_enough(outcome: Outcome, priors: Priors) -> None:
    """What the procedure is judged by has to be there."""
    kind = priors.procedures[outcome.procedure].kind
    if kind == "block" and outcome.block_relief_percent is None:
        raise MalformedFileError(f"outcome: {outcome.procedure} is a test: block_relief_percent (0 to 100) is missing")
    if kind == "test" and not outcome.findings:
        raise MalformedFileError(f"outcome: {outcome.procedure} is a test: what it showed is missing ([findings])")
    if kind not in ("block", "test", "urgent") and outcome.relief_percent is None:
        raise MalformedFileError("outcome: relief_percent is missing: how much of the pain is gone now, 0 to 100?")


def _truth(table: Mapping[str, Any], name: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise InvalidValueError(name, value, "true or false")
    return value


def _percent(table: Mapping[str, Any], name: str) -> float | None:
    return fields.percent(name, table[name]) if name in table else None


def _level(table: Mapping[str, Any]) -> str:
    given = table.get("level", [])
    levels = given if isinstance(given, list) else [given]
    return " ".join(fields.choice("level", level, SPINE_LEVELS) for level in levels)


def _inputs(table: Mapping[str, Any], priors: Priors) -> dict[str, Any]:
    checked_inputs(table, "inputs", priors)
    return dict(fields.section(table, "inputs"))


def _values(name: str, priors: Priors) -> tuple[str, ...]:
    if name not in priors.contexts:
        raise UnknownIdError("context", name, tuple(priors.contexts))
    return priors.contexts[name].values


def _medications(table: Mapping[str, Any]) -> dict[str, str]:
    section = fields.section(table, "medications")
    fields.known("medications", section, MEDICATIONS)
    return {k: fields.choice(f"medications.{k}", v, CHANGES) for k, v in section.items()}


def _goals(table: Mapping[str, Any]) -> dict[str, str]:
    raw = table.get("goals", [])
    if not isinstance(raw, list):
        raise MalformedFileError("[[goals]] must be a list of records")
    found = {}
    for i, item in enumerate(raw, start=1):
        if not isinstance(item, dict) or not isinstance(item.get("goal"), str) or "now" not in item:
            raise MalformedFileError(f"goals[{i}]: expected a record with goal = the words of the patient file, and now")
        fields.known(f"goals[{i}]", item, ("goal", "now"))
        found[item["goal"]] = str(item["now"])
    return found
