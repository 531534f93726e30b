"""What is known about one person, in the network's own terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

import numpy as np

from spinecast.frozen import dataclass
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

SEDATION = {"no": 0, "yes": 1, "unknown": 2}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Likelihood over the values of each observed leaf; what is absent here is unobserved.

    Attributes
    ----------
    likelihood : mapping of leaf id to ndarray, shape (V,)
        One-hot for a value that is certain; any non-negative vector for soft evidence.
    setting : ndarray, shape (settings,), or None
        Likelihood over settings, which multiplies their shares; None (as all ones) where the setting is not known.
    sedation : mapping of leaf id to 0 (no), 1 (yes) or 2 (not recorded)
    counts : mapping of family id to (tests, k)
        Exactly k of these two-valued tests of the family were positive, it is not known which.
    states : mapping of name to ndarray, shape (S,) or (D, S)
        Log-likelihood over the joint states of what is no leaf: how the pain went after a treatment. Over all states of
        the network, also where it is looked at in some of them only.
    """

    likelihood: Mapping[str, Array] = field(default_factory=dict)
    setting: Array | None = None
    sedation: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    states: Mapping[str, Array] = field(default_factory=dict)

    def without(self, *names: str) -> Evidence:
        """The same evidence with some leaves (or counts of a family) unobserved."""
        return replace(
            self,
            likelihood={k: v for k, v in self.likelihood.items() if k not in names},
            counts={k: v for k, v in self.counts.items() if k not in names},
        )

    def with_leaf(self, leaf: str, likelihood: Array) -> Evidence:
        """The same evidence with one more (or another) leaf."""
        return replace(self, likelihood={**self.likelihood, leaf: likelihood})

    @property
    def observed(self) -> tuple[str, ...]:
        """Ids of everything observed, sorted."""
        return tuple(sorted([*self.likelihood, *self.counts]))


def main_setting(network: Network, theta: Array, evidence: Evidence) -> int:
    """The setting, or the one most often met where it is not known; theta of shape (P,)."""
    share = network.setting_prior(theta)
    return int(np.argmax(share if evidence.setting is None else share * evidence.setting))


def one_hot(network: Network, leaf: str, value: str) -> Array:
    """Likelihood of a leaf seen for certain; shape (V,)."""
    values = network.leaves[leaf].values
    vector = np.zeros(len(values))
    vector[values.index(value)] = 1.0
    return vector
