"""Shares of variance of groups of inputs that are tied together: Kucherenko's first and total indices of a Gaussian.

Two samples are enough: what a group leaves open is drawn given the group by moving the second sample along the regression on it
(Matheron's rule), `x_rest + C_rest,group C_group,group^-1 (a_group - x_group)`. Without ties these are Sobol's indices. SALib has them for
independent inputs only.

References
----------
kucherenko2012 (Kucherenko S, Tarantola S, Annoni P. Comput Phys Commun 2012;183:937-946).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Z95, Array

SINGULAR = 1e-10
NO_VARIANCE = 1e-12
"""Of the largest: eigenvalues of a covariance that are rounding."""

TAIL = 1e-6
REPEATS = 200
Function = Callable[[Array], Array]
"""Outputs (R,) at R rows of inputs (R, D)."""


@dataclass(frozen=True, slots=True)
class Shares:
    """By group, each of shape (G,), with 95 % errors.

    Attributes
    ----------
    first : ndarray
        V[E(Y | group)] / V(Y): with what the group shares with all that it is tied to.
    total : ndarray
        E[V(Y | all others)] / V(Y): what is left of the variance once all others are known.
    """

    first: Array
    first_error: Array
    total: Array
    total_error: Array
    evaluations: int


def kucherenko(
    function: Function,
    sizes: Mapping[str, int],
    covariance: Array,
    base: int,
    seed: int,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Shares:
    """First and total shares of variance of groups of jointly normal inputs of mean zero.

    Parameters
    ----------
    function : callable
    sizes : mapping of group to how many inputs it has, in their order
    covariance : ndarray, shape (D, D)
    base : int
        A power of two; base * (2 * groups + 2) evaluations.

    Raises
    ------
    InvalidValueError
    """
    if base < 2 or base & (base - 1):
        raise InvalidValueError("base", base, "a power of two")
    if len(sizes) < 2 or sum(sizes.values()) != len(covariance):
        raise InvalidValueError("groups", dict(sizes), f"at least two groups, of {len(covariance)} numbers together")
    a, b = _pair(covariance, base, seed)
    ends = np.cumsum(list(sizes.values()))
    groups = [np.arange(end - size, end) for size, end in zip(sizes.values(), ends, strict=True)]
    outputs, steps = [function(a), function(b)], 2 * len(groups) + 2
    for own in groups:
        others = np.setdiff1d(np.arange(len(covariance)), own)
        for kept in (own, others):
            outputs.append(function(_given(a, b, kept, covariance)))
            tell(len(outputs), steps)
    whole, other, first, total = outputs[0], outputs[1], np.stack(outputs[2::2]), np.stack(outputs[3::2])
    found = _shares(whole, other, first, total)
    generator = np.random.default_rng(seed)
    picked = [generator.integers(0, base, base) for _ in range(REPEATS)]
    spread = Z95 * np.std([_shares(whole[i], other[i], first[:, i], total[:, i]) for i in picked], axis=0)
    return Shares(found[0], spread[0], found[1], spread[1], base * steps)


def symmetric_power(matrix: Array, power: float) -> Array:
    """Power of a covariance matrix that does not hang on the order or sign of eigenvectors; directions of no variance stay at zero."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = values > NO_VARIANCE * values.max(initial=0.0)
    found: Array = (vectors[:, kept] * values[kept] ** power) @ vectors[:, kept].T
    return found


def _pair(covariance: Array, base: int, seed: int) -> tuple[Array, Array]:
    """Two samples of the inputs, (base, D) each, by one scrambled Sobol sequence."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    tied, root = _tied(covariance), np.diag(np.sqrt(np.diag(covariance)))
    root[np.ix_(tied, tied)] = symmetric_power(covariance[np.ix_(tied, tied)], 0.5)
    uniform = qmc.Sobol(2 * len(covariance), seed=seed).random(base)
    normal = ndtri(np.clip(uniform, TAIL, 1 - TAIL))
    return normal[:, : len(root)] @ root.T, normal[:, len(root) :] @ root.T


def _given(a: Array, b: Array, kept: np.ndarray, covariance: Array) -> Array:
    """The second sample with the kept inputs of the first, and the others drawn given those."""
    tied = _tied(covariance)
    cause, moved = np.intersect1d(kept, tied), np.setdiff1d(tied, kept)
    found = b.copy()
    if len(cause) and len(moved):
        pull = np.linalg.pinv(covariance[np.ix_(cause, cause)], rcond=SINGULAR, hermitian=True) @ covariance[np.ix_(cause, moved)]
        found[:, moved] += (a[:, cause] - b[:, cause]) @ pull
    found[:, kept] = a[:, kept]
    return found


def _tied(covariance: Array) -> np.ndarray:
    """Inputs that covary with any other."""
    return np.flatnonzero((covariance - np.diag(np.diag(covariance)) != 0).any(axis=1))


def _shares(whole: Array, other: Array, first: Array, total: Array) -> tuple[Array, Array]:
    """First shares by what outputs of the first sample have in common with those that share the group but not with the second sample;
    total by squared differences where the rest is shared.
    """
    variance = np.concatenate([whole, other]).var()
    if variance == 0:
        return np.zeros(len(first)), np.zeros(len(first))
    alike = ((whole - whole.mean()) * (first - other)).mean(axis=1)
    return alike / variance, ((whole - total) ** 2).mean(axis=1) / (2 * variance)
