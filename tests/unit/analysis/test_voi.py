"""Value of information against closed forms, published answers, and one method against another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from helpers import chemotherapy, vaccine
from spinecast.analysis import voi
from spinecast.analysis.evppi_gp import evppi_gp
from spinecast.analysis.evppi_nested import evppi_nested
from spinecast.analysis.evppi_spline import evppi_spline
from spinecast.analysis.evsi import Study, evsi_importance, evsi_moments, needed
from spinecast.errors import InvalidValueError

DRAWS = 10_000


def linear_loss(mean, sd):
    """E max(0, X) - max(0, mean) of a normal X: the value of knowing a normal incremental net benefit."""
    return sd * norm.pdf(mean / sd) + mean * norm.cdf(mean / sd) - max(mean, 0.0)


@pytest.fixture(scope="module")
def normal():
    """The worked example of the voi package: net benefits 0 and p1 - p2, p1 ~ N(1, 1), p2 ~ N(0, 2)."""
    rng = np.random.default_rng(1)
    p1, p2 = rng.normal(1, 1, DRAWS), rng.normal(0, 2, DRAWS)
    return np.stack([np.zeros(DRAWS), p1 - p2], axis=1), p1, p2


@pytest.fixture(scope="module")
def chemo():
    rng = np.random.default_rng(7)
    return chemotherapy.parameters(rng, DRAWS)


def close(estimate, exact, sds=4.0):
    assert estimate.se > 0
    assert abs(estimate.value - exact) < sds * estimate.se, f"{estimate} against {exact}"


# ── closed forms ─────────────────────────────────────────────────────────────────────────────────


def test_evpi_of_a_normal_difference(normal):
    close(voi.evpi(normal[0]), linear_loss(1, math.sqrt(5)))


@pytest.mark.parametrize(("which", "sd"), [(1, 1.0), (2, 2.0)])
@pytest.mark.parametrize("method", [evppi_spline, evppi_gp])
def test_evppi_of_one_normal_part(normal, which, sd, method):
    close(method(normal[0], normal[which]), linear_loss(1, sd))


def test_evppi_of_everything_is_the_evpi(normal):
    both = evppi_spline(normal[0], np.stack(normal[1:], axis=1))
    assert both.value == pytest.approx(voi.evpi(normal[0]).value, rel=1e-6)


def test_evppi_of_something_else_is_nothing(normal, rng):
    assert evppi_spline(normal[0], rng.standard_normal(DRAWS)).value < 0.01
    assert evppi_spline(normal[0], np.ones(DRAWS)).value == 0


def test_many_inputs_do_not_fit_noise(normal, rng):
    """Thirty inputs, one of which matters: no more than that one is worth."""
    inputs = np.concatenate([normal[2][:, None], rng.standard_normal((DRAWS, 29))], axis=1)
    close(evppi_spline(normal[0], inputs), linear_loss(1, 2.0))


def test_nested_monte_carlo_of_a_normal_part():
    def conditional(rng, inner):
        p2 = rng.normal(0, 2)
        return np.stack([np.zeros(inner), rng.normal(1, 1, inner) - p2], axis=1)

    close(evppi_nested(conditional, 4000, 200, seed=3), linear_loss(1, 2.0))


@pytest.mark.parametrize("n", [5, 40, 300])
def test_evsi_of_a_normal_mean_in_two_arms(normal, n):
    """Normal-normal: the study explains v = prior / (prior + 2 s2 / n) of the variance, so its value is that of a spread of sqrt(v) sd."""
    each = 9.0
    study = Study(n, np.array([2 * each]))
    exact = linear_loss(1, 2.0 * math.sqrt(4.0 / (4.0 + 2 * each / n)))
    moments = evsi_moments(normal[0], normal[2], study)
    close(moments, exact)
    weighed = evsi_importance(normal[0][:3000], normal[2][:3000], study, seed=5)
    close(weighed, exact)


def test_tied_parameters_are_learned_about_together(rng):
    """Bivariate normal, one in truth: two noisy looks at it are one look with half the noise."""
    p = rng.normal(1, 2, DRAWS)
    net = np.stack([np.zeros(DRAWS), p], axis=1)
    both = evsi_moments(net, np.stack([p, p + rng.normal(0, 1e-3, DRAWS)], axis=1), Study(1, np.array([8.0, 8.0])))
    close(both, linear_loss(1, 2.0 * math.sqrt(4.0 / (4.0 + 4.0))))


def test_a_larger_study_is_worth_more_and_never_more_than_certainty(normal):
    values = [evsi_moments(normal[0], normal[2], Study(n, np.array([18.0]))).value for n in (2, 10, 50, 250, 10**6)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(evppi_spline(normal[0], normal[2]).value, rel=1e-3)


def test_the_size_that_explains_a_share(normal):
    n = needed(0.8, normal[2], np.array([18.0]))
    assert 18.0 / n == pytest.approx(normal[2].var() * 0.25, rel=0.1)
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        needed(1.0, normal[2], np.array([18.0]))


def test_population_adds_up_discounted_decisions():
    one = voi.Estimate(10.0, 1.0)
    assert voi.population(one, 100, 5) == voi.Estimate(5000.0, 500.0)
    expected = 100 * sum(1.03 ** -(t + 0.5) for t in range(5))
    assert voi.population(one, 100, 5, 0.03).value == pytest.approx(10 * expected, rel=1e-3)


# ── published answers ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("willingness_to_pay", [10_000, 20_000, 30_000, 40_000, 50_000])
def test_evpi_of_the_chemotherapy_model(chemo, willingness_to_pay):
    estimate = voi.evpi(chemotherapy.net_benefit(chemo, willingness_to_pay))
    published = chemotherapy.PUBLISHED["evpi"][willingness_to_pay]
    assert abs(estimate.value - published) < 4 * math.sqrt(2) * estimate.se  # theirs is from as many draws


@pytest.mark.parametrize("method", [evppi_spline, evppi_gp])
def test_evppi_of_the_chemotherapy_model(chemo, method):
    estimate = method(chemotherapy.net_benefit(chemo), chemo["p_side_effects_t2"])
    error = math.hypot(estimate.se, 2 * chemotherapy.PUBLISHED["evppi_t2_se"])
    assert abs(estimate.value - chemotherapy.PUBLISHED["evppi_t2"]) < 4 * error


def test_evppi_of_two_parameters_of_the_chemotherapy_model(chemo):
    inputs = np.stack([chemo["p_side_effects_t2"], chemo["logor_side_effects"]], axis=1)
    estimate = evppi_spline(chemotherapy.net_benefit(chemo), inputs)
    assert abs(estimate.value - chemotherapy.PUBLISHED["evppi_t2_logor"]) < 4 * math.sqrt(2) * estimate.se


def test_regression_and_nested_agree_on_the_chemotherapy_model(chemo):
    """For the two parameters that the other draws do not depend on, so that the inner draws are simple."""

    def conditional(rng, inner):
        drawn = chemotherapy.parameters(rng, inner)
        for name in ("p_side_effects_t1", "logor_side_effects"):
            drawn[name] = np.full(inner, drawn[name][0])
        odds = drawn["p_side_effects_t1"] / (1 - drawn["p_side_effects_t1"]) * np.exp(drawn["logor_side_effects"])
        return chemotherapy.net_benefit(drawn | {"p_side_effects_t2": odds / (1 + odds)})

    inputs = np.stack([chemo["p_side_effects_t1"], chemo["logor_side_effects"]], axis=1)
    fitted = evppi_spline(chemotherapy.net_benefit(chemo), inputs)
    nested = evppi_nested(conditional, 600, 100, seed=11)
    assert abs(fitted.value - nested.value) < 4 * math.hypot(fitted.se, nested.se)


def test_evsi_of_a_trial_in_the_chemotherapy_model(chemo):
    """The two chances are tied in the prior: shrinking each by itself would give some 970."""
    inputs = np.stack([chemo["p_side_effects_t1"], chemo["p_side_effects_t2"]], axis=1)
    study = Study(100, (inputs * (1 - inputs)).mean(axis=0))
    net = chemotherapy.net_benefit(chemo)
    moments = evsi_moments(net, inputs, study)
    assert abs(moments.value - chemotherapy.PUBLISHED["evsi_trial"]) < 4 * math.sqrt(2) * moments.se
    weighed = evsi_importance(net[:1500], inputs[:1500], study, seed=1)
    error = weighed.se * math.sqrt(1 + 1.5)  # theirs is from 1,000 draws
    assert abs(weighed.value - chemotherapy.PUBLISHED["evsi_trial_importance"]) < 4 * error
    assert abs(weighed.value - moments.value) < 4 * math.hypot(weighed.se, moments.se)


@pytest.fixture(scope="module")
def influenza():
    rng = np.random.default_rng(3)
    drawn = vaccine.parameters(rng, 4 * DRAWS)
    return drawn, vaccine.net_benefit(rng, drawn)


def test_evpi_of_the_vaccine_model(influenza):
    """Net benefits, who is better off, and EVPI within the error of the package's own 1,000 draws."""
    net = influenza[1]
    gain = net[:, 1] - net[:, 0]
    root = math.sqrt(vaccine.PUBLISHED_DRAWS)
    for found, published, spread in (
        (net[:, 0].mean(), vaccine.PUBLISHED["net_benefit"][0], net[:, 0].std()),
        (net[:, 1].mean(), vaccine.PUBLISHED["net_benefit"][1], net[:, 1].std()),
        (gain.mean(), vaccine.PUBLISHED["eib"], gain.std()),
        ((gain > 0).mean(), vaccine.PUBLISHED["ceac"], 0.5),
        (voi.evpi(net).value, vaccine.PUBLISHED["evpi"], voi.evpi(net).se * math.sqrt(len(net))),
    ):
        assert abs(found - published) < 3 * spread / root


