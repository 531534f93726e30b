"""One loop that a compiler makes quicker: products of table rows, each row read once.

numpy reads a row, writes it beside the product, reads it again and multiplies. The loop does without the second place, in the
same order, so that the bits are the same. It needs numba (extra `fast`), whose import and compilation take some two seconds a
process: until as much work is done as repays them, and where numba is not installed, numpy does it.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

Loop = Callable[[Array, Ints, Ints, Ints, Array], None]

REPAID = 1_000_000_000
"""Entries multiplied (some 30,000 people) after which compiling is worth its time."""


def multiply_rows(table: Array, rows: Ints, start: Ints, count: Ints, product: Array) -> None:
    """Products of the rows of each owner, first to last; plain Python, to be compiled.

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


class WhenRepaid:
    """The compiled loop, from when it pays; safe for threads, of which one compiles while the others go on."""

    def __init__(self, repaid: float = REPAID) -> None:
        self._repaid, self._done = repaid, 0
        self._loop: Loop | None = None
        self._compiling = threading.Lock()

    def after(self, entries: int) -> Loop | None:
        """The loop, if so many entries more are reason enough to have it."""
        if self._loop is None and self._done <= self._repaid:
            self._done += entries
            if self._done > self._repaid:
                self.compile()
        return self._loop

    def compile(self) -> bool:
        """Compile now; whether there is a loop afterwards."""
        if self._loop is None and self._compiling.acquire(blocking=False):
            self._loop = _compiled()
        return self._loop is not None


def _compiled() -> Loop | None:
    try:
        from numba import njit
    except ModuleNotFoundError:
        return None
    except ImportError as error:  # there, and not for this numpy
        warnings.warn(f"numba cannot be used, and numpy works instead: {error}", RuntimeWarning, stacklevel=2)
        return None
    loop: Loop = njit(nogil=True)(multiply_rows)
    return loop


ROWS = WhenRepaid()
"""Of this process."""
