"""EVPPI by nested Monte Carlo: the definition itself, for the agreement of everything else with it.

References
----------
brennan2007 (Brennan A, Kharroubi S, O'Hagan A, Chilcott J. Med Decis Making 2007;27:448-470).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from spinecast.analysis.voi import Estimate, by_person
from spinecast.errors import InvalidValueError
from spinecast.parameters.scales import Array

Conditional = Callable[[np.random.Generator, int], Array]
"""One draw of the parameters asked about, and so many draws of everything else given them: net benefits (inner, A), or (inner, N, A)
of N people who each get what is best for them."""


def evppi_nested(conditional: Conditional, outer: int, inner: int, seed: int) -> Estimate:
    """Expected value of knowing some parameters exactly.

    The maximum of noisy means is too high; the excess is estimated from halves of the inner draws and taken off (to first order in
    one over their number).

    Parameters
    ----------
    conditional : callable
        See `Conditional`.
    outer, inner : int
        At least 2 and 4; inner is rounded down to an even number.

    Raises
    ------
    InvalidValueError
    """
    if outer < 2 or inner < 4:
        raise InvalidValueError("outer, inner", (outer, inner), "at least 2 and 4")
    generator = np.random.default_rng(seed)
    inner -= inner % 2
    means, best = [], np.empty(outer)
    for i in range(outer):
        net = conditional(generator, inner)
        whole, halves = net.mean(axis=0), net.reshape(2, inner // 2, *net.shape[1:]).mean(axis=1)
        # E max of a mean of n is M + c / n, so twice the whole less the halves is M.
        best[i] = 2 * whole.max(axis=-1).mean() - halves.max(axis=-1).mean()
        means.append(whole)
    expected = by_person(np.stack(means))
    today = expected.mean(axis=0).argmax(axis=1)
    gain = best - np.take_along_axis(expected, today[None, :, None], axis=2)[..., 0].mean(axis=1)
    return Estimate(float(gain.mean()), float(gain.std(ddof=1) / math.sqrt(outer)))
