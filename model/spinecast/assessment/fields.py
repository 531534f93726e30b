"""Values of a patient or outcome table, checked one by one: every error names the field, what is allowed and the nearest match."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from spinecast.errors import InputError, InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.priors.records import Priors

UNKNOWN = ("unknown", "not_done", "not_asked")


def misplaced(where: str, name: str, priors: Priors) -> InputError | None:
    """The error for an id that exists and stands in the wrong place; None where it does not exist."""
    homes = {"context": priors.contexts, "findings": {**priors.findings, **priors.dependencies}, "inputs": priors.inputs}
    home = next((section for section, ids in homes.items() if name in ids), "")
    return MalformedFileError(f"{name}: belongs under [{home}], not {where}") if home else None


def known(where: str, table: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Every key of a table is one that is allowed there."""
    for key in table:
        if key not in allowed:
            raise UnknownIdError(where, key, allowed)


def section(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """One section of a table; an empty one where it is not there."""
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise MalformedFileError(f"[{name}] must be a table of id = value, found {type(found).__name__}")
    return found


def text(table: Mapping[str, Any], name: str) -> str:
    """A short text; "" where it is not there."""
    value = table.get(name, "")
    if not isinstance(value, str) or len(value) > 500:
        raise InvalidValueError(name, str(value)[:40], "a short text")
    return value


def is_number(value: object) -> bool:
    """A number and no truth value, which Python counts as one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def percent(name: str, value: object) -> float:
    """A number from 0 to 100; a fraction, which would be read as less than one percent, is refused."""
    found = number(name, value, 0, 100, "percent")
    if 0 < found < 1:
        raise InvalidValueError(name, value, f"a number from 0 to 100 percent: {100 * found:g} if {found:g} is a fraction")
    return found


def choice(name: str, value: object, allowed: Sequence[str]) -> str:
    """One of some values; true and false stand for yes and no."""
    if isinstance(value, bool) and {"yes", "no"} <= set(allowed):
        value = "yes" if value else "no"
    if not isinstance(value, str) or value not in allowed:
        raise UnknownIdError(name, value, allowed)
    return value


def number(name: str, value: object, low: float | None, high: float | None, unit: str = "") -> float:
    """A finite number within bounds."""
    scale = low is not None and high is not None and unit == f"{low:g}-{high:g}"  # a scale has its ends for a unit
    ends = f"{f' from {low:g}' if low is not None else ''}{f' to {high:g}' if high is not None else ''}"
    bounds = f"a number{ends} {'' if scale else unit}".rstrip()
    if not is_number(value) or not math.isfinite(float(value)):  # type: ignore[arg-type]
        raise InvalidValueError(name, value, bounds)
    found = float(value)  # type: ignore[arg-type]
    if (low is not None and found < low) or (high is not None and found > high):
        raise InvalidValueError(name, value, bounds)
    return found


def calendar_day(name: str, raw: object) -> date:
    """A day of the calendar."""
    if isinstance(raw, date):
        return raw
    try:
        return date.fromisoformat(str(raw))
    except ValueError:
        raise InvalidValueError(name, raw, "a date as YYYY-MM-DD") from None
