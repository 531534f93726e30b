"""What is worked out once for a network: what folds to levels, and rows over states for the rest.

Axis letters: R rows of the table, S states, L levels, K settings (or 1), B values of the context that a block depends
on (or 1), Z frailty nodes, C configurations of a block, V values (codes) of a leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.engines.batch.spaces import Shelves, normalise, spaces_of
from spinecast.frozen import dataclass
from spinecast.network.model import FRAILTY_WEIGHTS, Block, Leaf, Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

NORMALISERS = 7
"""Log-linear leaves whose normalisers share one table of 2**7 patterns."""

NO_LINE = -1
"""In place of the first line of a leaf that folds and so has none."""


class Rows:
    """Rows over states under construction; each is stored with its largest entry 1, the logarithm of that beside it."""

    def __init__(self) -> None:
        self._parts: list[Array] = []
        self.count = 0

    def add(self, rows: Array) -> int:
        """Append rows (m, S); the number of the first."""
        first, self.count = self.count, self.count + len(rows)
        self._parts.append(rows)
        return first

    def table(self, dtype: npt.DTypeLike) -> tuple[Array, Array]:
        """All rows (R, S), and the log of what they were divided by (R,)."""
        rows = np.concatenate(self._parts)
        log_scale = normalise(rows)
        return np.ascontiguousarray(rows, dtype=dtype), log_scale


class BlockTables:
    """P(value | configuration, node) of a block's leaves, one entry a value.

    The entry of (code, setting, context value) of a leaf is `(code K + setting) B + context` after its first.

    Attributes
    ----------
    columns : ndarray of int, shape (leaves,)
    codes, settings, contexts : ndarray of int, shape (leaves,)
        Values of each leaf, K and B.
    by : ndarray of int, shape (leaves,)
        Column of the context that the leaf depends on, or -1.
    spaces, rank : see `spaces.spaces_of`
    first_space : int
        Number of the first of them among those of all blocks.
    least : ndarray of int, shape (leaves,)
        Lowest code that does not fold.
    line : ndarray of int, shape (leaves,)
        First row over states of each leaf, in the order of its entries, or NO_LINE.
    """

    def __init__(self, network: Network, theta: Array, block: Block, least: int, rows: Rows, first_space: int) -> None:
        leaves = [network.leaves[name] for name in block.leaves]
        position = {name: i for i, name in enumerate(network.leaves)}
        self.columns = np.array([position[leaf.id] for leaf in leaves])
        self.by = np.array([position[leaf.by] if leaf.by else -1 for leaf in leaves])
        tables = [_entries(network, theta, block, leaf) for leaf in leaves]
        self.codes, self.settings, self.contexts = (np.array([table.shape[axis] for table in tables]) for axis in range(3))
        self.spaces, self.rank = spaces_of(leaves, tables, block)
        self.first_space = first_space
        self.least = np.minimum(least, self.codes)
        self.line = np.full(len(leaves), NO_LINE)
        for j, (leaf, table) in enumerate(zip(leaves, tables, strict=True)):
            if leaf.by or least < self.codes[j]:
                alone = np.einsum("vkbzc,z->vkbc", table, FRAILTY_WEIGHTS)
                self.line[j] = rows.add(alone.reshape(-1, table.shape[4])[:, leaf.config_of_state])


def _entries(network: Network, theta: Array, block: Block, leaf: Leaf) -> Array:
    """One leaf's table as (V, K, B, Z, its own configurations); without a family every node has the same."""
    settings = []
    for k in range(len(leaf.base)):
        table = network.table(theta, leaf, k, network.frailty(theta, block))
        if leaf.sedation is not None:
            table = np.concatenate([table[..., how, :, :, :] for how in range(3)], axis=-1)
        settings.append(np.moveaxis(table, -1, 0))
    stacked = np.stack(settings, axis=1)
    return np.ascontiguousarray(np.broadcast_to(stacked, (*stacked.shape[:3], len(FRAILTY_WEIGHTS), stacked.shape[4])))


