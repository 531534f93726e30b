"""The batch engine: people in, level probabilities or beliefs over all states out."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from spinecast.engines import exact
from spinecast.engines.batch.alone import weights_alone
from spinecast.engines.batch.patterns import View, Workspace
from spinecast.engines.batch.people import Codes, People, decode
from spinecast.engines.batch.products import ProductForm
from spinecast.engines.batch.tables import Tables
from spinecast.engines.batch.weights import Seen, UnknownContext, Weights
from spinecast.errors import ImpossibleFindingsError
from spinecast.frozen import dataclass
from spinecast.network.model import Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

CHUNK = 2048
"""Expanded people whose patterns are worked out together."""

FEW = 8
"""As many are quicker one at a time."""

SMALLEST, LARGEST = 1e-250, 1e250
TRUSTED = {"float64": (SMALLEST, LARGEST), "float32": (1e-25, 1e25)}
"""Outside these a person's total weight is worked out again in the log domain."""


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


class BatchEngine:
    """Scores people against one network at one parameter vector; nothing that it answers from changes after construction.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,), optional
    dtype : str
        float64; or float32 for half the memory traffic, at an error that the benchmarks measure.
    """

    def __init__(self, network: Network, theta: Array | None = None, dtype: str = "float64") -> None:
        self.network = network
        self.theta = network.theta if theta is None else theta
        self.dtype = dtype
        self._tables = Tables(network, self.theta, dtype)
        self._view = View(self._tables, self._tables.blocks)
        self._unknown = [UnknownContext(self._tables, m) for m in self._tables.modulators]
        self._form = ProductForm(network.space)
        self._spare: list[list[Workspace]] = []
        space = network.space
        self._looked_at = np.column_stack([space.active, space.count == 0, np.ones(len(space))]).astype(dtype)
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
        looked_at = self._looked_at
        sums = np.full((len(people), looked_at.shape[1]), np.nan)
        log_evidence = np.full(len(people), -np.inf)
        for owner, weights in self._chunks(people):
            part, scale = np.empty((len(owner), looked_at.shape[1])), np.empty(len(owner))
            for mine, weight, log_scale in weights:
                part[mine], scale[mine] = weight @ looked_at, log_scale
            here, part, scale = _gathered(owner, part, scale)
            total = part[:, -1]
            with np.errstate(divide="ignore", invalid="ignore"):
                sums[here] = part / total[:, None]
                log_evidence[here] = np.log(total) + scale
            for n in here[~self._sound(total)].tolist():
                sums[n], log_evidence[n] = self._redo(people, n, looked_at)
        return Scores(sums[:, :-2], sums[:, -2], log_evidence)

    def beliefs(self, people: People) -> Iterator[tuple[Ints, Array]]:
        """Beliefs over all states, a chunk of people at a time.

        Yields
        ------
        who : ndarray of int, shape (m,)
        belief : ndarray, shape (m, S)
            NaN where the findings are impossible together.
        """
        for owner, weights in self._chunks(people):
            part, scale = np.empty((len(owner), len(self.network.space)), dtype=self.dtype), np.empty(len(owner))
            for mine, weight, log_scale in weights:
                part[mine], scale[mine] = weight, log_scale
            here, part, _ = _gathered(owner, part, scale)
            total = part.sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                part /= total[:, None]
            for i in np.flatnonzero(~self._sound(total)).tolist():
                part[i], _ = self._redo(people, int(here[i]), np.eye(len(self.network.space)))
            yield here, part

    def _sound(self, total: Array) -> npt.NDArray[np.bool_]:
        """The weights have neither underflown nor overflown."""
        smallest, largest = TRUSTED[self.dtype]
        return (total > smallest) & (total < largest)

    def _chunks(self, people: People) -> Iterator[tuple[Ints, Iterator[tuple[Ints, Array, Array]]]]:
        """Owners of a chunk of copies, and their weights, block by block."""
        copies = self._expanded(people)
        for first, last in _chunks(copies.owner):
            yield copies.owner[first:last], self._weights(copies, first, last)

    def _weights(self, copies: _Copies, first: int, last: int) -> Iterator[tuple[Ints, Array, Array]]:
        """Who of a chunk, their state weights (m, S), each row up to exp(scale), and that scale (m,)."""
        seen, log_weight = self._coded(copies, first, last)
        few = last - first <= FEW and len(seen.vectors) == 1
        for mine, weight, log_scale in self._one_by_one(seen) if few else self._together(seen):
            yield mine, weight, log_scale + log_weight[mine]

    def _one_by_one(self, seen: Seen) -> Iterator[tuple[Ints, Array, Array]]:
        """Weights of a few people, none of whose findings is soft."""
        known = seen.codes >= 0
        pairs = np.stack([row for _, row in self._group_rows(known, seen.setting)])
        for n, setting in enumerate(seen.setting.tolist()):
            codes = seen.codes[n].copy()
            weight, scale = weights_alone(self._view, self._unknown, codes, setting, pairs[:, n].tolist())
            levels, constant = self._tables.fold.levels(codes[None], seen.setting[n : n + 1])
            yield np.array([n]), self._form(levels) * weight, constant + scale

    def _together(self, seen: Seen) -> Iterator[tuple[Ints, Array, Array]]:
        """Weights of many people, a block at a time."""
        spaces = self._workspaces()
        space, *own_spaces = spaces
        sums = [context.pairs(seen, own, space) for context, own in zip(self._unknown, own_spaces, strict=True)]
        known = (seen.codes >= 0) & (seen.codes < self._tables.codes)
        pairs = [(who, row[who]) for who, row in self._group_rows(known, seen.setting)]
        weights = Weights(self._view, seen, [*pairs, *sums], space)
        codes = np.where(known, seen.codes, -1)
        for mine, weight in weights:
            levels, constant = self._tables.fold.levels(codes[mine], seen.setting[mine])
            np.multiply(weight, self._form(levels), out=weight)
            yield mine, weight, weights.log_scale[mine] + constant
        self._spare.append(spaces)

    def _group_rows(self, known: npt.NDArray[np.bool_], setting: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Of each group of normalisers who needs it, and everybody's row; the first holds the prior."""
        for number, group in enumerate(self._tables.groups):
            needed = known[:, group.columns].any(axis=1) | (number == 0)
            yield np.flatnonzero(needed), group.rows(known, setting)

    def _workspaces(self) -> list[Workspace]:
        """Tables of rows with room behind them; every thread at work has its own, and they are used again."""
        try:
            spaces = self._spare.pop()
        except IndexError:
            return [Workspace(view) for view in (self._view, *(context.view for context in self._unknown))]
        for space in spaces:
            space.clear()
        return spaces

    def _coded(self, copies: _Copies, first: int, last: int) -> tuple[Seen, Array]:
        """What is known of a chunk, with a further code for every soft value; and log weights."""
        codes, log_weight = copies.codes[first:last].astype(np.int64), copies.log_weight[first:last].copy()
        owner = copies.owner[first:last]
        begin, end = (bisect_left(copies.soft, n, key=itemgetter(0)) for n in (owner[0], owner[-1] + 1))
        vectors = np.zeros((end - begin + 1, int(self._tables.codes.max())))
        for number, (person, leaf, likelihood) in enumerate(copies.soft[begin:end]):
            rows = slice(*np.searchsorted(owner, [person, person + 1]).tolist())
            peak = float(likelihood.max())
            if peak == 0:
                log_weight[rows] = -np.inf
                continue
            vectors[number, : len(likelihood)] = likelihood / peak
            codes[rows, leaf] = self._tables.codes[leaf] + number
            log_weight[rows] += math.log(peak)
        return Seen(codes, copies.setting[first:last], vectors), log_weight

    def _expanded(self, people: People) -> _Copies:
        """Everybody once, or where the setting is uncertain once in every setting with its weight; in order."""
        soft = sorted(((n, leaf, v) for n, leaf, v in people.soft if leaf >= 0), key=itemgetter(0))
        share = np.ones((len(people), len(self._share))) * self._share
        for n, leaf, likelihood in people.soft:
            if leaf < 0:
                share[n] *= likelihood
        sure = people.setting >= 0
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = share / share.sum(axis=1, keepdims=True)
        chance[sure] = np.eye(len(self._share))[people.setting[sure]]
        owner, setting = np.nonzero(chance > 0)
        return _Copies(people.codes[owner], setting, np.log(chance[owner, setting]), owner, soft)

    def _redo(self, people: People, person: int, looked_at: Array) -> tuple[Array | float, float]:
        """Sums over states and log evidence of one person in the log domain, where weights cannot underflow."""
        try:
            joint = exact.joint_log(self.network, self.theta, decode(self.network, people, person))
        except ImpossibleFindingsError:  # no setting is possible
            return math.nan, -math.inf
        peak = joint.max()
        if not np.isfinite(peak):
            return math.nan, -math.inf
        weight = np.exp(joint - peak)
        total = float(weight.sum())
        return weight @ looked_at / total, float(peak) + math.log(total)


@dataclass(frozen=True, slots=True)
class _Copies:
    """People in one setting each, with a log weight, in order of their owner; and the owners' soft values in that order."""

    codes: Codes
    setting: Ints
    log_weight: Array
    owner: Ints
    soft: Sequence[tuple[int, int, Array]]


def _chunks(owner: Ints) -> Iterator[tuple[int, int]]:
    """Spans of about CHUNK rows that never part the copies of one person."""
    first, count = 0, len(owner)
    while first < count:
        last = min(first + CHUNK, count)
        while last < count and owner[last] == owner[last - 1]:
            last += 1
        yield first, last
        first = last


def _gathered(owner: Ints, part: Array, scale: Array) -> tuple[Ints, Array, Array]:
    """Copies added up for each owner, on a common scale."""
    start = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    if len(start) == len(owner):
        return owner, part, scale
    peak = np.maximum.reduceat(scale, start)
    with np.errstate(invalid="ignore"):
        weight = np.exp(scale - np.repeat(peak, np.diff(np.append(start, len(owner)))))
    return owner[start], np.add.reduceat(part * weight[:, None], start, axis=0), peak
