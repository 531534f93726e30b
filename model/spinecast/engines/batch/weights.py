"""Weights over states of many people: rows over states, factors in few configurations, and sums over unknown contexts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spinecast.engines.batch.patterns import View, Workspace, distinct, worked_out
from spinecast.engines.batch.products import Lists, Pairs, blocks
from spinecast.engines.batch.tables import Modulator, Tables
from spinecast.frozen import dataclass
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of n people, as the batch engine takes it.

    Attributes
    ----------
    codes : ndarray of int, shape (n, leaves)
        Codes from a leaf's number of values up stand for likelihoods.
    setting : ndarray of int, shape (n,)
    vectors : ndarray, shape (U, V)
        Those likelihoods.
    """

    codes: Ints
    setting: Ints
    vectors: Array


class Weights:
    """What does not fold of n people, up to a scale for each.

    Parameters
    ----------
    view : View
        The blocks that are looked at.
    seen : Seen
    pairs : sequence of Pairs
        Further rows.
    space : Workspace
        Of this view.
    multiple : int
        So many neighbours with equal patterns of missing values are worked out together.
    """

    def __init__(self, view: View, seen: Seen, pairs: Sequence[Pairs], space: Workspace, multiple: int = 1) -> None:
        rows, patterns = view.read(seen.codes, seen.setting)
        pairs = [*pairs, rows, (patterns.person, worked_out(view, patterns, seen.vectors, space))]
        bare = np.ones(len(seen.codes), dtype=bool)
        for person, _ in pairs:
            bare[person] = False
        bare = np.flatnonzero(bare)
        self._lists = Lists.of([*pairs, (bare, np.full_like(bare, view.ones))], len(seen.codes))
        self._blocks = blocks(self._lists.count, space.table[:1].nbytes, multiple)
        self._table, self.log_scale = space.table, self._lists.sums(space.log_scale)

    def __iter__(self) -> Iterator[tuple[Ints, Array]]:
        """Some people, and their weights (m, S), which may be overwritten."""
        for mine in self._blocks:
            yield mine, self._lists.product(self._table, mine)

    def summed(self, share: Array, chance: Array, setting: Ints, config_of_state: Ints, found: Array) -> None:
        """Sums over the V values of a context, each standing beside the last, spread over the states.

        Parameters
        ----------
        share : ndarray, shape (m, V)
            Of each of the m V people here.
        chance : ndarray, shape (K, V, S)
        setting : ndarray of int, shape (m,)
        config_of_state : ndarray of int, shape (S,)
        found : ndarray, shape (m, S)
            Written to.
        """
        lists, table, values = self._lists, self._table, share.shape[1]
        if (loops := lists.loops(table)) is not None:
            loops.sum_values(
                table, lists.rows, lists.start, lists.count, share, chance, setting, config_of_state.astype(np.uint32), found
            )
            return
        for mine, weight in self:
            who = mine[::values] // values
            terms = weight.reshape(len(who), values, -1) * share[who][:, :, None]
            for v in range(values):
                term = terms[:, v].take(config_of_state, axis=1, mode="wrap") * chance[setting[who], v]
                found[who] = term if v == 0 else found[who] + term


class UnknownContext:
    """A context that others depend on, where it is not known for certain: summed together with what depends on it.

    Attributes
    ----------
    column : int
    view : View
        What depends on it, in J joint configurations.
    config_of_state : ndarray of int, shape (S,)
    chance : ndarray, shape (K or 1, B, S)
        Probability of each of its values.
    """

    def __init__(self, tables: Tables, modulator: Modulator) -> None:
        self._modulator, self.column = modulator, modulator.column
        self.view, self.config_of_state = View.unfolded(tables, modulator.blocks)
        self._columns = np.concatenate([[modulator.column], self.view.columns])
        own = slice(modulator.own, modulator.own + modulator.settings * modulator.contexts)
        chance = tables.rows[own] * np.exp(tables.log_scale[own])[:, None].astype(tables.rows.dtype)
        self.chance = chance.reshape(modulator.settings, modulator.contexts, -1)

    def pairs(self, seen: Seen, own_space: Workspace, space: Workspace) -> Pairs:
        """Summed rows of the people concerned; what they cover is taken out of the codes."""
        modulator = self._modulator
        own = seen.codes[:, modulator.column]
        unsure = np.flatnonzero((own < 0) | (own >= modulator.contexts))
        if not len(unsure):
            return unsure, unsure
        codes = seen.codes[unsure[:, None], self._columns]
        covered = np.column_stack([np.ones(len(unsure), dtype=bool), self.view.depending(codes[:, 1:], modulator.column)])
        concerned = np.flatnonzero((codes[:, 0] >= 0) | covered[:, 1:].any(axis=1))
        if not len(concerned):
            return concerned, concerned
        people, codes, covered = unsure[concerned], codes[concerned], covered[concerned]
        key = np.where(covered, codes, -1)
        seen.codes[people[:, None], self._columns] = np.where(covered, -1, codes)
        example, index = distinct(np.column_stack([key, seen.setting[people]]))
        supposed = np.full((len(example), seen.codes.shape[1]), -1, dtype=codes.dtype)
        supposed[:, self._columns] = key[example]
        return people, self._sums(Seen(supposed, seen.setting[people[example]], seen.vectors), own_space, space) + index

    def _sums(self, seen: Seen, own_space: Workspace, space: Workspace) -> int:
        """For each value of the context its own probability times what depends on it, added up; the first row."""
        modulator, count = self._modulator, len(seen.codes)
        values, own = modulator.contexts, seen.codes[:, modulator.column]
        supposed = np.repeat(seen.codes, values, axis=0)
        supposed[:, modulator.column] = np.tile(np.arange(values), count)
        every = Seen(supposed, np.repeat(seen.setting, values), seen.vectors)
        weights = Weights(self.view, every, [], own_space, values)
        likelihood = np.where(own[:, None] >= values, seen.vectors[np.maximum(own - values, 0), :values], 1.0)
        with np.errstate(divide="ignore"):
            scale = weights.log_scale.reshape(count, values) + np.log(likelihood)
        peak = scale.max(axis=1)
        share = np.exp(scale - peak[:, None]).astype(space.table.dtype)
        room = space.room(count)
        setting = np.minimum(seen.setting, modulator.settings - 1)
        weights.summed(share, self.chance, setting, self.config_of_state, space.table[room])
        space.log_scale[room] = peak
        return int(room.start)
