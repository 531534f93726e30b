"""The parameter vector: every free number of the network, its default and how firmly the default is held."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field

from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import DEFAULT_LIKE_N, PROPORTIONS, Estimate, estimate
from spinecast.parameters.scales import logit
from spinecast.priors.records import Quantity, Row

_RATIO_MEASURES = frozenset({"lr_pos", "lr_neg", "or", "dor", "rr"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of the vector.

    Attributes
    ----------
    name : str
        Path in the priors, for instance `findings/straight_leg_raise/radiculopathy[L5,S1]/positive`.
    default : float
        On the parameter's own scale (log-odds, log, or log-odds ratio).
    sd : float
        Spread of the default; 0 for a structural zero, infinite where only the data hold it.
    quantity : Quantity or None
        What set the default.
    """

    name: str
    default: float
    sd: float
    quantity: Quantity | None = None


Frailty = tuple[tuple[float, ...], tuple[float, ...]]
"""Values of a mean-one frailty and their probabilities."""

NO_FRAILTY: Frailty = ((1.0,), (1.0,))


def at_frailty_one(p: float, frailty: Frailty) -> float:
    """Exceedance at frailty one whose mean over the frailty is `p` (bisection on the hazard)."""
    values, weights = frailty
    if p <= 0.0 or p >= 1.0 or len(values) == 1:
        return p
    low, high = 0.0, 1.0

    def mean(hazard: float) -> float:
        return sum(w * -math.expm1(-m * hazard) for m, w in zip(values, weights, strict=True))

    while mean(high) < p:
        high *= 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < p else (low, middle)
    return -math.expm1(-high)


BISECTIONS = 60


