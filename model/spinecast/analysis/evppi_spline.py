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

import numpy as np

from spinecast.analysis.voi import Estimate, checked, of_fitted
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
    coefficients : ndarray, shape (p, A)
    """

    centre: Array
    scale: Array
    directions: Array
    knots: Array
    coefficients: Array

    @classmethod
    def fitted(cls, inputs: Array, outputs: Array) -> Surface:
        """Least squares; inputs (K, d) that vary, outputs (K, A)."""
        centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
        standard = (inputs - centre) / scale
        directions = np.eye(inputs.shape[1]) if inputs.shape[1] <= FEW else _directions(standard, outputs)
        index = standard @ directions
        knots = np.quantile(index, np.linspace(0.02, 0.98, KNOTS), axis=0).T
        basis = _basis(index, knots)
        return cls(centre, scale, directions, knots, np.asarray(np.linalg.lstsq(basis, outputs, rcond=SINGULAR)[0], dtype=float))

    def basis(self, inputs: Array) -> Array:
        """Regression basis (K, p) at inputs."""
        return _basis((inputs - self.centre) / self.scale @ self.directions, self.knots)

    def at(self, inputs: Array) -> Array:
        """Fitted outputs (K, A)."""
        found: Array = self.basis(inputs) @ self.coefficients
        return found


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
    outputs : ndarray, shape (K, A)
        Net benefit of each option under each draw.
    inputs : ndarray, shape (K, d) or (K,)

    Returns
    -------
    Estimate
        Between 0 and the EVPI up to its error, which holds the sampling of draws and of the regression's coefficients.
    """
    net = checked(outputs)
    known = inputs_of(inputs, len(net))
    if not known.shape[1]:
        return Estimate(0.0, 0.0)
    if known.shape[1] > FEW:
        gain = policy_gain(cross_fitted(known, net), net)
        return Estimate(max(float(gain.mean()), 0.0), float(gain.std(ddof=1) / math.sqrt(len(gain))))
    fitted = Surface.fitted(known, net).at(known)
    value, sampling = of_fitted(fitted, net)
    return Estimate(max(value, 0.0), math.hypot(sampling, coefficient_error(known, net, fitted)))


def policy_gain(fitted: Array, outputs: Array) -> Array:
    """What each draw gains by the choice that the fitted values make over the one choice for all; shape (K,)."""
    rows = np.arange(len(outputs))
    gain: Array = outputs[rows, fitted.argmax(axis=1)] - outputs[:, outputs.mean(axis=0).argmax()]
    return gain


def cross_fitted(inputs: Array, outputs: Array) -> Array:
    """Fitted values of each fold from the other four; (K, A)."""
    fitted = np.empty_like(outputs)
    fold = np.arange(len(outputs)) % FOLDS
    for k in range(FOLDS):
        own = fold == k
        fitted[own] = Surface.fitted(inputs[~own], outputs[~own]).at(inputs[own])
    return fitted


def coefficient_error(inputs: Array, outputs: Array, fitted: Array) -> float:
    """Standard error of E max - max E from that of the coefficients: linear in them, the choices given."""
    surface = Surface.fitted(inputs, outputs)
    basis = surface.basis(inputs)
    q, r = np.linalg.qr(basis)
    keep = np.abs(np.diag(r)) > SINGULAR * np.abs(np.diag(r)).max()
    q = q[:, keep]
    chosen, today = fitted.argmax(axis=1), int(outputs.mean(axis=0).argmax())
    pulls = np.zeros((outputs.shape[1], q.shape[1]))
    for a in range(outputs.shape[1]):
        pulls[a] = (q * ((chosen == a).astype(float) - (a == today))[:, None]).mean(axis=0)
    residual = outputs - q @ (q.T @ outputs)
    covariance = residual.T @ residual / max(len(outputs) - q.shape[1], 1)
    return math.sqrt(max(float(np.einsum("ap,bp,ab->", pulls, pulls, covariance)), 0.0))
