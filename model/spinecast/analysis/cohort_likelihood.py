"""Likelihood and scores of many people's records, whatever each has missing.

For one person with findings x, log P(x | theta) is a sum over joint states, family frailties and unknown contexts. Its gradient
is the expected gradient of the complete-data log-likelihood (Fisher's identity, the E-step of EM):

    d log P(x) / d theta = E[ d log P(x, state, frailty, context) / d theta | x ]

so posterior weights of configurations, summed against the slopes of small tables, give each person's score in every parameter.
A label restricts the states that are summed over; any other likelihood of states multiplies in.

References
----------
louis1982information (Louis TA. Finding the observed information matrix when using the EM algorithm. J R Stat Soc B 1982;44:226-233).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spinecast.network.model import Block, Leaf, Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

STEP = 1e-5
"""Forward-difference step on the parameters' own scale."""

CHUNK = 256
"""People worked on at once: bounds the memory."""

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Coded records.

    Attributes
    ----------
    codes : ndarray of int16, shape (N, leaves)
        Index of the value, -1 where not observed; a block finding adds V times its sedation.
    setting : ndarray of int, shape (N,); -1 where unknown
    states : ndarray, shape (N, S), or None
        What else is known of each person's state: 0 where a label rules it out, the likelihood of an outcome.
    """

    codes: Codes
    setting: npt.NDArray[np.int16]
    states: Array | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def only(self, rows: Ints) -> Cohort:
        """Some of the people."""
        return Cohort(self.codes[rows], self.setting[rows], None if self.states is None else self.states[rows])


@dataclass(frozen=True, slots=True)
class Scored:
    """What a cohort says at one parameter vector.

    Attributes
    ----------
    log_evidence : ndarray, shape (N,)
    posterior : ndarray, shape (N, S)
    scores : ndarray, shape (N, P)
        Slope of each person's log evidence; empty (N, 0) where not asked for.
    """

    log_evidence: Array
    posterior: Array
    scores: Array


def score(network: Network, theta: Array, cohort: Cohort, *, slopes: bool = True) -> Scored:
    """Log evidence, belief over states, and score of everybody.

    Parameters
    ----------
    theta : ndarray, shape (P,)
    """
    count, states = len(cohort), len(network.space)
    found = Scored(np.empty(count), np.empty((count, states)), np.zeros((count, len(theta) if slopes else 0)))
    tables: dict[tuple[str, int], _Leaf] = {}
    for first in range(0, count, CHUNK):
        rows = np.arange(first, min(first + CHUNK, count))
        parts = list(_settings(network, theta, cohort.only(rows), tables, slopes=slopes))
        total = np.logaddexp.reduce(np.stack([p.log_evidence for p in parts]), axis=0)
        found.log_evidence[rows] = total
        found.posterior[rows] = 0.0
        for part in parts:
            share = np.exp(part.log_evidence - np.where(np.isfinite(total), total, 0.0))
            seen = np.flatnonzero(share > 0)
            found.posterior[rows[seen]] += share[seen, None] * part.posterior[seen]
            if slopes:
                found.scores[rows[seen]] += share[seen, None] * part.scores[seen]
    return found


def _settings(
    network: Network, theta: Array, cohort: Cohort, tables: dict[tuple[str, int], _Leaf], *, slopes: bool
) -> Iterator[Scored]:
    """The same people in every setting that is possible for some; log evidence includes the share of the setting."""
    shares = np.log(network.setting_prior(theta))
    for k in range(len(network.settings)):
        mine = np.flatnonzero((cohort.setting == k) | (cohort.setting < 0))
        if len(mine):
            inner = _InSetting(network, theta, k, cohort.only(mine), tables, slopes)
            here = inner.scored()
            whole = Scored(
                np.full(len(cohort), -np.inf), np.zeros((len(cohort), len(network.space))),
                np.zeros((len(cohort), here.scores.shape[1])),
            )  # fmt: skip
            share = np.where(cohort.setting[mine] < 0, shares[k], 0.0)
            whole.log_evidence[mine] = here.log_evidence + share
            whole.posterior[mine], whole.scores[mine] = here.posterior, here.scores
            yield whole


@dataclass(slots=True)
class _Leaf:
    """Tables of one leaf in one setting.

    `table` (codes, B, Z, C) with the leaf's own configurations; `slopes` (parameters, codes, B, Z, C) of its logarithm.
    """

    table: Array
    parameters: Ints
    slopes: Array

    @classmethod
    def of(cls, network: Network, theta: Array, leaf: Leaf, block: Block, setting: int, *, slopes: bool) -> _Leaf:
        used = _parameters(leaf, block, setting) if slopes else np.zeros(0, dtype=np.int64)
        moved = np.tile(theta, (len(used) + 1, 1))
        moved[np.arange(1, len(used) + 1), used] += STEP
        table = network.table(moved, leaf, setting, network.frailty(moved, block))
        if leaf.sedation is not None:
            table = np.concatenate([table[:, :, s] for s in range(table.shape[2])], axis=-1)
        by_code = np.moveaxis(table, -1, 1)
        here = by_code[0]
        change = (by_code[1:] - here) / STEP
        return cls(here, used, np.divide(change, here, out=np.zeros_like(change), where=here > 0))


def _parameters(leaf: Leaf, block: Block, setting: int) -> Ints:
    """What the leaf's table depends on in one setting, its family's loading included."""
    parts = [leaf.base[setting if len(leaf.base) > 1 else 0].ravel(), leaf.strength.ravel()]
    parts += [] if leaf.sedation is None else [leaf.sedation]
    parts += [] if block.loading is None else [np.array([block.loading])]
    return np.unique(np.concatenate(parts))


@dataclass(slots=True)
class _InSetting:
    """One chunk of people who present in one setting."""

    network: Network
    theta: Array
    setting: int
    cohort: Cohort
    tables: dict[tuple[str, int], _Leaf]
    slopes: bool
    position: dict[str, int] = field(init=False)
    log_joint: Array = field(init=False)
    kept: list[_Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.position = {name: j for j, name in enumerate(self.network.leaves)}
        self.log_joint = np.tile(self.network.log_prior(self.theta, self.setting), (len(self.cohort), 1))
        if self.cohort.states is not None:
            with np.errstate(divide="ignore"):
                self.log_joint += np.log(self.cohort.states)

    def scored(self) -> Scored:
        """Forward: every block's factor; then backward: what its configurations turned out to be."""
        modulators = set(self.network.modulators)
        for block in self.network.blocks.values():
            if not block.by and block.id not in modulators:
                self._alone(block)
        for context in self.network.modulators:
            self._context(context)
        peak = self.log_joint.max(axis=1, keepdims=True)
        peak = np.where(np.isfinite(peak), peak, 0.0)
        weight = np.exp(self.log_joint - peak)
        total = weight.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_evidence = (peak + np.log(total))[:, 0]
            posterior = np.where(total > 0, weight / total, 0.0)
        scores = np.zeros((len(posterior), len(self.theta) if self.slopes else 0))
        if self.slopes:
            self._prior_scores(posterior, scores)
            for part in self.kept:
                part.add_scores(posterior, scores)
        return Scored(log_evidence, posterior, scores)

    def _alone(self, block: Block, rows: Ints | None = None, by: Ints | None = None) -> None:
        """A block at one value of its context for each person (0 where it has none): its factor, and what backward needs."""
        seen = self._seen(block)
        rows = seen if rows is None else np.intersect1d(rows, seen)
        if len(rows):
            value = np.zeros(len(rows), dtype=np.int64) if by is None else by[rows]
            together = self._product(block, rows)
            picked = together[np.arange(len(rows)), value if together.shape[1] > 1 else 0][:, None]
            self._multiply(block, rows, picked, value[:, None])

    def _multiply(self, block: Block, rows: Ints, picked: Array, value: Ints) -> None:
        factor = np.einsum("rbzc,z->rbc", picked, self.network.frailty_weights(block))
        with np.errstate(divide="ignore"):
            self.log_joint[rows] += np.log(factor[:, 0])[:, block.config_of_state]
        if self.slopes:
            self.kept.append(_Part(self, block, rows, value, picked, factor, None))

    def _context(self, context: str) -> None:
        """A context with all that depends on it: at its value where it is known, summed where it is not."""
        codes = self.cohort.codes[:, self.position[context]].astype(np.int64)
        own = self.network.blocks[self.network.block_of[context]]
        dependents = [b for b in self.network.blocks.values() if b.by == context]
        known = np.flatnonzero(codes >= 0)
        self._alone(own, known)
        for block in dependents:
            self._alone(block, known, np.maximum(codes, 0))
        asked = np.unique(np.concatenate([self._seen(b) for b in dependents])) if dependents else np.array([], dtype=np.int64)
        rows = np.setdiff1d(asked, known)
        if len(rows):
            self._summed(own, dependents, rows)

    def _summed(self, own: Block, dependents: Sequence[Block], rows: Ints) -> None:
        leaf = self._leaf(own.leaves[0], own)
        share = leaf.table[:, 0, 0][:, self.network.leaves[own.leaves[0]].config_of_state]
        joint = np.tile(share, (len(rows), 1, 1))
        factors = []
        for block in dependents:
            mine = np.intersect1d(rows, self._seen(block))
            if len(mine):
                place = np.searchsorted(rows, mine)
                together = self._product(block, mine)
                factor = np.einsum("rbzc,z->rbc", together, self.network.frailty_weights(block))
                joint[place] *= factor[:, :, block.config_of_state]
                factors.append((block, mine, place, together, factor))
        total = joint.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.log_joint[rows] += np.log(total)
            joint = np.where(total[:, None] > 0, joint / total[:, None], 0.0)
        if self.slopes:
            for block, mine, place, together, factor in factors:
                value = np.tile(np.arange(together.shape[1]), (len(mine), 1))
                self.kept.append(_Part(self, block, mine, value, together, factor, joint[place]))
            self.kept.append(_Part(self, own, rows, np.zeros((len(rows), 1), dtype=np.int64), None, None, joint))

    def _seen(self, block: Block) -> Ints:
        columns = [self.position[name] for name in block.leaves]
        return np.flatnonzero((self.cohort.codes[:, columns] >= 0).any(axis=1))

    def _product(self, block: Block, rows: Ints) -> Array:
        """P(what was seen of the block | context, frailty, configuration); shape (rows, B, Z, C)."""
        shape = max(self._leaf(name, block).table.shape[1] for name in block.leaves)
        nodes = len(self.network.frailty_weights(block))
        product = np.ones((len(rows), shape, nodes, block.leaf_config.shape[1]))
        for name, configs in zip(block.leaves, block.leaf_config, strict=True):
            code = self.cohort.codes[rows, self.position[name]]
            seen = np.flatnonzero(code >= 0)
            if len(seen):
                product[seen] *= self._leaf(name, block).table[code[seen]][..., configs]
        return product

    def _leaf(self, name: str, block: Block) -> _Leaf:
        key = (name, self.setting)
        if key not in self.tables:
            leaf = self.network.leaves[name]
            self.tables[key] = _Leaf.of(self.network, self.theta, leaf, block, self.setting, slopes=self.slopes)
        return self.tables[key]

    def _prior_scores(self, posterior: Array, scores: Array) -> None:
        """Slopes in the weights of the states: expected under the belief less expected beforehand."""
        space = self.network.space
        features = np.column_stack([space.active, space.count >= 2, space.count >= 3]).astype(float)
        before = np.exp(self.network.log_prior(self.theta, self.setting)) @ features
        indices = [*self.network.prevalence[self.setting].tolist(), *self.network.co_occurrence[self.setting].tolist()]
        found = posterior @ features - before
        for j, index in enumerate(indices):
            scores[:, index] += found[:, j]


