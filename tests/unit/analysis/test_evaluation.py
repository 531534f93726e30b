"""On people drawn from the model it comes out calibrated; outcomes are predicted by what was the matter, and tell of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinecast.analysis.cohort_likelihood import Cohort, score
from spinecast.analysis.evaluation import calibration, chosen, decision_curve, summary, targets
from spinecast.analysis.records import Records
from spinecast.analysis.relief import as_evidence, chances, treated, with_outcomes
from spinecast.analysis.simulate import simulate
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.priors.records import WEEKS

COUNT = 1200


@pytest.fixture(scope="module")
def records(model):
    """People with their truth, some treated, with relief as the model says of their true state."""
    network = model.network
    drawn = simulate(network, COUNT, "spine_clinic", 21, observed=0.2)
    setting = np.full(COUNT, network.settings.index("spine_clinic"), dtype=np.int16)
    labels = {g: network.space.level_of[drawn.state, i] for i, g in enumerate(network.space.generators)}
    treated_with = np.full(COUNT, -1)
    procedures = tuple(model.priors.procedures)
    treated_with[::40] = procedures.index("transforaminal_epidural")
    treated_with[5::80] = procedures.index("rehabilitation")
    made = Records(
        Cohort(drawn.codes, setting),
        labels,
        procedures,
        treated_with,
        {4: np.zeros(COUNT, dtype=np.int64)},
        tuple(network.leaves),
    )
    rows = treated(made, 4)
    curves = chances(model, made, rows, np.eye(len(network.space))[drawn.state])
    chance = np.array([curves[n][WEEKS.index(4)][drawn.state[n]] for n in rows])
    relief = np.full(COUNT, -1)
    relief[rows] = np.random.default_rng(3).random(len(rows)) < chance
    return replace(made, relief={4: relief}), drawn.state


@pytest.fixture(scope="module")
def found(model, records):
    return targets(model, records[0])


def test_predictions_are_calibrated_where_the_model_is_true(model, found):
    result = summary(model, found, resamples=50)
    rows = {row["id"]: row for row in result.rows()}
    assert len(rows) >= 10
    assert "relief_4w" in rows
    inside = [
        row[f"{name}_low"] <= right <= row[f"{name}_high"]
        for row in rows.values()
        for name, right in (("slope", 1), ("intercept", 0))
    ]
    assert np.mean(inside) >= 0.85
    assert all(row["auc"] > 0.6 for name, row in rows.items() if name != "relief_4w")
    errors = [row["calibration_error"] / row["calibration_error_if_right"] for row in rows.values()]
    assert np.median(errors) < 1.5


def test_the_curve_shows_as_many_people_as_there_are(model, found):
    result = calibration(model, chosen(found, ["radiculopathy"]))
    assert sum(result["people"]) == COUNT
    assert all(low <= seen <= high for low, seen, high in zip(result["low"], result["seen"], result["high"], strict=True))


def test_acting_on_the_prediction_is_worth_most(model, found):
    result = decision_curve(model, chosen(found, ["radiculopathy"])[0], resamples=20)
    by = {(s, t): v for s, t, v in zip(result["strategy"], result["threshold"], result["net_benefit"], strict=True)}
    for threshold in (0.1, 0.2, 0.3):
        assert by["act on the prediction", threshold] > max(by.get(("act on all", threshold), -1.0), 0.0)


def test_relief_speaks_for_what_the_procedure_treats(model, records):
    made, _ = records
    network = model.network
    plain = score(network, network.theta, made.cohort, slopes=False).posterior
    likelihood = as_evidence(model, made, plain)
    untouched = np.setdiff1d(np.arange(COUNT), treated(made, 4))
    assert (likelihood[untouched] == 1).all()
    epidural = np.flatnonzero((made.treated == made.procedures.index("transforaminal_epidural")) & (made.relief[4] == 1))
    root = network.space.mask("radiculopathy")
    after = plain * likelihood
    after /= after.sum(axis=1, keepdims=True)
    assert (after[epidural] @ root >= plain[epidural] @ root - 1e-12).all()


def test_labels_and_outcomes_both_weigh_in_what_is_learned_from(model, records):
    made, state = records
    cohort = with_outcomes(model, made)
    assert (cohort.states[np.arange(COUNT), state] > 0).all()
    assert (cohort.states.astype(bool).sum(axis=1) == 1).all()
    silent = replace(made, labels={}, relief={})
    assert with_outcomes(model, silent).states is None


def test_without_labels_or_outcomes_nothing_can_be_said(model, records):
    made, _ = records
    with pytest.raises(InvalidValueError, match="truth_<generator>"):
        targets(model, replace(made, labels={}, relief={}))


def test_an_unknown_target_is_refused(found):
    with pytest.raises(UnknownIdError, match="did you mean 'facet_joint'"):
        chosen(found, ["facet_joints"])