class Fold:
    """Everything that folds to levels, as one table with a line for each setting, context value and value of each leaf."""

    def __init__(self, folded: Sequence[tuple[int, int, Array]], width: int, dtype: npt.DTypeLike) -> None:
        self.width, self.dtype = width, dtype
        self.columns = np.array([column for column, _, _ in folded], dtype=np.int64)
        self.by = np.array([by for _, by, _ in folded], dtype=np.int64)
        shape = [table.shape[:3] for _, _, table in folded]
        self.settings, self.contexts, self.values = (np.array([s[i] for s in shape], dtype=np.int64) for i in range(3))
        sizes = self.settings * self.contexts * self.values
        self.first = np.cumsum(sizes) - sizes
        lines = [table.reshape(-1, width + 1) for _, _, table in folded]
        self.table = np.concatenate(lines) if lines else np.zeros((0, width + 1))

    def levels(self, codes: Ints, setting: Ints) -> tuple[Array, Array]:
        """Factor of each level (n, L), and the folded constant in the log domain (n,)."""
        total = np.zeros((len(codes), self.width + 1))
        person, entry = np.nonzero(codes[:, self.columns] >= 0)
        if len(person):
            by = np.where(self.by[entry] >= 0, codes[person, self.by[entry]], 0)
            of_setting = np.where(self.settings[entry] > 1, setting[person], 0)
            line = (of_setting * self.contexts[entry] + by) * self.values[entry] + codes[person, self.columns[entry]]
            start = np.flatnonzero(np.concatenate([[True], person[1:] != person[:-1]]))
            total[person[start]] = np.add.reduceat(self.table.take(self.first[entry] + line, axis=0), start, axis=0)
        with np.errstate(over="ignore"):
            return np.exp(total[:, : self.width]).astype(self.dtype, copy=False), total[:, self.width]


@dataclass(frozen=True, slots=True)
class NormaliserGroup:
    """Normalisers of up to seven log-linear leaves: row `first + setting * 2**leaves + which of them are known`."""

    columns: Ints
    first: int
    by_setting: bool

    def rows(self, known: npt.NDArray[np.bool_], setting: Ints) -> Ints:
        """Row of each person (n,); the pattern of nobody known gives that of no leaf."""
        pattern: Ints = known[:, self.columns] @ (1 << np.arange(len(self.columns)))
        return self.first + pattern + (setting << len(self.columns)) * self.by_setting


@dataclass(frozen=True, slots=True)
class Modulator:
    """A context that others depend on: its own rows (K or 1, B), and the blocks that depend on it."""

    column: int
    own: int
    settings: int
    contexts: int
    blocks: tuple[BlockTables, ...]


class Tables:
    """Everything compiled for one network at one parameter vector."""

    def __init__(self, network: Network, theta: Array, dtype: npt.DTypeLike) -> None:
        self.network, self.theta = network, theta
        self.position = {name: i for i, name in enumerate(network.leaves)}
        settings = range(len(network.settings))
        rows = Rows()
        self.ones = rows.add(np.ones((1, len(network.space))))
        folded: list[tuple[int, int, Array]] = []
        normalised: list[tuple[int, Array]] = []
        blocks: list[BlockTables] = []
        for one in network.blocks.values():
            first_space = blocks[-1].first_space + len(blocks[-1].spaces) if blocks else 0
            least = self._folded(network.leaves[one.leaves[0]], one, folded, normalised)
            blocks.append(BlockTables(network, theta, one, least, rows, first_space))
        self.blocks = tuple(blocks)
        self.codes = np.zeros(len(self.position), dtype=np.int64)
        for block in self.blocks:
            self.codes[block.columns] = block.codes
        prior = np.stack([np.exp(network.log_prior(theta, k)) for k in settings])
        self.groups = tuple(_groups(normalised, prior, rows))
        self.modulators = tuple(self._modulator(name, rows) for name in network.modulators)
        self.fold = Fold(folded, len(network.space.levels), dtype)
        self.shelves = Shelves([space for block in self.blocks for space in block.spaces], dtype)
        self.rows, self.log_scale = rows.table(dtype)

    def _folded(self, leaf: Leaf, block: Block, folded: list[tuple[int, int, Array]], normalised: list[tuple[int, Array]]) -> int:
        """Fold what folds of a block with this first leaf; the lowest code that does not."""
        network, theta = self.network, self.theta
        everything, least = len(leaf.values), 0
        if len(block.leaves) == 1 and block.loading is None and leaf.sedation is None:
            tables = np.stack([network.table(theta, leaf, k)[:, 0] for k in range(len(leaf.base))])
            column, by = self.position[leaf.id], self.position[leaf.by] if leaf.by else -1
            if len(_parents(network, leaf)) <= 1 and (tables > 0).all():
                folded.append((column, by, _by_level(network, leaf, np.log(tables))))
                least = everything
            elif leaf.form == "log_linear" and not leaf.by and (tables > 0).all():
                scores = np.stack([_log_scores(leaf, theta, k) for k in range(len(leaf.base))])
                folded.append((column, -1, _by_level(network, leaf, scores[:, None])))
                normalised.append((column, (1.0 / np.exp(scores).sum(axis=-1))[:, leaf.config_of_state]))
                least = everything
            elif leaf.form == "noisy" and (tables[..., 0] > 0).all() and _additive(network, leaf):
                negative = _by_level(network, leaf, np.log(np.maximum(tables, np.finfo(float).tiny)))
                negative[:, :, 1:] = 0.0  # the other values have rows
                folded.append((column, by, negative))
                least = 1
        return least

    def _modulator(self, name: str, rows: Rows) -> Modulator:
        leaf = self.network.leaves[name]
        own = np.stack([self.network.table(self.theta, leaf, k)[0, 0] for k in range(len(leaf.base))])
        spread = np.moveaxis(own, -1, 1)[..., leaf.config_of_state]
        column = self.position[name]
        blocks = tuple(block for block in self.blocks if (block.by == column).any())
        return Modulator(column, rows.add(spread.reshape(-1, spread.shape[-1])), len(leaf.base), len(leaf.values), blocks)


