"""Exact inference for many people at once: quickscore folding, product form, one row a pattern.

Four facts make this fast, and all are exact.

* A negative noisy-OR/MAX finding, any finding with one parent generator and the numerator of any
  log-linear leaf are products over generator levels (Heckerman's quickscore). They fold into a vector as
  wide as the L levels, and the S state weights follow by one multiplication each (product form).
* What does not fold (positive findings of several parents, families, normalisers of log-linear leaves) is a
  row over states for each value of the leaf, computed once; only two or more findings of a family need a new row.
* An unknown context that others depend on is summed inside one such row, together with what depends on it,
  since contexts are independent given the state: several unknown contexts add up and do not multiply.
* Soft evidence and an unknown setting are sums over hard values: such a person is expanded into weighted copies.

References
----------
heckerman1989 (Heckerman D. A tractable inference algorithm for diagnosing multiple diseases. UAI 1989).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from spinecast.engines import exact
from spinecast.network.evidence import Evidence
from spinecast.network.model import Block, Leaf, Network
from spinecast.parameters.scales import Array

CHUNK = 256
"""Expanded people handled at once: their state weights stay in the cache."""

NORMALISERS = 6
"""Log-linear leaves whose normalisers share one table of 2**6 patterns."""

SMALLEST, LARGEST = 1e-250, 1e250
"""Outside these a person's total weight is worked out again in the log domain."""

