"""How good are predicted probabilities? Calibration, discrimination, accuracy and net benefit, each with an interval.

All functions take predictions `p` (N,) and what came true `y` (N,) as 0 and 1; bootstraps take weights (B, N), how often each
person was drawn.

References
----------
delong1988auc (DeLong ER et al. Comparing the areas under two or more correlated ROC curves. Biometrics 1988;44:837-845).
cox1958regression (Cox DR. Two further applications of a model for binary regression. Biometrika 1958;45:562-565).
murphy1973partition (Murphy AH. A new vector partition of the probability score. J Appl Meteorol 1973;12:595-600).
stephenson2008brier (Stephenson DB et al. Two extra components in the Brier score decomposition. Weather Forecast 2008;23:752-757).
vickers2006decision (Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making 2006;26:565-574).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinecast.network.states import Ints
from spinecast.parameters.scales import Z95, Array, expit

NEAREST = 1e-9
"""Predictions are kept so far from 0 and 1 where a log-odds is taken."""

BINS = 10
STEPS = 50
"""Most Newton steps of a logistic regression with two numbers; it stops when it no longer moves."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def weights(count: int, resamples: int, seed: int) -> Array:
    """Bootstrap: how often each of N people is drawn in each resample; shape (B, N)."""
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    return drawn.astype(float)


def auc(p: Array, y: Array) -> Estimate:
    """Chance that of two people the one with it has the higher prediction, ties half; interval of DeLong on the logit.

    NaN where everybody or nobody has it.
    """
    with_it, without = p[y == 1], p[y == 0]
    if not len(with_it) or not len(without):
        return Estimate(np.nan, np.nan, np.nan)
    above = _placed(with_it, without)
    below = 1 - _placed(without, with_it)
    value = float(above.mean())
    variance = sum(float(v.var(ddof=1)) / len(v) for v in (above, below) if len(v) > 1)
    bounded = min(max(value, NEAREST), 1 - NEAREST)
    spread = np.sqrt(variance) / (bounded * (1 - bounded))
    low, high = expit(np.log(bounded / (1 - bounded)) + Z95 * spread * np.array([-1.0, 1.0]))
    return Estimate(value, float(low), float(high))


def _placed(values: Array, among: Array) -> Array:
    """Share of the others that lie below each value, ties half."""
    ordered = np.sort(among)
    placed: Array = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(among))
    return placed


def intercept(p: Array, y: Array) -> Estimate:
    """Calibration in the large: the log-odds by which all predictions would have to be moved; 0 is right."""
    offset = _log_odds(p)
    return _logistic(np.ones((len(p), 1)), offset, y)[0]


def slope(p: Array, y: Array) -> Estimate:
    """Calibration slope: below 1 the predictions are too extreme, above 1 too timid; NaN where no prediction of the two kinds overlaps."""
    with_it, without = p[y == 1], p[y == 0]
    if len(with_it) and len(without) and (with_it.min() > without.max() or with_it.max() < without.min()):
        return Estimate(np.nan, np.nan, np.nan)
    x = np.column_stack([np.ones(len(p)), _log_odds(p)])
    return _logistic(x, np.zeros(len(p)), y)[1]


def _log_odds(p: Array) -> Array:
    kept = np.clip(p, NEAREST, 1 - NEAREST)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=float)


def _logistic(x: Array, offset: Array, y: Array) -> list[Estimate]:
    """Maximum likelihood with Wald intervals; NaN where there is no maximum (nobody or everybody has it)."""
    if y.min() == y.max():
        return [Estimate(np.nan, np.nan, np.nan)] * x.shape[1]
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chance = expit(offset + x @ beta)
        information = (x * (chance * (1 - chance))[:, None]).T @ x
        step = np.linalg.solve(information + NEAREST * np.eye(len(beta)), x.T @ (y - chance))
        beta += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < NEAREST:
            break
    spread = np.sqrt(np.diag(np.linalg.inv(information + NEAREST * np.eye(len(beta)))))
    return [Estimate(float(b), float(b - Z95 * s), float(b + Z95 * s)) for b, s in zip(beta, spread, strict=True)]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Groups of people with like predictions.

    Attributes
    ----------
    group : ndarray of int, shape (N,)
    people, predicted, seen : ndarray, shape (G,)
        Number, mean prediction and share with it.
    """

    group: Ints
    people: Array
    predicted: Array
    seen: Array


def reliability(p: Array, y: Array, bins: int = BINS) -> Reliability:
    """Groups of about equal size in order of the prediction; equal predictions stay together."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    _, group = np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)
    people = np.bincount(group).astype(float)
    return Reliability(group, people, np.bincount(group, p) / people, np.bincount(group, y) / people)


def calibration_error(p: Array, y: Array, drawn: Array, seed: int) -> tuple[Estimate, float]:
    """Expected calibration error over the groups, bootstrapped; and what it would be on average were all predictions right."""
    group = reliability(p, y).group
    value = float(_error(group, p, y, np.ones((1, len(p))))[0])
    spread = _error(group, p, y, drawn)
    chance = np.random.default_rng(seed).random(drawn.shape)
    right = np.mean([_error(group, p, (c < p).astype(float), np.ones((1, len(p))))[0] for c in chance])
    low, high = np.quantile(spread, [0.025, 0.975])
    return Estimate(value, float(low), float(high)), float(right)


def _error(group: Ints, p: Array, y: Array, drawn: Array) -> Array:
    """Mean absolute gap of the groups, weighted by people; shape (B,)."""
    inside = np.eye(int(group.max()) + 1)[group]
    gap: Array = np.abs((drawn * (p - y)) @ inside).sum(axis=1) / drawn.sum(axis=1)
    return gap


@dataclass(frozen=True, slots=True)
class Brier:
    """Mean squared error and what it is made of: value = reliability - resolution + uncertainty + within.

    Attributes
    ----------
    reliability : float
        Squared gap between prediction and share in the groups; 0 is right.
    resolution : float
        How far the groups' shares lie apart; more is better.
    uncertainty : float
        Of the outcome itself: share times one minus share.
    within : float
        Spread of predictions inside the groups less twice what they explain there; 0 if a group has one prediction.
    """

    value: Estimate
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier(p: Array, y: Array, drawn: Array) -> Brier:
    """Brier score with Murphy's decomposition over the groups, and the rest within them, so that it sums exactly."""
    found = reliability(p, y)
    share = found.people / len(p)
    base = float(y.mean())
    away_p, away_y = p - found.predicted[found.group], y - found.seen[found.group]
    scores = (drawn @ (p - y) ** 2) / drawn.sum(axis=1)
    low, high = np.quantile(scores, [0.025, 0.975])
    return Brier(
        Estimate(float(np.mean((p - y) ** 2)), float(low), float(high)),
        float(share @ (found.predicted - found.seen) ** 2),
        float(share @ (found.seen - base) ** 2),
        base * (1 - base),
        float(np.mean(away_p**2) - 2 * np.mean(away_p * away_y)),
    )


def net_benefit(p: Array, y: Array, thresholds: Array, drawn: Array) -> tuple[Array, Array]:
    """Net benefit of treating whoever is predicted at or above each threshold, and of treating all; shapes (B, T).

    True positives less false positives at the odds of the threshold, per person; treating nobody has 0.
    """
    odds = thresholds / (1 - thresholds)
    worth = y[:, None] - (1 - y)[:, None] * odds
    count = drawn.sum(axis=1, keepdims=True)
    chosen = (p[:, None] >= thresholds) * worth
    return drawn @ chosen / count, drawn @ worth / count
