"""What a look can show, computed part by part, against the plain ratio of two likelihoods."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from spinecast.assessment.observing import Observer, conditional
from spinecast.network.build import build_network, with_theta
from spinecast.network.evidence import Evidence, one_hot
from spinecast.priors.bundle import load_priors

PRIORS = load_priors(Path(__file__).parents[2] / "engines" / "small_priors")
NETWORK = build_network(PRIORS, "lumbosacral")
BLOCKS = ("medial_branch_block_1", "medial_branch_block_2")
AGE = NETWORK.leaves["age"].values

KNOWN = {
    "nothing": Evidence(),
    "a first block": Evidence({BLOCKS[0]: one_hot(NETWORK, BLOCKS[0], "relief_80")}),
    "a sedated block": Evidence({BLOCKS[0]: one_hot(NETWORK, BLOCKS[0], "relief_50")}, sedation={BLOCKS[0]: 1, BLOCKS[1]: 0}),
    "age": Evidence({"age": one_hot(NETWORK, "age", AGE[-1])}),
    "age, roughly": Evidence({"age": np.linspace(0.1, 1.0, len(AGE))}),
    "a scan and a sign": Evidence({"mri_disc_herniation": np.array([0.2, 1.0]), "straight_leg_raise": np.array([0.0, 1.0])}),
}


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize(
    "group", [(BLOCKS[1],), ("slump_test",), ("mri_disc_herniation",), ("scar", "thigh_thrust", "slump_test")], ids="+".join
)
def test_parts_equal_the_whole(known, group):
    if any(name in known.likelihood for name in group):
        pytest.skip("already seen")
    observer = Observer(NETWORK, NETWORK.theta, PRIORS, known, np.ones(len(NETWORK.space)))
    values = [np.eye(len(NETWORK.leaves[name].values)) for name in group]
    outcomes = [dict(zip(group, one, strict=True)) for one in product(*values)]
    found = observer.likelihoods(known, outcomes)
    expected = np.stack([conditional(NETWORK, NETWORK.theta, known, one, 0) for one in outcomes])
    assert np.allclose(found, expected, atol=1e-12)
    assert np.allclose(found.sum(axis=0), 1)


KEPT = np.flatnonzero(np.arange(len(NETWORK.space)) % 3)


@pytest.mark.parametrize("network", [NETWORK, NETWORK.restricted(KEPT)], ids=["all states", "some"])
@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_answers_equal_the_whole_for_every_leaf(known, network):
    """Those from the point tables, and those that a family or a context in common with what is known asks more of."""
    observer = Observer(network, network.theta, PRIORS, known, np.ones(len(network.space)))
    for name in network.leaves:
        if name not in known.likelihood:
            every = np.eye(len(network.leaves[name].values))
            expected = np.stack([conditional(network, network.theta, known, {name: one}, 0) for one in every])
            assert np.allclose(observer.answers(name), expected, atol=1e-12), name


def test_answers_are_those_of_the_parameters_asked_about():
    """Point tables are of the network's own parameters, however it was made; other parameters go the general way."""
    moved = NETWORK.theta + 0.2
    part, known = NETWORK.restricted(KEPT), Evidence()
    NETWORK.points["slump_test"]  # made for the parameters before
    for network in (part, with_theta(part, moved), with_theta(NETWORK, moved).restricted(KEPT)):
        observer = Observer(network, moved, PRIORS, known, np.ones(len(KEPT)))
        expected = [conditional(network, moved, known, {"slump_test": one}, 0) for one in np.eye(2)]
        assert np.allclose(observer.answers("slump_test"), expected, atol=1e-12)