def test_regression_and_nested_agree_on_the_vaccine_model(influenza):
    """For the chance of infection, which matters most; all inputs of this model are independent."""

    def conditional(rng, inner):
        drawn = vaccine.parameters(rng, inner)
        return vaccine.net_benefit(rng, drawn | {"infection": np.full(inner, drawn["infection"][0])})

    drawn, net = influenza
    fitted, nested = evppi_spline(net, drawn["infection"]), evppi_nested(conditional, 600, 200, seed=11)
    assert abs(fitted.value - nested.value) < 4 * math.hypot(fitted.se, nested.se)
    assert fitted.value > 10 * fitted.se


# ── what is refused ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: voi.evpi(np.ones((5, 1))), "two options"),
        (lambda: voi.evpi(np.array([[1.0, np.nan], [1.0, 2.0]])), "finite"),
        (lambda: evppi_spline(np.ones((5, 2)), np.ones(4)), "as many draws"),
        (lambda: evppi_spline(np.ones((5, 2)), np.array([1.0, np.inf, 1, 1, 1])), "finite"),
        (lambda: evppi_nested(lambda rng, n: np.ones((n, 2)), 1, 4, 0), "at least 2"),
        (lambda: Study(0, np.ones(1)), "at least one"),
        (lambda: voi.population(voi.Estimate(1, 1), -1, 5), "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(broken, message):
    with pytest.raises(InvalidValueError, match=message):
        broken()