MOST_COPIES = 64
"""A person with more copies than this is handed to the exact engine."""

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a batch gives back.

    Attributes
    ----------
    levels : ndarray, shape (N, L)
        Probability of each generator level.
    nonspecific : ndarray, shape (N,)
        Probability that no generator is active.
    log_evidence : ndarray, shape (N,)
        -inf where the findings are impossible together (then levels are NaN).
    """

    levels: Array
    nonspecific: Array
    log_evidence: Array


@dataclass(frozen=True, slots=True)
class People:
    """Coded evidence of N people.

    Attributes
    ----------
    codes : ndarray of int16, shape (N, leaves)
        Index of the observed value, -1 where not observed; a block finding adds `V * sedation`.
    setting : ndarray of int16, shape (N,); -1 where unknown
    soft : tuple of (person, leaf index or -1 for the setting, likelihood by code)
    """

    codes: Codes
    setting: Codes
    soft: tuple[tuple[int, int, Array], ...] = ()


def encode(network: Network, evidence: Sequence[Evidence]) -> People:
    """Codes of a list of people.

    Raises
    ------
    ValueError
        Counted tests (`Evidence.counts`) are for one person at a time.
    """
    names = list(network.leaves)
    position = {name: i for i, name in enumerate(names)}
    codes = np.full((len(evidence), len(names)), -1, dtype=np.int16)
    setting = np.full(len(evidence), -1, dtype=np.int16)
    soft: list[tuple[int, int, Array]] = []
    for n, one in enumerate(evidence):
        if one.counts:
            raise ValueError("counted tests of a family can be scored one person at a time only")
        for name, likelihood in one.likelihood.items():
            leaf, hot = network.leaves[name], np.flatnonzero(likelihood)
            shift = len(leaf.values) * one.sedation.get(name, 2) if leaf.sedation is not None else 0
            if len(hot) == 1 and likelihood[hot[0]] == 1.0:
                codes[n, position[name]] = hot[0] + shift
            else:
                soft.append((n, position[name], np.concatenate([np.zeros(shift), likelihood])))
        if one.setting is not None:
            hot = np.flatnonzero(one.setting)
            if len(hot) == 1:
                setting[n] = hot[0]
            else:
                soft.append((n, -1, np.asarray(one.setting, dtype=float)))
    return People(codes, setting, tuple(soft))


class BatchEngine:
    """Scores people against one network at one parameter vector; immutable after construction."""

    def __init__(self, network: Network, theta: Array | None = None) -> None:
        self.network = network
        self.theta = network.theta if theta is None else theta
        self._names = list(network.leaves)
        self._position = {name: i for i, name in enumerate(self._names)}
        self._slots = _slots(network)
        self._blocks: dict[str, _Rows] = {}
        self._settings = [_Compiled(self, k) for k in range(len(network.settings))]
        self._share = network.setting_prior(self.theta)

    def score(self, people: People) -> Scores:
        """Posterior level probabilities of everybody.

        Parameters
        ----------
        people : People
            From `encode` or built directly from a table.

        Returns
        -------
        Scores
        """
        count = len(people.codes)
        levels = np.empty((count, len(self.network.space.levels)))
        nonspecific, log_evidence = np.empty(count), np.empty(count)
        copies, left_out = self._expanded(people)
        active = self.network.space.active.astype(float)
        redo = left_out
        for first, last in _chunks(copies.owner):
            weight, scale = self._weights(copies.codes[first:last], copies.setting[first:last], copies.log_weight[first:last])
            owner = copies.owner[first:last]
            start = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
            if len(start) < len(owner):
                peak = np.maximum.reduceat(scale, start)
                weight *= np.exp(scale - np.repeat(peak, np.diff(np.r_[start, len(owner)])))[:, None]
                weight, scale = np.add.reduceat(weight, start, axis=0), peak
            total = weight.sum(axis=1)
            people_here = owner[start]
            with np.errstate(divide="ignore", invalid="ignore"):
                levels[people_here] = (weight @ active) / total[:, None]
                nonspecific[people_here] = weight[:, 0] / total
                log_evidence[people_here] = np.log(total) + scale
            redo = [*redo, *people_here[~((total > SMALLEST) & (total < LARGEST))].tolist()]
        for n in redo:
            levels[n], nonspecific[n], log_evidence[n] = self._redo(people, n)
        return Scores(levels, nonspecific, log_evidence)

    def _expanded(self, people: People) -> tuple[_Copies, list[int]]:
        """Hard copies of everybody, in order; and those people who would need too many of them."""
        choices: dict[int, list[tuple[int, Array]]] = {}
        for person, leaf, likelihood in people.soft:
            chance = likelihood * self._share / (likelihood @ self._share) if leaf < 0 else likelihood
            choices.setdefault(person, []).append((leaf, chance))
        for person in np.flatnonzero(people.setting < 0).tolist():
            if all(leaf >= 0 for leaf, _ in choices.get(person, ())):
                choices.setdefault(person, []).append((-1, self._share))
        count = np.ones(len(people.codes), dtype=np.int64)
        for person, uncertain in choices.items():
            wanted = math.prod(int(np.count_nonzero(chance)) for _, chance in uncertain)
            count[person] = wanted if wanted <= MOST_COPIES else 0
        owner = np.repeat(np.arange(len(count)), count)
        codes, setting, log_weight = people.codes[owner], people.setting[owner], np.zeros(len(owner))
        first = np.cumsum(count) - count
        for person, uncertain in choices.items():
            if not count[person]:
                continue
            options = [[(leaf, int(v), math.log(chance[v])) for v in np.flatnonzero(chance)] for leaf, chance in uncertain]
            for row, drawn in enumerate(product(*options), start=int(first[person])):
                for leaf, value, log_chance in drawn:
                    if leaf < 0:
                        setting[row] = value
                    else:
                        codes[row, leaf] = value
                    log_weight[row] += log_chance
        return _Copies(codes, setting, log_weight, owner), np.flatnonzero(count == 0).tolist()

    def _rows(self, block: Block, setting: int) -> _Rows:
        """Rows of a block; those that no setting changes are shared by all settings."""
        if any(len(self.network.leaves[name].base) > 1 for name in block.leaves):
            return _Rows(self, block, setting)
        if block.id not in self._blocks:
            self._blocks[block.id] = _Rows(self, block, setting)
        return self._blocks[block.id]

    def _weights(self, codes: Codes, setting: Codes, log_weight: Array) -> tuple[Array, Array]:
        """State weights (n, S), each row up to exp(scale); and scale (n,)."""
        weight = np.empty((len(codes), len(self.network.space)))
        scale = log_weight.copy()
        for k in np.unique(setting):
            chosen = np.flatnonzero(setting == k)
            whole = len(chosen) == len(codes)
            part, part_scale = self._settings[k].weights(codes if whole else codes[chosen])
            if whole:
                return part, scale + part_scale
            weight[chosen] = part
            scale[chosen] += part_scale
        return weight, scale

    def _redo(self, people: People, person: int) -> tuple[Array | float, float, float]:
        """Levels, nonspecific and log evidence of one person in the log domain, where weights cannot underflow."""
        joint = exact.joint_log(self.network, self.theta, decode(self.network, people, person))
        peak = joint.max()
        if not np.isfinite(peak):
            return math.nan, math.nan, -math.inf
        weight = np.exp(joint - peak)
        total = float(weight.sum())
        return weight @ self.network.space.active / total, float(weight[0]) / total, float(peak) + math.log(total)


def decode(network: Network, people: People, person: int) -> Evidence:
    """One coded person as evidence again."""
    likelihood: dict[str, Array] = {}
    sedation: dict[str, int] = {}
    for (name, leaf), code in zip(network.leaves.items(), people.codes[person], strict=True):
        if code >= 0:
            likelihood[name] = np.eye(len(leaf.values))[code % len(leaf.values)]
            sedation[name] = int(code) // len(leaf.values)
    setting = np.eye(len(network.settings))[people.setting[person]] if people.setting[person] >= 0 else None
    names = list(network.leaves)
    for owner, leaf_index, vector in people.soft:
        if owner == person and leaf_index < 0:
            setting = vector
        elif owner == person:
            width = len(network.leaves[names[leaf_index]].values)
            likelihood[names[leaf_index]] = vector[-width:]
            sedation[names[leaf_index]] = len(vector) // width - 1
    return Evidence(likelihood, setting, {k: v for k, v in sedation.items() if network.leaves[k].sedation is not None})


@dataclass(frozen=True, slots=True)
class _Copies:
    """Weighted hard copies of people, in order of their owner."""

    codes: Codes
    setting: Codes
    log_weight: Array
    owner: npt.NDArray[np.int64]


def _chunks(owner: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Spans of about CHUNK rows that never part the copies of one person."""
    first, count = 0, len(owner)
    while first < count:
        last = min(first + CHUNK, count)
        while last < count and owner[last] == owner[last - 1]:
            last += 1
        yield first, last
        first = last


