"""Rows for what several findings of a family say together, and for what depends on an unknown context.

Both are worked out once for each pattern that a block of people shows, and appended to the table of rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from spinecast.engines.batch.products import Lists, Pairs, mixed, products
from spinecast.engines.batch.tables import BlockTables, Modulator, Space, Tables, normalise
from spinecast.frozen import dataclass
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

MOST_KEYS = 2**62
"""Patterns are numbered in mixed radix while that fits into an integer, and compared cell by cell beyond."""


class Workspace:
    """The table of rows, with room for more at its end."""

    def __init__(self, rows: Array, log_scale: Array) -> None:
        self.fixed = len(rows)
        self.table, self.log_scale = rows, log_scale
        self.used = self.fixed

    def clear(self) -> None:
        """Forget the added rows."""
        self.used = self.fixed

    def room(self, count: int) -> int:
        """Make room for more rows; the number of the first."""
        first, self.used = self.used, self.used + count
        if self.used > len(self.table):
            size = max(self.used, len(self.table) + len(self.table) // 2)
            grown = np.empty((size, self.table.shape[1]), dtype=self.table.dtype)
            grown[:first] = self.table[:first]
            scale = np.empty(size)
            scale[:first] = self.log_scale[:first]
            self.table, self.log_scale = grown, scale
        return first


@dataclass(frozen=True, slots=True)
class Soft:
    """Likelihoods of one leaf as further codes: code `codes + i` stands for `vectors[i]`; shape (U, codes)."""

    vectors: Array


class Dense:
    """Some blocks, with the columns of their leaves side by side."""

    def __init__(self, blocks: Sequence[BlockTables], *, folded: bool) -> None:
        """`folded`: values that fold have been folded, and only the others are looked at."""
        self.blocks = tuple(blocks)
        widths = np.array([len(b.columns) for b in blocks], dtype=np.int64)
        self.columns = np.concatenate([b.columns for b in blocks])
        self.start = np.cumsum(widths) - widths
        self.end = self.start + widths
        self.block = np.repeat(np.arange(len(widths)), widths)
        self.least = np.concatenate([b.least if folded else np.zeros_like(b.least) for b in blocks])
        self.codes = np.concatenate([b.codes for b in blocks])
        self.line = np.concatenate([b.line for b in blocks])
        self.by, self.settings, self.contexts = (
            np.array([getattr(b, name) for b in blocks], dtype=np.int64) for name in ("by", "settings", "contexts")
        )

    def pairs(self, codes: Ints, setting: Ints, soft: dict[int, Soft], space: Workspace) -> Iterator[Pairs]:
        """Rows of what the blocks say of each person."""
        mine = codes[:, self.columns]
        seen = mine >= self.least
        count = np.add.reduceat(seen, self.start, axis=1, dtype=np.int64)
        plain = count == 1
        if soft:
            plain &= ~np.logical_or.reduceat(mine >= self.codes, self.start, axis=1)
        person, entry = np.nonzero(seen & plain[:, self.block])
        block = self.block[entry]
        yield person, self.line[entry] + self._offset(block, mine[person, entry], codes, setting, person)
        together = (count > 0) & ~plain
        for b in np.flatnonzero(together.any(axis=0)).tolist():
            people = np.flatnonzero(together[:, b])
            own = mine[people, self.start[b] : self.end[b]]
            own = np.where(own >= self.least[self.start[b] : self.end[b]], own, -1)
            yield people, self._together(b, own, people, codes, setting, soft, space)

    def _offset(self, block: Ints, code: Ints, codes: Ints, setting: Ints, person: Ints) -> Ints:
        """Place of (code, setting, context value) among the entries of a leaf."""
        by = np.where(self.by[block] >= 0, codes[person, self.by[block]], 0)
        own_setting = np.where(self.settings[block] > 1, setting[person], 0)
        offset: Ints = (code * self.settings[block] + own_setting) * self.contexts[block] + by
        return offset

    def _together(
        self, b: int, own: Ints, people: Ints, codes: Ints, setting: Ints, soft: dict[int, Soft], space: Workspace
    ) -> Ints:
        """Row of each person for several values of one block; new rows are worked out once a pattern."""
        block = self.blocks[b]
        zero = np.zeros_like(people)
        offset = self._offset(np.full_like(people, b), zero, codes, setting, people)
        example, index = distinct(np.column_stack([own, offset]))
        own, offset = own[example], offset[example]
        row = space.room(len(example))
        place = np.empty_like(example)
        rank = np.where(own >= 0, block.rank, 0).max(axis=1)
        for number in np.unique(rank).tolist():
            chosen = np.flatnonzero(rank == number)
            narrow = block.spaces[number]
            entries, lists = _entries(block, narrow, own[chosen], offset[chosen], soft)
            for mine, product in products(entries, lists):
                weights = mixed(product, block.weights)
                here = slice(row, row + len(mine))  # in the order worked out, so that nothing is copied twice
                place[chosen[mine]] = np.arange(row, row + len(mine))
                space.log_scale[here] = normalise(weights)
                weights = weights.astype(space.table.dtype, copy=False)
                np.take(weights, narrow.config_of_state, axis=1, out=space.table[here], mode="clip")
                row += len(mine)
        return place[index]


def _entries(block: BlockTables, narrow: Space, own: Ints, offset: Ints, soft: dict[int, Soft]) -> tuple[Array, Lists]:
    """Entries of a space, and for each pattern (m, leaves) which of them it multiplies."""
    entries, first = _with_soft(block, narrow, soft)
    pattern, j = np.nonzero(own >= 0)
    code = own[pattern, j]
    width = block.settings * block.contexts
    hard = code < block.codes[j]
    start = np.where(hard, block.first[j] + code * width, first[j] + (code - block.codes[j]) * width)
    return entries, Lists.of([(pattern, start + offset[pattern])], len(own))


def _with_soft(block: BlockTables, narrow: Space, soft: dict[int, Soft]) -> tuple[Array, Ints]:
    """The space's entries with those of soft values at the end, and the first of these of each leaf."""
    parts, count = [narrow.entries], len(narrow.entries)
    first = np.zeros(len(block.columns), dtype=np.int64)
    width = block.settings * block.contexts
    for j, column in enumerate(block.columns.tolist()):
        if column in soft:
            first[j] = count
            own = narrow.entries[block.first[j] : block.first[j] + block.codes[j] * width]
            parts.append((soft[column].vectors @ own.reshape(block.codes[j], -1)).reshape(-1, own.shape[1]))
            count += len(parts[-1])
    return (np.concatenate(parts) if len(parts) > 1 else narrow.entries), first


