"""What any part of one person's findings says: log P(some of them), and the odds of a hypothesis given them alone.

Findings that a family or a context ties together stand in one group; groups are independent given the state (and
the setting), so a subset's weight is the prior times one factor a group. Every analysis of why (weight of
evidence, conflict) is a game whose players are the findings and whose values are read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

import numpy as np

from spinecast.engines import exact
from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.network.states import Bools
from spinecast.parameters.scales import Array

LEAST = 1e-300
"""Stands for a probability of 0 inside a logarithm."""


@dataclass(frozen=True, slots=True)
class Coalitions:
    """One person's evidence, ready to be taken apart.

    Attributes
    ----------
    network : Network
    theta : ndarray, shape (P,)
    evidence : Evidence
    settings : tuple of int
        Those that are possible; what follows is over K of them times S states.
    prior : ndarray, shape (K * S,)
        Sums to one.
    groups : tuple of tuple of str
        Observed leaves, or the id of a family whose tests were counted, that are tied together.
    """

    network: Network
    theta: Array
    evidence: Evidence
    settings: tuple[int, ...]
    prior: Array
    groups: tuple[tuple[str, ...], ...]
    _factors: dict[frozenset[str], tuple[float, Array]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, network: Network, theta: Array, evidence: Evidence) -> Coalitions:
        """Group the evidence.

        Parameters
        ----------
        theta : ndarray, shape (P,)
        """
        likelihood = np.ones(len(network.settings)) if evidence.setting is None else evidence.setting
        share = network.setting_prior(theta) * likelihood
        settings = tuple(int(k) for k in np.flatnonzero(share))
        prior = np.concatenate([share[k] / share.sum() * np.exp(network.log_prior(theta, k)) for k in settings])
        return cls(network, theta, evidence, settings, prior, grouped(network, evidence))

    def mask(self, generator: str, levels: tuple[str, ...] = ()) -> Bools:
        """Where the generator is active (at one of `levels`, where given); shape (K * S,)."""
        return np.tile(self.network.space.mask(generator, levels), len(self.settings))

    def factor(self, items: Iterable[str]) -> tuple[float, Array]:
        """P(items | state) of members of one group: log of its greatest value, and the rest relative to that (K * S,)."""
        key = frozenset(items)
        if key not in self._factors:
            only = self.evidence.without(*(name for name in self.evidence.observed if name not in key))
            logs = np.concatenate([
                sum(exact.factors(self.network, self.theta, only, k).values(), start=np.zeros(len(self.network.space)))
                for k in self.settings
            ])  # fmt: skip
            peak = float(logs.max())
            self._factors[key] = (peak, np.exp(logs - peak))
        return self._factors[key]

    def weights(self, items: Iterable[str]) -> tuple[float, Array]:
        """P(state, items) of any items: a log scale, and what it multiplies (K * S,)."""
        chosen = set(items)
        scale, weight = 0.0, self.prior
        for group in self.groups:
            inside = chosen.intersection(group)
            if inside:
                peak, factor = self.factor(inside)
                scale, weight = scale + peak, weight * factor
        return scale, weight

    def log_probability(self, items: Iterable[str]) -> float:
        """Natural log of P(items) among people who present."""
        scale, weight = self.weights(items)
        return scale + float(np.log(max(weight.sum(), LEAST)))

    def log_odds(self, items: Iterable[str], mask: Bools) -> float:
        """Natural log-odds of the states of the mask given these items alone."""
        _, weight = self.weights(items)
        return float(np.log(max(weight[mask].sum(), LEAST)) - np.log(max(weight[~mask].sum(), LEAST)))

    @property
    def items(self) -> tuple[str, ...]:
        """Every item, group by group."""
        return tuple(item for group in self.groups for item in group)


def grouped(network: Network, evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    """Observed items in groups: of one family, or tied by a context that a base depends on, that context included."""
    owner = {name: _anchor(network, network.block_of[name]) for name in evidence.likelihood}
    owner |= {family: _anchor(network, family) for family in evidence.counts}
    groups: dict[str, list[str]] = {}
    for name in evidence.observed:
        groups.setdefault(owner[name], []).append(name)
    return tuple(tuple(groups[key]) for key in sorted(groups))


def _anchor(network: Network, block: str) -> str:
    """What ties the block to others: the context that its base depends on, or itself."""
    return network.blocks[block].by or block
