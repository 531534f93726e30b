"""What holds of the decision layer for any problem: dominance, waiting, information, rules, and equality with brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.decision_problems import SETTINGS, Action, Block, problem, random_problem
from spinecast.decision.plan import Plan, plan_values, state_values

TOLERANCE = 1e-10

effects = st.lists(st.floats(0, 0.3), min_size=5, max_size=5).map(np.array)
beliefs = st.lists(st.floats(0.05, 1), min_size=3, max_size=3)
costs = st.floats(0, 2_000)


def close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))


@pytest.mark.parametrize("chunk", range(10))
def test_search_equals_brute_force(chunk):
    """Branch and bound against a recursion that knows no bound, on 250 problems with blocks, rules and latents."""
    for number in range(25):
        rng = np.random.default_rng([20_240_229, chunk, number])
        one = random_problem(rng)
        found, expected = one.values(), one.brute()
        for name, value in expected.items():
            assert close(found[name], value), (chunk, number, name, found[name], value)


@pytest.mark.parametrize("chunk", range(8))
def test_search_equals_brute_force_where_pain_comes_back(chunk):
    """The same with relapse, repeats, and a second year, on problems small enough to be enumerated."""
    for number in range(5):
        rng = np.random.default_rng([20_261_124, chunk, number])
        one = random_problem(rng, sequences=True, depth=1 + number % 2)
        found, expected = one.values(), one.brute()
        for name, value in expected.items():
            assert abs(found[name] - value) <= 1e-6 * max(1.0, abs(value)), (chunk, number, name, found[name], value)


def free_look() -> Action:
    return Action("look", "test", cost=0, wait=0, review=0)


def test_the_bound_allows_a_treatment_to_be_taken_again_for_what_it_shows():
    """Three rounds of a treating block beat one late strong treatment, which the rounds leave no time for."""
    one = problem(
        free_look(),
        Action("rounds", effect={0: 0.085}, cost=0, wait=0, review=3),
        Action("late", effect={0: 0.9}, cost=0, wait=12),
        belief=[1, 0, 0], natural=0.0, blocks={"look": Block(np.ones((2, 3, 1)), 1), "rounds": Block(np.ones((2, 3, 1)), 3)},
        settings=replace(SETTINGS, horizon_weeks=16.0),
    )  # fmt: skip
    then = one.plans()["look"].branches[0].then
    assert then is not None
    assert then.action == "rounds"
    assert close(one.values()["look"], one.brute()["look"])


def test_the_bound_allows_care_after_relief():
    """A small effect that lets care follow relief beats a larger one whose result comes after the horizon."""
    one = problem(
        free_look(),
        Action("small", effect={0: 0.05}, cost=0, wait=0, review=2),
        Action("care", "conservative", {0: 0.09}, cost=0, wait=0, review=60),
        Action("large", effect={0: 0.1}, cost=0, wait=0, review=60),
        belief=[1, 0, 0], natural=0.9, blocks={"look": Block(np.ones((2, 3, 1)), 1)},
    )  # fmt: skip
    then = one.plans()["look"].branches[0].then
    assert then is not None
    assert then.action == "small"
    assert close(one.values()["look"], one.brute()["look"])


def test_random_problems_are_not_trivial():
    """Some plans of the problems above do more than one thing, use a block, and follow relief with care."""
    actions = []
    for number in range(40):
        one = random_problem(np.random.default_rng([20_240_229, 0, number]))
        for plan in one.plans().values():
            actions += [(plan.action, b.relieved, b.then.action) for b in plan.branches if b.then is not None]
    assert any(a.startswith("block") for a, _, _ in actions)
    assert any(relieved and then == "care" for _, relieved, then in actions)
    assert any(then.startswith("treatment") for _, _, then in actions)


@given(st.integers(0, 10_000))
def test_a_plan_is_worth_what_its_states_are_worth(seed):
    """Planner, value by state, and value by draw agree at the point, for every action."""
    one = random_problem(np.random.default_rng(seed))
    for plan in one.plans().values():
        by_state = float(state_values(plan, one.outcomes, one.settings) @ one.belief)
        by_draw = plan_values(plan, one.belief[None], one.outcomes, one.settings)
        assert close(by_state, plan.value)
        assert by_draw.shape == (1,)
        assert close(float(by_draw[0]), plan.value)


@given(st.integers(0, 10_000))
def test_branches_of_every_node_share_its_probability(seed):
    def check(node: Plan) -> None:
        assert not node.branches or close(sum(b.probability for b in node.branches), 1.0)
        for branch in node.branches:
            if branch.then is not None:
                check(branch.then)
                assert branch.then.start >= node.start
                assert branch.then.value > 0  # nobody goes on for less than stopping is worth

    for plan in random_problem(np.random.default_rng(seed)).plans().values():
        check(plan)


@given(st.integers(0, 10_000))
def test_looking_deeper_is_never_worse(seed):
    one = random_problem(np.random.default_rng(seed), depth=1)
    values = [one.with_settings(depth=d).values() for d in (1, 2, 3)]
    for name in values[0]:
        assert values[0][name] <= values[1][name] + 1e-9
        assert values[1][name] <= values[2][name] + 1e-9


@given(st.integers(0, 10_000))
def test_waiting_is_worth_exactly_nothing(seed):
    one = random_problem(np.random.default_rng(seed))
    plan = one.plans()["waiting"]
    assert plan == Plan("waiting", 0.0, 0.0)
    assert plan_values(plan, one.belief[None], one.outcomes, one.settings).tolist() == [0.0]
    assert not state_values(plan, one.outcomes, one.settings).any()


@given(effects, st.floats(0, 0.2), beliefs, costs)
def test_more_lasting_benefit_never_lowers_value_or_rank(effect, more, belief, cost):
    """More at every time by as much. (More at the review week only can lower a plan: who is relieved then stops.)"""
    other = Action("other", effect={0: 0.1, 1: 0.12})

    def values(extra: float) -> dict[str, float]:
        return problem(Action("a", effect={0: effect + extra}, cost=cost), other, belief=belief, contextual=0.1).values()

    before, after = values(0.0), values(more)
    assert after["a"] >= before["a"] - 1e-9
    if before["a"] >= before["other"]:
        assert after["a"] >= after["other"] - 1e-9


@given(effects, effects, beliefs)
def test_more_benefit_never_lowers_an_action_alone(effect, more, belief):
    def alone(size) -> float:
        return problem(Action("a", effect={0: size}), belief=belief, settings=replace(SETTINGS, depth=1)).brute()["a"]

    one = problem(Action("a", effect={0: effect + more}), belief=belief, settings=replace(SETTINGS, depth=1))
    assert one.values()["a"] >= alone(effect) - 1e-9


@given(effects, beliefs, costs, st.floats(0, 1_000), st.floats(0, 0.01), st.floats(0, 4), st.floats(0, 0.1))
def test_a_dominated_action_never_leads(effect, belief, cost, dearer, harm, later, less):
    better = Action("better", effect={0: effect + less}, cost=cost)
    worse = Action("worse", effect={0: effect}, cost=cost + dearer, harm=harm, wait=2 + later)
    third = Action("third", effect={1: 0.15}, wait=1)
    values = problem(better, worse, third, belief=belief, contextual=0.08).values()
    assert values["better"] >= values["worse"] - 1e-9


@given(st.integers(0, 10_000))
def test_free_information_is_never_worth_less_than_none(seed):
    """A test that costs no money and no time is worth at least the best single treatment, and at least nothing."""
    rng = np.random.default_rng(seed)
    one = problem(
        Action("test", "test", cost=0, wait=0, review=0),
        Action("a", effect={0: rng.normal(0.1, 0.1, 5)}),
        Action("b", effect={1: rng.normal(0.1, 0.1, 5)}),
        belief=rng.dirichlet(np.ones(3)),
        blocks={"test": Block(rng.dirichlet(np.ones(3), (2, 3)), 1)},
        settings=replace(SETTINGS, depth=1),
    )
    values = one.values()
    alone = {
        p.action: float(one.belief @ state_values(replace(p, branches=()), one.outcomes, one.settings))
        for p in one.plans().values()
    }
    assert values["test"] >= max(0.0, alone["a"], alone["b"]) - 1e-9


@given(st.integers(0, 10_000))
def test_information_that_tells_nothing_is_worth_its_best_treatment_and_no_more(seed):
    rng = np.random.default_rng(seed)
    flat = np.tile(rng.dirichlet(np.ones(2)), (2, 3, 1))
    one = problem(
        Action("test", "test", cost=0, wait=0, review=0),
        Action("a", effect={0: rng.normal(0.1, 0.1, 5)}),
        belief=rng.dirichlet(np.ones(3)),
        blocks={"test": Block(flat, 1)},
    )
    values = one.values()
    assert close(values["test"], max(0.0, values["a"]))


@given(effects, st.floats(0, 0.15))
def test_aimed_at_the_wrong_target_it_is_its_own_sham(effect, contextual):
    """All belief on a state that the action does not reach: exactly the value of the same action without its effect."""
    values = problem(
        Action("real", effect={0: effect}),
        Action("sham"),
        belief=[0, 1, 0],
        contextual=contextual,
        settings=replace(SETTINGS, depth=1),
    ).values()
    assert values["real"] == values["sham"]


@given(st.floats(0, 0.15), st.floats(0, 0.6), st.integers(1, 3))
def test_the_contextual_effect_is_counted_once_in_a_plan(contextual, natural, depth):
    """Two shams that cost nothing are worth one: the second adds nothing, however deep the plan looks."""
    shams = [Action(name, cost=0) for name in ("sham", "other_sham")]
    one = problem(*shams, belief=[1, 0, 0], contextual=contextual, natural=natural, settings=replace(SETTINGS, depth=depth))
    single = problem(shams[0], belief=[1, 0, 0], contextual=contextual, natural=natural, settings=replace(SETTINGS, depth=depth))
    assert close(one.values()["sham"], single.values()["sham"])


@given(beliefs, st.floats(0.5, 0.95), st.floats(0.05, 0.5), st.floats(0, 0.6))
def test_two_concordant_blocks_never_lower_the_value_of_ablation(belief, hit, false, eager):
    """Facet pain (state 0) answers the block more often than anything else does, in either kind of responder."""
    low = min(hit, false)
    quiet = [[1 - hit, hit], [1 - low, low], [1 - low, low]]
    ready = [[0.05, 0.95], [0.3, 0.7], [0.3, 0.7]]
    one = problem(
        Action("block", "block", wait=2, review=1),
        Action("ablation", "ablation", {0: [0.06, 0.18, 0.22, 0.23, 0.13]}, cost=1_400),
        belief=belief, blocks={"block": Block(np.array([quiet, ready]))}, eager=eager, settings=replace(SETTINGS, depth=1),
    )  # fmt: skip
    seen, current, value = (), one.belief, []
    for _ in range(3):
        value.append(replace(one, belief=current).values()["ablation"])
        look = one.observe("block", seen)
        if look is None:
            break
        current = current * look[1][1]
        current, seen = current / current.sum(), (*seen, look[0][1])
    assert len(value) == 3
    assert value[0] <= value[1] + 1e-9
    assert value[1] <= value[2] + 1e-9


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_a_count_limit_holds_along_every_path(seed, limit):
    """At most so many treatments by rule: no path of any plan takes more after the root."""
    rng = np.random.default_rng(seed)
    actions = [Action(f"steroid_{i}", effect={i % 3: rng.uniform(0.1, 0.3)}, cost=100, wait=1, review=2) for i in range(4)]

    def permitted(name, done, time):
        return sum(d.procedure.startswith("steroid") for d in done) < limit

    def longest(plan: Plan) -> int:
        return 1 + max((longest(b.then) for b in plan.branches if b.then is not None), default=0)

    plans = problem(*actions, belief=rng.dirichlet(np.ones(3)), permitted=permitted).plans()
    assert max(longest(plans[f"steroid_{i}"]) for i in range(4)) <= limit


@given(st.floats(0, 30))
def test_a_minimum_interval_holds_along_every_path(gap):
    def permitted(name, done, time):
        return all(time + d.weeks_ago >= gap for d in done)

    def check(plan: Plan) -> None:
        for branch in plan.branches:
            if branch.then is not None:
                assert branch.then.start - plan.start >= gap - 1e-9
                check(branch.then)

    actions = [Action(f"steroid_{i}", effect={i: 0.3}, cost=50, review=r) for i, r in enumerate((4, 10, 20))]
    for plan in problem(*actions, belief=[1, 1, 1], permitted=permitted).plans().values():
        check(plan)


def facet_problem(**changes):
    """Ablation pays in facet pain, a block tells facet pain, care helps all a little."""
    grades = np.array([[[0.1, 0.9], [0.7, 0.3], [0.7, 0.3]]] * 2)
    return problem(
        Action("block", "block", cost=300, wait=1, review=1),
        Action("ablation", "ablation", {0: [0.1, 0.3, 0.35, 0.35, 0.2]}, cost=1_500),
        Action("care", "conservative", {0: 0.04, 1: 0.07, 2: 0.07}, cost=400, wait=1, review=6),
        belief=[0.75, 0.15, 0.1],
        blocks={"block": Block(grades)},
        **changes,
    )


def best_permitted(one) -> str:
    """What leads: the most valuable action that the rule permits today."""
    values = {k: v for k, v in one.values().items() if one.permitted(k, (), 0.0)}
    return max(values, key=values.__getitem__)


def test_the_rule_set_changes_what_leads():
    def two_blocks(name, done, time):
        return name != "ablation" or sum(d.procedure == "block" and d.relief_percent == 50 for d in done) >= 2

    assert best_permitted(facet_problem()) == "ablation"
    assert best_permitted(facet_problem(permitted=two_blocks)) in ("block", "care")
    assert best_permitted(facet_problem(permitted=lambda name, done, time: name == "waiting")) == "waiting"


def test_willingness_to_pay_changes_what_leads():
    leaders = [best_permitted(facet_problem().with_settings(willingness_to_pay=w)) for w in (0.0, 30_000.0, 200_000.0)]
    assert leaders[0] == "waiting"
    assert leaders[2] == "ablation"
    assert len(set(leaders)) >= 2


@given(st.integers(0, 10_000))
def test_permuting_the_actions_permutes_the_values(seed):
    one = random_problem(np.random.default_rng(seed))
    order = np.random.default_rng(seed).permutation(len(one.kinds))
    o = one.outcomes
    moved = replace(
        o, actions=tuple(o.actions[i] for i in order), specific=o.specific[:, order], eased=o.eased[:, order], cared=o.cared[order],
        partner=tuple(o.partner[i] for i in order), partner_effect=o.partner_effect[:, order], partner_cost=o.partner_cost[:, order],
        opening=o.opening[:, order], cost=o.cost[:, order], harm=o.harm[:, order], serious=o.serious[:, order], wait=o.wait[order], review=o.review[order],
        half_life=o.half_life[:, order], repeat_ratio=o.repeat_ratio[:, order], includes=tuple(o.includes[i] for i in order),
    )  # fmt: skip
    again = replace(one, outcomes=moved, kinds=tuple(one.kinds[i] for i in order)).values()
    for name, value in one.values().items():
        assert close(again[name], value)
