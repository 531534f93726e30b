"""The states that carry nearly all of a belief, and none that rounding chose."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.assessment.covering import COVERED, covered, covering


def test_as_few_states_as_carry_the_share():
    belief = np.array([0.5, 0.0005, 0.3, 0.199, 0.0005])
    assert covered(belief).tolist() == [True, False, True, True, False]
    assert covering(belief) == pytest.approx(np.array([0.5, 0, 0.3, 0.199, 0]) / 0.999)


def test_many_beliefs_are_cut_as_each_is():
    rng = np.random.default_rng(2)
    beliefs = rng.dirichlet(np.full(200, 0.05), size=20)
    for belief, kept in zip(beliefs, covered(beliefs), strict=True):
        assert kept.tolist() == covered(belief).tolist()
        assert belief[kept].sum() >= COVERED
        assert belief[kept].sum() - belief[kept].min() < COVERED


def test_rounding_does_not_choose_between_equal_states():
    """The last state that is needed has a twin: both are kept, whichever is larger in the last digit."""
    belief = np.concatenate([[0.9985], np.full(4, 0.000375)])
    moved = belief * (1 + 1e-15 * np.array([0, 1, -1, 2, -2]))
    assert covered(belief).all()
    assert covered(moved).all()