def _slots(network: Network) -> tuple[npt.NDArray[np.int64], ...]:
    """For each place among the active levels of a state, which level it is (L, one past the last, where none)."""
    space = network.space
    slots = np.full((len(space), int(space.count.max())), len(space.levels))
    for state, active in enumerate(space.active):
        chosen = np.flatnonzero(active)
        slots[state, : len(chosen)] = chosen
    return tuple(np.ascontiguousarray(slots.T))


class _Compiled:
    """Tables of one setting: what folds, and rows over states for the rest."""

    def __init__(self, engine: BatchEngine, setting: int) -> None:
        self.engine, self.network, self.theta, self.setting = engine, engine.network, engine.theta, setting
        self.position = engine._position
        self.prior = np.exp(self.network.log_prior(self.theta, setting))
        self._folded: list[tuple[int, int, Array]] = []
        self._normalised: list[tuple[int, Array]] = []
        dense: list[tuple[_Rows, int]] = []
        for block in self.network.blocks.values():
            dense += self._compile(block)
        self._fold = _Fold(self._folded, len(self.network.space.levels))
        self._norm_groups = list(_normaliser_groups(self._normalised))
        self._dense = _Dense(dense)
        self._contexts = [_UnknownContext(self, context) for context in self.network.modulators]

    def _compile(self, block: Block) -> list[tuple[_Rows, int]]:
        """Fold what folds; give back the rows that are needed, with the lowest value that needs one."""
        leaf = self.network.leaves[block.leaves[0]]
        if len(block.leaves) > 1 or block.loading is not None or leaf.sedation is not None:
            return [(self.engine._rows(block, self.setting), 0)]
        table = self.network.table(self.theta, leaf, self.setting)[:, 0]
        by = self.position[leaf.by] if leaf.by else -1
        owners = {g for g, _ in _parents(self.network, leaf)}
        if len(owners) <= 1 and (table > 0).all():
            self._folded.append((self.position[leaf.id], by, _single_parent(self.network, leaf, table)))
            return []
        if leaf.form == "log_linear" and not leaf.by and (table > 0).all():
            self._folded.append((self.position[leaf.id], -1, _numerator(self.network, leaf, self.theta, self.setting)))
            self._normalised.append((self.position[leaf.id], _normaliser(leaf, self.theta, self.setting)))
            return []
        if leaf.form == "noisy" and (table[..., 0] > 0).all() and _additive(self.network, leaf):
            self._folded.append((self.position[leaf.id], by, _negative(self.network, leaf, table)))
            return [(self.engine._rows(block, self.setting), 1)]
        return [(self.engine._rows(block, self.setting), 0)]

    def weights(self, codes: Codes) -> tuple[Array, Array]:
        """Unnormalised state weights (n, S) and their log scale (n,)."""
        rows: list[list[Array]] = [[self.prior] for _ in codes]
        for context in self._contexts:
            codes = context.collect(codes, rows)
        levels, scale = self._fold.levels(codes)
        for columns, table in self._norm_groups:
            pattern = (codes[:, columns] >= 0) @ (1 << np.arange(len(columns)))
            for person, index in enumerate(pattern.tolist()):
                if index:
                    rows[person].append(table[index])
        self._dense.collect(codes, rows)
        weight = np.ones((len(codes), len(self.prior)))
        # One person at a time: the weights stay in the first-level cache while the rows pass by.
        for mine, by_level, factors in zip(weight, levels, rows, strict=True):
            for slot in self.engine._slots:
                np.multiply(mine, by_level.take(slot), out=mine)
            for row in factors:
                np.multiply(mine, row, out=mine)
        return weight, scale