def _parents(network: Network, leaf: Leaf) -> set[str]:
    """Generators that change the leaf's table."""
    acting = leaf.activity[leaf.config_of_state]
    singles = np.flatnonzero(network.space.count == 1)
    return {network.space.levels[int(network.space.added[s])][0] for s in singles if not np.array_equal(acting[s], acting[0])}


def _additive(network: Network, leaf: Leaf) -> bool:
    """The leaf's acting sources in a state are the sum of those of its single levels (no `with_others`)."""
    acting = leaf.activity[leaf.config_of_state]
    singles = acting[1 : len(network.space.levels) + 1]
    return bool(np.array_equal(acting, network.space.active @ singles))


def _by_level(network: Network, leaf: Leaf, log_table: Array) -> Array:
    """(K, B, C, V) to (K, B, V, L + 1): log factor of each level against none, then the constant."""
    configs = leaf.config_of_state[: len(network.space.levels) + 1]
    none, levels = log_table[:, :, configs[:1]], log_table[:, :, configs[1:]]
    return np.moveaxis(np.concatenate([levels - none, none], axis=2), 2, 3)


def _log_scores(leaf: Leaf, theta: Array, setting: int) -> Array:
    """Unnormalised log scores (C, V) of a log-linear leaf without `by`."""
    base = theta[leaf.base[setting]][0]
    shift = leaf.activity @ theta[leaf.strength] if leaf.strength.size else np.zeros((len(leaf.activity), len(leaf.values) - 1))
    score: Array = np.concatenate([np.zeros((len(leaf.activity), 1)), base + shift], axis=1)
    return score


def _groups(leaves: Sequence[tuple[int, Array]], prior: Array, rows: Rows) -> Iterator[NormaliserGroup]:
    """Products of normalisers for every pattern of known leaves; the prior is in the first group, which everybody has."""
    changing = [one for one in leaves if len(one[1]) > 1]
    fixed = [one for one in leaves if len(one[1]) == 1]
    chunks = [some[i : i + NORMALISERS] for some in (changing, fixed) for i in range(0, len(some), NORMALISERS)]
    for number, group in enumerate(chunks or [[]]):
        own = len(prior) if number == 0 else max(len(row) for _, row in group)
        table = prior[:, None] if number == 0 else np.ones((own, 1, prior.shape[1]))
        for _, row in group:
            table = np.concatenate([table, table * row[:, None]], axis=1)
        first = rows.add(table.reshape(-1, prior.shape[1]))
        yield NormaliserGroup(np.array([column for column, _ in group], dtype=np.int64), first, own > 1)
