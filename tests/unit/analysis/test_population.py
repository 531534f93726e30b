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
from spinecast.analysis.known import GROUP, SOURCE, groups, outcome_group
from spinecast.analysis.many_draws import Person, over_draws, people
from spinecast.analysis.outcome_numbers import MovedDraws, RememberedDraws
from spinecast.analysis.population import cohort_of, net_by_level, offered, population, valued
from spinecast.analysis.simulate import simulate
from spinecast.assessment.profiling import usual_people
from spinecast.cli.main import run
from spinecast.decision.outcomes import compile_outcomes, pain_shares
from spinecast.decision.profile import Profile
from spinecast.engines import exact
from spinecast.engines.batch import decode

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
    """The same profile, the exact belief, the outcome model compiled alone."""
    network, names = model.network, list(model.network.leaves)
    for n in (0, 7):
        codes = cohort.cohort.codes[n]
        known = {c: network.leaves[c].values[codes[names.index(c)]] for c in ("duration", "distress", "prior_surgery")}
        from spinecast.analysis.population import _chances

        chances = {c: v for c, v in _chances(network, cohort.cohort.setting).items() if c not in known}
        person = Profile(values=known, chances=chances, usual=usual_people(network, cohort.cohort.setting))
        source = RememberedDraws(model.priors.rows, DRAWS, 3)
        nets = net_by_level(compile_outcomes(model.priors, network.space, person, source=source), cohort.settings)
        states = exact.posterior(network, cohort.theta, decode(network, cohort.cohort.people(), n)).states
        expected = np.einsum("dal,dl->da", nets, states @ pain_shares(network.space))
        scale = np.abs(expected).max()
        assert np.abs(cohort.values[:, n] - expected).max() < 0.01 * scale


def test_alone_an_action_is_worth_what_assess_calls_its_net_benefit(model):
    """On one worked patient: the same nets by level as the ranking's, at the point estimate."""
    import spinecast
    from spinecast.analysis.problem import problem
    from spinecast.resources import examples_folder

    path = examples_folder() / "suitcase.toml"
    one = problem(path, model=model)
    nets = net_by_level(one.outcomes(RememberedDraws(model.priors.rows, 0, 0)), one.settings)[0]
    alone = nets @ (one.beliefs(model.network.theta) @ pain_shares(one.near.space))
    for row in spinecast.assess(path, model=model).ranking:
        assert alone[one.actions.index(row.id)] == pytest.approx(row.net_benefit, abs=1e-6)


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
