"""Draws: the point first, common random numbers by name, one seed."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.decision_priors import q
from spinecast.decision.numbers import Draws
from spinecast.parameters.scales import logit
from spinecast.priors.records import Quantity

DRAWS = Draws({}, 4_000, 7)


@pytest.mark.parametrize(("scale", "value"), [("logit", 0.3), ("log", 600.0), ("identity", -0.1)])
def test_index_zero_is_the_point(scale, value):
    made = DRAWS.of(q(value), scale, "name")
    assert made.shape == (4_001,)
    assert made[0] == pytest.approx(value)
    assert np.median(made[1:]) == pytest.approx(value, rel=0.05)


def test_spread_is_that_of_the_quantity():
    made = DRAWS.of(Quantity(assumed=0.3, like_n=50, low=0.2, high=0.42), "logit", "name")
    low, high = np.quantile(made[1:], [0.025, 0.975])
    half = (logit(0.42) - logit(0.2)) / 2
    assert logit(high) - logit(0.3) == pytest.approx(half, rel=0.06)
    assert logit(0.3) - logit(low) == pytest.approx(half, rel=0.06)


def test_each_name_has_its_own_stream():
    """Adding a quantity, or asking in another order, leaves the others as they are."""
    first = DRAWS.of(q(0.3), "logit", "a")
    DRAWS.of(q(0.3), "logit", "another")
    assert np.array_equal(first, DRAWS.of(q(0.3), "logit", "a"))
    assert abs(np.corrcoef(first[1:], DRAWS.of(q(0.3), "logit", "b")[1:])[0, 1]) < 0.06


def test_the_seed_decides():
    assert np.array_equal(Draws({}, 5, 1).normals("x"), Draws({}, 5, 1).normals("x"))
    assert not np.array_equal(Draws({}, 5, 1).normals("x"), Draws({}, 5, 2).normals("x"))


def test_fewer_draws_are_the_first_of_more():
    assert np.array_equal(Draws({}, 3, 1).normals("x"), Draws({}, 9, 1).normals("x")[:4])


def test_shared_normals_move_together():
    z = DRAWS.normals("effect")
    early, late = (DRAWS.of(q(v), "identity", "", z) for v in (0.2, 0.05))
    assert np.corrcoef(early[1:], late[1:])[0, 1] == pytest.approx(1.0)


def test_no_draws_is_the_point_alone():
    assert Draws({}, 0, 1).of(q(0.2), "logit", "x").tolist() == pytest.approx([0.2])


def test_structural_zero_and_one_stay_exact():
    assert not DRAWS.of(q(0.0), "logit", "x").any()
    assert (DRAWS.of(q(1.0), "logit", "x") == 1).all()
    assert not DRAWS.of(q(0.0), "log", "x").any()