@dataclass(slots=True)
class _Part:
    """A block of some people, for the backward pass.

    Attributes
    ----------
    value : ndarray of int, shape (rows, B')
        Values of the context that are looked at: one that is known, or all.
    together, factor : ndarray, shapes (rows, B', Z, C) and (rows, B', C), or None for a context's own table
    given : ndarray, shape (rows, B', S), or None
        P(value of the context | state, what was seen), where the context is not known.
    """

    inside: _InSetting
    block: Block
    rows: Ints
    value: Ints
    together: Array | None
    factor: Array | None
    given: Array | None

    def add_scores(self, posterior: Array, scores: Array) -> None:
        """Add the expected slopes of the block's tables to each person's score."""
        belief = posterior[self.rows][:, None, :]
        if self.given is not None:
            belief = belief * self.given
        if self.together is None or self.factor is None:
            self._own_context(belief, scores)
            return
        by_config = summed_by(belief, self.block.config_of_state, self.factor.shape[-1])
        weights = self.inside.network.frailty_weights(self.block)
        scale = np.divide(by_config, self.factor, out=np.zeros_like(by_config), where=self.factor > 0)
        responsibility = self.together * weights[:, None] * scale[:, :, None, :]
        for name, configs in zip(self.block.leaves, self.block.leaf_config, strict=True):
            self._leaf_scores(name, configs, responsibility, scores)

    def _leaf_scores(self, name: str, configs: Ints, responsibility: Array, scores: Array) -> None:
        leaf = self.inside._leaf(name, self.block)
        code = self.inside.cohort.codes[self.rows, self.inside.position[name]]
        width = leaf.table.shape[1]
        for value in np.unique(code[code >= 0]):
            seen = np.flatnonzero(code == value)
            slope = leaf.slopes[:, value][..., configs]
            for b in np.unique(self.value[seen]):
                at = self.value[seen] == b
                mine, place = np.nonzero(at)
                people = seen[mine]
                share = responsibility[people, place].reshape(len(people), -1)
                found = share @ slope[:, b if width > 1 else 0].reshape(len(slope), -1).T
                scores[np.ix_(self.rows[people], leaf.parameters)] += found

    def _own_context(self, belief: Array, scores: Array) -> None:
        """A context that is not known: the expected slope of its own probability."""
        name = self.block.leaves[0]
        leaf = self.inside._leaf(name, self.block)
        by_config = summed_by(belief, self.inside.network.leaves[name].config_of_state, leaf.table.shape[-1])
        slope = leaf.slopes[:, :, 0, 0, :]
        scores[np.ix_(self.rows, leaf.parameters)] += np.einsum("rbc,pbc->rp", by_config, slope)


def summed_by(values: Array, group: Ints, count: int) -> Array:
    """Sums over the last axis by group; shape (..., count)."""
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], np.arange(count))
    summed: Array = np.add.reduceat(values[..., order], first, axis=-1)
    return summed
