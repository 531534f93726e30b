"""Sequences over time: relief that ends, repeats, a second year, fixed pathways; and an influence diagram as a second opinion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decision_problems import SETTINGS, Action, Block, problem, random_problem
from spinecast.decision.net import net_of, tail_weeks
from spinecast.decision.pathways import chooser, pathways_for
from spinecast.decision.plan import AGAIN, NO_RELIEF, Plan, nodes, plan_values, state_values
from spinecast.decision.recurrence import relapse
from spinecast.priors.records import Pathway, PathwayStep, Turn

YEAR = replace(SETTINGS, discount=0.0, depth=2, sequences=True)
TWO_YEARS = replace(YEAR, horizon_weeks=104.0)
FEW = settings(max_examples=20)
"""A whole sequence takes long to search."""

FADING = [0.4, 0.4, 0.1, 0.0, 0.0]


def paths(plan: Plan, before=()):
    """Every sequence of (action, start) from the root to where it stops."""
    here = (*before, (plan.action, plan.start))
    yield here
    for branch in plan.branches:
        if branch.then is not None:
            yield from paths(branch.then, here)


class TestRelapse:
    def test_relief_that_care_brought_ends_as_its_curve_falls(self):
        """0.6 of those whom time leaves in pain are relieved at 4 weeks and 0.2 at 13: two in five of them are in pain again."""
        natural = np.full((5, 1), 0.5)
        active = natural + np.array([[0.3], [0.3], [0.1], [0.1], [0.1]])
        found = relapse(active, natural, np.ones((1, 1)), review=4.0, until=52.0, half_life=52.0)
        assert found.relief == pytest.approx([0.8])
        assert found.weeks == (8.5,)
        assert found.again[:, 0] == pytest.approx([(0.6 - 0.2) * 0.5])

    def test_relief_that_time_brought_does_not_end(self):
        natural = np.array([[0.1], [0.2], [0.5], [0.6], [0.7]])
        found = relapse(natural, natural, np.ones((1, 1)), review=4.0, until=104.0, half_life=20.0)
        assert found.weeks == ()

    def test_after_a_year_what_is_left_halves(self):
        natural = np.zeros((5, 1))
        active = np.full((5, 1), 0.4)
        found = relapse(active, natural, np.ones((1, 1)), review=4.0, until=104.0, half_life=52.0)
        assert found.weeks == (78.0,)
        assert found.again[0, 0] == pytest.approx(0.2)

    @given(st.integers(0, 10_000))
    def test_no_more_relapse_than_were_relieved(self, seed):
        rng = np.random.default_rng(seed)
        natural = np.sort(rng.uniform(0, 0.6, (5, 3)), axis=0)
        active = np.clip(natural + rng.normal(0.1, 0.3, (5, 3)), 0, 1)
        share = rng.dirichlet(np.ones(3), 4)
        found = relapse(active, natural, share, review=float(rng.choice([0, 2, 4, 9])), until=104.0, half_life=26.0)
        assert (found.again >= 0).all()
        assert (found.again.sum(axis=0) <= found.relief + 1e-12).all()


class TestTime:
    def test_a_second_year_of_an_effect_that_halves(self):
        """Effect 0.4 at a year that halves in another: 0.4 · 52 / ln 2 · (1 - 1/2) weeks in the second year."""
        whole = tail_weeks(np.zeros(1), 104.0, 0.0, np.full((1, 1), 52.0))
        assert whole[0, 0] == pytest.approx(52 / np.log(2) / 2)
        assert tail_weeks(np.zeros(1), 52.0, 0.0, np.full((1, 1), 52.0))[0, 0] == 0
        assert tail_weeks(np.zeros(1), 104.0, 0.0, np.full((1, 1), np.inf))[0, 0] == pytest.approx(52)

    def test_a_longer_horizon_is_never_worse_for_lasting_benefit(self):
        one = problem(Action("a", effect={0: 0.3}, cost=0), belief=[1, 0], half_life=26.0, settings=YEAR)
        assert one.with_settings(horizon_weeks=104.0).values()["a"] > one.values()["a"]


class TestRepeats:
    def test_what_had_helped_is_repeated_when_relief_ends(self):
        one = problem(Action("needle", effect={0: FADING}, cost=0, repeat=1.0), belief=[1, 0], settings=TWO_YEARS)
        plan = one.plans()["needle"]
        ends = [b for b in plan.branches if AGAIN in b.label]
        assert [b.then.action for b in ends if b.then] == ["needle"] * len(ends)
        assert all(b.then.again for b in ends if b.then)
        assert all(b.then is None for b in plan.branches if b.label == NO_RELIEF), "what has failed is not repeated"

    def test_without_a_word_on_repeats_nothing_is_repeated(self):
        one = problem(Action("needle", effect={0: FADING}, cost=0), belief=[1, 0], settings=TWO_YEARS)
        assert all(b.then is None for b in one.plans()["needle"].branches)

    def test_within_a_year_plans_do_not_follow_relapse_unless_told(self):
        one = problem(Action("needle", effect={0: FADING}, cost=0, repeat=1.0), belief=[1, 0])
        assert not any(AGAIN in b.label for b in one.plans()["needle"].branches)

    def test_a_repeat_is_worth_its_share_of_the_first(self):
        one = problem(Action("needle", effect={0: 0.2}, cost=0, repeat=0.5), belief=[1, 0], settings=YEAR)
        first, again = (net_of(one.outcomes, one.settings, 0, 0.0, cared=True, eased=False, again=a)[0, 0] for a in (False, True))
        assert again == pytest.approx(0.5 * first)

    def test_waiting_is_a_step_where_time_may_do_the_work(self):
        """Half the people are well by themselves in four weeks, and the dear operation helps only the others: wait, then operate."""
        one = problem(
            Action("operation", effect={1: 0.4}, cost=5_000, wait=0), belief=[1, 1], natural=[0.9, 0.0], worth=0.2, settings=YEAR
        )
        plan = one.planner().best(one.belief)
        assert plan is not None
        assert plan.action == "waiting"
        assert {b.label: b.then and b.then.action for b in plan.branches} == {"relief": None, NO_RELIEF: "operation"}
        assert one.plans()["waiting"].value == 0


class TestLaws:
    @FEW
    @given(st.integers(0, 10_000))
    def test_looking_deeper_is_never_worse(self, seed):
        one = random_problem(np.random.default_rng(seed), depth=1, sequences=True)
        shallow, deep = one.values(), one.with_settings(depth=2).values()
        assert all(deep[name] >= value - 1e-9 for name, value in shallow.items())

    @FEW
    @given(st.integers(0, 10_000))
    def test_the_best_plan_is_that_of_the_best_action_or_waits(self, seed):
        one = random_problem(np.random.default_rng(seed), depth=2, sequences=True)
        open_now = [
            name
            for name in one.outcomes.actions
            if one.permitted(name, (), float(one.outcomes.wait[one.outcomes.actions.index(name)]))
        ]
        best, values = one.planner().best(one.belief), one.values()
        expected = max([0.0, *(values[name] for name in open_now if name != "waiting")])
        found = 0.0 if best is None else best.value
        assert found >= expected - 1e-9
        assert found == pytest.approx(expected) or (best is not None and best.action == "waiting")

    @FEW
    @given(st.integers(0, 10_000))
    def test_values_by_state_and_by_draw_are_those_of_the_plan(self, seed):
        one = random_problem(np.random.default_rng(seed), depth=2, sequences=True)
        for plan in one.plans().values():
            assert float(state_values(plan, one.outcomes, one.settings) @ one.belief) == pytest.approx(plan.value, abs=1e-7)
            assert plan_values(plan, one.belief[None], one.outcomes, one.settings)[0] == pytest.approx(plan.value, abs=1e-7)

    @FEW
    @given(st.integers(0, 10_000))
    def test_branches_share_their_node_and_time_only_moves_on(self, seed):
        one = random_problem(np.random.default_rng(seed), depth=2, sequences=True)
        for plan in one.plans().values():
            for node, _ in nodes(plan):
                assert not node.branches or sum(b.probability for b in node.branches) == pytest.approx(1)
                assert all(b.then.start >= node.start for b in node.branches if b.then)
                assert node.start < one.settings.horizon_weeks or node is plan

    @FEW
    @given(st.integers(0, 10_000), st.integers(1, 3))
    def test_a_yearly_limit_holds_along_every_path_repeats_included(self, seed, limit):
        """At most so many steroids in any 52 weeks, across procedures; an action that is blocked is in no plan."""
        rng = np.random.default_rng(seed)
        needles = [
            Action(f"steroid_{i}", effect={i: np.array(FADING) * rng.uniform(0.5, 1.2)}, cost=50, wait=1, repeat=1.2)
            for i in range(2)
        ]

        def permitted(name, done, time):
            return name != "barred" and sum(time + d.weeks_ago < 52 for d in done if d.procedure.startswith("steroid")) < limit

        one = problem(
            *needles,
            Action("barred", effect={0: 0.9}, cost=0),
            belief=[0.6, 0.4],
            settings=replace(TWO_YEARS, depth=3),
            permitted=permitted,
        )
        for name, plan in one.plans().items():
            for path in paths(plan):
                starts = [week for action, week in path if action.startswith("steroid")]
                assert all(sum(week <= later < week + 52 for later in starts) <= limit for week in starts)
                assert all(action != "barred" for action, _ in path[1:]), name

    @FEW
    @given(st.integers(0, 10_000))
    def test_information_is_never_worth_less_than_nothing(self, seed):
        rng = np.random.default_rng(seed)
        treatments = [Action(n, effect={i: rng.normal(0.15, 0.1, 5)}, repeat=1.0) for i, n in enumerate(("a", "b"))]
        one = problem(
            Action("look", "examination", cost=0, wait=0, review=0), *treatments, belief=rng.dirichlet(np.ones(3)),
            blocks={"look": Block(rng.dirichlet(np.ones(3), (2, 3)), 1)}, settings=replace(TWO_YEARS, depth=2),
        )  # fmt: skip
        without = one.with_settings(depth=1).values()
        assert one.values()["look"] >= max(0.0, without["a"], without["b"]) - 1e-9


def pathway(*steps: PathwayStep, generators=()) -> Pathway:
    return Pathway("p", "P", "d", "", generators, steps, ("row",))


class TestPathways:
    perfect = np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2)

    def blocks_first(self):
        one = problem(
            Action("block", "block", cost=300, wait=1, review=1),
            Action("ablation", "ablation", {0: FADING}, cost=900, repeat=1.0),
            belief=[0.5, 0.5], blocks={"block": Block(self.perfect, 1)}, settings=TWO_YEARS,
        )  # fmt: skip
        forced = pathway(
            PathwayStep("block", "block", (Turn("ablation", relief_percent=50.0),)),
            PathwayStep("ablation", "ablation", (Turn("ablation", after=AGAIN),)),
        )
        return one, forced

    def test_it_goes_where_its_turns_lead_and_nowhere_else(self):
        one, forced = self.blocks_first()
        plan = one.planner().follow(*chooser(forced, one.outcomes.actions), one.belief)
        negative, positive = plan.branches
        assert negative.then is None
        assert positive.then.action == "ablation"
        assert {b.then.action for b in positive.then.branches if AGAIN in b.label and b.then} == {"ablation"}
        assert plan_values(plan, one.belief[None], one.outcomes, one.settings)[0] == pytest.approx(plan.value)

    def test_no_pathway_is_worth_more_than_the_best_plan_that_looks_as_far(self):
        one, forced = self.blocks_first()
        once = replace(forced, steps=(forced.steps[0], replace(forced.steps[1], turns=())))
        plan = one.planner().follow(*chooser(once, one.outcomes.actions), one.belief)
        assert max(len(path) for path in paths(plan)) == 2
        assert one.with_settings(depth=1).values()["block"] >= plan.value - 1e-9

    def test_it_stops_where_a_rule_does(self):
        one, forced = self.blocks_first()
        barred = replace(one, permitted=lambda name, done, time: name != "ablation")
        plan = barred.planner().follow(*chooser(forced, one.outcomes.actions), one.belief)
        assert all(b.then is None for b in plan.branches)
        shut = replace(one, permitted=lambda name, done, time: False)
        assert shut.planner().follow(*chooser(forced, one.outcomes.actions), one.belief) is None

    def test_those_for_everybody_come_with_those_for_the_source(self):
        everybody, facet = pathway(), pathway(generators=("facet_joint",))
        assert pathways_for({"a": facet, "b": everybody}, "facet_joint") == (everybody, facet)
        assert pathways_for({"a": facet, "b": everybody}, "myofascial") == (everybody,)


def test_an_influence_diagram_finds_the_same_values():
    """pyAgrum solves the same problem as a diagram: a look, and after it one of two treatments or none."""
    gum = pytest.importorskip("pyagrum")
    rng = np.random.default_rng(5)
    for _ in range(5):
        grades = rng.dirichlet(np.ones(2), 3)
        one = problem(
            Action("look", "test", cost=100, wait=1, review=1),
            Action("a", effect={0: rng.uniform(0, 0.5, 5)}, cost=800, repeat=1.0),
            Action("b", effect={1: rng.uniform(0, 0.5, 5), 2: rng.uniform(0, 0.3, 5)}, cost=500),
            belief=rng.dirichlet(np.ones(3)), blocks={"look": Block(np.stack([grades, grades]), 1)},
            natural=0.2, half_life=30.0, settings=replace(TWO_YEARS, depth=1),
        )  # fmt: skip
        o, names = one.outcomes, list(one.outcomes.actions)
        gains = np.stack(
            [o.share @ net_of(o, one.settings, names.index(n), 2.0, cared=False, eased=False)[0] for n in ("a", "b")]
        )
        diagram = gum.InfluenceDiagram()
        diagram.addChanceNode(gum.RangeVariable("state", "", 0, 2))
        diagram.addChanceNode(gum.RangeVariable("result", "", 0, 1))
        diagram.addDecisionNode(gum.RangeVariable("treat", "", 0, 2))
        diagram.addUtilityNode(gum.RangeVariable("worth", "", 0, 0))
        for tail, head in (("state", "result"), ("result", "treat"), ("state", "worth"), ("treat", "worth")):
            diagram.addArc(tail, head)
        diagram.cpt("state").fillWith(one.belief.tolist())
        for state in range(3):
            diagram.cpt("result")[{"state": state}] = grades[state].tolist()
            for choice in range(3):
                diagram.utility("worth")[{"state": state, "treat": choice}] = 0.0 if choice == 2 else float(gains[choice, state])
        solved = gum.ShaferShenoyLIMIDInference(diagram)
        solved.makeInference()
        assert one.values()["look"] == pytest.approx(solved.MEU()["mean"] - 100, abs=1e-6)
