"""How much steroid a person has had in a year, as milligrams of methylprednisolone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from spinecast.assessment.history import EarlierProcedure
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Priors, Quantity

WEEKS = 52.0
UNIT = "methylprednisolone"


@dataclass(frozen=True, slots=True)
class SteroidDose:
    """One earlier injection with a steroid; what is not recorded is None, or "" for the drug."""

    procedure: str
    weeks_ago: float | None
    drug: str
    dose_mg: float | None
    equivalent_mg: float | None


@dataclass(frozen=True, slots=True)
class SteroidYear:
    """Steroid of the last twelve months.

    Attributes
    ----------
    equivalent_mg : float
        Sum of the recorded doses, as milligrams of methylprednisolone; a lower bound where `not_recorded` is above 0.
    not_recorded : int
        Injections whose drug or dose is not known.
    """

    weeks: float
    equivalent_mg: float
    not_recorded: int
    doses: tuple[SteroidDose, ...]


def equivalent_mg(record: EarlierProcedure, priors: Priors) -> float | None:
    """Milligrams of methylprednisolone that equal what was given; None where drug or dose is not recorded or not known.

    The table of equivalents (`[steroid.equivalent_mg]` in economics.toml) is of doses by mouth or vein.
    """
    table = cast("Mapping[str, Mapping[str, Quantity]]", priors.economics.get("steroid", {})).get("equivalent_mg", {})
    drug = next((name for name in table if name in record.drug.lower()), None)
    if drug is None or record.dose_mg is None:
        return None
    worth = {name: estimate(table[name], priors.rows, "log").value for name in (drug, UNIT)}
    return record.dose_mg * worth[UNIT] / worth[drug]


def steroid_year(procedures: Sequence[EarlierProcedure], priors: Priors) -> SteroidYear | None:
    """Steroid given in the last twelve months; None without any on record. Undated ones are counted in."""
    made = [SteroidDose(p.procedure, p.weeks_ago, p.drug, p.dose_mg, equivalent_mg(p, priors)) for p in procedures]
    doses = [
        d
        for d in made
        if (d.weeks_ago or 0.0) < WEEKS and (d.equivalent_mg is not None or priors.procedures[d.procedure].steroid)
    ]
    if not doses:
        return None
    known = [d.equivalent_mg for d in doses if d.equivalent_mg is not None]
    return SteroidYear(WEEKS, sum(known), len(doses) - len(known), tuple(doses))
