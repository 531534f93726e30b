"""Weight of evidence taken apart exactly: what each group of findings adds, and each finding within its group.

The weight of everything for a hypothesis h is log [odds(h | all) / odds(h)] (Good 1950). Shares that add up to it and
do not depend on an order are Shapley's, here with groups: Owen's value (1977) gives a group of correlated findings
the Shapley value of the group as one player, and splits that within the group so that it sums.

References
----------
good1985weight (Good IJ. Weight of evidence: a brief survey. Bayesian Statistics 2, 1985).
owen1977values (Owen G. Values of games with a priori unions. 1977).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from spinecast.analysis.coalitions import LEAST, Coalitions
from spinecast.frozen import dataclass
from spinecast.network.states import Bools
from spinecast.parameters.scales import Array

DECIBAN = 10 / math.log(10)

MOST_GROUPS = 12
"""Up to so many groups every order is counted (2 ** 11 coalitions of the others); beyond, orders are sampled."""

MOST_MEMBERS = 8
"""The same within a group."""

ORDERS = 512
"""Sampled orders of groups, in antithetic pairs. Each order's shares sum to the total, so their mean does."""

INNER_ORDERS = 32
"""Sampled orders within a large group, the same way."""

EXACT, SAMPLED = "exact", "sampled orders"


@dataclass(frozen=True, slots=True)
class Share:
    """What one finding, as a member of its group, adds to the log-odds.

    Attributes
    ----------
    item : str
        A leaf, or the family of counted tests.
    group : int
    decibans : float
    error : float
        Monte Carlo standard error in decibans; 0 where every order was counted.
    """

    item: str
    group: int
    decibans: float
    error: float


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Shares that sum to `total`, the weight of everything, in decibans.

    Attributes
    ----------
    prior, posterior : float
        Probability of the hypothesis before and after.
    groups : tuple of float
        The sum of each group's shares.
    method : str
        Whether every order was counted or orders were sampled.
    """

    shares: tuple[Share, ...]
    groups: tuple[float, ...]
    total: float
    prior: float
    posterior: float
    method: str


def decompose(coalitions: Coalitions, mask: Bools, *, seed: int = 1) -> Decomposition:
    """Owen's value of every finding for the hypothesis "the state is in the mask".

    Parameters
    ----------
    mask : ndarray of bool, shape (K * S,)
        From `Coalitions.mask`.
    seed : int
        Of sampled orders.
    """
    count = len(coalitions.groups)
    generator = np.random.default_rng(seed)
    full = [coalitions.factor(group)[1] for group in coalitions.groups]
    orders = None if count <= MOST_GROUPS else _orders(count, ORDERS, generator)
    shares = []
    for g, group in enumerate(coalitions.groups):
        others = [full[j] for j in range(count) if j != g]
        sets, weights = _every(len(others)) if orders is None else _before(orders, g)
        added = _split(coalitions, group, _products(coalitions.prior, others, sets), mask, generator)
        value = DECIBAN * (weights @ added.mean(axis=0))
        outer = np.zeros(len(group)) if orders is None else _variance(added.mean(axis=0))
        inner = np.zeros(len(group)) if len(added) == 1 else _variance(np.einsum("r,orm->om", weights, added))
        error = DECIBAN * np.sqrt(outer + inner)
        shares += [Share(item, g, float(v), float(e)) for item, v, e in zip(group, value, error, strict=True)]
    before, after = coalitions.log_odds((), mask), coalitions.log_odds(coalitions.items, mask)
    summed = tuple(sum(s.decibans for s in shares if s.group == g) for g in range(count))
    sampled = orders is not None or max(map(len, coalitions.groups), default=0) > MOST_MEMBERS
    return Decomposition(
        tuple(shares), summed, DECIBAN * (after - before), _expit(before), _expit(after), SAMPLED if sampled else EXACT
    )


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _every(count: int) -> tuple[Array, Array]:
    """All coalitions of `count` others (R, count) as 0 and 1, with Shapley's weights (R,)."""
    sets = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(float)
    size = sets.sum(axis=1).astype(int)
    by_size = np.array([1 / ((count + 1) * math.comb(count, s)) for s in range(count + 1)])
    return sets, by_size[size]


def _orders(count: int, many: int, generator: np.random.Generator) -> Array:
    """Places of each player in sampled orders, each with its reverse; shape (many, count)."""
    half = np.argsort(generator.random((many // 2, count)), axis=1)
    return np.concatenate([half, count - 1 - half])


def _before(orders: Array, player: int) -> tuple[Array, Array]:
    """Who stands before the player in each order, without the player (R, count - 1), each order worth the same."""
    sets = np.delete((orders < orders[:, [player]]).astype(float), player, axis=1)
    return sets, np.full(len(orders), 1 / len(orders))


def _variance(added: Array) -> Array:
    """Squared standard error of the mean over antithetic pairs of orders (orders, members); shape (members,)."""
    half = len(added) // 2
    pairs = (added[:half] + added[half:]) / 2
    variance: Array = pairs.var(axis=0, ddof=1) / half
    return variance


def _products(prior: Array, factors: Sequence[Array], sets: Array) -> Array:
    """Prior times the factors of each coalition; shape (R, K * S)."""
    weight = np.tile(prior, (len(sets), 1))
    for chosen, factor in zip(sets.T, factors, strict=True):
        weight[chosen > 0] *= factor
    return weight


def _split(coalitions: Coalitions, group: Sequence[str], weights: Array, mask: Bools, generator: np.random.Generator) -> Array:
    """What each member adds after each coalition of other groups; shape (inner orders, R, members).

    A group of which every order is counted has one inner order, their average.
    """
    steps = list(_steps(len(group), generator))
    subsets = sorted({s for _, before, i, _ in steps for s in (before, before | {i})}, key=lambda s: (len(s), sorted(s)))
    place = {s: n for n, s in enumerate(subsets)}
    factors = np.stack([coalitions.factor(group[i] for i in s)[1] if s else np.ones(len(mask)) for s in subsets])
    yes, no = weights[:, mask] @ factors[:, mask].T, weights[:, ~mask] @ factors[:, ~mask].T
    log_odds = np.log(np.maximum(yes, LEAST)) - np.log(np.maximum(no, LEAST))
    added = np.zeros((steps[-1][0] + 1, len(weights), len(group)))
    for order, before, i, share in steps:
        added[order, :, i] += share * (log_odds[:, place[before | {i}]] - log_odds[:, place[before]])
    return added


def _steps(count: int, generator: np.random.Generator) -> Iterator[tuple[int, frozenset[int], int, float]]:
    """(inner order, who came before, who comes, weight) within a group: every coalition, or those of sampled orders."""
    if count > MOST_MEMBERS:
        for n, order in enumerate(_orders(count, INNER_ORDERS, generator)):
            for i in range(count):
                yield n, frozenset(np.flatnonzero(order < order[i]).tolist()), i, 1.0
        return
    for i in range(count):
        others = [j for j in range(count) if j != i]
        for size in range(count):
            for before in combinations(others, size):
                yield 0, frozenset(before), i, 1 / (count * math.comb(count - 1, size))