def distinct(matrix: Ints) -> tuple[Ints, Ints]:
    """One example of each different row, and which of them each row is."""
    if len(matrix) == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    shifted = matrix + 1
    radices = (shifted.max(axis=0) + 1).tolist()
    if math.prod(radices) <= MOST_KEYS:
        weight = np.cumprod([1, *radices[:-1]], dtype=np.int64)
        _, example, index = np.unique(shifted @ weight, return_index=True, return_inverse=True)
    else:
        _, example, index = np.unique(shifted, axis=0, return_index=True, return_inverse=True)
    return example, index.reshape(-1)


class UnknownContext:
    """A context that others depend on, where it is not known for certain: summed together with what depends on it."""

    def __init__(self, modulator: Modulator) -> None:
        self.modulator = modulator
        self.dense = Dense(modulator.blocks, folded=False)
        self._columns = np.concatenate([[modulator.column], self.dense.columns])

    def pairs(self, codes: Ints, setting: Ints, soft: dict[int, Soft], space: Workspace) -> tuple[Pairs, Ints] | None:
        """Summed rows of the people concerned; and the codes without what they have covered."""
        modulator = self.modulator
        own, tied = codes[:, modulator.column], self.dense.columns
        uncertain = own >= modulator.contexts
        people = np.flatnonzero(uncertain | ((own < 0) & (codes[:, tied] >= 0).any(axis=1)))
        if not len(people):
            return None
        of_setting = setting[people]
        varies = modulator.settings > 1 or (self.dense.settings > 1).any()
        key = np.column_stack([codes[np.ix_(people, self._columns)], of_setting if varies else np.zeros_like(people)])
        example, index = distinct(key)
        row = space.room(len(example))
        self._sum(codes[people[example]], of_setting[example], soft, space, row)
        left = codes.copy()
        left[np.ix_(people, self._columns)] = -1
        return (people, row + index), left

    def _sum(self, codes: Ints, setting: Ints, soft: dict[int, Soft], space: Workspace, row: int) -> None:
        """Fill the rows: for each value of the context its own probability times what depends on it, added up."""
        modulator, count = self.modulator, len(codes)
        values = modulator.contexts
        supposed = np.tile(codes, (values, 1))
        value = np.repeat(np.arange(values), count)
        supposed[:, modulator.column] = value
        of_setting = np.tile(setting, values)
        own_row = modulator.own + np.where(modulator.settings > 1, of_setting, 0) * values + value
        pairs = [(np.arange(count * values), own_row), *self.dense.pairs(supposed, of_setting, soft, space)]
        lists = Lists.of(pairs, count * values)
        scale = lists.sums(space.log_scale).reshape(values, count)
        with np.errstate(divide="ignore"):
            scale = scale + np.log(self._likelihood(codes[:, modulator.column], soft))
        peak = scale.max(axis=0)
        weight = np.exp(scale - peak).astype(space.table.dtype)
        rows = np.zeros((count, space.table.shape[1]), dtype=space.table.dtype)
        for v in range(values):
            for mine, product in products(space.table, lists.part(v * count, (v + 1) * count)):
                rows[mine] += np.multiply(product, weight[v, mine, None], out=product)
        space.log_scale[row : row + count] = normalise(rows) + peak
        space.table[row : row + count] = rows

    def _likelihood(self, own: Ints, soft: dict[int, Soft]) -> Array:
        """Likelihood of each value of the context; shape (B, m)."""
        values = self.modulator.contexts
        if self.modulator.column not in soft:
            return np.ones((values, len(own)))
        vectors = np.concatenate([soft[self.modulator.column].vectors, np.ones((1, values))])
        return vectors[np.where(own >= values, own - values, len(vectors) - 1)].T


def every_block(tables: Tables) -> Dense:
    """All blocks of a network, for what has not folded."""
    return Dense(tables.blocks, folded=True)
