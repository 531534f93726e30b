"""A cohort under many draws: exact beliefs, the values that one person at a time has, and bounds of what information is worth."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from spinecast.analysis import information, many_draws, voi
from spinecast.analysis.evppi_nested import evppi_nested
from spinecast.analysis.evppi_spline import evppi_spline
from spinecast.analysis.information import trial, value_of_information
from spinecast.analysis.kept_plans import Plans, ProfileNets, by_person
from spinecast.analysis.known import GROUP, SOURCE, groups, outcome_group
from spinecast.analysis.many_draws import Person, over_draws, people
from spinecast.analysis.outcome_numbers import MovedDraws, RememberedDraws
from spinecast.analysis.population import cohort_of, offered, population, profiles_of, valued
from spinecast.analysis.simulate import simulate
from spinecast.assessment.assess import prepare
from spinecast.assessment.crowd import Crowd, Recorded, Standing
from spinecast.cli.main import run
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.plan import plan_values
from spinecast.engines import exact
from spinecast.engines.batch import People, decode
from spinecast.scoring.coded import Coded
from spinecast.scoring.patients import patient_of

DRAWS = 130  # more than one block


@pytest.fixture(scope="module")
def cohort(model):
    return population(model, 30, draws=DRAWS, seed=3)


@pytest.fixture(scope="module")
def few(model):
    """Four people under more draws than are stored, since regressions need many."""
    return population(model, 4, draws=600, seed=3)


@pytest.mark.parametrize("observed", [0.3, 1.0])
def test_over_all_states_beliefs_are_exact(model, observed):
    """Contexts known or not, families in part or whole, sedation: against the exact engine."""
    network = model.network
    drawn = simulate(network, 6, "primary_care", 5, observed=observed)
    theta = np.concatenate([network.theta[None], model.draws[:4]])
    every = np.arange(len(network.space))
    crowd = [Person.of(network, row, every) for row in drawn.codes]
    found = np.empty((len(crowd), len(network.space), len(theta)))

    def use(n, draws, belief):
        found[n, :, draws] = belief

    over_draws(network, crowd, theta, drawn.setting, use)
    for n in range(len(crowd)):
        expected = exact.posterior(network, theta, decode(network, drawn.people(), n)).states
        assert pytest.approx(expected, abs=1e-12) == found[n].T


def test_the_states_kept_carry_nearly_all_of_the_belief(model):
    network = model.network
    drawn = cohort_of(model, 10, "spine_clinic", 4)
    theta = np.concatenate([network.theta[None], model.draws[:100]])
    crowd = people(network, drawn.codes, theta, drawn.setting)
    for n, person in enumerate(crowd):
        states = exact.posterior(network, theta, decode(network, drawn.people(), n)).states
        assert states[: 1 + many_draws.SCOUTS, person.keep].sum(axis=1).mean() >= many_draws.COVERED - 1e-9
        assert states[:, person.keep].sum(axis=1).mean() > 0.995


def test_values_are_those_of_one_person_at_a_time(model, cohort):
    """The planner's own plans with the outcome model of the profile, kept under every draw; permissions of the person's own assessment."""
    network = model.network
    profiles, which = profiles_of(model, cohort.cohort)
    for n in (0, 7, 21):
        coded = Coded(cohort.cohort.people())
        case = prepare(patient_of(coded, n, network), depth=1, draws=0, model=model)
        gates, _, observer = case.tools()
        assert [not gates.blocked(a) for a in cohort.actions] == cohort.permitted[n].tolist()
        source = RememberedDraws(model.priors.rows, DRAWS, 3)
        outcomes = compile_outcomes(model.priors, case.near.space, profiles[which[n]], source=source)
        plans = case.planner(outcomes, gates, observer).best_plans(case.draws[0])
        states = exact.posterior(case.near, cohort.theta, case.evidence).states
        expected = np.stack([plan_values(plans[a], states, outcomes, cohort.settings) for a in cohort.actions], axis=1)
        assert np.abs(cohort.values[:, n] - expected).max() < 0.01 * np.abs(expected).max()


def test_over_the_same_states_values_are_exact(model, cohort):
    """The sum over last steps against the plans as trees, where nothing is left out."""
    one = next(n for n in range(30) if (cohort.values[0, n] > 0).any())
    network = model.network
    case = prepare(patient_of(Coded(cohort.cohort.people()), one, network), depth=1, draws=0, model=model)
    beliefs = np.array([case.belief])
    known = Recorded(
        People(cohort.cohort.codes[one : one + 1], np.array([cohort.cohort.setting], dtype=np.int16)), {}, {}, {}, {}
    )
    ahead = Crowd.of(model, known, beliefs).ahead(Standing.of(model, cohort.settings))
    values, steps = ahead.plans()
    (last,) = by_person(steps, 1)
    source = RememberedDraws(model.priors.rows, 3, 1)
    nets = ProfileNets.of(model, cohort.settings, case.profile, source, steps)
    every = np.flatnonzero(ahead.beliefs[0])
    plans = Plans.of(ahead, last, 0, every)
    assert plans.values(nets, slice(0, 1), ahead.beliefs[:, every].T) == pytest.approx(values, abs=1e-6)
    gates, _, observer = case.tools()
    outcomes = compile_outcomes(model.priors, case.near.space, case.profile, source=source)
    trees = case.planner(outcomes, gates, observer).best_plans(case.draws[0])
    belief = np.repeat(case.draws[:1], 4, axis=0)
    expected = np.stack([plan_values(trees[a], belief, outcomes, cohort.settings) for a in cohort.actions], axis=1)
    assert plans.values(nets, slice(0, 4), np.repeat(ahead.beliefs[:, every].T, 4, axis=1)) == pytest.approx(expected, abs=1e-6)


def test_shares_sum_to_one_and_the_cohort_is_named(cohort):
    found = offered(cohort)
    assert sum(found["share"]) == pytest.approx(1)
    assert "30 people simulated in spine clinic (seed 3" in found.basis.caption
    assert any("Depth 1" in note for note in found.notes)


@pytest.mark.parametrize("kind", [GROUP, SOURCE])
def test_information_is_worth_something_between_nothing_and_everything(few, kind, monkeypatch):
    """Each study with its own citation; scaled to those who present in five years. The first thirty stand for all."""
    some = dict(list(groups(few, kind).items())[:30])
    monkeypatch.setattr(information, "groups", lambda *_: some)
    found = value_of_information(few, kind, per_year=1000)
    total, *parts = zip(found["value"], found["se"], strict=True)
    assert total[0] == pytest.approx(voi.evpi(few.outputs).value)
    for value, se in parts:
        assert 0 <= value <= total[0] + 3 * se
    assert [p[0] for p in parts] == sorted((p[0] for p in parts), reverse=True)
    assert found["population"][0] == pytest.approx(total[0] * voi.decisions(1000, 5.0, few.settings.discount))
    assert found.column("value").label == "worth, a person"
    if kind == SOURCE:
        assert all(len(row["sources"].split(", ")) == 1 for row in list(found.rows())[1:])


def test_a_cohort_is_an_average_of_decisions(few):
    cost = few.normal["procedures/rehabilitation/cost"][1:]
    alone = evppi_spline(few.outputs[:, 0], cost)
    assert alone.value > 0
    assert evppi_spline(few.outputs[:, [0, 0]], cost).value == pytest.approx(alone.value)
    assert voi.evpi(few.outputs).value == pytest.approx(np.mean([voi.evpi(few.outputs[:, n]).value for n in range(4)]))


def test_what_is_not_permitted_is_worth_nothing(few):
    """Nobody is given it, today or later, however much is known."""
    assert not few.permitted.all()
    best = np.where(few.permitted, few.values[1:], -np.inf).max(axis=2)
    assert few.outputs.max(axis=2) == pytest.approx(best)
    today = np.where(few.permitted, few.values[1:].mean(axis=0), -np.inf).max(axis=1)
    assert few.outputs.mean(axis=0).max(axis=1) == pytest.approx(today)


def test_regression_and_nested_monte_carlo_agree_for_a_cohort(model, few):
    """Costs known or not, everything else drawn anew: outcome numbers are independent of all others."""
    outer, inner = 40, 30
    names = [n for n in few.normal if outcome_group(n) == "costs"]
    rng = np.random.default_rng(8)
    steps = {n: rng.standard_normal(outer * inner) for n in few.normal}
    steps |= {n: np.repeat(rng.standard_normal(outer), inner) for n in names}
    steps = {n: np.concatenate([[0.0], z]) for n, z in steps.items()}
    theta = few.theta[rng.integers(1, len(few.theta), 1 + outer * inner)]
    values = valued(model, few.cohort, few.settings, theta, MovedDraws(model.priors.rows, outer * inner, 0, steps))[0]
    drawn = iter(replace(few, theta=theta, values=values).outputs.reshape(outer, inner, 4, -1))
    nested = evppi_nested(lambda _rng, _inner: next(drawn), outer, inner, 0)
    fitted = evppi_spline(few.outputs, groups(few, "group")["costs"][0])
    assert fitted.value > 3 * fitted.se
    assert abs(fitted.value - nested.value) < 3 * math.hypot(fitted.se, nested.se)


def test_a_trial_is_worth_more_to_a_cohort_the_larger_it_is(few):
    found = trial(few, "rehabilitation", [20, 200, 2000], generator="myofascial", per_year=1000)
    assert list(found["value"]) == sorted(found["value"])
    assert 0 < found["value"][-1] <= found["limit"][-1] * 1.02
    assert found["population"][-1] > found["value"][-1]
    assert "myofascial" in found.basis.choices["trial"]


def test_the_same_seed_is_the_same_cohort(model, cohort):
    again = population(model, 30, draws=DRAWS, seed=3, workers=1)
    assert np.array_equal(again.values, cohort.values)


@pytest.mark.parametrize(("verb", "name"), [("psa", "psa_cohort"), ("voi", "voi_group")])
def test_the_commands_take_a_cohort(verb, name, capsys):
    assert run([verb, "--cohort", "8", "--draws", "100", "--setting", "primary_care", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == name
    assert "primary care" in shown["basis"]["subject"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["psa"],
        ["voi", "x.toml", "--cohort", "5"],
        ["psa", "x.toml", "--setting", "s"],
        ["psa", "--cohort", "5", "--setting", "s"],
    ],
)
def test_one_patient_or_one_cohort(arguments, capsys):
    assert run(arguments) == 2
    assert "spinecast:" in capsys.readouterr().err
