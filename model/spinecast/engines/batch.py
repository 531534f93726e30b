"""Exact inference for many people at once: quickscore folding, product form, one row a pattern.

Three facts make this fast, and all are exact.

* A negative noisy-OR/MAX finding, any finding with one parent generator and the numerator of any
  log-linear leaf are products over generator levels (Heckerman's quickscore). They fold into a vector as
  wide as the L levels, and the S state weights follow by one multiplication each (product form).
* What does not fold (positive findings of several parents, families, normalisers of log-linear leaves) is a
  row over states that depends only on the pattern of values in its block: each distinct pattern is computed once.
* Soft evidence, an unknown setting and an unknown context that others depend on are sums over hard
  values: such a person is expanded into weighted copies and summed again.

References
----------
heckerman1989 (Heckerman D. A tractable inference algorithm for diagnosing multiple diseases. UAI 1989).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

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

SMALLEST = 1e-250
"""Below this total weight a person is redone in the log domain."""

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a batch gives back.

    Attributes
    ----------
    levels : ndarray, shape (N, L)
        Probability of each generator level.
    log_evidence : ndarray, shape (N,)
        -inf where the findings are impossible together (then levels are NaN).
    """

    levels: Array
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
        self._runs = tuple(_runs(network))
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
        log_evidence = np.empty(count)
        copies = self._expanded(people)
        active = self.network.space.active.astype(float)
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
                log_evidence[people_here] = np.log(total) + scale
            for n in people_here[total < SMALLEST]:
                self._redo(people, int(n), levels, log_evidence)
        return Scores(levels, log_evidence)

    def _expanded(self, people: People) -> _Copies:
        """Copies for soft evidence, unknown settings and unknown contexts that an observed finding depends on."""
        copies = _Copies(people.codes, people.setting, np.zeros(len(people.codes)), np.arange(len(people.codes)))
        soft: dict[int, list[tuple[int, Array]]] = {}
        for person, leaf, likelihood in people.soft:
            soft.setdefault(leaf, []).append((person, likelihood))
        for leaf, entries in sorted(soft.items()):
            copies = copies.split(leaf, {person: likelihood for person, likelihood in entries})
        for context in self.network.modulators:
            column = self._position[context]
            dependent = [self._position[name] for name, leaf in self.network.leaves.items() if leaf.by == context]
            unknown = (copies.codes[:, column] < 0) & (copies.codes[:, dependent] >= 0).any(axis=1)
            copies = copies.split_rows(column, unknown, np.ones(len(self.network.leaves[context].values)))
        unknown = copies.setting < 0
        return copies.split_rows(-1, unknown, self._share)

    def _weights(self, codes: Codes, setting: Codes, log_weight: Array) -> tuple[Array, Array]:
        """State weights (n, S), each row up to exp(scale); and scale (n,)."""
        weight = np.empty((len(codes), len(self.network.space)))
        scale = log_weight.copy()
        for k in np.unique(setting):
            chosen = np.flatnonzero(setting == k)
            whole = len(chosen) == len(codes)
            part, part_scale = self._settings[k].weights(codes if whole else codes[chosen], self._runs)
            if whole:
                return part, scale + part_scale
            weight[chosen] = part
            scale[chosen] += part_scale
        return weight, scale

    def _redo(self, people: People, person: int, levels: Array, log_evidence: Array) -> None:
        """One person in the log domain, where weights cannot underflow."""
        joint = exact.joint_log(self.network, self.theta, decode(self.network, people, person))
        peak = joint.max()
        if not np.isfinite(peak):
            levels[person], log_evidence[person] = np.nan, -np.inf
            return
        weight = np.exp(joint - peak)
        levels[person] = weight @ self.network.space.active / weight.sum()
        log_evidence[person] = peak + np.log(weight.sum())


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

    def split(self, leaf: int, likelihood: dict[int, Array]) -> _Copies:
        """Copies for soft evidence on one leaf (-1: the setting); each person with its own likelihood."""
        copies = self
        for person, vector in likelihood.items():
            copies = copies.split_rows(leaf, copies.owner == person, vector)
        return copies

    def split_rows(self, column: int, chosen: npt.NDArray[np.bool_], likelihood: Array) -> _Copies:
        """One copy a possible value for each chosen row, weighted by the value's likelihood."""
        if not chosen.any():
            return self
        values = np.flatnonzero(likelihood)
        repeat = np.where(chosen, len(values), 1)
        source = np.repeat(np.arange(len(self.owner)), repeat)
        codes, setting, log_weight = self.codes[source], self.setting[source], self.log_weight[source]
        new = chosen[source]
        drawn = np.tile(values, int(chosen.sum()))
        if column < 0:
            setting[new] = drawn
        else:
            codes[new, column] = drawn
        log_weight[new] += np.log(likelihood[drawn])
        return _Copies(codes, setting, log_weight, self.owner[source])


