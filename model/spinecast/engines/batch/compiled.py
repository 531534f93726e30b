"""Three loops that a compiler makes quicker: each row of a table is read once, where numpy reads and writes it several times.

They need numba (extra `fast`), whose import and compilation take some three seconds a process: until as much work is done as
repays them, and where numba is not installed, numpy does it. Numbers are multiplied and added in the same order, so that the
bits are the same.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

REPAID = 1_000_000_000
"""Entries multiplied (some 30,000 people) after which compiling is worth its time."""


def multiply_rows(table: Array, rows: Ints, start: Ints, count: Ints, product: Array) -> None:
    """Products of the rows of each owner, first to last; plain Python, to be compiled, as the others are.

    Parameters
    ----------
    table : ndarray, shape (R, W)
    rows : ndarray of int
    start, count : ndarray of int, shape (m,)
        Owner i has `rows[start[i]:start[i] + count[i]]`, at least one.
    product : ndarray, shape (m, W)
        Written to.
    """
    width = table.shape[1]
    for i in range(len(start)):
        out, first, last = product[i], start[i], start[i] + count[i]
        one = table[rows[first]]
        for w in range(width):
            out[w] = one[w]
        k = first + 1
        while k + 3 < last:  # four rows at once: the product is written a fourth as often
            a, b, c, d = table[rows[k]], table[rows[k + 1]], table[rows[k + 2]], table[rows[k + 3]]
            for w in range(width):
                out[w] = (((out[w] * a[w]) * b[w]) * c[w]) * d[w]
            k += 4
        while k < last:
            one = table[rows[k]]
            for w in range(width):
                out[w] *= one[w]
            k += 1


def mix_rows(table: Array, rows: Ints, start: Ints, count: Ints, weights: Array, found: Array) -> None:
    """Sum over the Z nodes of a frailty of the product of the rows of each owner.

    Parameters
    ----------
    table : ndarray, shape (R, Z W)
    weights : ndarray, shape (Z,)
    found : ndarray, shape (m, W)
        Written to.
    """
    width, product = found.shape[1], np.empty(table.shape[1], dtype=table.dtype)
    for i in range(len(start)):
        one = table[rows[start[i]]]
        for w in range(len(product)):
            product[w] = one[w]
        for k in range(start[i] + 1, start[i] + count[i]):
            one = table[rows[k]]
            for w in range(len(product)):
                product[w] *= one[w]
        out = found[i]
        for w in range(width):
            out[w] = product[w] * weights[0]
        for z in range(1, len(weights)):
            for w in range(width):
                out[w] += product[z * width + w] * weights[z]


def sum_values(
    table: Array, rows: Ints, start: Ints, count: Ints, share: Array, chance: Array, setting: Ints, config: Ints, found: Array
) -> None:
    """Sum over the V values of a context of its probability times what depends on it, spread over the states.

    Parameters
    ----------
    table : ndarray, shape (R, J)
    start, count : ndarray of int, shape (m V,)
        Of each person's values, one after the other.
    share : ndarray, shape (m, V)
    chance : ndarray, shape (K, V, S)
    setting : ndarray of int, shape (m,)
    config : ndarray of int, shape (S,)
    found : ndarray, shape (m, S)
        Written to.
    """
    product, values = np.empty(table.shape[1], dtype=table.dtype), share.shape[1]
    for i in range(len(share)):
        out = found[i]
        for v in range(values):
            first, part, probability = start[i * values + v], share[i, v], chance[setting[i], v]
            one = table[rows[first]]
            for w in range(len(product)):
                product[w] = one[w]
            for k in range(first + 1, first + count[i * values + v]):
                one = table[rows[k]]
                for w in range(len(product)):
                    product[w] *= one[w]
            for w in range(len(product)):
                product[w] *= part
            if v == 0:
                for s in range(len(out)):
                    out[s] = product[config[s]] * probability[s]
            else:
                for s in range(len(out)):
                    out[s] += product[config[s]] * probability[s]


class Loops(NamedTuple):
    """The loops, compiled."""

    multiply_rows: Callable[..., None]
    mix_rows: Callable[..., None]
    sum_values: Callable[..., None]


class WhenRepaid:
    """The compiled loops, from when they pay; safe for threads, of which one compiles while the others go on."""

    def __init__(self, repaid: float = REPAID) -> None:
        self._repaid, self._done = repaid, 0
        self._loops: Loops | None = None
        self._compiling = threading.Lock()

    def after(self, entries: int) -> Loops | None:
        """The loops, if so many entries more are reason enough to have them."""
        if self._loops is None and self._done <= self._repaid:
            self._done += entries
            if self._done > self._repaid:
                self.compile()
        return self._loops

    def compile(self) -> bool:
        """Compile now; whether there are loops afterwards."""
        if self._loops is None and self._compiling.acquire(blocking=False):
            self._loops = _compiled()
        return self._loops is not None


def _compiled() -> Loops | None:
    try:
        from numba import njit
    except ModuleNotFoundError:
        return None
    except ImportError as error:  # there, and not for this numpy
        warnings.warn(f"numba cannot be used, and numpy works instead: {error}", RuntimeWarning, stacklevel=2)
        return None
    return Loops(*(njit(nogil=True)(loop) for loop in (multiply_rows, mix_rows, sum_values)))


LOOPS = WhenRepaid()
"""Of this process."""
