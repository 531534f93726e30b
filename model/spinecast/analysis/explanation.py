"""The explanation of what was seen: the most probable one, and the most relevant one.

The most probable explanation says of every generator whether it is active; with many generators each such sentence has a small
probability. The most relevant explanation names only what matters: the set of active generators x, the rest left open,
with the greatest generalised Bayes factor

    GBF(x; e) = P(e | x) / P(e | not x) = posterior odds of x / prior odds of x.

All sets of up to three active generators are looked at, at one level each or at any, so both answers are exact.

References
----------
yuan2011relevant (Yuan C, Lim H, Lu TC. Most relevant explanation in Bayesian networks. J Artif Intell Res 2011;42:309-352).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product

import numpy as np

from spinecast.analysis.coalitions import LEAST, Coalitions
from spinecast.frozen import dataclass
from spinecast.network.states import StateSpace
from spinecast.parameters.scales import Array

Name = tuple[tuple[str, str], ...]
"""Active generators, each with its level; level "" where it has none or any of them is meant."""


MOST = 5
"""Explanations named."""

RELEVANT_FROM = 0.05
"""Least posterior of an explanation that is worth naming."""


@dataclass(frozen=True, slots=True)
class Probable:
    """A joint state: these generators are active and no other."""

    active: Name
    prior: float
    posterior: float


@dataclass(frozen=True, slots=True)
class Relevant:
    """These generators are active, whatever the others do.

    Attributes
    ----------
    active : tuple of (generator, level)
    factor : float
        Generalised Bayes factor.
    decibans : float
        The same, 10 log10.
    prior, posterior : float
        Probability before and after the findings.
    """

    active: Name
    factor: float
    decibans: float
    prior: float
    posterior: float


def most_probable(coalitions: Coalitions, most: int = MOST) -> tuple[Probable, ...]:
    """The joint states with the highest posterior; findings not observed, families and contexts are summed over."""
    space = coalitions.network.space
    before, after = _beliefs(coalitions)
    top = np.argsort(-after, kind="stable")[:most]
    return tuple(Probable(_name(space, s), float(before[s]), float(after[s])) for s in top.tolist())


def most_relevant(coalitions: Coalitions, most: int = MOST) -> tuple[Relevant, ...]:
    """Sets of active generators by their Bayes factor, without those that a part or a superset of them beats.

    Only sets that the findings speak for and that are at least `RELEVANT_FROM` probable are named: the factor alone favours
    sets so rare that it cannot make them likely.

    A set is dropped if a part of it does as well or better (its rest adds nothing), or if a larger set does better
    (it is only a part of that one): Yuan's strong and weak dominance.
    """
    space = coalitions.network.space
    before, after = _beliefs(coalitions)
    prior, posterior = _totals(space, before), _totals(space, after)
    factors = {x: _factor(prior[x], posterior[x]) for x in prior if prior[x] > 0 and posterior[x] >= RELEVANT_FROM}
    ordered = sorted((x for x in factors if factors[x] > 1), key=lambda x: (-factors[x], len(x), x))
    kept: list[Name] = []
    for x in ordered:
        if not any(_implies(x, y) or (_implies(y, x) and factors[y] > factors[x]) for y in kept):
            kept.append(x)
        if len(kept) == most:
            break
    return tuple(Relevant(x, factors[x], 10 * float(np.log10(max(factors[x], LEAST))), prior[x], posterior[x]) for x in kept)


def _beliefs(coalitions: Coalitions) -> tuple[Array, Array]:
    """Prior and posterior over states (S,), settings summed over."""
    size = len(coalitions.network.space)
    _, weight = coalitions.weights(coalitions.items)
    return coalitions.prior.reshape(-1, size).sum(axis=0), (weight / weight.sum()).reshape(-1, size).sum(axis=0)


def _name(space: StateSpace, state: int) -> Name:
    return tuple(space.levels[i] for i in np.flatnonzero(space.active[state]))


def _totals(space: StateSpace, belief: Array) -> dict[Name, float]:
    """Probability of every set: the sum over the states that contain it, at its levels."""
    totals: dict[Name, float] = {}
    for state, weight in enumerate(belief.tolist()):
        for x in _parts(_name(space, state)):
            totals[x] = totals.get(x, 0.0) + weight
    return totals


def _parts(active: Name) -> Iterable[Name]:
    """Every non-empty part of a state, each generator at its level or at any."""
    for size in range(1, len(active) + 1):
        for chosen in combinations(active, size):
            options: Sequence[Sequence[tuple[str, str]]] = [((g, level), (g, "")) if level else ((g, ""),) for g, level in chosen]
            yield from product(*options)


def _factor(prior: float, posterior: float) -> float:
    return (posterior / max(1 - posterior, LEAST)) / (prior / max(1 - prior, LEAST))


def _implies(x: Name, y: Name) -> bool:
    """Does x say everything that y says (and more)?"""
    levels = dict(x)
    return all(g in levels and level in ("", levels[g]) for g, level in y)
