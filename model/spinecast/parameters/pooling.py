"""From evidence rows to one number with its spread: intervals for rows, random-effects pools, quantities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Z95, Scale, from_scale, to_scale, wilson
from spinecast.priors.records import Quantity, Row

PROPORTIONS = frozenset({"sens", "spec", "prevalence", "proportion", "ppv", "npv"})
"""Measures of `Row` that are probabilities asked of the network."""

_RATIOS = {"lr_pos": 7.0, "lr_neg": 7.0, "or": 16.0, "dor": 16.0, "rr": 8.0, "hr": 8.0}
# Variance of the log of each ratio times n, for balanced groups and middling proportions:
# an odds ratio of two halves has 4 cells of n/4 (variance 16/n); a likelihood ratio at sensitivity
# 0.5 and specificity 0.7 has 2/n + 4.7/n. Used only where a row prints no interval (PROTOCOL).

DEFAULT_N = 30
"""Patients that a row without interval and n is worth (PROTOCOL)."""

DEFAULT_LIKE_N = 4.0
"""Patients that a default which only names rows is worth beside those rows in the fit."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number on its scale: `centre` and `sd` (normal there)."""

    scale: Scale
    centre: float
    sd: float

    @property
    def value(self) -> float:
        """The number itself."""
        return from_scale(self.centre, self.scale)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the number."""
        low = from_scale(self.centre - Z95 * self.sd, self.scale)
        return low, from_scale(self.centre + Z95 * self.sd, self.scale)


def measure_scale(measure: str) -> Scale:
    """Logit for probabilities, log for ratios and positive amounts, identity for differences."""
    if measure in PROPORTIONS or measure in ("fpr_1_minus_spec", "fpr_1_minus_ppv", "placebo_response", "fraction"):
        return "logit"
    if measure in _RATIOS:
        return "log"
    return "identity" if measure in ("md", "smd", "coef", "direction", "strength", "criterion") else "log"


def row_estimate(row: Row) -> Estimate:
    """The row's figure with its printed interval, or one from its n (Wilson; log-normal for ratios).

    Raises
    ------
    PriorsError
        The row has no value.
    """
    if row.value is None:
        raise PriorsError(f"evidence/{row.file}:{row.line}: {row.id} has no value, so it cannot set a number")
    scale = measure_scale(row.measure)
    n = float(row.n or DEFAULT_N)
    value = row.value
    if scale == "logit":
        return _proportion(value, row.low, row.high, n)
    if scale == "log":
        value = max(value, 0.5 / n)
        if row.low and row.high and row.high > row.low > 0:
            sd = (math.log(row.high) - math.log(row.low)) / (2 * Z95)
        else:
            sd = math.sqrt(_RATIOS.get(row.measure, 4.0) / n)
        return Estimate("log", math.log(value), sd)
    if row.low is not None and row.high is not None and row.high > row.low:
        return Estimate("identity", value, (row.high - row.low) / (2 * Z95))
    return Estimate("identity", value, max(abs(value), 0.1) * 2 / math.sqrt(n))


def _proportion(value: float, low: float | None, high: float | None, n: float) -> Estimate:
    """Logit-normal; a printed 0 or 1 gets the half-patient correction, as does such an end of an interval.

    A small share printed without its n stays what it is: it was not seen in `DEFAULT_N` people.
    """
    certain = not 0 < value < 1
    edge = 0.5 / (n + 1) if certain else min(0.5 / (n + 1), value / 2, (1 - value) / 2)
    least = edge if certain else 0.0
    if low is None or high is None or not low <= value <= high or low == high:
        low, high = wilson(value, n)
    low, high, value = (edge if x <= least else 1 - edge if x >= 1 - least else x for x in (low, high, value))
    centre = to_scale(value, "logit")
    reach = (to_scale(high, "logit") - to_scale(low, "logit")) / 2
    if certain:
        # The interval reaches to one side only: 20 of 20 says how low the share may be, not how high.
        reach = max(to_scale(high, "logit") - centre, centre - to_scale(low, "logit"))
    return Estimate("logit", centre, max(reach / Z95, 0.02))


@dataclass(frozen=True, slots=True)
class Pool:
    """Random-effects pool: the mean, and the spread of what a further study would find."""

    mean: Estimate
    prediction: Estimate
    tau: float
    rows: tuple[str, ...]


def pool(rows: Sequence[Row]) -> Pool:
    """DerSimonian-Laird random effects on the rows' scale.

    References
    ----------
    DerSimonian R, Laird N. Control Clin Trials 1986;7:177-188.
    Higgins JPT, Thompson SG, Spiegelhalter DJ. J R Stat Soc A 2009;172:137-159 (prediction interval).
    """
    estimates = [row_estimate(row) for row in rows]
    scale = estimates[0].scale
    if any(e.scale != scale for e in estimates):
        raise PriorsError(f"rows {', '.join(r.id for r in rows)} are not on one scale and cannot be pooled")
    weights = [1 / e.sd**2 for e in estimates]
    fixed = sum(w * e.centre for w, e in zip(weights, estimates, strict=True)) / sum(weights)
    q = sum(w * (e.centre - fixed) ** 2 for w, e in zip(weights, estimates, strict=True))
    spread = sum(weights) - sum(w * w for w in weights) / sum(weights)
    tau2 = max(0.0, (q - (len(rows) - 1)) / spread) if spread > 0 else 0.0
    weights = [1 / (e.sd**2 + tau2) for e in estimates]
    centre = sum(w * e.centre for w, e in zip(weights, estimates, strict=True)) / sum(weights)
    variance = 1 / sum(weights)
    mean = Estimate(scale, centre, math.sqrt(variance))
    prediction = Estimate(scale, centre, math.sqrt(variance + tau2))
    return Pool(mean, prediction, math.sqrt(tau2), tuple(row.id for row in rows))


def estimate(quantity: Quantity, rows: Mapping[str, Row], scale: Scale) -> Estimate:
    """The quantity as one number with its spread, on the scale that its place demands.

    Parameters
    ----------
    quantity : Quantity
        As it stands in TOML.
    rows : mapping of id to Row
        The evidence.
    scale : {"logit", "log", "identity"}
        Probability, ratio or positive amount, difference.

    Raises
    ------
    PriorsError
        A cited row is missing, has no value, or does not fit the scale.
    """
    made = _estimate(quantity, rows, scale)
    if quantity.low is not None and quantity.high is not None:
        low, high = (to_scale(x, scale) for x in (quantity.low, quantity.high))
        if math.isfinite(low) and math.isfinite(high):
            return Estimate(scale, made.centre, (high - low) / (2 * Z95))
    return made


def _estimate(quantity: Quantity, rows: Mapping[str, Row], scale: Scale) -> Estimate:
    stated = quantity.assumed if quantity.assumed is not None else quantity.derived
    if stated is not None:
        return Estimate(scale, to_scale(stated, scale), _like_n_sd(stated, quantity.like_n or 10.0, scale))
    cited = [_cited(rows, key) for key in quantity.rows]
    if quantity.combine == "difference":
        return _difference(*cited)
    if quantity.combine == "mean_difference_to_responders":
        if quantity.sd is None:
            raise PriorsError(f"rows {', '.join(quantity.rows)} give a mean difference; say sd, the spread of the pain scale")
        return _responders(cited, quantity.sd)
    if quantity.combine == "standardised_difference_to_responders":
        return _responders(cited, 1.0)
    if quantity.combine == "difference_of_means_to_responders":
        if quantity.sd is None:
            raise PriorsError(f"rows {', '.join(quantity.rows)} give two means; say sd, the spread of the pain scale")
        return _responders_of_means(cited[0], cited[1], quantity.sd)
    pooled = pool(cited).mean
    if quantity.combine == "complement":
        pooled = Estimate("logit", -pooled.centre, pooled.sd)
    if pooled.scale == scale:
        return pooled
    centre = to_scale(pooled.value, scale)
    low, high = (to_scale(x, scale) for x in pooled.interval)
    return Estimate(scale, centre, max((high - low) / (2 * Z95), 1e-6))


def _cited(rows: Mapping[str, Row], key: str) -> Row:
    if key not in rows:
        raise PriorsError(f"evidence row {key!r} is cited but does not exist")
    return rows[key]


def _like_n_sd(value: float, n: float, scale: Scale) -> float:
    """Spread of a number worth n patients: beta on the logit, 2/sqrt(n) for logs, sqrt(0.5/n) for differences."""
    if scale == "logit":
        p = min(max(value, 0.5 / (n + 1)), 1 - 0.5 / (n + 1))
        return 1 / math.sqrt(n * p * (1 - p))
    return 2 / math.sqrt(n) if scale == "log" else math.sqrt(0.5 / n)


def _difference(active: Row, control: Row) -> Estimate:
    """Risk difference of two arms with the variance of each arm's proportion."""
    parts = [row_estimate(row) for row in (active, control)]
    variance = sum((e.sd * e.value * (1 - e.value)) ** 2 for e in parts)
    return Estimate("identity", parts[0].value - parts[1].value, math.sqrt(variance))


def _responders(rows: Sequence[Row], sd: float) -> Estimate:
    """Responder share from a mean difference in pain, -0.35 MD / SD: the normal density near the threshold.

    A rule of thumb, so half of its size is added to its spread.
    """
    pooled = pool(rows).mean
    return _responders_from(pooled.centre, pooled.sd, sd)


def _responders_of_means(active: Row, control: Row, sd: float) -> Estimate:
    """The same from the two arms' mean pain (lower is better), whose difference has the standard error of their sizes."""
    if active.value is None or control.value is None:
        raise PriorsError(f"rows {active.id} and {control.id} give two means, so both need a value")
    error = sd * math.sqrt(1 / (active.n or DEFAULT_N) + 1 / (control.n or DEFAULT_N))
    return _responders_from(active.value - control.value, error, sd)


def _responders_from(difference: float, error: float, sd: float) -> Estimate:
    factor = -0.35 / sd
    return Estimate("identity", factor * difference, math.hypot(factor * error, 0.5 * factor * difference))


def cites_rows(quantity: Quantity, rows: Mapping[str, Row]) -> bool:
    """Does the quantity cite a row that was read in a source (memory does not count)?"""
    return any(r in rows and rows[r].seen_in != "memory" for r in quantity.rows)