@dataclass(slots=True)
class Registry:
    """Collects parameters while the network is built.

    Attributes
    ----------
    fitted : mapping of name to value
        Parameters that a fit has set: their defaults are not worked out again, which start-up would pay for.
    """

    rows: Mapping[str, Row]
    fitted: Mapping[str, float] = field(default_factory=dict)
    items: list[Parameter] = field(default_factory=list)
    zero: int = -1

    def add(self, name: str, default: float, sd: float, quantity: Quantity | None = None) -> int:
        """Append one parameter and return its index."""
        self.items.append(Parameter(name, default, 0.0 if math.isinf(default) else sd, quantity))
        return len(self.items) - 1

    def known(self, name: str, quantity: Quantity) -> int | None:
        """Index of a parameter that a fit has set, at that value; None where there is none."""
        if name not in self.fitted:
            return None
        return self.add(name, self.fitted[name], 1.0, quantity)

    def fixed_zero(self) -> int:
        """Index of the parameter that is 0 and stays so."""
        if self.zero < 0:
            self.zero = self.add("zero", 0.0, 0.0)
        return self.zero

    def exceedances(
        self, name: str, values: Sequence[str], table: Mapping[str, Quantity], frailty: Frailty = NO_FRAILTY
    ) -> list[int]:
        """Conditional log-odds of each exceedance given the one below, so that they fall with the value.

        The numbers in the priors are what is seen, averaged over people; in a family the parameter is that of a
        person of frailty one, so it is solved for.
        """
        if all(f"{name}/{v}" in self.fitted for v in values[1:]):
            return [self.add(f"{name}/{v}", self.fitted[f"{name}/{v}"], 1.0, _entry(table, v, name)) for v in values[1:]]
        indices, above = [], 1.0
        for value in values[1:]:
            quantity = _entry(table, value, name)
            p = min(at_frailty_one(self.probability(quantity), frailty), above)
            share = 0.0 if p <= 0 else min(p / above, 1 - 1e-4) if above > 0 else 0.0
            n = _like_n(quantity, self.rows)
            bounded = min(max(share, 0.5 / (n + 1)), 1 - 0.5 / (n + 1))
            indices.append(self.add(f"{name}/{value}", logit(share), 1 / math.sqrt(n * bounded * (1 - bounded)), quantity))
            above = p
        return indices

    def log_odds(self, name: str, values: Sequence[str], table: Mapping[str, Quantity]) -> list[int]:
        """Log-odds of each value against the first, from probabilities."""
        if all(f"{name}/{v}" in self.fitted for v in values[1:]):
            return [self.add(f"{name}/{v}", self.fitted[f"{name}/{v}"], 1.0, _entry(table, v, name)) for v in values[1:]]
        shares = [self.probability(_entry(table, v, name)) for v in values[1:]]
        first = max(1.0 - sum(shares), 1e-3)
        indices = []
        for value, share in zip(values[1:], shares, strict=True):
            quantity = table[value]
            n = _like_n(quantity, self.rows)
            default = math.log(share / first) if share > 0 else -math.inf
            sd = math.sqrt(1 / (n * max(share, 0.5 / n)) + 1 / (n * first))
            indices.append(self.add(f"{name}/{value}", default, sd, quantity))
        return indices

    def log_ratios(self, name: str, values: Sequence[str], table: Mapping[str, Quantity]) -> list[int]:
        """Log odds ratio of each value against the first; a value not named keeps its odds."""
        unknown = set(table) - set(values[1:])
        if unknown:
            raise PriorsError(f"{name}: odds_ratio names {sorted(unknown)[0]!r}; allowed: {', '.join(values[1:])}")
        return [self._log_ratio(f"{name}/{value}", table[value]) if value in table else self.fixed_zero() for value in values[1:]]

    def _log_ratio(self, name: str, quantity: Quantity) -> int:
        if (index := self.known(name, quantity)) is not None:
            return index
        rows = [self.rows[r] for r in quantity.rows if r in self.rows]
        stated = quantity.assumed is not None or quantity.derived is not None
        if stated or (rows and all(r.measure in _RATIO_MEASURES for r in rows)):
            made = estimate(quantity, self.rows, "log")
            asked = not stated and any(r.use == "fit" for r in rows)
            return self.add(name, made.centre, 2 / math.sqrt(DEFAULT_LIKE_N) if asked else made.sd, quantity)
        # The rows are proportions or sensitivities: they hold the ratio through their own questions.
        return self.add(name, 0.0, 2 / math.sqrt(DEFAULT_LIKE_N), quantity)

    def probability(self, quantity: Quantity) -> float:
        """Default of a probability; rows that are ratios cannot give one, so they leave it at a half."""
        rows = [self.rows[r] for r in quantity.rows if r in self.rows]
        stated = quantity.assumed is not None or quantity.derived is not None
        if not stated and rows and not all(r.measure in PROPORTIONS for r in rows):
            usable = [r for r in rows if r.measure in PROPORTIONS]
            if not usable:
                return 0.5
            quantity = Quantity(rows=tuple(r.id for r in usable), combine=quantity.combine)
        return estimate(quantity, self.rows, "logit").value

    def estimate_log(self, name: str, quantity: Quantity) -> int:
        """A positive amount on the log scale."""
        if (index := self.known(name, quantity)) is not None:
            return index
        made: Estimate = estimate(quantity, self.rows, "log")
        return self.add(name, made.centre, made.sd, quantity)

    def log_odds_of(self, name: str, quantity: Quantity) -> int:
        """A probability that the fit does not ask about, on the logit."""
        if (index := self.known(name, quantity)) is not None:
            return index
        made = estimate(quantity, self.rows, "logit")
        return self.add(name, made.centre, made.sd, quantity)


def _entry(table: Mapping[str, Quantity], value: str, name: str) -> Quantity:
    if value not in table:
        raise PriorsError(f"{name}: no number for the value {value!r}")
    return table[value]


def _like_n(quantity: Quantity, rows: Mapping[str, Row]) -> float:
    """Patients that the default is worth beside the rows in the fit."""
    if quantity.like_n is not None:
        return quantity.like_n
    cited = [rows[r] for r in quantity.rows if r in rows]
    if cited and not any(r.use == "fit" for r in cited):
        made = estimate(quantity, rows, "logit")
        p = min(max(made.value, 1e-3), 1 - 1e-3)
        return max(DEFAULT_LIKE_N, 1 / (made.sd**2 * p * (1 - p)))
    return DEFAULT_LIKE_N