class _Fold:
    """Everything that folds to levels, as one table with a line for each value of each leaf."""

    def __init__(self, folded: Sequence[tuple[int, int, Array]], width: int) -> None:
        self.width = width
        self.columns = np.array([column for column, _, _ in folded], dtype=np.int64)
        self.by = np.array([by for _, by, _ in folded], dtype=np.int64)
        self.values = np.array([table.shape[1] for _, _, table in folded], dtype=np.int64)
        sizes = np.array([table.shape[0] * table.shape[1] for _, _, table in folded], dtype=np.int64)
        self.first = np.cumsum(sizes) - sizes
        lines = [table.reshape(-1, width + 1) for _, _, table in folded]
        self.table = np.concatenate(lines) if lines else np.zeros((0, width + 1))

    def levels(self, codes: Codes) -> tuple[Array, Array]:
        """Exponential of the folded log factors by level, then a one (n, L + 1); and the folded constant (n,)."""
        total = np.zeros((len(codes), self.width + 1))
        person, entry = np.nonzero(codes[:, self.columns] >= 0)
        if len(person):
            by = np.where(self.by[entry] >= 0, codes[person, self.by[entry]], 0)
            line = self.first[entry] + by * self.values[entry] + codes[person, self.columns[entry]]
            start = np.flatnonzero(np.r_[True, person[1:] != person[:-1]])
            total[person[start]] = np.add.reduceat(self.table[line], start, axis=0)
        constant = total[:, self.width].copy()
        total[:, self.width] = 0.0
        with np.errstate(over="ignore"):
            return np.exp(total), constant


def _parents(network: Network, leaf: Leaf) -> set[tuple[str, str]]:
    """Generator levels that change the leaf's table."""
    acting = leaf.activity[leaf.config_of_state]
    singles = network.space.count == 1
    base = acting[0]
    return {
        network.space.levels[int(network.space.added[s])] for s in np.flatnonzero(singles) if not np.array_equal(acting[s], base)
    }


def _additive(network: Network, leaf: Leaf) -> bool:
    """The leaf's acting sources in a state are the sum of those of its single levels (no `with_others`)."""
    acting = leaf.activity[leaf.config_of_state]
    singles = acting[1 : len(network.space.levels) + 1]
    return bool(np.array_equal(acting, network.space.active @ singles))


