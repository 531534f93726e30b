"""Monte Carlo standard errors of means, shares and quantiles of independent draws, and whether they have settled."""

from __future__ import annotations

import math

import numpy as np

from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

BATCHES = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """Each of shape (...) for draws of shape (K, ...): mean, its standard error, the 95 % interval and its ends' errors."""

    mean: Array
    mean_se: Array
    low: Array
    low_se: Array
    high: Array
    high_se: Array


def summary(draws: Array) -> Summary:
    """Mean and 95 % interval along the first axis, each with its Monte Carlo standard error."""
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return Summary(draws.mean(axis=0), mean_se(draws), low, quantile_se(draws, 0.025), high, quantile_se(draws, 0.975))


def mean_se(draws: Array) -> Array:
    """Standard error of the mean of independent draws (K, ...); NaN for one draw."""
    if len(draws) < 2:
        return np.full(draws.shape[1:], np.nan)
    error: Array = draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    return error


def share_se(share: Array, count: int) -> Array:
    """Standard error of a share of `count` draws; a share of 0 or 1 is not known without error, so half a draw is added."""
    bounded = np.clip(share, 0.5 / (count + 1), 1 - 0.5 / (count + 1))
    error: Array = np.sqrt(bounded * (1 - bounded) / count)
    return error


def quantile_se(draws: Array, level: float) -> Array:
    """Standard error of a quantile: half the distance of the order statistics one binomial standard error around it."""
    count = len(draws)
    reach = math.sqrt(level * (1 - level) / count)
    low, high = np.quantile(draws, [max(level - reach, 0.0), min(level + reach, 1.0)], axis=0)
    error: Array = (high - low) / 2
    return error


def batch_se(draws: Array, batches: int = BATCHES) -> Array:
    """Standard error of the mean from means of consecutive batches; far above `mean_se`, the draws are not independent."""
    size = len(draws) // batches
    if size < 2:
        return np.full(draws.shape[1:], np.nan)
    means = draws[: size * batches].reshape(batches, size, *draws.shape[1:]).mean(axis=1)
    error: Array = means.std(axis=0, ddof=1) / math.sqrt(batches)
    return error


def halves_z(draws: Array) -> Array:
    """Difference of the means of the two halves in its standard errors; beyond about 3 the draws have not settled."""
    half = len(draws) // 2
    first, second = draws[:half], draws[half : 2 * half]
    spread = np.hypot(mean_se(first), mean_se(second))
    z: Array = np.divide(first.mean(axis=0) - second.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    return z


def ranks(values: Array) -> Array:
    """Rank of each column in each row, 1 for the highest; ties share the better rank. (K, A) to (K, A)."""
    placed: Array = 1.0 + (values[:, None, :] > values[:, :, None]).sum(axis=2)
    return placed
