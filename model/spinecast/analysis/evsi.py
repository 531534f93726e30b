"""Expected value of sample information: what a study of a stated size would be worth.

Two ways, which have to agree: *moment matching* (the posterior mean of the parameter varies as the parameter does, shrunk to the
covariance that the study would explain; exact for normal data and a normal prior), and *importance sampling* (every draw in turn is the truth,
data are drawn, and all draws are weighed by their likelihood).

References
----------
jalal2018 (Jalal H, Alarid-Escudero F. Med Decis Making 2018;38:174-188); menzies2016 (Menzies NA. Med Decis Making 2016;36:308-320).
"""

from __future__ import annotations

import math

import numpy as np

from spinecast.analysis.dependent_indices import symmetric_power
from spinecast.analysis.evppi_spline import Surface, inputs_of, regressed
from spinecast.analysis.voi import Estimate, by_person, checked, of_fitted
from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

SMALLEST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Study:
    """A study that estimates parameters with independent normal errors.

    Attributes
    ----------
    n : int
        Participants in each arm.
    variance : ndarray, shape (d,)
        Variance of the estimate of each parameter from one participant an arm; divided by `n`.
    arms : int
    """

    n: int
    variance: Array
    arms: int = 2

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InvalidValueError("n", self.n, "at least one participant an arm")

    @property
    def sampling_variance(self) -> Array:
        """Of the estimates; shape (d,)."""
        return np.asarray(self.variance, dtype=float) / self.n

    @property
    def participants(self) -> int:
        """In all arms."""
        return self.n * self.arms

    @classmethod
    def trial(cls, n: int, active: float, control: float, per_unit: float = 1.0) -> Study:
        """Two arms with a yes-or-no outcome; the parameter is their difference in units of `per_unit`."""
        variance = (active * (1 - active) + control * (1 - control)) / per_unit**2
        return cls(n, np.array([variance]))


def evsi_moments(outputs: Array, inputs: Array, study: Study) -> Estimate:
    """By moment matching: the regression asked at shrunk inputs.

    Parameters
    ----------
    outputs : ndarray, shape (K, A) or (K, N, A)
        Of one decision, or of N people.
    inputs : ndarray, shape (K, d) or (K,)
        The parameters that the study estimates.
    study : Study
    """
    net = by_person(outputs)
    known = inputs_of(inputs, len(net))
    if not known.shape[1]:
        return Estimate(0.0, 0.0)
    return regressed(net, known, _shrunk(known, study.sampling_variance))


def _shrunk(known: Array, sampling: Array) -> Array:
    """Draws with the mean that they have and the covariance that posterior means would: V (V + S)^-1 V; both (K, d).

    What is tied in the prior is learned about together, so that shrinking each parameter by itself would be wrong.
    """
    mean, prior = known.mean(axis=0), np.atleast_2d(np.cov(known, rowvar=False))
    explained = prior @ np.linalg.solve(prior + np.diag(sampling), prior)
    moved: Array = mean + (known - mean) @ symmetric_power(prior, -0.5) @ symmetric_power(explained, 0.5)
    return moved


def evsi_importance(outputs: Array, inputs: Array, study: Study, seed: int) -> Estimate:
    """By importance sampling: K simulated studies, each weighing all K draws.

    Parameters
    ----------
    outputs : ndarray, shape (K, A)
    inputs, study
        As for `evsi_moments`.
    seed : int
        Of the simulated data.
    """
    net = checked(outputs)
    known = inputs_of(inputs, len(net))
    if not known.shape[1]:
        return Estimate(0.0, 0.0)
    sd = np.sqrt(study.sampling_variance)
    fitted = Surface.fitted(known, net).at(known)
    data = known + sd * np.random.default_rng(seed).standard_normal(known.shape)
    expected = np.empty_like(fitted)
    for first in range(0, len(data), 256):
        part = data[first : first + 256, None, :]
        log_weight = -0.5 * (((part - known) / sd) ** 2).sum(axis=2)
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        expected[first : first + 256] = (weight @ fitted) / weight.sum(axis=1, keepdims=True)
    value, sampling = of_fitted(expected, fitted)
    return Estimate(max(value, 0.0), sampling)


def effective_share(study: Study, inputs: Array) -> float:
    """Share of the parameters' variance that the study explains, averaged over them."""
    prior = np.atleast_2d(np.asarray(inputs, dtype=float).T).var(axis=1)
    return float((prior / (prior + study.sampling_variance)).mean())


def needed(share: float, inputs: Array, variance: Array) -> int:
    """Participants an arm that explain this share of the variance of one parameter."""
    if not SMALLEST_SHARE < share < 1:
        raise InvalidValueError("share", share, "between 0 and 1")
    prior = float(np.asarray(inputs).var())
    return math.ceil(float(np.max(variance)) / prior * share / (1 - share))
