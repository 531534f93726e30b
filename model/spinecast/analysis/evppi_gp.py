"""EVPPI by Gaussian-process regression: slower than splines, with no choice of a basis; a second opinion.

References
----------
strong2014 (Strong M, Oakley JE, Brennan A. Med Decis Making 2014;34:311-326).
"""

from __future__ import annotations

import math

import numpy as np

from spinecast.analysis.evppi_spline import inputs_of
from spinecast.analysis.voi import Estimate, checked, of_fitted
from spinecast.parameters.scales import Array

MOST = 600
"""Draws that the process is fitted to; the cost grows with their cube."""

REPEATS = 100
JITTER = 1e-8


def evppi_gp(outputs: Array, inputs: Array, seed: int = 0) -> Estimate:
    """Expected value of knowing the inputs exactly, from at most `MOST` of the draws.

    Parameters
    ----------
    outputs : ndarray, shape (K, A)
    inputs : ndarray, shape (K, d) or (K,)
    seed : int
        Of the posterior draws behind the standard error.
    """
    net = checked(outputs)
    known = inputs_of(inputs, len(net))
    if not known.shape[1]:
        return Estimate(0.0, 0.0)
    step = max(1, math.ceil(len(net) / MOST))
    part, x = net[::step], known[::step]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    today = int(net.mean(axis=0).argmax())
    against = part - part[:, [today]]
    generator = np.random.default_rng(seed)
    fitted, drawn = np.zeros_like(part), np.zeros((REPEATS, *part.shape))
    for a in range(part.shape[1]):
        if a != today and against[:, a].std() > 0:
            mean, root = _regressed(x, against[:, a])
            fitted[:, a] = mean
            drawn[:, :, a] = mean + generator.standard_normal((REPEATS, len(mean))) @ root.T
    value, sampling = of_fitted(fitted, against)
    repeated = drawn.max(axis=2).mean(axis=1)
    return Estimate(max(value, 0.0), math.hypot(sampling, float(repeated.std(ddof=1))))


def _regressed(x: Array, y: Array) -> tuple[Array, Array]:
    """Posterior mean at the inputs, and a root of its covariance; hyperparameters maximise the marginal likelihood."""
    from scipy.linalg import cho_factor, cho_solve, cholesky
    from scipy.optimize import minimize

    level, spread = y.mean(), y.std()
    z = (y - level) / spread
    distance = (x[:, None, :] - x[None, :, :]) ** 2

    def kernel(parameters: Array) -> tuple[Array, float]:
        scales = np.exp(-2 * parameters[:-1])
        return np.exp(-0.5 * distance @ scales), float(np.exp(parameters[-1]))

    def loss(parameters: Array) -> float:
        smooth, noise = kernel(parameters)
        factor = cho_factor(smooth + (noise + JITTER) * np.eye(len(z)), lower=True)
        scaled = float(z @ cho_solve(factor, z)) / len(z)
        return 0.5 * len(z) * math.log(scaled) + float(np.log(np.diag(factor[0])).sum())

    start = np.append(np.full(x.shape[1], math.log(2.0)), 0.0)
    bounds = [(-2.0, 4.0)] * x.shape[1] + [(-14.0, 8.0)]
    best = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}).x
    smooth, noise = kernel(best)
    factor = cho_factor(smooth + (noise + JITTER) * np.eye(len(z)), lower=True)
    variance = float(z @ cho_solve(factor, z)) / len(z)
    mean = smooth @ cho_solve(factor, z)
    covariance = variance * (smooth - smooth @ cho_solve(factor, smooth))
    root = cholesky(covariance + 1e-6 * np.eye(len(z)), lower=True)
    return level + spread * mean, spread * root
