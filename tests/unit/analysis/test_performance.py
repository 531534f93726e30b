"""Measures of performance against scikit-learn where it has them, and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from spinecast.analysis import performance


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    p = np.round(rng.beta(1.2, 3.0, 1500), 3)
    return p, (rng.random(1500) < p).astype(float)


def test_auc_is_that_of_scikit_learn(data):
    p, y = data
    found = performance.auc(p, y)
    assert found.value == pytest.approx(roc_auc_score(y, p))
    drawn = [roc_auc_score(y[i], p[i]) for i in np.random.default_rng(1).integers(0, len(p), (300, len(p)))]
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(np.std(drawn), rel=0.15)


def test_auc_without_both_kinds_is_not_a_number():
    assert np.isnan(performance.auc(np.array([0.1, 0.2]), np.ones(2)).value)


def test_slope_is_that_of_scikit_learn(data):
    p, y = data
    x = np.log(np.clip(p, 1e-9, 1 - 1e-9) / (1 - np.clip(p, 1e-9, 1 - 1e-9)))[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, y).coef_[0, 0]
    assert performance.slope(p, y).value == pytest.approx(theirs, abs=1e-3)


def test_the_intercept_makes_the_mean_prediction_right(data):
    p, y = data
    move = performance.intercept(p, y).value
    kept = np.clip(p, 1e-9, 1 - 1e-9)
    assert np.mean(1 / (1 + np.exp(-(np.log(kept / (1 - kept)) + move)))) == pytest.approx(y.mean())


def test_intervals_hold_what_is_right_about_as_often_as_they_say():
    rng = np.random.default_rng(9)
    held = {"slope": 0, "intercept": 0, "auc": 0}
    for _ in range(200):
        p = rng.beta(1.2, 3.0, 300)
        y = (rng.random(300) < p).astype(float)
        held["slope"] += performance.slope(p, y).low <= 1 <= performance.slope(p, y).high
        held["intercept"] += performance.intercept(p, y).low <= 0 <= performance.intercept(p, y).high
        # Of two people drawn from this beta, the expected AUC; from two million of them.
        held["auc"] += performance.auc(p, y).low <= 0.7712 <= performance.auc(p, y).high
    assert all(0.89 <= count / 200 <= 0.99 for count in held.values()), held


def test_the_reliability_curve_is_that_of_scikit_learn(data):
    p, y = data
    found = performance.reliability(p, y)
    seen, predicted = calibration_curve(y, p, n_bins=10, strategy="quantile")
    assert found.predicted == pytest.approx(predicted, abs=0.01)
    assert found.seen == pytest.approx(seen, abs=0.02)
    assert found.people.sum() == len(p)


def test_the_error_is_the_mean_gap_and_not_more_than_chance_where_predictions_are_right(data):
    p, y = data
    drawn = performance.weights(len(p), 100, seed=2)
    found, right = performance.calibration_error(p, y, drawn, seed=3)
    groups = performance.reliability(p, y)
    assert found.value == pytest.approx(np.sum(groups.people * np.abs(groups.predicted - groups.seen)) / len(p))
    assert found.value < 2 * right
    wrong, _ = performance.calibration_error(p**0.3, y, drawn, seed=3)
    assert wrong.low > 3 * right


def test_brier_sums_to_its_parts(data):
    p, y = data
    found = performance.brier(p, y, performance.weights(len(p), 50, seed=2))
    assert found.value.value == pytest.approx(brier_score_loss(y, p))
    assert found.reliability - found.resolution + found.uncertainty + found.within == pytest.approx(found.value.value)
    assert found.value.low < found.value.value < found.value.high


def test_net_benefit_is_counted_by_hand():
    p = np.array([0.9, 0.6, 0.4, 0.2])
    y = np.array([1.0, 0.0, 1.0, 0.0])
    acting, everybody = performance.net_benefit(p, y, np.array([0.3, 0.5]), np.ones((1, 4)))
    assert acting[0] == pytest.approx([2 / 4 - 1 / 4 * 3 / 7, 1 / 4 - 1 / 4])
    assert everybody[0] == pytest.approx([0.5 - 0.5 * 3 / 7, 0.0])


def test_a_right_prediction_is_never_worth_less_than_all_or_nobody():
    rng = np.random.default_rng(1)
    p = rng.beta(1.2, 3.0, 200_000)
    y = (rng.random(len(p)) < p).astype(float)
    acting, everybody = performance.net_benefit(p, y, np.arange(5, 95, 5) / 100, np.ones((1, len(p))))
    assert (acting[0] >= np.maximum(everybody[0], 0) - 0.002).all()


def test_predictions_that_tell_all_apart_have_no_slope():
    p, y = np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])
    assert np.isnan(performance.slope(p, y).value)
    assert np.isnan(performance.slope(p, 1 - y).value)
    assert np.isfinite(performance.slope(p, np.array([0, 1, 0, 1])).value)