def _chunks(owner: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Spans of about CHUNK rows that never part the copies of one person."""
    first, count = 0, len(owner)
    while first < count:
        last = min(first + CHUNK, count)
        while last < count and owner[last] == owner[last - 1]:
            last += 1
        yield first, last
        first = last


def _runs(network: Network) -> Iterator[tuple[int, int, int, int]]:
    """(first state, last state, parent, first level): states of one parent add consecutive levels."""
    space = network.space
    states = range(1, len(space))
    for parent, group in groupby(states, key=lambda s: int(space.parent[s])):
        members = list(group)
        added = space.added[members]
        if not np.array_equal(added, np.arange(added[0], added[0] + len(added))):
            raise AssertionError("states of one parent must add consecutive levels")
        yield members[0], members[-1] + 1, parent, int(added[0])


class _Compiled:
    """Tables of one setting: what folds, and what each block's patterns cost as rows over states."""

    def __init__(self, engine: BatchEngine, setting: int) -> None:
        self.network, self.theta, self.setting = engine.network, engine.theta, setting
        self.position = engine._position
        self.prior = np.exp(self.network.log_prior(self.theta, setting))
        self._fold: list[tuple[int, int, Array]] = []
        self._dense: list[_DenseBlock] = []
        self._normalised: list[tuple[int, Array]] = []
        for block in self.network.blocks.values():
            self._compile(block)
        self._norm_groups = list(_normaliser_groups(self._normalised))

    def _compile(self, block: Block) -> None:
        leaf = self.network.leaves[block.leaves[0]]
        if len(block.leaves) > 1 or block.loading is not None or leaf.sedation is not None:
            self._dense.append(_DenseBlock(self, block, foldable=False))
            return
        table = self.network.table(self.theta, leaf, self.setting)[:, 0]
        by = self.position[leaf.by] if leaf.by else -1
        owners = {g for g, _ in _parents(self.network, leaf)}
        if len(owners) <= 1 and (table > 0).all():
            self._fold.append((self.position[leaf.id], by, _single_parent(self.network, leaf, table)))
        elif leaf.form == "log_linear" and not leaf.by and (table > 0).all():
            self._fold.append((self.position[leaf.id], -1, _numerator(self.network, leaf, self.theta, self.setting)))
            self._normalised.append((self.position[leaf.id], _normaliser(leaf, self.theta, self.setting, self.network)))
        elif leaf.form == "noisy" and (table[..., 0] > 0).all() and _additive(self.network, leaf):
            self._fold.append((self.position[leaf.id], by, _negative(self.network, leaf, table)))
            self._dense.append(_DenseBlock(self, block, foldable=True))
        else:
            self._dense.append(_DenseBlock(self, block, foldable=False))

    def weights(self, codes: Codes, runs: Sequence[tuple[int, int, int, int]]) -> tuple[Array, Array]:
        """Unnormalised state weights (n, S) and their log scale (n,)."""
        levels, scale = self._levels(codes)
        weight = np.empty((len(codes), len(self.prior)))
        weight[:, 0] = 1.0
        for first, last, parent, level in runs:
            np.multiply(weight[:, parent, None], levels[:, level : level + last - first], out=weight[:, first:last])
        weight *= self.prior
        for columns, table in self._norm_groups:
            pattern = (codes[:, columns] >= 0) @ (1 << np.arange(len(columns)))
            weight *= table[pattern]
        for dense in self._dense:
            chosen, rows, log_scale = dense.rows(codes)
            if len(chosen) == len(codes):
                weight *= rows
            elif len(chosen):
                weight[chosen] *= rows
            if len(chosen):
                scale[chosen] += log_scale
        return weight, scale

    def _levels(self, codes: Codes) -> tuple[Array, Array]:
        """exp of the folded log factors by level (n, L), and the folded constant (n,)."""
        width = len(self.network.space.levels)
        total = np.zeros((len(codes), width + 1))
        for column, by, table in self._fold:
            code = codes[:, column]
            if by >= 0:
                total += table[codes[:, by], code]
            else:
                total += table[0, code]
        return np.exp(total[:, :width]), total[:, width]


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
    """(B, V + 1, L + 1): log factor of each level against none, then the constant; last value row is 0 (missing)."""
    configs = leaf.config_of_state[: len(network.space.levels) + 1]
    none, levels = log_table[:, configs[:1]], log_table[:, configs[1:]]
    folded = np.concatenate([levels - none, none], axis=1)
    folded = np.moveaxis(folded, 1, 2)
    return np.concatenate([folded, np.zeros_like(folded[:, :1])], axis=1)


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


def _normaliser(leaf: Leaf, theta: Array, setting: int, network: Network) -> Array:
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


class _DenseBlock:
    """Rows over states by pattern of the block's values; each distinct pattern is computed once."""

    def __init__(self, compiled: _Compiled, block: Block, *, foldable: bool) -> None:
        network = compiled.network
        self.block = block
        self.network = network
        self.columns = np.array([compiled.position[name] for name in block.leaves])
        self.by = compiled.position[block.by] if block.by else -1
        self.least = 1 if foldable else 0
        self.weights = network.frailty_weights(block)
        frailty = network.frailty(compiled.theta, block)
        self.tables = []
        for name, configs in zip(block.leaves, block.leaf_config, strict=True):
            leaf = network.leaves[name]
            table = network.table(compiled.theta, leaf, compiled.setting, frailty)
            if leaf.sedation is not None:
                table = np.concatenate([table[:, 0], table[:, 1], table[:, 2]], axis=-1)
            table = np.moveaxis(table[..., configs, :], -1, 0)
            self.tables.append(np.concatenate([table, np.ones_like(table[:1])]))
        self.size = [len(t) for t in self.tables]
        self.count = max(len(t[0]) for t in self.tables)
        self.known: dict[int, int] = {}
        self.cache = np.empty((0, len(network.space)))
        self.scale = np.empty(0)

    def rows(self, codes: Codes) -> tuple[npt.NDArray[np.int64], Array, Array]:
        """People to whom the block says something, their rows (n, S) up to a scale, and the log scale."""
        mine = codes[:, self.columns]
        chosen = np.flatnonzero((mine >= self.least).any(axis=1))
        if not len(chosen):
            return chosen, self.cache[:0], self.scale[:0]
        pattern = np.zeros(len(chosen), dtype=np.int64)
        for j, size in enumerate(self.size):
            pattern = pattern * size + (mine[chosen, j].astype(np.int64) % size)
        if self.by >= 0:
            pattern = pattern * self.count + np.maximum(codes[chosen, self.by], 0)
        index = np.fromiter((self.known.get(p, -1) for p in pattern.tolist()), dtype=np.int64, count=len(pattern))
        if (index < 0).any():
            self._learn(np.unique(pattern[index < 0]))
            index = np.fromiter((self.known[p] for p in pattern.tolist()), dtype=np.int64, count=len(pattern))
        return chosen, self.cache[index], self.scale[index]

    def _learn(self, patterns: npt.NDArray[np.int64]) -> None:
        """Compute the rows of new patterns and keep them."""
        rest = patterns
        by = np.zeros(len(patterns), dtype=np.int64)
        if self.by >= 0:
            rest, by = rest // self.count, rest % self.count
        product: Array = np.ones((len(patterns), len(self.weights), 1))
        for j in range(len(self.size) - 1, -1, -1):
            code, rest = rest % self.size[j], rest // self.size[j]
            table = self.tables[j]
            product = product * table[code, by if table.shape[1] > 1 else 0]
        local = np.einsum("nzc,z->nc", product, self.weights)
        peak = local.max(axis=1)
        safe = np.where(peak > 0, peak, 1.0)
        rows = (local / safe[:, None])[:, self.block.config_of_state]
        with np.errstate(divide="ignore"):
            scale = np.log(peak)
        first = len(self.cache)
        self.known.update({int(p): first + i for i, p in enumerate(patterns)})
        self.cache = np.concatenate([self.cache, rows])
        self.scale = np.concatenate([self.scale, np.where(np.isfinite(scale), scale, 0.0)])
