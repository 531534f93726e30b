"""What people show of the blocks: rows over states where one value says it all, products in a family's own spaces elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spinecast.engines.batch.products import Lists, Pairs
from spinecast.engines.batch.spaces import Shelf
from spinecast.engines.batch.tables import BlockTables, Tables
from spinecast.frozen import dataclass
from spinecast.network.model import combine_configs
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

MOST_KEYS = 2**62
"""Patterns are numbered in mixed radix while that fits into an integer, and compared cell by cell beyond."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Several values of a block seen together, or a soft one; P of them.

    Attributes
    ----------
    person, space, begin, count : ndarray of int, shape (P,)
        Whose it is, where its values are told apart, and which values: `first[begin:begin + count]` and so on.
    is_soft : ndarray of bool, shape (P,)
    first, code, step : ndarray of int, shape (values,)
        Row on the shelf of the leaf's first value (in the person's setting and context), the value, and rows from
        one value to the next.
    soft : ndarray of int, shape (values,)
        Number of the likelihood, or negative where the value is certain.
    """

    person: Ints
    space: Ints
    begin: Ints
    count: Ints
    is_soft: npt.NDArray[np.bool_]
    first: Ints
    code: Ints
    step: Ints
    soft: Ints

    @classmethod
    def none(cls) -> Patterns:
        """Nobody shows any."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty, empty, empty > 0, empty, empty, empty, empty)

    def distinct(self) -> tuple[Ints, Ints]:
        """One example of each different pattern, and which of them each is."""
        everyone = np.arange(len(self.begin))
        if len(everyone) <= 1:
            return everyone, everyone
        value = ((self.soft + 1) << 40) + (np.repeat(self.space, self.count) << 20) + self.first + self.code * self.step
        _, example, index = np.unique(np.add.reduceat(_scrambled(value), self.begin), return_index=True, return_inverse=True)
        # Sums of scrambled numbers hardly ever meet by chance; where they do, nothing is shared.
        partner = np.repeat(self.begin[example[index]] - self.begin, self.count) + np.arange(len(value))
        same = (self.count == self.count[example[index]]).all() and (value == value.take(partner, mode="clip")).all()
        return (example, index) if same else (everyone, everyone)


def _scrambled(numbers: Ints) -> npt.NDArray[np.uint64]:
    """Numbers as far from any pattern as random ones (the finaliser of splitmix64)."""
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


class View:
    """Some blocks, with the columns of their leaves side by side, and what single values of them say.

    Attributes
    ----------
    table : ndarray, shape (R, J)
        Rows over J joint configurations of the blocks (for all blocks: over the states), for each value.
    log_scale : ndarray, shape (R,)
    """

    def __init__(self, tables: Tables, blocks: Sequence[BlockTables]) -> None:
        widths = np.array([len(b.columns) for b in blocks], dtype=np.int64)
        self.start = np.cumsum(widths) - widths
        self.block = np.repeat(np.arange(len(widths)), widths)
        self.slot = np.arange(len(self.block)) - self.start[self.block]
        self.columns, self.codes, self.by, self.settings, self.contexts, self.rank, self.line, self.least = (
            np.concatenate([getattr(b, name) for b in blocks])
            for name in ("columns", "codes", "by", "settings", "contexts", "rank", "line", "least")
        )
        self.space = np.array([b.first_space for b in blocks])
        self.shelves, self.table, self.log_scale = tables.shelves, tables.rows, tables.log_scale
        self.config_of_state, self.ones = tables.shelves.config_of_state, tables.ones

    @classmethod
    def unfolded(cls, tables: Tables, blocks: Sequence[BlockTables]) -> tuple[View, Ints]:
        """Of blocks none of which is folded, in as few configurations as tell them apart; and those of the states."""
        view = cls(tables, blocks)
        config_of_state, _ = combine_configs([b.spaces[-1].config_of_state for b in blocks])
        _, states = np.unique(config_of_state, return_index=True)
        sizes = view.codes * view.settings * view.contexts
        rows = np.concatenate([[tables.ones], *(np.arange(line, line + n) for line, n in zip(view.line, sizes, strict=True))])
        view.table, view.log_scale = np.ascontiguousarray(tables.rows[np.ix_(rows, states)]), tables.log_scale[rows]
        view.line, view.least = 1 + np.cumsum(sizes) - sizes, np.zeros_like(view.least)
        view.ones, view.config_of_state = 0, tuple(configs[states] for configs in view.config_of_state)
        return view, config_of_state

    def depending(self, codes: Ints, context: int) -> npt.NDArray[np.bool_]:
        """Leaves of blocks in which a value is seen that depends on a context; from the codes of the leaves (n, columns)."""
        seen = (codes >= 0) & (self.by == context)
        found: npt.NDArray[np.bool_] = np.logical_or.reduceat(seen, self.start, axis=1)[:, self.block]
        return found

    def read(self, codes: Ints, setting: Ints) -> tuple[Pairs, Patterns]:
        """Rows over states of blocks with one certain value each, and the patterns of the others.

        Parameters
        ----------
        codes : ndarray of int, shape (n, leaves)
            Codes from a leaf's number of values up stand for likelihoods.
        setting : ndarray of int, shape (n,)
        """
        mine = codes[:, self.columns]
        person, entry = np.nonzero(mine >= self.least)
        if not len(person):
            return (person, person), Patterns.none()
        code, block = mine[person, entry], self.block[entry]
        by = self.by[entry]
        offset = np.where(self.settings[entry] > 1, setting[person] * self.contexts[entry], 0)
        offset += np.where(by >= 0, codes[person, by], 0)
        step, soft = self.settings[entry] * self.contexts[entry], code - self.codes[entry]
        begin = np.flatnonzero((np.diff(person, prepend=-1) != 0) | (np.diff(block, prepend=-1) != 0))
        count = np.diff(begin, append=len(person))
        plain = (count == 1) & (soft[begin] < 0)
        one = begin[plain]
        rows = person[one], self.line[entry[one]] + code[one] * step[one] + offset[one]
        kept, among = begin[~plain], np.flatnonzero(np.repeat(~plain, count))
        if not len(kept):
            return rows, Patterns.none()
        count, entry, soft = count[~plain], entry[among], np.maximum(soft[among], -1)
        begin = np.cumsum(count) - count
        space = self.space[block[kept]] + np.maximum.reduceat(self.rank[entry], begin)
        is_soft = np.maximum.reduceat(soft, begin) >= 0
        first = self.shelves.first[np.repeat(space, count), self.slot[entry]] + offset[among]
        return rows, Patterns(person[kept], space, begin, count, is_soft, first, code[among], step[among], soft)


