"""Value of information from draws: of perfect information, and scaled to a population.

Names follow the voi package (Jackson, Heath et al.): `outputs` are net benefits (K draws, A options), `inputs` are the draws of the
parameters asked about (K, d). Everything comes with a standard error.
"""

from __future__ import annotations

import math

import numpy as np

from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value of information and its standard error (Monte Carlo, and of the regression where there is one)."""

    value: float
    se: float

    def scaled(self, factor: float) -> Estimate:
        """For so many decisions."""
        return Estimate(self.value * factor, self.se * factor)


def checked(outputs: Array) -> Array:
    """Outputs as a (K, A) array.

    Raises
    ------
    InvalidValueError
        Not two options or more, not two draws or more, or a value that is not finite.
    """
    found = np.asarray(outputs, dtype=float)
    if found.ndim != 2 or found.shape[0] < 2 or found.shape[1] < 2:
        raise InvalidValueError("outputs", found.shape, "at least two draws of at least two options, (K, A)")
    if not np.isfinite(found).all():
        raise InvalidValueError("outputs", "NaN or infinite", "finite net benefits")
    return found


def by_person(outputs: Array) -> Array:
    """Outputs as (K, N, A): of N people who each get what is best for them; those of one decision (K, A) are those of one person.

    Raises
    ------
    InvalidValueError
        As for `checked`.
    """
    found = np.asarray(outputs, dtype=float)
    if found.ndim == 3:
        checked(found.reshape(len(found), -1))
        checked(found[:, 0])
        return found
    return checked(found)[:, None, :]


def evpi(outputs: Array) -> Estimate:
    """Expected value of perfect information: what choosing under each draw would gain over one choice for all draws.

    Parameters
    ----------
    outputs : ndarray, shape (K, A) or (K, N, A)
        Of one decision, or of N people.

    Returns
    -------
    Estimate
        A decision or person.
    """
    net = by_person(outputs)
    today = net.mean(axis=0).argmax(axis=1)
    gain = (net.max(axis=2) - np.take_along_axis(net, today[None, :, None], axis=2)[..., 0]).mean(axis=1)
    return Estimate(float(gain.mean()), float(gain.std(ddof=1) / math.sqrt(len(gain))))


def decisions(per_year: float, years: float, discount: float = 0.0) -> float:
    """Decisions that the information will serve, as so many now: they come evenly and are discounted continuously at the yearly rate.

    Parameters
    ----------
    per_year : float
        Decisions a year.
    years : float
        For how long the information is of use.

    Raises
    ------
    InvalidValueError
    """
    for name, number in (("per_year", per_year), ("years", years)):
        if not (number > 0 and math.isfinite(number)):
            raise InvalidValueError(name, number, "a number above 0")
    rate = math.log1p(discount)
    return per_year * (years if rate == 0 else -math.expm1(-rate * years) / rate)


def population(per_decision: Estimate, per_year: float, years: float, discount: float = 0.0) -> Estimate:
    """Scaled to everybody whom the decision will concern while the information is of use; arguments are those of `decisions`."""
    return per_decision.scaled(decisions(per_year, years, discount))


def of_fitted(fitted: Array, outputs: Array) -> tuple[float, float]:
    """Value of choosing by fitted expectations, and the sampling error of it: E max minus max E of what was fitted.

    Parameters
    ----------
    fitted : ndarray, shape (K, A)
        E(net benefit | inputs) at each draw.
    outputs : ndarray, shape (K, A)
        Their means are those of the choice today.
    """
    today = int(outputs.mean(axis=0).argmax())
    gain = fitted.max(axis=1) - fitted[:, today]
    return float(gain.mean()), float(gain.std(ddof=1) / math.sqrt(len(gain)))
