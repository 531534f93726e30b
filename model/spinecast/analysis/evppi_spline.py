"""EVPPI by spline regression of net benefit on the parameters asked about.

Up to three inputs: additive cubic regression splines with pairwise products. More: what of the outputs is linear in them is found by
ridge regression, its leading directions are the inputs of the splines (a supervised reduction of dimension), and the choices of each
fifth of the draws are made by what the other four taught and valued by the draws themselves. That is what could at least be gained,
so that many inputs do not fit noise; it rises to the EVPPI with the number of draws.

References
----------
strong2014 (Strong M, Oakley JE, Brennan A. Med Decis Making 2014;34:311-326).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from spinecast.analysis.voi import Estimate, by_person
from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

KNOTS = 6
FEW = 3
"""Inputs up to this many enter the splines as they are."""

DIRECTIONS = 3
FOLDS = 5
MOST_OUTPUTS = 30
SINGULAR = 1e-9
AT_ONCE = 8_000_000
"""Values of which so many are worked on at once."""


def inputs_of(inputs: Array, count: int) -> Array:
    """Inputs as (K, d), without those that do not vary.

    Raises
    ------
    InvalidValueError
        Another number of draws than the outputs have, or a value that is not finite.
    """
    found = np.asarray(inputs, dtype=float)
    found = found[:, None] if found.ndim == 1 else found
    if len(found) != count:
        raise InvalidValueError("inputs", len(found), f"as many draws as the outputs have, {count}")
    if not np.isfinite(found).all():
        raise InvalidValueError("inputs", "NaN or infinite", "finite parameters")
    return found[:, found.std(axis=0) > SINGULAR * np.maximum(1.0, np.abs(found).max(axis=0, initial=0.0))]


@dataclass(frozen=True, slots=True)
class Surface:
    """Fitted E(outputs | inputs), which can be asked at other inputs.

    Attributes
    ----------
    centre, scale : ndarray, shape (d,)
    directions : ndarray, shape (d, r)
    knots : ndarray, shape (r, KNOTS)
    root : ndarray, shape (p, q)
        Times its transpose the inverse of the squared basis, as far as that has one.
    coefficients : ndarray, shape (p, A)
    """

    centre: Array
    scale: Array
    directions: Array
    knots: Array
    root: Array
    coefficients: Array

    @classmethod
    def fitted(cls, inputs: Array, net: Array) -> Surface:
        """Least squares; inputs (K, d) that vary, outputs (K, A) or (K, n, A) of n people."""
        centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
        standard, outputs = (inputs - centre) / scale, net.reshape(len(net), -1)
        directions = np.eye(inputs.shape[1]) if inputs.shape[1] <= FEW else _directions(standard, at_stake(net))
        index = standard @ directions
        knots = np.quantile(index, np.linspace(0.02, 0.98, KNOTS), axis=0).T
        left, singular, right = np.linalg.svd(_basis(index, knots), full_matrices=False)
        kept = singular > SINGULAR * singular[0]
        root = right[kept].T / singular[kept]
        return cls(centre, scale, directions, knots, root, root @ (left[:, kept].T @ outputs))

    def basis(self, inputs: Array) -> Array:
        """Regression basis (K, p) at inputs."""
        return _basis((inputs - self.centre) / self.scale @ self.directions, self.knots)

    def at(self, inputs: Array) -> Array:
        """Fitted outputs (K, A)."""
        found: Array = self.basis(inputs) @ self.coefficients
        return found


def at_stake(net: Array) -> Array:
    """Gain of each option over today's best, scaled to spread by what knowing it alone could gain: E max(gain, 0); (K, n * A).

    What looks for a few directions then looks at options that may come first, and not at those whose value varies most.
    """
    people = by_person(net)
    gain = people - taken(people, people.mean(axis=0).argmax(axis=-1)[None])[..., None]
    spread = gain.std(axis=0)
    scale = np.divide(np.maximum(gain, 0.0).mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    weighed: Array = (gain * scale).reshape(len(people), -1)
    return weighed


def _directions(standard: Array, outputs: Array) -> Array:
    """Leading directions of the inputs in which the outputs are linear, by ridge regression with its penalty from GCV."""
    if outputs.shape[1] > MOST_OUTPUTS:
        # Of thousands of outputs a few fixed mixtures show every direction.
        outputs = outputs @ np.random.default_rng(0).standard_normal((outputs.shape[1], MOST_OUTPUTS))
    left, singular, right = np.linalg.svd(standard, full_matrices=False)
    target = left.T @ (outputs - outputs.mean(axis=0))
    total = float(((outputs - outputs.mean(axis=0)) ** 2).sum())
    best, chosen = math.inf, None
    for penalty in np.geomspace(1e-4, 1e2, 13) * len(standard):
        shrink = singular**2 / (singular**2 + penalty)
        residual = total - float(((2 * shrink - shrink**2)[:, None] * target**2).sum())
        score = residual / (1 - shrink.sum() / len(standard)) ** 2
        if score < best:
            best, chosen = score, right.T @ ((shrink / np.maximum(singular, SINGULAR))[:, None] * target)
    assert chosen is not None
    predicted = np.linalg.svd(chosen, full_matrices=False)
    kept = predicted[1] > SINGULAR * max(float(predicted[1][0]), SINGULAR)
    return predicted[0][:, kept][:, :DIRECTIONS]


def _basis(index: Array, knots: Array) -> Array:
    """Intercept, natural cubic spline of each index, and products of pairs; (K, p)."""
    columns = [np.ones((len(index), 1))]
    for value, own in zip(index.T, knots, strict=True):
        columns.append(_natural(value, own))
    for i in range(index.shape[1]):
        for j in range(i):
            columns.append((index[:, i] * index[:, j])[:, None])
            columns.append((index[:, i] ** 2 * index[:, j])[:, None])
            columns.append((index[:, i] * index[:, j] ** 2)[:, None])
    return np.concatenate(columns, axis=1)


def _natural(x: Array, knots: Array) -> Array:
    """Natural cubic spline basis without intercept (linear beyond the outer knots); (K, KNOTS - 1)."""
    cubes = np.maximum(x[:, None] - knots, 0.0) ** 3
    last = cubes[:, -1:]
    part = (cubes[:, :-1] - last) / np.maximum(knots[-1] - knots[:-1], SINGULAR)
    return np.concatenate([x[:, None], part[:, :-1] - part[:, -1:]], axis=1)


def evppi_spline(outputs: Array, inputs: Array) -> Estimate:
    """Expected value of knowing the inputs exactly.

    Parameters
    ----------
    outputs : ndarray, shape (K, A) or (K, N, A)
        Net benefit of each option under each draw, for one decision or for N people.
    inputs : ndarray, shape (K, d) or (K,)

    Returns
    -------
    Estimate
        A decision or person; between 0 and the EVPI up to its error, which holds the sampling of draws and of the regression's coefficients.
    """
    net = by_person(outputs)
    known = inputs_of(inputs, len(net))
    if not known.shape[1]:
        return Estimate(0.0, 0.0)
    if known.shape[1] <= FEW:
        return regressed(net, known, known)
    gain = sum((policy_gain(cross_fitted(known, part), part) for part in parts(net)), np.zeros(len(net)))
    return averaged(gain, 0.0, net.shape[1])


def regressed(net: Array, known: Array, asked: Array) -> Estimate:
    """Value of choosing by what is fitted to the known inputs (K, d), asked at others (K, d); net benefits (K, N, A).

    The maximum of fitted values is too high, by about one over the number of draws; what the two halves of the draws have more of it is
    taken off. The error is that of the influence function: a draw counts by the gain at it, and by its pull on the coefficients
    with which the value changes linearly, the choices given.
    """
    whole = averaged(*_fitted_gain(net, known, asked), net.shape[1])
    halves = [averaged(*_fitted_gain(net[i::2], known[i::2], asked[i::2]), net.shape[1]).value for i in (0, 1)]
    return Estimate(max(2 * whole.value - sum(halves) / 2, 0.0), whole.se)


def _fitted_gain(net: Array, known: Array, asked: Array) -> tuple[Array, Array]:
    """Gain of each draw over all people, and its pull on the coefficients; (K,) each."""
    gain, pull = np.zeros(len(net)), np.zeros(len(net))
    for part in parts(net):
        flat = part.reshape(len(part), -1)
        surface = Surface.fitted(known, part)
        basis = surface.basis(known)
        place = basis if asked is known else surface.basis(asked)
        fitted = (place @ surface.coefficients).reshape(part.shape)
        today, then = part.mean(axis=0).argmax(axis=-1)[None], fitted.argmax(axis=-1)
        gain += (taken(fitted, then) - taken(fitted, today)).sum(axis=1)
        options = np.arange(part.shape[2])
        changed = (then[..., None] == options).astype(float) - (today[..., None] == options)
        moved = changed.reshape(flat.shape).T @ place / len(part)
        weight = (basis @ surface.root) @ (moved @ surface.root).T
        freedom = len(part) / max(len(part) - surface.root.shape[1], 1)
        pull += math.sqrt(freedom) * (weight * (flat - basis @ surface.coefficients)).sum(axis=1)
    return gain, pull


def averaged(gain: Array, pull: Array | float, people: int) -> Estimate:
    """Mean a person of what each draw gains over all of them (K,), and its standard error."""
    count = len(gain)
    influence = (gain - gain.mean()) / math.sqrt(count * (count - 1)) + pull
    return Estimate(max(float(gain.mean()), 0.0) / people, float(np.linalg.norm(influence)) / people)


def parts(net: Array) -> Iterator[Array]:
    """Some people at a time, so that what is worked out for them fits the memory; (K, N, A) to (K, n, A)."""
    step = max(AT_ONCE // (net.shape[0] * net.shape[2]), 1)
    for first in range(0, net.shape[1], step):
        yield net[:, first : first + step]


def taken(net: Array, option: np.ndarray) -> Array:
    """Value of one option a person; (K, n, A) and (K, n) or (1, n) to (K, n)."""
    chosen = np.broadcast_to(option, net.shape[:2])[..., None]
    found: Array = np.take_along_axis(net, chosen, axis=2)[..., 0]
    return found


def policy_gain(fitted: Array, net: Array) -> Array:
    """What each draw gains, over all people, by the choices that the fitted values make over those of today; (K, n, A) to (K,)."""
    today = net.mean(axis=0).argmax(axis=-1)[None]
    gain: Array = (taken(net, fitted.argmax(axis=-1)) - taken(net, today)).sum(axis=1)
    return gain


def cross_fitted(inputs: Array, net: Array) -> Array:
    """Fitted values of each fold from the other four; (K, n, A)."""
    fold = np.arange(len(net)) % FOLDS
    fitted = np.empty((len(net), net[0].size))
    for k in range(FOLDS):
        own = fold == k
        fitted[own] = Surface.fitted(inputs[~own], net[~own]).at(inputs[own])
    return fitted.reshape(net.shape)
