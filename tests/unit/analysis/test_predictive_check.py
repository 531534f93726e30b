"""Records of a clinic like the model's are let through; columns that mean something else are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.analysis import predictive_check
from spinecast.analysis.cohort_likelihood import Cohort
from spinecast.analysis.predictive_check import GROSS, Check, Share, check, refuse
from spinecast.analysis.simulate import simulate
from spinecast.assessment.reliability import shares
from spinecast.errors import InvalidValueError
from spinecast.network.build import with_theta

FEW = ("age", "straight_leg_raise", "thigh_thrust", "mri_disc_herniation", "sacroiliac_block_1", "leg_pain_below_knee")


def clinic(model, theta, *, flipped=""):
    drawn = simulate(with_theta(model.network, theta), 300, "spine_clinic", 3, observed=dict.fromkeys(FEW, 0.8))
    codes = drawn.codes.copy()
    if flipped:
        j = list(model.network.leaves).index(flipped)
        codes[:, j] = np.where(codes[:, j] >= 0, 1 - codes[:, j], -1)
    setting = np.full(300, model.network.settings.index("spine_clinic"), dtype=np.int16)
    return Cohort(codes, setting)


@pytest.mark.parametrize("k", [2, 19])
def test_a_clinic_within_the_models_uncertainty_is_let_through(model, k):
    found = check(model, clinic(model, model.draws[k]), FEW)
    assert not found.contradicts
    refuse(found)
    assert np.median([abs(s.distance) for s in found.shares]) < 1.5


def test_exchanged_values_are_refused_and_named(model):
    found = check(model, clinic(model, model.network.theta, flipped="straight_leg_raise"), FEW)
    assert {s.leaf for s in found.gross} == {"straight_leg_raise"}
    with pytest.raises(InvalidValueError) as caught:
        refuse(found)
    for text in ("straight_leg_raise = positive", "are expected", "--without"):
        assert text in str(caught.value)


def test_expected_shares_are_those_of_the_network(model, monkeypatch):
    """The mean over draws of what the exact engine says, one setting known and one not."""
    monkeypatch.setattr(predictive_check, "DRAWS", 16)
    cohort = clinic(model, model.network.theta)
    for setting in (cohort.setting, np.full(300, -1, dtype=np.int16)):
        found = {s.value: s.expected for s in check(model, Cohort(cohort.codes, setting), ["mri_disc_herniation"]).shares}
        known = None if setting[0] < 0 else np.eye(len(model.network.settings))[setting[0]]
        each = [shares(with_theta(model.network, d), "mri_disc_herniation", known) for d in model.draws[:16]]
        values = model.network.leaves["mri_disc_herniation"].values
        assert [found[v] for v in values] == pytest.approx(list(np.mean(each, axis=0)), abs=1e-6)


def test_too_few_people_are_not_judged(model):
    cohort = clinic(model, model.network.theta, flipped="straight_leg_raise").only(np.arange(15))
    assert check(model, cohort, FEW).shares == ()


def test_the_whole_can_be_gross_where_no_share_is():
    share = Share("age", "age_18_29", 100, 0.1, 0.1, 0.05, 0.2, 0.0)
    found = Check((share,), -20.0, -10.0, 1.0)
    assert found.distance == -10.0 < -GROSS
    with pytest.raises(InvalidValueError, match="mean log score"):
        refuse(found)
