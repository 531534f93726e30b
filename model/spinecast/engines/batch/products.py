"""Products of table rows, many at once: block by block in the cache, without a Python step for each product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spinecast.frozen import dataclass
from spinecast.network.states import Ints, StateSpace
from spinecast.parameters.scales import Array

BLOCK = 64
"""Products worked on at once: with S states of eight bytes each they stay in a second-level cache."""


FEW = 3
"""As many products are quicker one at a time."""

Pairs = tuple[Ints, Ints]
"""Owners, and a row that each multiplies by."""


@dataclass(frozen=True, slots=True)
class Lists:
    """For each of n owners a list of row numbers, which is never empty: `rows[start[i]:start[i + 1]]`."""

    start: Ints
    rows: Ints

    @classmethod
    def of(cls, pairs: Sequence[Pairs], count: int) -> Lists:
        """From pairs in any order."""
        owner, rows = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
        order = np.argsort(owner, kind="stable")
        return cls(np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=count))]), rows[order])

    def part(self, first: int, last: int) -> Lists:
        """The lists of some owners next to each other."""
        start = self.start[first : last + 1]
        return Lists(start - start[0], self.rows[start[0] : start[-1]])

    def sums(self, values: Array) -> Array:
        """Sum of the values of each owner's rows; shape (n,)."""
        total: Array = np.add.reduceat(values[self.rows], self.start[:-1])
        return total


def products(table: Array, lists: Lists) -> Iterator[tuple[Ints, Array]]:
    """Owners, and the product of each one's rows, a block at a time.

    Owners with as many rows come together, so that the k-th rows of a block are one gather and one multiplication.

    Parameters
    ----------
    table : ndarray, shape (R, W)
    lists : Lists
        Every owner has a row.

    Yields
    ------
    owners : ndarray of int, shape (m,)
    product : ndarray, shape (m, W)
        Overwritten by the next block.
    """
    counts = np.diff(lists.start)
    if len(counts) <= FEW:
        for owner, (first, last) in enumerate(pairwise(lists.start.tolist())):
            yield np.array([owner]), np.multiply.reduce(table.take(lists.rows[first:last], axis=0), axis=0, keepdims=True)
        return
    order = np.argsort(-counts, kind="stable")
    size = min(BLOCK, max(len(order), 1))
    work, spare = np.empty((2, size, table.shape[1]), dtype=table.dtype)
    for begin in range(0, len(order), size):
        mine = order[begin : begin + size]
        first, count = lists.start[mine], counts[mine]
        product = work[: len(mine)]
        np.take(table, lists.rows[first], axis=0, out=product, mode="clip")
        for k in range(1, int(count[0])):
            m = int(np.searchsorted(-count, -k))  # those with more than k rows
            np.take(table, lists.rows[first[:m] + k], axis=0, out=spare[:m], mode="clip")
            np.multiply(product[:m], spare[:m], out=product[:m])
        yield mine, product


class ProductForm:
    """Products over the active levels of every state, from one factor a level: a state's is its parent's times one more."""

    def __init__(self, space: StateSpace) -> None:
        self._steps = []
        for size in range(2, int(space.count.max()) + 1):
            here = np.arange(np.count_nonzero(space.count <= size))
            full = space.count[here] == size
            # A smaller state stays as it is: itself, times that of the state with nothing active.
            self._steps.append((np.where(full, space.parent[here], here), np.where(full, space.added[here] + 1, 0)))

    def __call__(self, factors: Array) -> Array:
        """Products (n, S) of factors (n, L)."""
        alone = np.concatenate([np.ones_like(factors[:, :1]), factors], axis=1)
        product = alone
        for parent, added in self._steps:
            product = product.take(parent, axis=1, mode="clip")
            np.multiply(product, alone.take(added, axis=1, mode="clip"), out=product)
        return product


def mixed(product: Array, weights: npt.NDArray[np.floating]) -> Array:
    """Weighted sum over the frailty nodes: (m, Z * C) to (m, C)."""
    if len(weights) == 1:
        return product
    width = product.shape[1] // len(weights)
    total: Array = product[:, :width] * weights[0]
    for z in range(1, len(weights)):
        total += product[:, z * width : (z + 1) * width] * weights[z]
    return total
