"""Products of table rows, many at once: block by block in the cache, without a Python step for each product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinecast.engines.batch.compiled import LOOPS, Loops
from spinecast.frozen import dataclass
from spinecast.network.states import Ints, StateSpace
from spinecast.parameters.scales import Array

BLOCK_BYTES = 3 * 2**18
"""Products worked on at once, so that they and what they are multiplied by stay near a second-level cache."""

FEW = 8
"""At least so many people make a block, however many states there are."""

Pairs = tuple[Ints, Ints]
"""Owners, and a row that each multiplies by."""


@dataclass(frozen=True, slots=True)
class Lists:
    """For each of n owners a list of row numbers, which is never empty: `rows[start[i]:start[i] + count[i]]`."""

    start: Ints
    count: Ints
    rows: Ints

    @classmethod
    def of(cls, pairs: Sequence[Pairs], owners: int) -> Lists:
        """From pairs in any order."""
        owner, rows = pairs[0] if len(pairs) == 1 else (np.concatenate(side) for side in zip(*pairs, strict=True))
        count = np.bincount(owner, minlength=owners)
        return cls(np.cumsum(count) - count, count, rows[np.argsort(owner, kind="stable")])

    def sums(self, values: Array) -> Array:
        """Sum of the values of each owner's rows; shape (n,)."""
        total: Array = np.add.reduceat(values[self.rows], self.start)
        return total

    def loops(self, table: Array, mine: Ints | slice = slice(None)) -> Loops | None:
        """Compiled loops for products of the rows of some owners, where they are there and pay."""
        return LOOPS.after(int(self.count[mine].sum()) * table.shape[1])

    def product(self, table: Array, mine: Ints) -> Array:
        """Products of the rows of some owners: the k-th rows of all are one gather and one multiplication.

        Parameters
        ----------
        table : ndarray, shape (R, W)
        mine : ndarray of int, shape (m,)
            Those with the longest lists come first.

        Returns
        -------
        ndarray, shape (m, W)
        """
        start, count = self.start[mine], self.count[mine]
        if (loops := self.loops(table, mine)) is not None:
            made = np.empty((len(mine), table.shape[1]), dtype=table.dtype)
            loops.multiply_rows(table, self.rows, start, count, made)
            return made
        if len(mine) == 1:
            return np.multiply.reduce(table.take(self.rows[start[0] : start[0] + count[0]], axis=0), axis=0, keepdims=True)
        product = table.take(self.rows[start], axis=0)
        spare = np.empty_like(product)
        longer = np.searchsorted(-count, -np.arange(1, int(count[0])))  # how many have more than k rows
        for k, m in enumerate(longer.tolist(), start=1):
            np.take(table, self.rows[start[:m] + k], axis=0, out=spare[:m], mode="clip")
            np.multiply(product[:m], spare[:m], out=product[:m])
        return product


def blocks(count: Ints, width: int, multiple: int = 1) -> list[Ints]:
    """Owners of lists of these lengths in blocks of similar ones, the longest first, so large as suits rows of so many bytes.

    Neighbours of equal length stay together in groups of `multiple`.
    """
    size = max(FEW, BLOCK_BYTES // width // multiple) * multiple
    order = np.argsort(-count, kind="stable")
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


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
            product = product.take(parent, axis=1, mode="wrap")
            np.multiply(product, alone.take(added, axis=1, mode="wrap"), out=product)
        return product
