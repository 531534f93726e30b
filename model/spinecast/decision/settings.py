"""The choices behind a ranking: always printed with it, never hidden."""

from __future__ import annotations

from typing import cast

import numpy as np

from spinecast.decision.costs import PAYER, PERSPECTIVES
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Quantity


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """The choices behind a ranking.

    Attributes
    ----------
    rule_set : str
    horizon_weeks : float
    willingness_to_pay : float
        Per quality-adjusted life year.
    discount : float
        Yearly.
    depth : int
        Decisions that a plan looks ahead before its last treatment.
    currency, year : str, int
    value_in : str
        "money" or "relief_weeks".
    sequences : bool
        Plans follow pain that comes back after relief, repeat what had helped, and take medication and examinations as steps.
    perspective : str
        Whose cost counts: "payer" (mixed practice), "payer_office", "payer_facility" or "patient".
    """

    rule_set: str
    horizon_weeks: float
    willingness_to_pay: float
    discount: float
    depth: int
    currency: str
    year: int
    value_in: str = "money"
    sequences: bool = False
    perspective: str = PAYER

    @property
    def value_unit(self) -> str:
        """What values are counted in, as printed."""
        return self.currency if self.value_in == MONEY else "relief-weeks"

    def exchange(self, worth: Array) -> tuple[Array, float]:
        """What a quality-adjusted year, and what one unit of money, counts for in the unit of value.

        Parameters
        ----------
        worth : ndarray
            Quality-adjusted years per year of relief, for this person.
        """
        if self.value_in == MONEY:
            return np.full_like(worth, self.willingness_to_pay), 1.0
        return WEEKS_A_YEAR / worth, 0.0


DEFAULT_RULE_SET = "guideline"
DEFAULT_DEPTH = 3

WEEKS_A_YEAR = 52.0
LONGEST = 2 * WEEKS_A_YEAR
"""Outcome rows end at a year; how they go on for one more is stated in `economics.toml`, and nobody knows further."""
MONEY, RELIEF_WEEKS = "money", "relief_weeks"
VALUES_IN = (MONEY, RELIEF_WEEKS)
"""Net benefit in money, or relief-weeks (harm counted in them, cost left out)."""


def rule_sets(priors: Priors) -> tuple[str, ...]:
    """Every rule set that some rule belongs to."""
    return tuple(sorted({s for rule in priors.rules.values() for s in rule.rule_sets}))


def decision_settings(
    priors: Priors,
    *,
    rule_set: str = DEFAULT_RULE_SET,
    horizon_weeks: float | None = None,
    willingness_to_pay: float | None = None,
    depth: int = DEFAULT_DEPTH,
    value_in: str = MONEY,
    sequences: bool | None = None,
    perspective: str = PAYER,
) -> DecisionSettings:
    """Settings with the defaults of `economics.toml`.

    Parameters
    ----------
    sequences : bool, optional
        Whether plans follow pain that comes back (see `DecisionSettings`); by default where they look further than a year.

    Raises
    ------
    UnknownIdError, InvalidValueError
        An unknown rule set, or a number out of range.
    """
    economics = priors.economics
    if rule_set not in rule_sets(priors):
        raise UnknownIdError("rule_set", rule_set, rule_sets(priors))
    horizon = cast("dict[str, float]", economics["horizon"])["weeks"] if horizon_weeks is None else horizon_weeks
    wtp = _number(priors, "willingness_to_pay") if willingness_to_pay is None else willingness_to_pay
    if value_in not in VALUES_IN:
        raise UnknownIdError("value_in", value_in, VALUES_IN)
    if perspective not in PERSPECTIVES:
        raise UnknownIdError("perspective", perspective, PERSPECTIVES)
    if not 1 <= horizon <= LONGEST:
        raise InvalidValueError("horizon_weeks", horizon, f"1 to {LONGEST:g} weeks")
    if not 0 <= wtp <= 1e7:
        raise InvalidValueError("willingness_to_pay", wtp, "0 to 10,000,000 per quality-adjusted life year")
    if not 1 <= depth <= 4:
        raise InvalidValueError("depth", depth, "1 to 4 decisions")
    currency = cast("dict[str, object]", economics["currency"])
    return DecisionSettings(
        rule_set,
        float(horizon),
        float(wtp),
        _number(priors, "discount"),
        depth,
        str(currency["code"]),
        int(cast("int", currency["year"])),
        value_in,
        horizon > WEEKS_A_YEAR if sequences is None else sequences,
        perspective,
    )


def _number(priors: Priors, name: str) -> float:
    quantity = priors.economics[name]
    assert isinstance(quantity, Quantity)
    return quantity.assumed if quantity.assumed is not None else estimate(quantity, priors.rows, "log").value
