"""The fit of outcome curves: it finds what made its data, its slopes are right, and each kind of point means what it says."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.analysis.curve_fitting import System, fit_curves
from spinecast.analysis.curve_problem import CurveNames, CurveProblem, Point, TrialQuestions, curve_problem
from spinecast.analysis.fit_command import stored_curves
from spinecast.analysis.trials import population
from spinecast.assessment.model import load_model
from spinecast.parameters.curves import relief, settling
from spinecast.parameters.pooling import Estimate
from spinecast.parameters.scales import logit

COURSE = np.array([0.3, np.log(9.0), -0.1])
EFFECT = np.array([0.35, np.log(0.8), np.log(20.0), 0.4, 0.0, 0.0])
CONTEXT = np.array([0.12, np.log(0.5), np.log(20.0), 0.2, 0.0, 0.0])
SD = np.array([1.4, 1.4, 0.5] + [0.5, 0.8, 1.2, 0.5, 0.0, 0.0] * 2)
CENTRE = np.array([0.0, np.log(8.0), 0.0] + [0.0, 0.0, np.log(26.0), 0.3, 0.0, 0.0] * 2)


@pytest.fixture(scope="module")
def model():
    return load_model()


def truth(week: float, *, context: bool, active: bool, shift: float = 0.0) -> float:
    settled, k = (float(form(p, np.array(week))) for form, p in ((settling, COURSE), (relief, CONTEXT)))
    base = settled + k * (1 - settled) * context
    moved = 1 / (1 + np.exp(-(logit(base) + shift)))
    return moved + float(relief(EFFECT, np.array(week))) * active


def share(trial: str, week: float, *, arm: str, shift: float, sd: float = 0.03) -> Point:
    value = truth(week, context=arm != "usual_care", active=arm == "needle", shift=shift)
    effects = {0: 1.0} if arm == "needle" else {}
    made = Estimate("logit", logit(value), sd)
    return Point(f"{trial} {arm} {week}", True, week, {0: 1.0}, effects, arm != "usual_care", made, trial, arm, deviates=True)


def problem(shifts: dict[str, float], sd: float = 0.03) -> CurveProblem:
    arms = ("needle", "sham", "usual_care")
    points = [share(t, w, arm=a, shift=s, sd=sd) for t, s in shifts.items() for a in arms for w in (2.0, 6.0, 13.0, 26.0, 52.0)]
    spread = {"control": (0.5, 2.0), "effect": (0.01, 50.0)}
    return CurveProblem(("root/acute",), ("needle/root", "contextual_effect"), tuple(points), CENTRE, SD, spread)


def test_it_finds_the_curves_that_made_its_data():
    fit = fit_curves(problem({"one": 0.0, "two": 0.25, "three": -0.25}))
    weeks = np.array([2.0, 8.0, 20.0, 40.0])
    assert settling(fit.parameters[:3], weeks) == pytest.approx(settling(COURSE, weeks), abs=0.02)
    assert relief(fit.parameters[3:9], weeks) == pytest.approx(relief(EFFECT, weeks), abs=0.02)
    assert relief(fit.parameters[9:15], weeks) == pytest.approx(relief(CONTEXT, weeks), abs=0.02)


def test_deviations_of_trials_are_found_and_their_spread_is_estimated():
    near = fit_curves(problem({"one": 0.05, "two": -0.05, "three": 0.0, "four": 0.05, "five": -0.05}))
    far = fit_curves(problem({"one": 0.8, "two": -0.8, "three": 0.0, "four": 0.8, "five": -0.8}))
    assert far.spread["control"] > 1.5 * near.spread["control"]
    assert np.diff(far.parameters[15:17])[0] == pytest.approx(-1.6, abs=0.15)


def test_less_data_means_wider_curves():
    sharp, blunt = fit_curves(problem({"one": 0.0}, sd=0.05)), fit_curves(problem({"one": 0.0}, sd=0.5))
    width = [float(np.sqrt(f.covariance[3, 3])) for f in (sharp, blunt)]
    assert width[1] > 1.5 * width[0]


def test_what_is_not_free_stays_and_has_no_spread():
    fit = fit_curves(problem({"one": 0.1}))
    assert fit.parameters[7:9].tolist() == [0.0, 0.0]
    assert not fit.covariance[7:9].any()
    stored = stored_curves(fit, "hash")
    factor = stored.factor.dense()
    assert not factor[7:9].any()
    assert factor @ factor.T == pytest.approx(fit.covariance[:15, :15], abs=2e-3)


def test_slopes_of_the_whole_system(model):
    made = curve_problem(model)
    system = System.of(made)
    rng = np.random.default_rng(5)
    x = np.concatenate([made.centre, np.zeros(system.size - len(made.centre))]) + 0.05 * rng.standard_normal(system.size)
    value, slopes = system.residuals(x)
    for column in rng.choice(system.size, 60, replace=False):
        step = np.zeros(system.size)
        step[column] = 1e-6
        numeric = (system.residuals(x + step)[0] - system.residuals(x - step)[0]) / 2e-6
        assert slopes[:, column] == pytest.approx(numeric, abs=5e-4), column
    assert value.shape == (len(made.points),)


def test_each_normal_belongs_to_one_curve(model):
    """Moving the normals of one curve moves it, and of the others only those that the fit ties to it."""
    curves = model.priors.curves
    assert sum(width for _, width in curves.columns) == curves.factor.shape[1]
    start = 0
    for name, width in curves.columns:
        own = curves.factor.dense()[:, start : start + width]
        assert np.abs(own).max() > 0.01, name
        start += width
    names = [name for name, _ in curves.columns]
    assert len(set(names)) == len(names) == len(curves.courses) + len(curves.effects)


def test_a_difference_over_usual_care_holds_the_context_and_one_over_sham_does_not(model):
    asked = TrialQuestions(model, CurveNames.of(model.priors))
    star, verheijen = model.priors.trials["star_2023"], model.priors.trials["verheijen_2021"]
    over_usual, over_sham = asked.point(star, 0), asked.point(verheijen, 0)
    assert over_usual.context
    assert not over_sham.context
    assert over_usual.deviates
    assert not over_sham.deviates  # a review


def test_blocks_say_who_the_participants_are(model):
    """The effect of ablation reaches more of them the more blocks they answered to: through the posterior, once."""
    asked = TrialQuestions(model, CurveNames.of(model.priors))
    names = ("cohen_2010_no_block", "cohen_2010_one_block", "cohen_2010_two_blocks", "conger_2020")
    pain = [population(model.priors.trials[n], model).pain[("facet_joint", "")] for n in names]
    assert pain == sorted(pain)
    assert pain[-1] > 1.5 * pain[0]
    reached = [next(iter(asked.point(model.priors.trials[n], 0).effects.values())) for n in names]
    assert np.diff(reached).min() > 0


def test_the_stored_curves_are_those_of_the_priors(model):
    assert model.priors.curves.hash == model.priors.outcome_hash
    names = CurveNames.of(model.priors)
    assert model.priors.curves.courses == tuple(names.courses)
    assert model.priors.curves.effects == tuple(names.effects)


def test_relief_lasts_as_long_as_the_literature_says(model):
    """S2, S3: epidural relief is over in months, ablation holds through half a year. No number here is a target of the fit."""
    curves = model.priors.curves
    sampled = curves.sampled(np.zeros((1, curves.factor.shape[1])))
    at = {n: relief(sampled.effects[0, i], np.array([4.0, 26.0])) for i, n in enumerate(curves.effects)}
    early, late = at["transforaminal_epidural/radiculopathy"]
    assert early > 0.1
    assert late < 0.2 * early
    early, late = at["facet_radiofrequency/facet_joint"]
    assert late > 0.8 * early
