"""The scales on which published figures are pooled and parameters are fitted, without scipy.stats."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

Scale = Literal["logit", "log", "identity"]
Array = npt.NDArray[np.float64]

Z95 = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""


def logit(p: float) -> float:
    """Log-odds; -inf at 0 and +inf at 1 (structural zeros stay exact)."""
    if p <= 0.0:
        return -math.inf
    return math.inf if p >= 1.0 else math.log(p) - math.log1p(-p)


def expit(x: npt.ArrayLike) -> Array:
    """Inverse of `logit`, safe at +-inf."""
    x = np.asarray(x, dtype=float)
    e = np.exp(-np.abs(x))
    p: Array = np.where(x >= 0, 1.0, e) / (1.0 + e)
    return p


def to_scale(value: float, scale: Scale) -> float:
    """`value` on the named scale."""
    if scale == "logit":
        return logit(value)
    if scale == "log":
        return math.log(value) if value > 0 else -math.inf
    return value


def from_scale(value: float, scale: Scale) -> float:
    """Inverse of `to_scale`."""
    if scale == "logit":
        return float(expit(value))
    return math.exp(value) if scale == "log" else value


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson 95 % interval of a proportion seen in n people.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209-212.
    """
    z2 = Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
