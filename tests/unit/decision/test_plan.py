"""Plans by hand: the numbers of small trees worked out on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.decision_problems import SETTINGS, Action, Block, problem
from spinecast.decision.outcomes import relief_weights
from spinecast.decision.plan import RELIEF, plan_values

UNDISCOUNTED = replace(SETTINGS, discount=0.0, depth=1)
FLAT = 50 + 1  # area under a flat 1 from week 0 to 52 that ramps up over its first two weeks


def alone(*actions, **rest):
    return problem(*actions, belief=[1, 0], settings=rest.pop("settings", UNDISCOUNTED), **rest)


def test_a_single_treatment_by_hand():
    """Effect 0.2 from the start of week 0: 51 relief-weeks times 0.2, at 0.15 quality-adjusted years a year."""
    one = alone(Action("a", effect={0: 0.2}, cost=500, harm=0.001, wait=0, review=4))
    assert one.values()["a"] == pytest.approx(100_000 * (FLAT * 0.2 / 52 * 0.15 - 0.001) - 500)


def test_waiting_for_it_costs_weeks():
    now, later = (alone(Action("a", effect={0: 0.2}, cost=0, wait=w)).values()["a"] for w in (0, 10))
    assert now - later == pytest.approx(100_000 * 10 * 0.2 / 52 * 0.15)


def test_cost_and_harm_are_discounted_to_when_they_happen():
    one = alone(Action("a", cost=1_000, harm=0.01, wait=26), settings=replace(SETTINGS, depth=1))
    assert one.values()["a"] == pytest.approx(-(1_000 + 100_000 * 0.01) * 1.03**-0.5)


def test_the_contextual_effect_reaches_those_who_would_not_recover():
    one = alone(Action("a", cost=0, wait=0), natural=0.4, contextual=0.1)
    assert one.values()["a"] == pytest.approx(100_000 * FLAT * 0.1 * 0.6 / 52 * 0.15)
    tests = alone(Action("a", "block", cost=0, wait=0), natural=0.4, contextual=0.1)
    assert tests.values()["a"] == 0


def test_the_second_treatment_is_for_those_without_relief():
    first = Action("a", effect={0: 0.2}, cost=0, wait=0, review=4)
    second = Action("b", effect={0: 0.3}, cost=0, wait=0, review=4)
    one = alone(first, second, natural=0.1)
    plan = one.plans()["a"]
    relief, none = plan.branches
    assert (relief.label, relief.then) == (RELIEF, None)
    assert relief.probability == pytest.approx(0.1 + 0.2)
    assert none.then is not None
    assert (none.then.action, none.then.start) == ("b", 4.0)
    gain = 100_000 / 52 * 0.15
    assert plan.value == pytest.approx(gain * (FLAT * 0.2 + 0.7 * 0.3 * (FLAT - 4)))
    assert none.then.value == pytest.approx(gain * 0.3 * (FLAT - 4))


def test_after_relief_only_conservative_care_follows_and_the_plan_ends():
    treat = Action("treat", effect={0: 0.6}, cost=0)
    again = Action("again", effect={0: 0.5}, cost=0)
    care = Action("care", "conservative", {0: 0.05}, cost=0)
    plan = problem(treat, again, care, belief=[1, 0], eased={"care": 3.0}).plans()["treat"]
    then = plan.branches[0].then
    assert then is not None
    assert (then.action, then.branches) == ("care", ())
    untreated = problem(treat, again, care, belief=[1, 0]).plans()["treat"].branches[0].then
    assert untreated is not None
    assert then.value == pytest.approx(3 * untreated.value)  # relief lets therapy do what it could not


def test_what_is_done_alongside_counts_once():
    """An injection brings its rehabilitation: effect and cost once, and it does not come again in the plan."""
    care = Action("care", "conservative", {0: 0.1}, cost=300, wait=0)
    first, second = (Action(n, effect={0: 0.2}, cost=0, wait=0, partner="care") for n in ("first", "second"))
    plan = alone(first, second, care, natural=0.1).plans()["first"]
    gain = 100_000 / 52 * 0.15
    assert plan.value == pytest.approx(gain * FLAT * 0.3 - 300 + 0.7 * gain * 0.2 * (FLAT - 4))
    assert plan.branches[0].then is None
    assert plan.branches[1].then is not None
    assert plan.branches[1].then.action == "second"


def test_relief_at_review_counts_from_the_procedure():
    """A wait before it changes nothing in the chance of relief at review: the trials' clock starts with the needle."""
    soon, late = (
        alone(Action("a", effect={0: [0.1, 0.3, 0.3, 0.2, 0.1]}, wait=w, review=4), natural=0.2)
        .plans()["a"]
        .branches[0]
        .probability
        for w in (0, 12)
    )
    assert soon == late == pytest.approx(0.2 + 0.3)


