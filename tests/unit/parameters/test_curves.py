"""Outcome curves: their limits, their slopes, and what is stored of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinecast.errors import ArtefactError
from spinecast.parameters.curves import RELIEF, SETTLING, relief, relief_with_slopes, settling, settling_with_slopes
from spinecast.parameters.outcome_curves import (
    Factor,
    OutcomeCurves,
    effect_name,
    load_curves,
    relief_at,
    save_curves,
)

WEEKS = np.array([0.0, 1.0, 4.0, 13.0, 52.0, 500.0])
settles = st.tuples(st.floats(-4, 4), st.floats(-1, 5), st.floats(-1, 1))
relieves = st.tuples(
    st.floats(-0.5, 0.9), st.floats(-2, 2), st.floats(0, 5), st.floats(-0.5, 1), st.floats(0, 0.3), st.floats(-1, 2)
)


@given(settles)
def test_settling_rises_from_nothing_to_its_ceiling(parameters):
    value = settling(np.array(parameters), WEEKS)
    assert value[0] < 0.02
    assert (np.diff(value) >= -1e-12).all()
    assert value[-1] <= 1 / (1 + np.exp(-parameters[0])) + 1e-12


def test_half_of_those_who_settle_have_done_so_at_the_median():
    assert settling(np.array([0.0, np.log(8.0), 0.3]), np.array(8.0)) == pytest.approx(0.25)


def test_half_of_the_relief_is_left_at_its_median_once_it_has_come():
    parameters = np.array([0.4, np.log(1e-3), np.log(26.0), 0.5, 0.0, 0.0])
    assert relief(parameters, np.array(26.0)) == pytest.approx(0.2)
    assert relief(parameters, np.array(1.0)) == pytest.approx(0.4, abs=0.01)


def test_a_setback_is_lost_at_once_and_got_over():
    parameters = np.array([0.0, 0.0, 3.0, 0.0, 0.1, np.log(2.0)])
    assert relief(parameters, np.array([0.0, 2.0, 40.0])) == pytest.approx([-0.1, -0.05, 0.0], abs=1e-4)


@pytest.mark.parametrize(("form", "columns"), [(settling_with_slopes, SETTLING), (relief_with_slopes, RELIEF)])
@given(data=st.data())
def test_slopes_are_those_of_the_curve(form, columns, data):
    parameters = np.array(data.draw(settles if columns is SETTLING else relieves))
    week = np.array(data.draw(st.floats(0.5, 80)))
    found = form(parameters, week)
    for i in range(len(columns)):
        step = np.zeros(len(columns))
        step[i] = 1e-6
        expected = (form(parameters + step, week).value - form(parameters - step, week).value) / 2e-6
        assert found.slopes[i] == pytest.approx(float(expected), abs=2e-7)


def stored() -> OutcomeCurves:
    rng = np.random.default_rng(3)
    factor = Factor.of(0.1 * rng.standard_normal((2 * 3 + 2 * 6, 4)) * (rng.random((18, 4)) < 0.6))
    return OutcomeCurves(
        ("root/acute", "root/chronic"),
        ("needle/root", "contextual_effect"),
        rng.normal(size=18),
        factor,
        (("natural_course/root/acute", 3), ("contextual_effect", 1)),
        {"control": 0.5},
        "h",
    )


def test_curves_come_back_as_they_were_written(tmp_path):
    made = stored()
    save_curves(made, tmp_path / "fitted" / "outcomes.npz")
    back = load_curves(tmp_path / "fitted" / "outcomes.npz")
    assert (back.courses, back.effects, back.columns, back.spread) == (made.courses, made.effects, made.columns, made.spread)
    assert back.hash == made.hash
    assert np.array_equal(back.centre, made.centre)
    assert np.array_equal(back.factor.dense(), made.factor.dense())
    assert sorted(p.name for p in (tmp_path / "fitted").iterdir()) == ["outcomes.npz"]


def test_draws_have_the_covariance_of_the_fit_and_zeros_give_the_centre():
    made = stored()
    normals = np.concatenate([np.zeros((1, 4)), np.random.default_rng(1).standard_normal((40_000, 4))])
    sampled = made.sampled(normals)
    assert sampled.courses.shape == (40_001, 2, 3)
    flat = np.concatenate([sampled.courses.reshape(40_001, -1), sampled.effects.reshape(40_001, -1)], axis=1)
    assert flat[0] == pytest.approx(made.centre)
    assert np.cov(flat[1:].T) == pytest.approx(made.factor.dense() @ made.factor.dense().T, abs=2e-3)
    assert relief_at(sampled, WEEKS).shape == (40_001, 2, 6)


@pytest.mark.parametrize("harm", ["absent", "cut", "changed"])
def test_a_damaged_file_says_how_to_write_it_anew(tmp_path, harm):
    path = tmp_path / "fitted" / "outcomes.npz"
    save_curves(stored(), path)
    if harm == "absent":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:200])
    else:
        with np.load(path) as data:
            held = dict(data)
        np.savez(path, **(held | {"centre": held["centre"] + 1}))
    with pytest.raises(ArtefactError, match="spinecast fit --outcomes"):
        load_curves(path)


def test_an_effect_is_named_by_procedure_generator_and_levels():
    assert effect_name("needle", "root") == "needle/root"
    assert effect_name("needle", "root", ("L5", "S1")) == "needle/root/L5+S1"
