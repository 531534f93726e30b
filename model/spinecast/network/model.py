"""The network: states, leaves and families, and how a parameter vector becomes probability tables.

Axis letters: K parameter draws (or none), S joint states, C configurations of a leaf's own parents,
B values of the context that a leaf's base depends on, Z frailty nodes of a family, V values of a leaf.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.frozen import dataclass
from spinecast.network.parameters import Parameter
from spinecast.network.states import Ints, StateSpace
from spinecast.parameters.scales import Array, expit
from spinecast.priors.deferred import Deferred

FRAILTY_NODES = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0])
FRAILTY_WEIGHTS = np.array([1.0, 4.0, 1.0]) / 6.0
"""Three-point Gauss-Hermite rule of a standard normal: the family's latent is this three-valued variable."""

CERTAIN = 1.0 - 1e-12
"""Largest exceedance, so that a hazard stays finite."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One finding or context: a node whose parents are generators and at most one context.

    Attributes
    ----------
    form : str
        noisy (noisy-OR and noisy-MAX) or log_linear.
    by : str
        Context that the base depends on; "" if none.
    base : ndarray of int, shape (settings or 1, B, V - 1)
        Parameter indices of leak exceedances or base log-odds.
    strength : ndarray of int, shape (J, V - 1)
        Parameter indices of the J sources.
    acting : ndarray of int, shape (C, most at once)
        Sources that act in each configuration, padded with J.
    config_of_state : ndarray of int, shape (S,)
    sedation : ndarray of int, shape (V,), or None
        Index of the prior log-odds of sedation, then of its exceedances.
    """

    id: str
    label: str
    values: tuple[str, ...]
    form: str
    is_context: bool
    by: str
    base: Ints
    strength: Ints
    acting: Ints
    config_of_state: Ints
    sedation: Ints | None = None
    family: str = ""

    @property
    def activity(self) -> Array:
        """Which sources act in which configuration; shape (C, J)."""
        found = np.zeros((len(self.acting), len(self.strength) + 1))
        np.put_along_axis(found, self.acting, 1.0, axis=1)
        return found[:, :-1]

    @property
    def parameters(self) -> tuple[int, ...]:
        """Every parameter that the leaf's table depends on, its family's loading apart."""
        own = [*self.base.ravel(), *self.strength.ravel()]
        own += [] if self.sedation is None else [*self.sedation]
        return tuple(sorted({int(i) for i in own}))

    def is_additive(self, space: StateSpace) -> bool:
        """Do the sources acting in a state add up from those of its single levels (no source acts only in company)?"""
        acting = self.activity[self.config_of_state]
        singles = acting[1 : len(space.levels) + 1]
        return bool(np.array_equal(acting, space.active @ singles))


@dataclass(frozen=True, slots=True)
class Block:
    """Leaves that share a frailty, or one leaf alone; independent of every other block given the state
    (and given the context `by`).

    `config_of_state` (S,) maps states to the block's own C configurations and `leaf_config` (leaves, C)
    those to each leaf's.
    """

    id: str
    leaves: tuple[str, ...]
    by: str
    loading: int | None
    config_of_state: Ints
    leaf_config: Ints


