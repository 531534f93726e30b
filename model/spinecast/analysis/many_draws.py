"""Beliefs of many people under many parameter draws at once, exact and in product form with draws as the last axis.

Tables are built by parent configuration for a block of draws at a time and serve everybody. Of one person only those joint states are
looked at that carry nearly all of the belief at the point estimate and some draws; blocks of few configurations are multiplied
by joint configuration first, and only then spread over states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.engines.batch import Codes
from spinecast.network.model import Block, Leaf, Network
from spinecast.parameters.scales import Array

BLOCK = 64
"""Draws whose tables are held at once (some 100 MB)."""

COVERED = 0.999
"""Share of the belief, averaged over the point estimate and `SCOUTS` draws, that the states kept for a person carry."""

SCOUTS = 15
Ints = npt.NDArray[Any]


class Tables:
    """Probability tables of every leaf asked for, at a block of K draws; (codes, B, Z, C, K) in memory order."""

    def __init__(self, network: Network, theta: Array, setting: int) -> None:
        self.network, self.setting = network, setting
        self.theta = np.ascontiguousarray(theta.T)
        self.prior = np.ascontiguousarray(np.exp(network.log_prior(theta, setting)).T)
        self._made: dict[str, Array] = {}
        self._mixed: dict[str, Array] = {}

    def of(self, leaf: Leaf) -> Array:
        """The table of a leaf; made once."""
        if leaf.id not in self._made:
            self._made[leaf.id] = self._make(leaf)
        return self._made[leaf.id]

    def mixed(self, leaf: Leaf) -> Array:
        """The same averaged over the frailty, for a leaf seen without others of its family; (codes, B, C, K)."""
        if leaf.id not in self._mixed:
            table = self.of(leaf)
            weights = self.network.frailty_weights(self.network.blocks[self.network.block_of[leaf.id]])
            self._mixed[leaf.id] = table[:, :, 0] if len(weights) == 1 else np.einsum("z,vbzck->vbck", weights, table)
        return self._mixed[leaf.id]

    def _make(self, leaf: Leaf) -> Array:
        block = self.network.blocks[self.network.block_of[leaf.id]]
        frailty = np.moveaxis(self.network.frailty(self.theta.T, block), -1, 0)
        table = self.network.table_draws_last(self.theta, leaf, self.setting, frailty)
        if leaf.sedation is not None:
            table = np.concatenate([table[:, 0], table[:, 1], table[:, 2]], axis=3)
        return np.ascontiguousarray(np.moveaxis(table, 3, 0))


@dataclass(frozen=True, slots=True)
class _Part:
    """One block as one person has it: leaves with their codes, by configurations that the kept states have."""

    leaves: tuple[tuple[Leaf, int, Ints], ...]
    by: str
    known: int
    weights: Array
    size: int
    place: Ints
    direct: Ints

    def factor(self, tables: Tables, by: int) -> Array:
        """P(codes | configuration) at one value of the context; shape (C, K)."""
        if len(self.leaves) == 1:
            leaf, code, configs = self.leaves[0]
            alone = tables.mixed(leaf)[code]
            own: Array = alone[by if len(alone) > 1 else 0].take(configs, axis=0)
            return own
        each = [tables.of(leaf)[code] for leaf, code, _ in self.leaves]
        rows = [t[by if len(t) > 1 else 0].take(c, axis=1) for t, (_, _, c) in zip(each, self.leaves, strict=True)]
        mixed: Array = np.tensordot(self.weights, math.prod(rows[1:], start=rows[0]), axes=1)
        return mixed

    def spread(self, tables: Tables, out: Array) -> None:
        """P(codes | kept state), written to `out` (S', K)."""
        if len(self.leaves) == 1:
            leaf, code, _ = self.leaves[0]
            alone = tables.mixed(leaf)[code]
            alone[self.known if len(alone) > 1 else 0].take(self.direct, axis=0, out=out, mode="clip")
        else:
            self.factor(tables, self.known).take(self.place, axis=0, out=out, mode="clip")


def _small(index: npt.NDArray[np.integer], size: int) -> Ints:
    """Indices below `size`, in two bytes where they fit: a thousand people have tens of millions of them."""
    return index.astype(np.int16 if size <= 2**15 else np.int64)


def _relabelled(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """The codes below `size` that occur, ascending, and the place of each among them."""
    seen = np.zeros(size, dtype=bool)
    seen[codes] = True
    used = np.flatnonzero(seen)
    place = np.empty(size, dtype=np.int64)
    place[used] = np.arange(len(used))
    return used, place[codes]


@dataclass(frozen=True, slots=True)
class _Group:
    """Blocks multiplied by joint configuration before they are spread over states.

    Attributes
    ----------
    size : int
        Joint configurations.
    place : ndarray of int, shape (S',)
        Joint configuration of each kept state.
    members : tuple of (part, its configuration in each joint one)
    """

    size: int
    place: Ints
    members: tuple[tuple[int, Ints], ...]

    def joined(self, other: _Group) -> _Group:
        """Both, by the pairs of configurations that occur."""
        codes, place = _relabelled(self.place.astype(np.int64) * other.size + other.place, self.size * other.size)
        mine, theirs = np.divmod(codes, other.size)
        members = [(member, configs[mine]) for member, configs in self.members]
        members += [(member, configs[theirs]) for member, configs in other.members]
        return _Group(len(codes), _small(place, len(codes)), tuple(members))


FEWER = 5
"""Groups are joined while their joint configurations are fewer than the kept states by this factor."""


def _merged(groups: Sequence[_Group], states: int) -> tuple[_Group, ...]:
    """Small groups joined, smallest first."""
    found: list[_Group] = []
    for group in sorted(groups, key=lambda g: g.size):
        if found and group.size * FEWER <= states:
            both = found[-1].joined(group)
            if both.size * FEWER <= states:
                found[-1] = both
                continue
        found.append(group)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Person:
    """One person's evidence by block over kept states; made once, used for every block of draws.

    Attributes
    ----------
    keep : ndarray of int, shape (S',)
    """

    keep: Ints
    parts: tuple[_Part, ...]
    groups: tuple[_Group, ...]
    tied: tuple[tuple[Leaf, int, Ints, tuple[int, ...]], ...]

    @classmethod
    def of(cls, network: Network, codes: Codes, keep: Ints, *, join: bool = True) -> Person:
        """From one row of coded evidence; small groups are joined, which pays where more than one block of draws follows."""
        names = list(network.leaves)
        seen = {name: int(code) for name, code in zip(names, codes, strict=True) if code >= 0}
        parts: list[_Part] = []
        tied: dict[str, list[int]] = {}
        groups: list[_Group] = []
        for key in dict.fromkeys(network.block_of[name] for name in seen):
            block = network.blocks[key]
            parts.append(_part(network, block, seen, keep))
            if block.by and block.by not in seen:
                tied.setdefault(block.by, []).append(len(parts) - 1)
            else:
                size = parts[-1].size
                groups.append(_Group(size, parts[-1].place, ((len(parts) - 1, np.arange(size)),)))
        joined = tuple((network.leaves[c], -1, network.leaves[c].config_of_state[keep], tuple(p)) for c, p in tied.items())
        return cls(keep, tuple(parts), _merged(groups, len(keep)) if join else tuple(groups), joined)

    def weights(self, tables: Tables) -> Array:
        """Joint weight of each kept state and the evidence; shape (S', K)."""
        weight = tables.prior.take(self.keep, axis=0)
        buffer = np.empty_like(weight)
        for group in self.groups:
            if len(group.members) == 1:
                self.parts[group.members[0][0]].spread(tables, buffer)
            else:
                factors = [
                    self.parts[m].factor(tables, self.parts[m].known).take(configs, axis=0) for m, configs in group.members
                ]
                math.prod(factors[1:], start=factors[0]).take(group.place, axis=0, out=buffer, mode="clip")
            weight *= buffer
        for context, _, place, members in self.tied:
            own = tables.of(context)
            total = 0.0
            for value in range(len(context.values)):
                term = own[value, 0, 0].take(place, axis=0)
                for member in members:
                    term = term * self.parts[member].factor(tables, value).take(self.parts[member].place, axis=0)
                total = total + term
            weight *= total
        return weight


def _part(network: Network, block: Block, seen: dict[str, int], keep: Ints) -> _Part:
    whole = len(keep) == len(block.config_of_state)
    size = block.leaf_config.shape[1]
    used, place = (np.arange(size), block.config_of_state) if whole else _relabelled(block.config_of_state[keep], size)
    leaves = tuple(
        (network.leaves[name], seen[name], configs[used])
        for name, configs in zip(block.leaves, block.leaf_config, strict=True)
        if name in seen
    )
    known, weights = seen.get(block.by, 0), network.frailty_weights(block)
    direct = leaves[0][2]
    return _Part(
        leaves, block.by, known, weights, len(used), _small(place, len(used)), _small(direct[place], block.leaf_config.size)
    )


def people(network: Network, codes: Codes, theta: Array, setting: int) -> list[Person]:
    """Everybody over the states that matter to them; theta (1 + K, P), the point estimate first.

    In one thread: the steps are too small for two to be quicker.
    """
    scouts = Tables(network, theta[: 1 + SCOUTS], setting)
    every = np.arange(len(network.space))
    for leaf in network.leaves.values():
        scouts.mixed(leaf)

    def one(row: Codes) -> Person:
        weight = Person.of(network, row, every, join=False).weights(scouts)
        belief = (weight / weight.sum(axis=0)).mean(axis=1)
        order = np.argsort(-belief, kind="stable")
        count = int(np.searchsorted(np.cumsum(belief[order]), COVERED)) + 1
        return Person.of(network, row, np.sort(order[:count]))

    return [one(row) for row in codes]


def each_block(count: int) -> Iterator[slice]:
    """Slices of draws whose tables are held at once."""
    for first in range(0, count, BLOCK):
        yield slice(first, min(first + BLOCK, count))


def over_draws(
    network: Network,
    crowd: Sequence[Person],
    theta: Array,
    setting: int,
    use: Callable[[int, slice, Array], None],
    *,
    workers: int = 2,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Belief of everybody over their kept states, a block of draws at a time.

    Parameters
    ----------
    theta : ndarray, shape (K, P)
    use : callable
        Called with (person, draws, belief), belief (S', K') summing to one over its first axis; from several threads.
    workers : int
        Threads; the arithmetic releases the interpreter.
    """
    with ThreadPoolExecutor(workers) as pool:
        for draws in each_block(len(theta)):
            tables = Tables(network, theta[draws], setting)
            for leaf in {leaf.id: leaf for person in crowd for part in person.parts for leaf, _, _ in part.leaves}.values():
                tables.mixed(leaf)

            def one(n: int, draws: slice = draws, tables: Tables = tables) -> None:
                weight = crowd[n].weights(tables)
                weight /= weight.sum(axis=0)
                use(n, draws, weight)

            for _ in pool.map(one, range(len(crowd)), chunksize=16):
                pass
            tell(draws.stop, len(theta))
