"""Findings recorded by hand: how far two examiners agree, as a likelihood.

The numbers of the network are those of the studies' examiners. Somebody else records value r where such an examiner
finds v. With the same shares p(v) of the values, agreement kappa says

    P(r | v) = kappa [r = v] + (1 - kappa) p(r)

which is the only such table in which disagreement is by chance, and gives back Cohen's kappa exactly. So a finding recorded
with agreement 1 is certain, with agreement 0 it says nothing, and in between it is soft evidence.

References
----------
cohen1960kappa (Cohen J. A coefficient of agreement for nominal scales. Educ Psychol Meas 1960;20:37-46).
"""

from __future__ import annotations

import numpy as np

from spinecast.engines import exact
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.parameters.scales import Array


def as_recorded(network: Network, leaf: str, likelihood: Array, kappa: float, setting: Array | None = None) -> Array:
    """Likelihood over an examiner's values of a finding that somebody else recorded.

    Parameters
    ----------
    network : Network
        At the parameters that give the shares of the values.
    leaf : str
    likelihood : ndarray, shape (V,)
        What was recorded: one-hot, or soft where the recorder was in doubt.
    kappa : float
        Agreement, 0 to 1.
    setting : ndarray, shape (settings,), or None
        Likelihood over settings, as in `Evidence`.

    Returns
    -------
    ndarray, shape (V,)
    """
    by_chance = float(shares(network, leaf, setting) @ likelihood)
    recorded: Array = kappa * likelihood + (1 - kappa) * by_chance
    return recorded


def shares(network: Network, leaf: str, setting: Array | None = None) -> Array:
    """How common each value of a leaf is among people who present; shape (V,), sums to 1."""
    values = np.eye(len(network.leaves[leaf].values))
    chances = [np.exp(exact.joint_log(network, network.theta, Evidence({leaf: one}, setting))).sum() for one in values]
    share: Array = np.array(chances) / sum(chances)
    return share
