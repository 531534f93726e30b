"""The weight of everything is taken apart exactly: shares sum, do not depend on an order, and a family counts as one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from helpers.small import network
from spinecast.analysis import weight_of_evidence
from spinecast.analysis.coalitions import Coalitions
from spinecast.analysis.weight_of_evidence import DECIBAN, EXACT, SAMPLED, decompose
from spinecast.network.evidence import Evidence, one_hot


@pytest.fixture(scope="module")
def taken():
    small = network()[0]
    said = {
        "straight_leg_raise": "positive", "slump_test": "positive", "thigh_thrust": "positive", "extension_rotation": "negative",
        "mri_disc_herniation": "protrusion",
    }  # fmt: skip
    return Coalitions.of(small, small.theta, Evidence({k: one_hot(small, k, v) for k, v in said.items()}))


def by_orders(taken, mask):
    """Owen's value as it is defined: the mean over all orders of groups, and of members within their group."""
    shares = dict.fromkeys(taken.items, 0.0)
    orders = [[i for group in order for i in group] for groups in permutations(taken.groups) for order in _orders(groups)]
    for order in orders:
        for i, item in enumerate(order):
            shares[item] += (taken.log_odds(order[: i + 1], mask) - taken.log_odds(order[:i], mask)) / len(orders)
    return {item: DECIBAN * value for item, value in shares.items()}


def _orders(groups):
    if not groups:
        return [[]]
    return [[list(first), *rest] for first in permutations(groups[0]) for rest in _orders(groups[1:])]


@pytest.mark.parametrize("generator", ["radiculopathy", "sacroiliac_joint"])
def test_shares_are_the_mean_over_all_orders(taken, generator):
    mask = taken.mask(generator)
    found = decompose(taken, mask)
    assert {s.item: s.decibans for s in found.shares} == pytest.approx(by_orders(taken, mask), abs=1e-9)
    assert found.method == EXACT
    assert {s.error for s in found.shares} == {0.0}


def test_shares_sum_to_the_weight_of_everything_and_groups_to_theirs(taken):
    found = decompose(taken, taken.mask("facet_joint"))
    odds = [p / (1 - p) for p in (found.prior, found.posterior)]
    assert sum(s.decibans for s in found.shares) == pytest.approx(found.total, abs=1e-9)
    assert found.total == pytest.approx(10 * np.log10(odds[1] / odds[0]), abs=1e-9)
    for g, value in enumerate(found.groups):
        assert value == pytest.approx(sum(s.decibans for s in found.shares if s.group == g))


def test_sampled_orders_sum_as_well_and_come_near(taken, monkeypatch):
    mask = taken.mask("radiculopathy")
    exact = {s.item: s.decibans for s in decompose(taken, mask).shares}
    monkeypatch.setattr(weight_of_evidence, "MOST_GROUPS", 1)
    monkeypatch.setattr(weight_of_evidence, "MOST_MEMBERS", 1)
    found = decompose(taken, mask, seed=3)
    assert found.method == SAMPLED
    assert sum(s.decibans for s in found.shares) == pytest.approx(found.total, abs=1e-9)
    for share in found.shares:
        assert abs(share.decibans - exact[share.item]) <= 4 * share.error + 1e-9
        assert share.error < 0.2


def test_a_finding_that_says_nothing_has_no_share():
    small = network()[0]
    flat = Evidence({"thigh_thrust": np.ones(2), "slump_test": one_hot(small, "slump_test", "positive")})
    taken = Coalitions.of(small, small.theta, flat)
    shares = {s.item: s.decibans for s in decompose(taken, taken.mask("radiculopathy")).shares}
    assert shares["thigh_thrust"] == pytest.approx(0.0, abs=1e-12)
    assert shares["slump_test"] > 0


def test_without_findings_there_is_nothing_to_take_apart():
    small = network()[0]
    found = decompose(taken := Coalitions.of(small, small.theta, Evidence()), taken.mask("facet_joint"))
    assert (found.shares, found.total) == ((), 0.0)
    assert found.prior == pytest.approx(found.posterior)
