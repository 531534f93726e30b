"""What is worked out once for a network: what folds to levels, and rows over states for the rest.

Axis letters: R rows of the table, S states, L levels, K settings (or 1), B values of the context that a block depends
on (or 1), Z frailty nodes, C configurations of a block, V values (codes) of a leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.frozen import dataclass
from spinecast.network.model import Block, Leaf, Network, combine_configs
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

NORMALISERS = 6
"""Log-linear leaves whose normalisers share one table of 2**6 patterns."""

NARROWER = 2
"""A space of configurations is kept where it is at most this part of the next."""

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


def normalise(rows: Array) -> Array:
    """Divide rows by their largest entry, in place; the logarithm of that entry (0 for a row of zeros)."""
    peak = rows.max(axis=1)
    peak[peak == 0] = 1.0
    rows /= peak[:, None]
    logarithm: Array = np.log(peak, dtype=float)
    return logarithm


@dataclass(frozen=True, slots=True)
class Space:
    """Configurations of some leaves of a block (or of all), and the entries of those leaves in it.

    Attributes
    ----------
    config_of_state : ndarray of int, shape (S,)
    entries : ndarray, shape (E, Z * C)
        Of a leaf that it does not know there is nothing meant.
    """

    config_of_state: Ints
    entries: Array


def _spaces(leaves: Sequence[Leaf], tables: Sequence[Array], block: Block) -> tuple[tuple[Space, ...], Ints]:
    """Few leaves of a family have many configurations; patterns of the others are worked out in a narrower space.

    Each space is at most half as wide as the next.
    """
    order = sorted(range(len(leaves)), key=lambda j: len(leaves[j].activity))
    found = [(len(order), block.config_of_state, block.leaf_config)]
    for known in range(len(order) - 1, 0, -1):
        if len(leaves[order[known - 1]].activity) * NARROWER > found[-1][2].shape[1]:
            continue
        config_of_state, rows = combine_configs([leaves[j].config_of_state for j in order[:known]])
        if len(rows) * NARROWER <= found[-1][2].shape[1]:
            configs = np.zeros((len(leaves), len(rows)), dtype=np.int64)
            configs[order[:known]] = rows.T
            found.append((known, config_of_state, configs))
    rank = np.zeros(len(leaves), dtype=np.int64)
    spaces = []
    for number, (known, config_of_state, configs) in enumerate(reversed(found)):
        rank[order[known:]] = number + 1
        entries = [tables[j][..., configs[j] if j in order[:known] else np.zeros_like(configs[j])] for j in range(len(leaves))]
        width = len(configs[0]) * tables[0].shape[3]
        spaces.append(Space(config_of_state, np.concatenate([part.reshape(-1, width) for part in entries])))
    return tuple(spaces), rank


class BlockTables:
    """P(values | configuration, node) of a block's leaves, one entry a value; see `Patterns` for how they are used.

    Attributes
    ----------
    columns : ndarray of int, shape (leaves,)
    by : int
        Column of the context that the block depends on, or -1.
    settings, contexts : int
        K and B.
    codes, first : ndarray of int, shape (leaves,)
        Values of each leaf, and its first entry; entry of (code, setting, context) is first + (code K + setting) B + context.
    spaces : tuple of Space
        From the narrowest, which knows the leaves with the fewest configurations, to the one that knows all.
    rank : ndarray of int, shape (leaves,)
        First space that knows the leaf.
    least : ndarray of int, shape (leaves,)
        Lowest code that does not fold.
    line : ndarray of int, shape (leaves,)
        First row over states of each leaf, in the order of its entries, or NO_LINE.
    """

    def __init__(self, network: Network, theta: Array, block: Block, least: int, rows: Rows) -> None:
        leaves = [network.leaves[name] for name in block.leaves]
        position = {name: i for i, name in enumerate(network.leaves)}
        self.columns = np.array([position[leaf.id] for leaf in leaves])
        self.by = position[block.by] if block.by else -1
        self.settings = len(network.settings) if any(len(leaf.base) > 1 for leaf in leaves) else 1
        self.contexts = len(network.leaves[block.by].values) if block.by else 1
        self.weights = network.frailty_weights(block)
        tables = [self._entries(network, theta, block, j) for j in range(len(leaves))]
        self.codes = np.array([len(table) for table in tables])
        sizes = self.codes * self.settings * self.contexts
        self.first = np.cumsum(sizes) - sizes
        self.spaces, self.rank = _spaces(leaves, tables, block)
        self.least = np.minimum(least, self.codes)
        self.line = np.full(len(leaves), NO_LINE)
        if block.by or least < self.codes.max():
            whole = self.spaces[-1]
            alone = np.tensordot(whole.entries.reshape(int(sizes.sum()), len(self.weights), -1), self.weights, axes=(1, 0))
            self.line = rows.add(alone[:, whole.config_of_state]) + self.first

    def _entries(self, network: Network, theta: Array, block: Block, j: int) -> Array:
        """One leaf's table as (V, K, B, Z, its own configurations)."""
        leaf = network.leaves[block.leaves[j]]
        settings = []
        for k in range(self.settings):
            table = network.table(theta, leaf, k, network.frailty(theta, block))
            if leaf.sedation is not None:
                table = np.concatenate([table[..., how, :, :, :] for how in range(3)], axis=-1)
            settings.append(np.broadcast_to(table, (self.contexts, *table.shape[1:])))
        return np.ascontiguousarray(np.moveaxis(np.stack(settings), -1, 0))


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
    """Normalisers of up to six log-linear leaves: row `first + setting * 2**leaves + which of them are known`."""

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
        folded: list[tuple[int, int, Array]] = []
        normalised: list[tuple[int, Array]] = []
        self.blocks = tuple(self._compile(block, rows, folded, normalised) for block in network.blocks.values())
        self.codes = np.zeros(len(self.position), dtype=np.int64)
        for block in self.blocks:
            self.codes[block.columns] = block.codes
        prior = np.stack([np.exp(network.log_prior(theta, k)) for k in settings])
        self.groups = tuple(_groups(normalised, prior, rows))
        self.modulators = tuple(self._modulator(name, rows) for name in network.modulators)
        self.fold = Fold(folded, len(network.space.levels), dtype)
        self.rows, self.log_scale = rows.table(dtype)

    def _compile(
        self, block: Block, rows: Rows, folded: list[tuple[int, int, Array]], normalised: list[tuple[int, Array]]
    ) -> BlockTables:
        """Fold what folds of a block, and keep rows for the rest."""
        network, theta = self.network, self.theta
        leaf = network.leaves[block.leaves[0]]
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
        return BlockTables(network, theta, block, least, rows)

    def _modulator(self, name: str, rows: Rows) -> Modulator:
        leaf = self.network.leaves[name]
        own = np.stack([self.network.table(self.theta, leaf, k)[0, 0] for k in range(len(leaf.base))])
        spread = np.moveaxis(own, -1, 1)[..., leaf.config_of_state]
        column = self.position[name]
        blocks = tuple(block for block in self.blocks if block.by == column)
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