@dataclass(frozen=True)
class Network:
    """Everything that the engines need; immutable."""

    region: str
    space: StateSpace
    settings: tuple[str, ...]
    setting_weight: Ints
    prevalence: Ints
    co_occurrence: Ints
    leaves: Mapping[str, Leaf]
    blocks: Mapping[str, Block]
    parameters: Sequence[Parameter]
    theta: Array
    generator_labels: Mapping[str, str] = field(default_factory=dict)
    whole: Network | None = None
    kept: Ints | None = None

    def restricted(self, keep: Ints) -> Network:
        """The same network looked at in some of its states only, for one person's many draws.

        Priors are still normalised over all states. Leaves forget the configurations that no kept state has.

        Parameters
        ----------
        keep : ndarray of int
            Indices of states, ascending.
        """
        leaves = Deferred(lambda: {name: name for name in self.leaves}, lambda name: _restricted_leaf(self.leaves[name], keep))
        blocks = Deferred(
            lambda: {name: name for name in self.blocks}, lambda name: _restricted_block(self.blocks[name], keep, leaves)
        )
        fields = {name: getattr(self, name) for name in Network.__dataclass_fields__}
        space = self.space.only(keep)
        part = Network(**{**fields, "space": space, "leaves": leaves, "blocks": blocks, "whole": self, "kept": keep})
        return part.knowing(block_of=self.block_of, blocks_by=self.blocks_by, contexts=self.contexts)

    def knowing(self, **known: object) -> Network:
        """The same, told what it would otherwise look through all of its blocks and leaves for: cached properties by name."""
        self.__dict__.update(known)
        return self

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Leaf ids, in order."""
        return tuple(self.leaves)

    @cached_property
    def block_of(self) -> dict[str, str]:
        """Block id by leaf id."""
        return {leaf: block.id for block in self.blocks.values() for leaf in block.leaves}

    @cached_property
    def modulators(self) -> tuple[str, ...]:
        """Contexts that some base depends on."""
        return tuple(sorted(self.blocks_by))

    @cached_property
    def blocks_by(self) -> dict[str, tuple[str, ...]]:
        """Ids of the blocks that depend on each of these contexts."""
        return grouped((b.id, b.by) for b in self.blocks.values())

    @cached_property
    def free(self) -> npt.NDArray[np.bool_]:
        """Which parameters have a spread; shape (P,)."""
        return self.whole.free if self.whole else np.array([p.sd > 0 for p in self.parameters])

    @cached_property
    def context_of(self) -> dict[str, str]:
        """The context that a block depends on, by block id; a block without one is absent."""
        return {block: context for context, blocks in self.blocks_by.items() for block in blocks}

    @cached_property
    def points(self) -> Mapping[str, Array]:
        """P(value | context value, configuration) at `theta` of each finding that nobody is sedated for, alone in its
        family; (B, C, V)."""

        def names() -> dict[str, str]:
            return {name: name for name, leaf in self.leaves.items() if not leaf.is_context and leaf.sedation is None}

        return Deferred(names, self._point)

    def _point(self, name: str) -> Array:
        leaf, block = self.leaves[name], self.blocks[self.block_of[name]]
        table = self.table(self.theta, leaf, 0, self.frailty(self.theta, block))
        mixed: Array = np.einsum("bzcv,z->bcv", table, self.frailty_weights(block))
        return mixed

    def shown(self, finding: str) -> Array | None:
        """`points` of a finding by state; shape (B, V, S), or None where it has none."""
        whole = self.whole or self
        if finding not in whole.points:
            return None
        configs = whole.leaves[finding].config_of_state
        by_value = whole.points[finding].transpose(0, 2, 1)
        return by_value.take(configs if self.kept is None else configs[self.kept], axis=2)

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """Leaves that say who the person is."""
        return tuple(name for name, leaf in self.leaves.items() if leaf.is_context)

    def to_pgmpy(self, theta: Array | None = None, setting: str | None = None) -> Any:
        """A checked pgmpy `DiscreteBayesianNetwork`; right only with its `graph["evidence"]` observed."""
        from spinecast.network.export import to_pgmpy

        return to_pgmpy(self, theta, setting)

    def log_prior(self, theta: Array, setting: int) -> Array:
        """Log probability of each state among those who present; shape (..., S), sums to one over all states."""
        return np.moveaxis(self.log_prior_draws_last(np.moveaxis(theta, -1, 0), setting), 0, -1)

    def log_prior_draws_last(self, theta: Array, setting: int) -> Array:
        """The same with draws as last axis: `theta` (P, ...) to (S, ...)."""
        space = self.space
        weights = theta[self.prevalence[setting]]
        second, third = theta[self.co_occurrence[setting]]
        score: Array = np.tensordot(space.active.astype(float), weights, axes=1)
        score -= self._log_total(weights, second, third)
        score[space.count >= 2] += second
        score[space.count >= 3] += third
        return score

    def _log_total(self, weights: Array, second: Array, third: Array) -> Array:
        """Log sum of the state weights over all states, from elementary symmetric sums of the generators' odds."""
        space = (self.whole or self).space
        odds = np.exp(weights)
        most = int(space.count.max())
        sums = [np.ones_like(second), *(np.zeros_like(second) for _ in range(most))]
        for generator in space.generators:
            own = odds[[i for i, (g, _) in enumerate(space.levels) if g == generator]].sum(axis=0)
            for size in range(most, 0, -1):
                sums[size] = sums[size] + sums[size - 1] * own
        total: Array = np.zeros_like(second)
        for size, found in enumerate(sums):
            total = total + np.exp(second * (size >= 2) + third * (size >= 3)) * found
        return np.log(total)

    def setting_prior(self, theta: Array) -> Array:
        """Weight of each setting where it is unknown; shape (..., settings)."""
        weight = np.exp(theta[..., self.setting_weight])
        share: Array = weight / weight.sum(axis=-1, keepdims=True)
        return share

    def frailty(self, theta: Array, block: Block) -> Array:
        """Mean-one frailty at each node; shape (..., Z), or (1,) for a block without a family."""
        if block.loading is None:
            return np.ones(1)
        return frailty_values(np.exp(theta[..., block.loading]))

    def frailty_weights(self, block: Block) -> Array:
        """Probability of each node; shape (Z,)."""
        return np.ones(1) if block.loading is None else FRAILTY_WEIGHTS

    def table(self, theta: Array, leaf: Leaf, setting: int, frailty: Array | None = None) -> Array:
        """P(value | configuration, base context, frailty node).

        Returns
        -------
        ndarray, shape (..., B, Z, C, V), or (..., B, 3, Z, C, V) for a block finding that can be sedated
            where the axis of three is sedation no, yes, not recorded.
        """
        draws = theta.ndim - 1
        frailty = np.ones(1) if frailty is None else frailty
        if not draws:
            return self.table_draws_last(theta, leaf, setting, frailty)
        frailty = np.moveaxis(frailty, -1, 0)
        last = self.table_draws_last(np.moveaxis(theta, -1, 0), leaf, setting, frailty)
        return np.moveaxis(last, range(last.ndim - draws, last.ndim), range(draws))

    def table_draws_last(self, theta: Array, leaf: Leaf, setting: int, frailty: Array, row: int | None = None) -> Array:
        """The same, with draws as last axis, which is how memory likes them: `theta` (P, ...), `frailty` (Z, ...).

        `row`: only at this value of the base's context, so that B is 1.

        Returns
        -------
        ndarray, shape (B, Z, C, V, ...), or (B, 3, Z, C, V, ...)
        """
        base = leaf.base[setting if len(leaf.base) > 1 else 0]
        base = base if row is None else base[row : row + 1]
        if leaf.form == "log_linear":
            return _log_linear(theta[base], theta[leaf.strength], leaf.acting)[:, None]
        leak = _Hazards.of(theta, base, frailty)
        causes = _Hazards.of(theta, leaf.strength, frailty).combined(leaf.acting)
        if leaf.sedation is None:
            return _mass(leak, causes)
        sedated = _Hazards.of(theta, leaf.sedation[None, 1:], frailty).joined(leak)
        no, yes = _mass(leak, causes), _mass(sedated, causes)
        share = expit(theta[leaf.sedation[0]])
        tables: Array = np.stack([no, yes, (1 - share) * no + share * yes], axis=1)
        return tables