def _by_level(network: Network, leaf: Leaf, log_table: Array) -> Array:
    """(B, V, L + 1): log factor of each level against none, then the constant."""
    configs = leaf.config_of_state[: len(network.space.levels) + 1]
    none, levels = log_table[:, configs[:1]], log_table[:, configs[1:]]
    return np.moveaxis(np.concatenate([levels - none, none], axis=1), 1, 2)


def _single_parent(network: Network, leaf: Leaf, table: Array) -> Array:
    return _by_level(network, leaf, np.log(table))


def _negative(network: Network, leaf: Leaf, table: Array) -> Array:
    """Folded absent value; the other values fold to nothing (their rows are dense)."""
    folded = _by_level(network, leaf, np.log(np.maximum(table, 1e-300)))
    folded[:, 1:] = 0.0
    return folded


def _log_scores(leaf: Leaf, theta: Array, setting: int) -> Array:
    """Unnormalised log scores (C, V) of a log-linear leaf without `by`."""
    base = theta[leaf.base[setting if len(leaf.base) > 1 else 0]][0]
    shift = leaf.activity @ theta[leaf.strength] if leaf.strength.size else np.zeros((len(leaf.activity), len(leaf.values) - 1))
    score: Array = np.concatenate([np.zeros((len(leaf.activity), 1)), base + shift], axis=1)
    return score


def _numerator(network: Network, leaf: Leaf, theta: Array, setting: int) -> Array:
    return _by_level(network, leaf, _log_scores(leaf, theta, setting)[None])


def _normaliser(leaf: Leaf, theta: Array, setting: int) -> Array:
    """1 / Z by state; shape (S,)."""
    weights: Array = 1.0 / np.exp(_log_scores(leaf, theta, setting)).sum(axis=1)
    return weights[leaf.config_of_state]


def _normaliser_groups(leaves: Sequence[tuple[int, Array]]) -> Iterator[tuple[npt.NDArray[np.int64], Array]]:
    """Products of normalisers for every pattern of which of up to six leaves are observed."""
    for first in range(0, len(leaves), NORMALISERS):
        group = leaves[first : first + NORMALISERS]
        table = np.ones((1, len(group[0][1])))
        for _, row in group:
            table = np.concatenate([table, table * row])
        yield np.array([column for column, _ in group]), table


class _Rows:
    """A block that does not fold: P(its values | state) as rows over states.

    Attributes
    ----------
    columns : ndarray of int, shape (leaves,)
    by : int
        Column of the context that the block depends on, or -1.
    tables : list of ndarray, shape (codes, B or 1, Z, C)
    single : list of ndarray, shape (codes, B or 1, S)
        Rows of each leaf when it is the only one observed.
    """

    def __init__(self, engine: BatchEngine, block: Block, setting: int) -> None:
        network = engine.network
        self.by = engine._position[block.by] if block.by else -1
        self.columns = np.array([engine._position[name] for name in block.leaves])
        self.config_of_state = block.config_of_state
        self.node_weights = network.frailty_weights(block)
        frailty = network.frailty(engine.theta, block)
        self.tables: list[Array] = []
        for name, configs in zip(block.leaves, block.leaf_config, strict=True):
            leaf = network.leaves[name]
            table = network.table(engine.theta, leaf, setting, frailty)
            if leaf.sedation is not None:
                table = np.concatenate([table[:, 0], table[:, 1], table[:, 2]], axis=-1)
            self.tables.append(np.ascontiguousarray(np.moveaxis(table[..., configs, :], -1, 0)))
        self.single = [(self.node_weights @ table)[..., self.config_of_state] for table in self.tables]

    def together(self, tables: Sequence[Array]) -> Array:
        """P(values | state) of several leaves from the table of each one's value; shape (S,)."""
        return (self.node_weights @ math.prod(tables[1:], start=tables[0])).take(self.config_of_state)

    def each(self, codes: Sequence[int]) -> Array:
        """The same of one or more leaves at every value of the context; shape (B or 1, S)."""
        seen = [j for j, code in enumerate(codes) if code >= 0]
        if len(seen) == 1:
            alone: Array = self.single[seen[0]][codes[seen[0]]]
            return alone
        mixed: Array = self.node_weights @ math.prod(
            (self.tables[j][codes[j]] for j in seen[1:]), start=self.tables[seen[0]][codes[seen[0]]]
        )
        return mixed[:, self.config_of_state]