def test_a_block_pays_by_what_it_changes():
    """A perfect free block in a person who has it or not by half: treat those who have it, spare the others the cost."""
    perfect = np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2)
    actions = (Action("block", "block", cost=0, wait=0, review=0), Action("treat", effect={0: 0.5}, cost=2_000, wait=0))
    one = problem(*actions, belief=[0.5, 0.5], blocks={"block": Block(perfect, 1)}, settings=UNDISCOUNTED)
    treated = 100_000 * FLAT * 0.5 / 52 * 0.15 - 2_000
    assert one.values()["block"] == pytest.approx(0.5 * treated)
    assert one.values()["treat"] == pytest.approx(0.5 * (treated + 2_000) - 2_000)
    negative, positive = one.plans()["block"].branches
    assert negative.then is None
    assert positive.then is not None
    assert positive.then.action == "treat"


def test_the_second_block_depends_on_the_first():
    """An eager responder answers both: the second positive adds less than the first."""
    grades = np.array([[[0.1, 0.9], [0.8, 0.2]], [[0.05, 0.95], [0.1, 0.9]]])
    one = problem(Action("block", "block"), belief=[0.5, 0.5], blocks={"block": Block(grades)}, eager=0.3)
    labels, first = one.observe("block", ())
    _, second = one.observe("block", (labels[1],))
    assert second[1, 1] > first[1, 1]
    assert one.observe("block", (labels[1], labels[1])) is None


def test_nothing_begins_after_the_horizon():
    one = problem(Action("a", effect={0: 0.1}, review=60), Action("b", effect={0: 0.5}, cost=0), belief=[1, 0])
    assert all(b.then is None for b in one.plans()["a"].branches)


def test_draws_move_the_value_of_a_fixed_plan():
    one = problem(Action("a", effect={0: 0.2}), Action("b", effect={0: 0.3}), belief=[1, 0], draws=3)
    effect = one.outcomes.specific.copy()
    effect[1] *= 2
    outcomes = replace(
        one.outcomes,
        specific=effect,
        worth=np.array([0.15, 0.15, 0.3, 0.15]),
        cost=one.outcomes.cost * np.array([[1], [1], [1], [3]]),
    )
    plan = one.plans()["a"]
    beliefs = np.tile(one.belief, (4, 1))
    values = plan_values(plan, beliefs, outcomes, one.settings)
    assert values[0] == pytest.approx(plan.value)
    assert values[1] > values[0]
    assert values[2] > values[0]
    assert values[3] < values[0]


def test_the_belief_of_each_draw_counts():
    one = problem(Action("a", effect={0: 0.2}, cost=0), belief=[0.5, 0.5], draws=1, settings=UNDISCOUNTED)
    values = plan_values(one.plans()["a"], np.array([[0.5, 0.5], [1.0, 0.0]]), one.outcomes, one.settings)
    assert values[1] == pytest.approx(2 * values[0])


def test_weights_used_here_are_those_by_hand():
    assert relief_weights(0.0, 52.0).sum() == pytest.approx(FLAT)
