"""Families in few configurations: each leaf's probabilities in the narrowest spaces that tell its configurations apart.

Axis letters as in `tables`; W is the width of a shelf, the most configurations of any space on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spinecast.engines.batch.products import Lists, blocks
from spinecast.frozen import dataclass
from spinecast.network.model import FRAILTY_WEIGHTS, Block, Leaf, combine_configs
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

NARROWER = 0.6
"""A space of configurations is kept where it is at most this part of the next."""

AS_WIDE = 0.75
"""Spaces of nearly the same width share a shelf: each fills at least this part of it."""

NOT_HERE = -1
"""In place of the first row of a leaf that a space does not know."""


@dataclass(frozen=True, slots=True)
class Space:
    """Configurations of some leaves of a block.

    Attributes
    ----------
    config_of_state : ndarray of int, shape (S,)
    entries : tuple of ndarray, shape (V K B, Z, C), or None
        What each leaf of the block says in these configurations; None for leaves that the space does not know.
    """

    config_of_state: Ints
    entries: tuple[Array | None, ...]


def spaces_of(leaves: Sequence[Leaf], tables: Sequence[Array], block: Block) -> tuple[tuple[Space, ...], Ints]:
    """Spaces of a block from the narrowest to the one that knows all leaves, and the first of them that knows each leaf.

    Few leaves of a family have many configurations, so most of what a person shows of it needs a narrow space only.

    Parameters
    ----------
    leaves : sequence of Leaf
    tables : sequence of ndarray, shape (V, K, B, Z, its own configurations)
    block : Block
    """
    order = sorted(range(len(leaves)), key=lambda j: len(leaves[j].activity))
    found = [(len(order), block.config_of_state, block.leaf_config)]
    for known in range(len(order) - 1, 0, -1):
        widest = found[-1][2].shape[1] * NARROWER
        if len(leaves[order[known - 1]].activity) > widest:
            continue
        config_of_state, rows = combine_configs([leaves[j].config_of_state for j in order[:known]])
        if len(rows) <= widest:
            configs = np.zeros((len(leaves), len(rows)), dtype=np.int64)
            configs[order[:known]] = rows.T
            found.append((known, config_of_state, configs))
    rank = np.zeros(len(leaves), dtype=np.int64)
    spaces = []
    for number, (known, config_of_state, configs) in enumerate(reversed(found)):
        rank[order[known:]] = number + 1
        entries = [_spread(tables[j], configs[j]) if j in order[:known] else None for j in range(len(leaves))]
        spaces.append(Space(config_of_state, tuple(entries)))
    return tuple(spaces), rank


def _spread(table: Array, configs: Ints) -> Array:
    """(V, K, B, Z, own configurations) to (V K B, Z, C)."""
    spread: Array = table[..., configs].reshape(-1, table.shape[3], len(configs))
    return spread


@dataclass(frozen=True, slots=True)
class Shelf:
    """Entries of some spaces as one table, each row with its largest entry 1 and the logarithm of that beside it.

    Attributes
    ----------
    table : ndarray, shape (R, Z W)
    log_scale : ndarray, shape (R,)
    """

    table: Array
    log_scale: Array

    @property
    def width(self) -> int:
        """Most configurations of any space on it."""
        return int(self.table.shape[1]) // len(FRAILTY_WEIGHTS)

    def mixed(self, lists: Lists) -> Array:
        """Sum over the frailty nodes of the product of each owner's rows; shape (n, W)."""
        weights = FRAILTY_WEIGHTS.astype(self.table.dtype)
        found = np.empty((len(lists.count), self.width), dtype=self.table.dtype)
        if (loops := lists.loops(self.table)) is not None:
            loops.mix_rows(self.table, lists.rows, lists.start, lists.count, weights, found)
            return found
        for mine in blocks(lists.count, self.table[:1].nbytes):
            nodes = lists.product(self.table, mine).reshape(len(mine), len(weights), -1)
            nodes *= weights[:, None]
            found[mine] = np.add.reduce(nodes, axis=1)
        return found

    def with_soft(self, rows: Ints, start: Ints, width: Ints, vectors: Array, soft: npt.NDArray[np.bool_]) -> Shelf:
        """The rows asked for as a small shelf of their own; soft ones are sums over hard ones.

        Parameters
        ----------
        rows : ndarray of int, shape (m,)
            Rows of hard values.
        start, width : ndarray of int, shape (m,)
            Of soft values: row of the leaf's first value, and how many rows lie from there to the next value's.
        vectors : ndarray, shape (m, V)
            Likelihood of each value, zero beyond the last.
        soft : ndarray of bool, shape (m,)
        """
        table, log_scale = self.table.take(rows, axis=0, mode="clip"), self.log_scale.take(rows, mode="clip")
        table[soft], log_scale[soft] = 0.0, 0.0
        for value in range(vectors.shape[1]):
            here = np.flatnonzero(soft & (vectors[:, value] > 0))
            row = start[here] + value * width[here]
            table[here] += self.table[row] * (vectors[here, value] * np.exp(self.log_scale[row]))[:, None].astype(table.dtype)
        return Shelf(table, log_scale)


class Shelves:
    """All spaces of a network, on shelves of nearly the same width.

    Attributes
    ----------
    shelves : tuple of Shelf
    shelf : ndarray of int, shape (spaces,)
        Where each space is.
    first : ndarray of int, shape (spaces, most leaves of a block)
        Row of each leaf's first value there, or NOT_HERE.
    config_of_state : tuple of ndarray of int, shape (S,)
    """

    def __init__(self, spaces: Sequence[Space], dtype: npt.DTypeLike) -> None:
        self.config_of_state = tuple(space.config_of_state for space in spaces)
        widths = [_width(space) for space in spaces]
        self.shelf = np.empty(len(spaces), dtype=np.int64)
        self.first = np.full((len(spaces), max(len(space.entries) for space in spaces)), NOT_HERE)
        shelves: list[Shelf] = []
        waiting = sorted(range(len(spaces)), key=lambda i: -widths[i])
        while waiting:
            width = widths[waiting[0]]
            here = [i for i in waiting if widths[i] >= AS_WIDE * width]
            waiting = waiting[len(here) :]
            self.shelf[here] = len(shelves)
            shelves.append(self._filled(here, [spaces[i] for i in here], width, dtype))
        self.shelves = tuple(shelves)

    def _filled(self, numbers: Sequence[int], spaces: Sequence[Space], width: int, dtype: npt.DTypeLike) -> Shelf:
        parts, count = [], 0
        for number, space in zip(numbers, spaces, strict=True):
            for j, entries in enumerate(space.entries):
                if entries is not None:
                    self.first[number, j] = count
                    parts.append(np.pad(entries, ((0, 0), (0, 0), (0, width - entries.shape[2]))))
                    count += len(entries)
        table = np.concatenate(parts)
        table = table.reshape(len(table), -1)
        log_scale = normalise(table)
        return Shelf(np.ascontiguousarray(table, dtype=dtype), log_scale)


def _width(space: Space) -> int:
    return next(int(entries.shape[2]) for entries in space.entries if entries is not None)


def normalise(rows: Array) -> Array:
    """Divide rows by their largest entry, in place; the logarithm of that entry (0 for a row of zeros)."""
    peak = rows.max(axis=1)
    peak[peak == 0] = 1.0
    rows /= peak[:, None]
    logarithm: Array = np.log(peak, dtype=float)
    return logarithm
