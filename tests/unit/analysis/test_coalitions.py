"""Any part of the evidence says the same, taken apart here, as when the engine is asked about that part alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from helpers.small import network
from spinecast.analysis.coalitions import Coalitions, grouped
from spinecast.engines import exact
from spinecast.network.evidence import Evidence, one_hot

SAID = {
    "age": "age_65_up", "mri_disc_herniation": "protrusion", "straight_leg_raise": "positive", "slump_test": "positive",
    "thigh_thrust": "negative", "centralisation": "yes",
}  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return network()[0]


def evidence(small, setting=None, **said):
    values = {k: v if v in small.leaves[k].values else small.leaves[k].values[-1] for k, v in (said or SAID).items()}
    likelihood = {k: one_hot(small, k, v) for k, v in values.items()}
    return Evidence(likelihood, None if setting is None else np.eye(len(small.settings))[setting])


@pytest.mark.parametrize("setting", [None, 0])
def test_every_part_is_as_probable_as_the_engine_says(small, setting):
    known = evidence(small, setting)
    taken = Coalitions.of(small, small.theta, known)
    mask = small.space.mask("radiculopathy")
    for size in range(len(known.observed) + 1):
        for items in combinations(known.observed, size):
            alone = exact.posterior(small, small.theta, known.without(*(set(known.observed) - set(items))))
            assert taken.log_probability(items) == pytest.approx(float(alone.log_evidence), abs=1e-9)
            p = float(alone.states @ mask)
            assert taken.log_odds(items, taken.mask("radiculopathy")) == pytest.approx(np.log(p / (1 - p)), abs=1e-9)


def test_a_family_and_a_context_with_what_depends_on_it_stand_together(small):
    assert set(map(frozenset, grouped(small, evidence(small)))) == {
        frozenset({"age", "mri_disc_herniation"}), frozenset({"straight_leg_raise", "slump_test"}), frozenset({"thigh_thrust"}),
        frozenset({"centralisation"}),
    }  # fmt: skip


def test_counted_tests_are_one_item(small):
    known = Evidence(counts={"neural_tension": (("straight_leg_raise", "slump_test"), 1)})
    taken = Coalitions.of(small, small.theta, known)
    assert taken.items == ("neural_tension",)
    assert taken.log_probability(taken.items) == pytest.approx(float(exact.posterior(small, small.theta, known).log_evidence))
