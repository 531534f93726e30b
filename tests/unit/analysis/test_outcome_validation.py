"""Predicted against observed outcomes: everything published is accounted for, and the leave-one-out is what a refit gives."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spinecast.analysis import outcome_validation as validation
from spinecast.analysis.curve_fitting import System, fit_curves
from spinecast.analysis.curve_problem import curve_problem
from spinecast.assessment.model import load_model
from spinecast.cli.main import run
from spinecast.priors.reader import read_rows


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def found(model):
    return validation.validate_outcomes(model)


def test_every_outcome_row_is_a_time_point_or_says_why_not(model, found):
    told = {r for p in found.points for r in p.rows} | {r for u in found.unused for r in u.rows}
    rows = {r.id for r in read_rows(model.priors.folder).values() if r.file == validation.OUTCOMES}
    assert rows <= told
    assert all(u.why for u in found.unused)
    assert all(p.why for p in found.points if p.group == validation.PREDICTED)


def test_nine_fitted_arms_of_ten_lie_inside_their_interval(found):
    inside, total = found.count(validation.FITTED)
    assert total >= 50
    assert inside >= 0.9 * total


def test_trials_that_the_fit_has_not_seen_are_foreseen(found):
    """A 95 % interval for a new trial has to hold most of them; if it held none outside it would be too wide to say anything."""
    inside, total = found.count(validation.FITTED, "foreseen")
    assert 0.85 * total <= inside
    widths = [p.unseen_high - p.unseen_low for p in found.points if p.group == validation.FITTED]
    assert np.median(widths) < 0.7


@pytest.mark.slow
def test_leaving_a_trial_out_is_what_a_refit_without_it_gives(model, found):
    problem, trial = curve_problem(model), "peul_2007"
    rest = replace(problem, points=tuple(p for p in problem.points if p.trial != trial))
    asked = tuple(replace(p, deviates=False) for p in problem.points if p.trial == trial)
    refitted, _ = System.of(rest, asked).predict(fit_curves(rest).parameters)
    stated = [p.unseen for p in found.points if p.trial == trial and p.group == validation.FITTED]
    assert stated == pytest.approx(refitted, abs=0.02)


def test_more_blocks_are_predicted_to_mean_more_success(found):
    """Cohen 2010 randomised the number of blocks; the network and the curves, which never saw it, give its order."""
    by_trial = {p.trial: p for p in found.points}
    trio = [by_trial[f"cohen_2010_{n}"] for n in ("no_block", "one_block", "two_blocks")]
    assert [p.group for p in trio] == [validation.PREDICTED] * 3
    assert [p.model for p in trio] == sorted(p.model for p in trio)
    assert all(p.foreseen for p in trio)


def test_the_page_and_the_json_hold_every_point(found):
    text = validation.page(found)
    assert all(p.label in text for p in found.points)
    answer = validation.to_dict(found)
    assert len(answer["rows"]) == len(found.points)
    assert answer["inside"] == found.count(validation.FITTED)[0]
    json.dumps(answer)


def test_the_command(capsys, monkeypatch, found):
    monkeypatch.setattr(validation, "validate_outcomes", lambda _: found)
    assert run(["validate", "--outcomes", "--outside"]) == 0
    shown = capsys.readouterr().out
    assert "stelzer_2013" in shown
    assert "ashar_2022" not in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert run(["validate", "--outcomes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == found.count(validation.FITTED)[1]
    assert run(["validate", "--outcomes", "--rows", "x.csv"]) == 2
    assert "priors/trials" in capsys.readouterr().err
