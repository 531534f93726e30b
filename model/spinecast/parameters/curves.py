"""The two curves that outcomes are made of, with their slopes: who settles with time, and whom a procedure relieves.

    settling    n(t) = ceiling · (1 - 2^-(t / median)^shape)
    relief      d(t) = share · (1 - 2^-(t / onset)) · 2^-(t / lasting)^fade  -  setback · 2^-(t / setback_weeks)

The first is a mixture of people who settle at a Weibull time and people who do not. The second is a mixture of people in
whom the procedure itself makes the difference, whose relief comes with a half-time `onset` and survives by a Weibull law
with median `lasting`, and people in whom it makes none; a setback is what the procedure costs at first (an operation).
Weeks count from the procedure. `share` is negative where a procedure does harm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spinecast.parameters.scales import Array, expit

LN2 = float(np.log(2.0))
SETTLING = ("ceiling", "median", "shape")
"""Columns of a settling curve: logit of the share who ever settle, log of weeks, log of the Weibull shape."""

RELIEF = ("share", "onset", "lasting", "fade", "setback", "setback_weeks")
"""Columns of a relief curve: share as it is, log of weeks, log of weeks, log of the Weibull shape, share, log of weeks."""

RELIEF_SCALES = ("identity", "log", "log", "log", "identity", "log")
SETTLING_SCALES = ("logit", "log", "log")
LOG_MOST_EXPONENT = float(np.log(700.0))
"""Exponents are cut at 700, where 2^-x is 0 in every respect."""

SOON = 1e-6
"""Week 0 stands just after the procedure, so that its log is finite."""


class Curve(NamedTuple):
    """Value of a curve, and its slope in each column of its parameters (last axis)."""

    value: Array
    slopes: Array


def settling(parameters: Array, week: Array) -> Array:
    """P(>= 50 % relief) with time and usual care.

    Parameters
    ----------
    parameters : ndarray, shape (..., 3)
        Columns of `SETTLING`.
    week : ndarray
        Weeks; broadcasts with the leading axes.
    """
    ceiling, x, _ = _settling_parts(parameters, week)
    value: Array = ceiling * (1 - np.exp2(-x))
    return value


def settling_with_slopes(parameters: Array, week: Array) -> Curve:
    """`settling` with its slopes; shape (..., 3)."""
    ceiling, x, log_ratio = _settling_parts(parameters, week)
    left = np.exp2(-x)
    shape = np.exp(parameters[..., 2])
    pull = ceiling * LN2 * left * x
    slopes = np.stack([ceiling * (1 - ceiling) * (1 - left), -pull * shape, pull * shape * log_ratio], axis=-1)
    return Curve(ceiling * (1 - left), slopes)


def _settling_parts(parameters: Array, week: Array) -> tuple[Array, Array, Array]:
    """Ceiling, the Weibull exponent and log(week / median)."""
    log_ratio = np.log(np.maximum(np.asarray(week, dtype=float), SOON)) - parameters[..., 1]
    x = np.exp(np.minimum(np.exp(parameters[..., 2]) * log_ratio, LOG_MOST_EXPONENT))
    return expit(parameters[..., 0]), x, log_ratio


def relief(parameters: Array, week: Array) -> Array:
    """Added probability of >= 50 % relief that a procedure itself makes (over sham).

    Parameters
    ----------
    parameters : ndarray, shape (..., 6)
        Columns of `RELIEF`.
    week : ndarray
        Weeks from the procedure; broadcasts with the leading axes.
    """
    week = np.maximum(np.asarray(week, dtype=float), SOON)
    arrived = -np.expm1(-LN2 * week * np.exp(-parameters[..., 1]))
    value: Array = parameters[..., 0] * arrived * np.exp2(-_lost(parameters, np.log(week)))
    if parameters[..., 4].any():
        value = value - parameters[..., 4] * np.exp2(-week * np.exp(-parameters[..., 5]))
    return value


def _lost(parameters: Array, log_week: Array) -> Array:
    """Weibull exponent of relief that has gone."""
    raised = np.exp(parameters[..., 3]) * (log_week - parameters[..., 2])
    lost: Array = np.exp(np.minimum(raised, LOG_MOST_EXPONENT))
    return lost


def relief_with_slopes(parameters: Array, week: Array) -> Curve:
    """`relief` with its slopes; shape (..., 6)."""
    week = np.maximum(np.asarray(week, dtype=float), SOON)
    onset, late = week * np.exp(-parameters[..., 1]), week * np.exp(-parameters[..., 5])
    x, log_ratio = _lost(parameters, np.log(week)), np.log(week) - parameters[..., 2]
    arrived, kept, back = -np.expm1(-LN2 * onset), np.exp2(-x), np.exp2(-late)
    share, setback, fade = parameters[..., 0], parameters[..., 4], np.exp(parameters[..., 3])
    whole = share * arrived * kept
    slopes = np.stack(
        [
            arrived * kept,
            -share * kept * LN2 * onset * (1 - arrived),
            whole * LN2 * fade * x,
            -whole * LN2 * fade * x * log_ratio,
            -back,
            -setback * back * LN2 * late,
        ],
        axis=-1,
    )
    return Curve(whole - setback * back, slopes)