class Workspace:
    """A table of rows, with room for more at its end."""

    def __init__(self, view: View) -> None:
        self._fixed = len(view.table)
        self.table, self.log_scale = view.table, view.log_scale
        self.used = self._fixed

    def clear(self) -> None:
        """Forget the added rows."""
        self.used = self._fixed

    def room(self, count: int) -> slice:
        """Room for more rows."""
        first, self.used = self.used, self.used + count
        if self.used > len(self.table):
            size = max(self.used, len(self.table) + len(self.table) // 2)
            grown = np.empty((size, self.table.shape[1]), dtype=self.table.dtype)
            grown[:first] = self.table[:first]
            scale = np.empty(size)
            scale[:first] = self.log_scale[:first]
            self.table, self.log_scale = grown, scale
        return slice(first, self.used)


def worked_out(view: View, patterns: Patterns, vectors: Array, space: Workspace) -> Ints:
    """Row of each pattern; new rows are worked out once, however many people show the same.

    Parameters
    ----------
    view : View
        The blocks that were looked at.
    patterns : Patterns
    vectors : ndarray, shape (U, V)
        Likelihoods that soft values stand for.
    space : Workspace
        Of the view.
    """
    example, index = patterns.distinct()
    order = np.argsort(patterns.space[example], kind="stable")
    example = example[order]
    of_space, shelf = patterns.space[example], view.shelves.shelf[patterns.space[example]]
    room = space.room(len(example))
    rows, log_scale = space.table[room], space.log_scale[room]
    for number in np.unique(shelf).tolist():
        here = np.flatnonzero(shelf == number)
        mixed, log_scale[here] = _mixed(view.shelves.shelves[number], patterns, example[here], vectors)
        bounds = np.flatnonzero(np.diff(of_space[here], prepend=-1, append=-1)).tolist()
        for first, last in pairwise(bounds):  # one space: its rows lie side by side
            row = slice(here[first], here[first] + last - first)
            configs = view.config_of_state[of_space[here[first]]]
            np.take(mixed[first:last], configs, axis=1, out=rows[row], mode="wrap")
    place = np.empty_like(order)
    place[order] = np.arange(room.start, room.stop)
    found: Ints = place[index]
    return found


def _mixed(shelf: Shelf, patterns: Patterns, chosen: Ints, vectors: Array) -> tuple[Array, Array]:
    """Factors of some patterns of one shelf (m, W) and their log scales (m,)."""
    found, scale = np.empty((len(chosen), shelf.width), dtype=shelf.table.dtype), np.empty(len(chosen))
    soft = patterns.is_soft[chosen]
    for is_soft, part in ((False, np.flatnonzero(~soft)), (True, np.flatnonzero(soft))):
        if not len(part):
            continue
        begin, count = patterns.begin[chosen[part]], patterns.count[chosen[part]]
        owner = np.repeat(np.arange(len(part)), count)
        value = np.arange(len(owner)) + np.repeat(begin - (np.cumsum(count) - count), count)
        first, step, number = patterns.first[value], patterns.step[value], patterns.soft[value]
        rows, own = first + patterns.code[value] * step, shelf
        if is_soft:
            own, rows = shelf.with_soft(rows, first, step, vectors[number], number >= 0), np.arange(len(rows))
        lists = Lists.of([(owner, rows)], len(part))
        found[part], scale[part] = own.mixed(lists), lists.sums(own.log_scale)
    return found, scale


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