def grouped(blocks: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Ids of blocks by the context that they depend on, from (id, context or "")."""
    found: dict[str, tuple[str, ...]] = {}
    for name, context in blocks:
        if context:
            found[context] = (*found.get(context, ()), name)
    return found


def acting_of(activity: Array) -> Ints:
    """Indices of the sources that act in each configuration, padded with one past the last; at least one column."""
    config, source = np.nonzero(activity)
    count = np.bincount(config, minlength=len(activity))
    acting = np.full((len(activity), max(1, int(count.max(initial=0)))), activity.shape[1], dtype=np.int64)
    acting[config, np.arange(len(config)) - (np.cumsum(count) - count)[config]] = source
    return acting


def _restricted_leaf(leaf: Leaf, keep: Ints) -> Leaf:
    used, index, _ = _relabelled(leaf.config_of_state[keep], len(leaf.acting))
    return replace(leaf, acting=leaf.acting[used], config_of_state=index)


def _restricted_block(block: Block, keep: Ints, leaves: Mapping[str, Leaf]) -> Block:
    _, index, one_state = _relabelled(block.config_of_state[keep], block.leaf_config.shape[1])
    configs = np.stack([leaves[name].config_of_state[one_state] for name in block.leaves])
    return replace(block, config_of_state=index, leaf_config=configs)


def _relabelled(configs: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """The configurations that occur, each state's place among them, and one state that has each."""
    example = np.full(count, -1)
    example[configs] = np.arange(len(configs))
    used = np.flatnonzero(example >= 0)
    place = np.zeros(count, dtype=np.int64)
    place[used] = np.arange(len(used))
    return used, place[configs], example[used]


def frailty_values(loading: Array) -> Array:
    """Mean-one frailty at the nodes of a log-normal with this spread; shape (..., Z)."""
    raw = np.exp(loading[..., None] * FRAILTY_NODES)
    mean_one: Array = raw / (raw @ FRAILTY_WEIGHTS)[..., None]
    return mean_one


@dataclass(frozen=True, slots=True)
class _Hazards:
    """Sources of a noisy leaf at each frailty node: the chance that each passes its threshold, and that it does not.

    Both are kept, each as exact as it can be: neither a chance near 0 nor one near 1 is got by subtraction.

    Attributes
    ----------
    exceed, below : ndarray, shape (Z, sources, V - 1, ...)
    """

    exceed: Array
    below: Array

    @classmethod
    def of(cls, theta: Array, indices: Ints, frailty: Array) -> _Hazards:
        chance = np.minimum(np.cumprod(expit(theta[indices]), axis=1), CERTAIN)[None]
        if frailty.shape == (1,) and frailty[0] == 1.0:
            return cls(chance, 1.0 - chance)
        hazard = np.log1p(-chance) * frailty[:, None, None]
        return cls(-np.expm1(hazard), np.exp(hazard))

    def combined(self, acting: Ints) -> _Hazards:
        """Of each configuration, from the sources that act in it; shape (Z, C, V - 1, ...)."""
        nobody = np.zeros_like(self.exceed, shape=(len(self.exceed), 1, *self.exceed.shape[2:]))
        exceed, below = np.concatenate([self.exceed, nobody], axis=1), np.concatenate([self.below, 1.0 + nobody], axis=1)
        passed, not_yet = exceed.take(acting[:, 0], axis=1), below.take(acting[:, 0], axis=1)
        for column in acting.T[1:]:  # in place: with draws these are large
            more = exceed.take(column, axis=1)
            more *= not_yet
            passed += more
            not_yet *= below.take(column, axis=1)
        return _Hazards(passed, not_yet)

    def joined(self, other: _Hazards) -> _Hazards:
        """Both act."""
        return _Hazards(self.exceed + self.below * other.exceed, self.below * other.below)


def _mass(leak: _Hazards, causes: _Hazards) -> Array:
    """Value probabilities (B, Z, C, V, ...): the leak's sources are the values of the context that it depends on."""
    base = _Hazards(*(np.swapaxes(part, 0, 1)[:, :, None] for part in (leak.exceed, leak.below)))
    total = base.joined(causes)
    exceed = total.exceed
    mass = np.empty((*exceed.shape[:3], exceed.shape[3] + 1, *exceed.shape[4:]))
    mass[:, :, :, 0] = total.below[:, :, :, 0]
    mass[:, :, :, 1:-1] = exceed[:, :, :, :-1] - exceed[:, :, :, 1:]
    mass[:, :, :, -1] = exceed[:, :, :, -1]
    return mass


def _log_linear(base: Array, ratios: Array, acting: Ints) -> Array:
    """Value probabilities (B, C, V, ...) of a normalised log-linear leaf, in product form."""
    odds = np.exp(base)
    factors = np.exp(np.concatenate([ratios, np.zeros_like(ratios, shape=(1, *ratios.shape[1:]))]))
    shift = factors.take(acting[:, 0], axis=0)
    for column in acting.T[1:]:
        shift *= factors.take(column, axis=0)
    weight = odds[:, None] * shift
    first = 1.0 / (1.0 + weight.sum(axis=2))
    mass = np.empty((*weight.shape[:2], weight.shape[2] + 1, *weight.shape[3:]))
    mass[:, :, 0] = first
    np.multiply(weight, first[:, :, None], out=mass[:, :, 1:])
    return mass


MOST_CODES = 2**62
"""Mixed-radix codes above this are renumbered column by column, before they would overflow."""


def combine_configs(columns: Sequence[npt.NDArray[np.int64]]) -> tuple[Ints, Ints]:
    """Joint configurations of several per-state columns: (S,) index and (C, columns) distinct rows."""
    matrix = np.stack(columns, axis=1)
    radices = (matrix.max(axis=0) + 1).tolist()
    if math.prod(radices) <= MOST_CODES:
        code = matrix @ np.array([math.prod(radices[k + 1 :]) for k in range(len(radices))])
    else:
        code = np.zeros(len(matrix), dtype=np.int64)
        for column, radix in zip(matrix.T, radices, strict=True):
            _, code = np.unique(code * radix + column, return_inverse=True)
    _, first, index = np.unique(code, return_index=True, return_inverse=True)
    return index, matrix[first]