class _Dense:
    """All blocks that need rows, with one line for each value of each leaf (and value of the context)."""

    def __init__(self, blocks: Sequence[tuple[_Rows, int]]) -> None:
        self.blocks = [rows for rows, _ in blocks]
        widths = np.array([len(rows.columns) for rows in self.blocks], dtype=np.int64)
        self.columns = np.array([column for rows in self.blocks for column in rows.columns], dtype=np.int64)
        self.start = np.cumsum(widths) - widths
        self.block = np.repeat(np.arange(len(widths)), widths)
        self.least = np.repeat([least for _, least in blocks], widths)
        singles = [single for rows in self.blocks for single in rows.single]
        self.lines = [row for single in singles for row in single.reshape(-1, single.shape[-1])]
        self.tables = [part for rows in self.blocks for t in rows.tables for part in t.reshape(-1, *t.shape[-2:])]
        sizes = np.array([single.shape[0] * single.shape[1] for single in singles])
        self.first = np.cumsum(sizes) - sizes
        self.by_values = np.array([single.shape[1] for single in singles])
        self.by = np.where(self.by_values > 1, np.repeat([rows.by for rows in self.blocks], widths), -1)

    def collect(self, codes: Codes, rows: Sequence[list[Array]]) -> None:
        """Add to everybody's rows those of the blocks that say something."""
        if not self.blocks:
            return
        mine = codes[:, self.columns]
        seen = mine >= self.least
        several = (np.add.reduceat(seen, self.start, axis=1, dtype=np.int64) > 1)[:, self.block]
        for n, _, index in self._entries(codes, mine, seen & ~several):
            rows[n].append(self.lines[index])
        for (n, block), group in groupby(self._entries(codes, mine, seen & several), key=itemgetter(0, 1)):
            rows[n].append(self.blocks[block].together([self.tables[index] for _, _, index in group]))

    def _entries(self, codes: Codes, mine: Codes, chosen: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
        """(person, block, line) of each chosen value, in that order."""
        person, entry = np.nonzero(chosen)
        by = np.where(self.by[entry] >= 0, codes[person, self.by[entry]], 0)
        line = self.first[entry] + mine[person, entry] * self.by_values[entry] + by
        return zip(person.tolist(), self.block[entry].tolist(), line.tolist(), strict=True)


class _UnknownContext:
    """A context that others depend on, where it is not known: summed together with what depends on it."""

    def __init__(self, compiled: _Compiled, context: str) -> None:
        network = compiled.network
        self.column = compiled.position[context]
        self.dependent = [compiled.engine._rows(b, compiled.setting) for b in network.blocks.values() if b.by == context]
        self.columns = np.concatenate([rows.columns for rows in self.dependent])
        leaf = network.leaves[context]
        own = network.table(compiled.theta, leaf, compiled.setting)[0, 0]
        self.own = np.ascontiguousarray(own.T[:, leaf.config_of_state])

    def collect(self, codes: Codes, rows: Sequence[list[Array]]) -> Codes:
        """Add the summed row to those of the people concerned; return the codes without what it has covered."""
        keys = codes[:, self.columns]
        chosen = np.flatnonzero((codes[:, self.column] < 0) & (keys >= 0).any(axis=1))
        for person in chosen.tolist():
            rows[person].append(self._row(codes[person]))
        if len(chosen):
            codes = codes.copy()
            codes[np.ix_(chosen, self.columns)] = -1
        return codes

    def _row(self, codes: Codes) -> Array:
        joint = self.own
        for rows in self.dependent:
            mine = codes[rows.columns].tolist()
            if max(mine) >= 0:
                joint = joint * rows.each(mine)
        summed: Array = joint.sum(axis=0)
        return summed
