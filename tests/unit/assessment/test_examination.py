"""Examination as a step of a plan: how many tests of a cluster are positive, exact and in turn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from spinecast.assessment.assess import prepare
from spinecast.assessment.observing import conditional
from spinecast.resources import examples_folder

EXAMINATION = "examination"


@pytest.fixture(scope="module")
def case():
    return prepare(examples_folder() / "suitcase.toml", draws=2, sequences=True)


@pytest.fixture(scope="module")
def observer(case):
    return case.tools()[2]


def looks(observer, count):
    """The first so many looks, each after the most probable result of those before."""
    seen = ()
    for _ in range(count):
        look = observer(EXAMINATION, seen)
        if look is None:
            return
        yield seen, look
        seen = (*seen, look[0][int(np.argmax(look[1] @ observer.belief))])


@pytest.mark.parametrize("action", [EXAMINATION, "medial_branch_block", "sacroiliac_injection", "selective_nerve_root_block"])
def test_the_results_of_every_look_are_all_there_is(observer, action):
    seen = ()
    while (look := observer(action, seen)) is not None:
        assert np.allclose(look[1].sum(axis=0), 1, atol=1e-10)
        seen = (*seen, look[0][0])
    assert seen


def test_what_is_recorded_is_not_examined_again(observer):
    asked = [name for _, look in looks(observer, 9) for name in [look[0][0].label]]
    assert asked
    assert asked[0].startswith("0 of 3 positive"), "straight leg raise is recorded, three tests of its cluster are not"
    assert len(set(asked)) == len(asked)


def test_a_count_is_the_sum_over_which_tests_are_positive(observer):
    _, (labels, rows) = next(iter(looks(observer, 1)))
    group = observer._open_groups(EXAMINATION)[0]
    assert len(labels) == len(group) + 1
    for number in range(len(labels)):
        total = np.zeros(rows.shape[1])
        for positive in combinations(group, number):
            added = {name: np.array([name not in positive, name in positive], dtype=float) for name in group}
            total += conditional(observer.network, observer.theta, observer.evidence, added, observer.setting)
        assert np.allclose(rows[number], total, atol=1e-10)


def test_clusters_are_of_different_families_so_that_a_count_can_be_kept(case):
    groups = case.model.priors.procedures[EXAMINATION].observes
    families = [{case.model.priors.findings[name].family for name in group} for group in groups]
    assert all(len(family) == 1 for family in families)
    assert len({next(iter(family)) for family in families}) == len(groups)
    assert all(len(case.model.priors.findings[name].values) == 2 for group in groups for name in group)
