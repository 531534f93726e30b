"""The conflict measure is Jensen's, its trace adds up, and it points at the findings that clash."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import network
from spinecast.analysis.coalitions import Coalitions
from spinecast.analysis.conflict import conflict
from spinecast.engines import exact
from spinecast.network.evidence import Evidence, one_hot


@pytest.fixture(scope="module")
def small():
    return network()[0]


def of(small, **said):
    known = Evidence({k: one_hot(small, k, v) for k, v in said.items()})
    return known, conflict(Coalitions.of(small, small.theta, known))


def log_p(small, known):
    return float(exact.posterior(small, small.theta, known).log_evidence)


CLASH = {"straight_leg_raise": "positive", "slump_test": "negative", "mri_disc_herniation": "none", "thigh_thrust": "positive"}


def test_it_is_the_definition(small):
    known, found = of(small, **CLASH)
    alone = sum(log_p(small, Evidence({k: v})) for k, v in known.likelihood.items())
    assert found.bits == pytest.approx((alone - log_p(small, known)) / np.log(2))


def test_the_trace_sums_to_it(small):
    _, found = of(small, **CLASH)
    assert sum(m.bits for m in found.merges) == pytest.approx(found.bits)
    assert set(found.merges[-1].first + found.merges[-1].second) == set(CLASH)


def test_what_clashes_is_named(small):
    _, found = of(small, **CLASH)
    assert found.bits > 0
    assert ("slump_test", "straight_leg_raise") in {tuple(sorted(c.items)) for c in found.clashes}
    assert "straight_leg_raise" in found.clashes[0].items
    assert found.alone[0].items == ("straight_leg_raise",)


def test_each_clash_is_more_than_that_of_its_parts(small):
    _, found = of(small, **CLASH)
    bits = {c.items: c.bits for c in found.clashes}
    for items, value in bits.items():
        assert all(value > other for part, other in bits.items() if set(part) < set(items))


def test_findings_of_one_cause_support_each_other(small):
    _, found = of(small, straight_leg_raise="positive", slump_test="positive", mri_disc_herniation="extrusion")
    assert found.bits < 0
    assert (found.clashes, found.rare) == ((), ())


def test_nothing_and_one_finding_cannot_clash(small):
    assert of(small)[1].bits == 0.0
    assert of(small, thigh_thrust="positive")[1].bits == pytest.approx(0.0)


def test_a_rare_cause_that_explains_a_conflict_is_named(small):
    """A scar and a provoked sacroiliac joint seldom meet; epidural fibrosis is rare and explains the scar."""
    _, found = of(small, thigh_thrust="positive", scar="positive")
    assert found.bits > 0
    assert found.rare[0].generator == "epidural_fibrosis"
    assert all(rare.bits >= found.bits for rare in found.rare)
