"""The columns that a table may hold, one for each id of a patient file, and what each means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spinecast.assessment.recorded import SEDATION, SIDES, SPINE_LEVELS
from spinecast.errors import UnknownIdError
from spinecast.frozen import dataclass
from spinecast.priors.records import Priors
from spinecast.priors.vocabulary import COUNT, vocabulary

TRUTH = "truth_"
"""Columns of `spinecast simulate` that hold what is true of a simulated person; scoring does not look at them."""

PROCEDURES = "procedures"
ASSESSED_ON = "assessed_on"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    role : str
        setting, context, finding (a value); soft (the likelihood of one value); sedation, side, level (more about a
        finding); count (positive tests of a family); input; procedures; assessed_on.
    target : str
        The id that it speaks about.
    value : str
        The value whose likelihood a soft column holds, else "".
    """

    name: str
    role: str
    target: str
    meaning: str
    value: str = ""
    values: tuple[str, ...] = ()
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    kind: str = "text"


def columns(priors: Priors) -> dict[str, Column]:
    """Every column that a table may hold, by name; the soft ones last."""
    records = vocabulary(priors)
    found = [column for record in records for column in _of(record, priors)]
    found += [*_about_procedures(priors), *_soft(records)]
    return {column.name: column for column in found}


def check(names: list[str], known: Mapping[str, Column], kept: tuple[str, ...]) -> None:
    """Refuse columns that nothing reads: a misspelt name would otherwise count as not observed.

    Raises
    ------
    UnknownIdError
    """
    for name in names:
        if name not in known and name not in kept and not name.startswith(TRUTH):
            raise UnknownIdError("column", name, [*(n for n, c in known.items() if c.role != "soft"), *kept])


def _of(record: Mapping[str, Any], priors: Priors) -> Iterator[Column]:
    name, kind = record["id"], record["kind"]
    shared = {"values": tuple(record["values"]), "unit": record["unit"]}
    limits = {"minimum": record["minimum"], "maximum": record["maximum"]}
    meaning = record["meaning"] if record["label"] in record["meaning"] else f"{record['label']}. {record['meaning']}"
    if kind == COUNT:
        yield Column(name, "count", name, meaning, unit=record["unit"], kind="whole number", **limits)
        return
    if kind == "input":
        type_ = priors.inputs[name].type
        yield Column(name, "input", name, meaning, **shared, **limits, kind=type_ if type_ in ("number", "list") else "text")
        return
    role = kind if kind in ("setting", "context") else "finding"
    yield Column(name, role, name, meaning, **shared, **limits)
    if role == "finding" and priors.findings[name].sedation is not None:
        yield Column(f"{name}_sedation", "sedation", name, f"Sedation during: {record['label']}", values=SEDATION)
    if record["sided"]:
        yield Column(f"{name}_side", "side", name, f"Side of: {record['label']}", values=SIDES)
    if record["located"]:
        yield Column(f"{name}_level", "level", name, f"Level of: {record['label']}", values=SPINE_LEVELS)


def _about_procedures(priors: Priors) -> Iterator[Column]:
    records = "Earlier procedures, a list of records as in a patient file (or the same as JSON text)"
    yield Column(PROCEDURES, PROCEDURES, PROCEDURES, records, values=tuple(priors.procedures), kind="records")
    yield Column(ASSESSED_ON, ASSESSED_ON, ASSESSED_ON, "Day of the assessment (YYYY-MM-DD), from which procedures count back")


def _soft(records: list[dict[str, Any]]) -> Iterator[Column]:
    for record in records:
        if record["section"] in ("context", "findings") and record["values"]:
            for value in record["values"]:
                meaning = f"Likelihood of what was seen, if the truth is {value}: {record['label']}"
                yield Column(
                    f"{record['id']}:{value}", "soft", record["id"], meaning, value=value, minimum=0.0, maximum=1.0, kind="number"
                )
