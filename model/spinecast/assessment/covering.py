"""The states that matter to a person: few carry nearly all of the belief."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spinecast.parameters.scales import Array

COVERED = 0.999
"""Posterior mass of the joint states that the plan search works on; the rest is spread over them."""

ALIKE = 1e-9
"""Relative difference of two beliefs below which neither state is kept without the other: rounding does not choose between them."""


def covered(belief: Array) -> npt.NDArray[np.bool_]:
    """Fewest states that carry nearly all of each belief, and those as probable as the last of them; `belief` (..., S)."""
    falling = -np.sort(-belief, axis=-1)
    last = np.minimum((np.cumsum(falling, axis=-1) < COVERED).sum(axis=-1, keepdims=True), belief.shape[-1] - 1)
    kept: npt.NDArray[np.bool_] = belief >= np.take_along_axis(falling, last, axis=-1) * (1 - ALIKE)
    return kept


def covering(belief: Array) -> Array:
    """The same belief over those states alone; (..., S)."""
    kept = np.where(covered(belief), belief, 0.0)
    whole: Array = kept / kept.sum(axis=-1, keepdims=True)
    return whole
