"""Outcomes: shares of pain, modifiers, therapy, worth, areas under curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.decision_priors import GENERATORS, PROCEDURES, priors, procedure, q, weeks
from spinecast.decision.outcomes import at_week, compile_outcomes, pain_shares, relief_weights
from spinecast.decision.profile import Profile
from spinecast.network.states import enumerate_states
from spinecast.priors.records import WEEKS, Effect

SPACE = enumerate_states(GENERATORS)  # levels: root L5, root S1, facet
PRIORS = priors()
SHORT = {"duration": "weeks_0_6", "smoking": "never"}


def compiled(known=PRIORS, draws=0, seed=0, chances=None, **values):
    return compile_outcomes(known, SPACE, Profile({**SHORT, **values}, chances or {}), draws=draws, seed=seed)


def effect_of(outcomes, name, week=0):
    return outcomes.specific[0, outcomes.actions.index(name), week]


def test_pain_is_shared_equally_by_what_is_active():
    share = pain_shares(SPACE)
    assert share.shape == (6, 4)
    assert np.allclose(share.sum(axis=1), 1)
    assert share[0].tolist() == [0, 0, 0, 1]  # nothing active: nonspecific
    both = next(s for s in range(6) if SPACE.active[s].tolist() == [True, False, True])
    assert share[both].tolist() == [0.5, 0, 0.5, 0]


def test_effects_reach_their_level_and_nothing_else():
    made = compiled()
    assert effect_of(made, "epidural").tolist() == pytest.approx([0.2, 0.1, 0, 0])
    assert effect_of(made, "ablation", 2).tolist() == pytest.approx([0, 0, 0.3, 0])
    assert effect_of(made, "rehabilitation").tolist() == pytest.approx([0.05, 0.05, 0, 0.1])
    assert not effect_of(made, "facet_injection").any()


def test_control_is_natural_course_plus_one_contextual_effect():
    made = compiled()
    a = made.actions.index("epidural")
    assert made.natural[0, 0].tolist() == pytest.approx([0.6, 0.6, 0.4, 0.5])
    assert made.control(a)[0, 0].tolist() == pytest.approx([0.6 + 0.1 * 0.4] * 2 + [0.4 + 0.1 * 0.6, 0.5 + 0.1 * 0.5])
    assert np.allclose(made.active(a) - made.control(a), made.specific[:, a])


@pytest.mark.parametrize(
    ("name", "cared"), [("epidural", True), ("rehabilitation", True), ("ablation", True), ("block", False), ("waiting", False)]
)
def test_active_care_carries_the_contextual_effect(name, cared):
    made = compiled()
    a = made.actions.index(name)
    assert bool(made.cared[a]) is cared
    assert np.allclose(made.control(a), made.natural) is not cared


def test_all_active_care_has_the_same_control():
    made = compiled()
    controls = [made.control(a) for a in range(len(made.actions)) if made.cared[a]]
    assert all(np.array_equal(controls[0], c) for c in controls[1:])


def test_active_arms_stay_probabilities():
    huge = procedure("huge", effects=(Effect("root", (), "", "sham", weeks(0.9)), Effect("facet", (), "", "sham", weeks(-0.9))))
    made = compiled(priors(procedures=(*PROCEDURES, huge)), draws=50)
    for a in range(len(made.actions)):
        assert made.active(a).min() >= -1e-12
        assert made.active(a).max() <= 1 + 1e-12


def test_known_modifiers_multiply():
    assert effect_of(compiled(duration="weeks_13_52"), "epidural").tolist() == pytest.approx([0.1, 0.05, 0, 0])
    assert effect_of(compiled(duration="weeks_13_52", smoking="current"), "epidural")[0] == pytest.approx(0.2 * 0.5 * 0.8)


def test_unknown_contexts_are_averaged_and_the_rest_is_neutral():
    unknown = Profile({"smoking": "never"}, {"duration": {"weeks_0_6": 0.75, "weeks_13_52": 0.25}})
    made = compile_outcomes(PRIORS, SPACE, unknown)
    assert effect_of(made, "epidural")[0] == pytest.approx(0.2 * (1 - 0.25 * 0.5))
    assert made.natural[0, 0, 0] == pytest.approx(0.75 * 0.6 + 0.25 * 0.3)  # the natural course is averaged too
    assert effect_of(compile_outcomes(PRIORS, SPACE, Profile({"duration": "weeks_0_6"})), "epidural")[0] == pytest.approx(0.2)


def test_the_published_effect_is_the_average_over_those_who_usually_have_the_condition():
    shares = {"weeks_0_6": 0.75, "weeks_13_52": 0.25}
    usual = {"root": {"duration": shares, "smoking": {"never": 0.6, "current": 0.4}}}

    def effect(**known):
        chances = {k: v for k, v in usual["root"].items() if k not in known}
        return effect_of(compile_outcomes(PRIORS, SPACE, Profile(known, chances, usual=usual)), "epidural")[0]

    assert effect() == pytest.approx(0.2)  # nothing is known: the published effect itself
    by_duration = {d: effect(duration=d) for d in shares}
    assert sum(shares[d] * by_duration[d] for d in shares) == pytest.approx(0.2)
    assert by_duration["weeks_0_6"] == pytest.approx(0.2 / (1 - 0.25 * 0.5))
    assert by_duration["weeks_13_52"] < 0.2 < by_duration["weeks_0_6"]


RELIEF = 0.6 + 0.12 * 0.4  # of root pain at week 4 in the control arm of active care


def test_tolerance_and_willingness_scale_rehabilitation_alone():
    """Who cannot tolerate therapy keeps 0.2 of its effect, and gets half of the rest back with relief."""
    full, none = compiled(), compiled(therapy_tolerance="none")
    assert effect_of(full, "rehabilitation")[0] == pytest.approx(0.05)
    assert effect_of(none, "rehabilitation")[0] == pytest.approx(0.05 * (0.2 + 0.5 * 0.8 * RELIEF))
    assert np.array_equal(effect_of(none, "epidural"), effect_of(full, "epidural"))
    both = compiled(therapy_tolerance="none", rehabilitation_willing="no")
    assert effect_of(both, "rehabilitation")[0] == pytest.approx(0.05 * (0.2 + 0.5 * 0.8 * RELIEF) * 0.1)


def test_relief_gives_part_of_the_lost_therapy_back():
    made = compiled(therapy_tolerance="none")
    a = made.actions.index("rehabilitation")
    assert made.eased[0, a, 0, 0] == pytest.approx(0.05 * (0.2 + 0.5 * 0.8))
    unwilling = compiled(therapy_tolerance="none", rehabilitation_willing="no")
    assert unwilling.eased[0, a, 0, 0] == pytest.approx(0.05 * (0.2 + 0.5 * 0.8) * 0.1)
    able = compiled(therapy_tolerance="full")
    assert np.allclose(able.eased, able.specific)


def test_an_injection_comes_with_the_rehabilitation_that_it_serves():
    with_it = replace(PROCEDURES[2], with_procedure="rehabilitation")
    known = priors(procedures=(*PROCEDURES[:2], with_it, *PROCEDURES[3:]))
    made = compiled(known, therapy_tolerance="none", rehabilitation_willing="unsure")
    epidural, rehabilitation = made.actions.index("epidural"), made.actions.index("rehabilitation")
    assert [p for p in made.partner if p] == ["rehabilitation"]
    assert made.partner_effect[0, epidural, 0, 0] == pytest.approx(0.05 * 0.7 * (0.2 + 0.5 * 0.8 * (RELIEF + 0.2)))
    assert made.partner_cost[0, epidural] == made.cost[0, rehabilitation] == pytest.approx(600 * 0.7)  # who goes less pays less
    assert not np.delete(made.partner_effect, epidural, axis=1).any()
    assert not np.delete(made.partner_cost, epidural, axis=1).any()
    able = compiled(known)
    assert np.allclose(able.partner_effect[0, epidural], able.specific[0, rehabilitation])


@pytest.mark.parametrize(
    ("severity", "awakenings", "expected"),
    [
        (2, None, 0.05),
        (4, None, 0.2),
        (8, None, 0.4),
        (10, None, 0.4),
        (None, None, 0.2 * 0.05 + 0.5 * 0.2 + 0.3 * 0.4),
        (8, 3, 0.43),
    ],
)
def test_relief_is_worth_more_where_more_is_lost(severity, awakenings, expected):
    values = {k: v for k, v in (("pain_severity", severity), ("sleep_awakenings", awakenings)) if v is not None}
    assert compiled(**values).worth[0] == pytest.approx(expected * 0.6)


def test_harms_and_cost():
    made = compiled()
    a = made.actions.index("epidural")
    assert made.serious[0, a] == pytest.approx(0.001)
    assert made.harm[0, a] == pytest.approx(0.001 * 2.0 + 0.2 * 0.001)
    assert made.cost[0, a] == pytest.approx(600)
    waiting = made.actions.index("waiting")
    assert made.cost[0, waiting] == 0
    assert made.harm[0, waiting] == 0


def test_draw_zero_is_the_point_and_draws_are_common():
    point, some, more = compiled(), compiled(draws=5, seed=3), compiled(draws=9, seed=3)
    for name in ("natural", "contextual", "specific", "eased", "cost", "harm", "serious", "worth"):
        drawn = getattr(some, name)
        assert drawn.shape[0] == 6
        assert np.allclose(drawn[0], getattr(point, name)[0])
        assert np.allclose(drawn, getattr(more, name)[:6])
    assert not np.allclose(some.specific, compiled(draws=5, seed=4).specific)


def test_one_effect_moves_together_over_its_five_times():
    made = compiled(draws=400, seed=1)
    a = made.actions.index("ablation")
    early, late = made.specific[1:, a, 2, 2], made.specific[1:, a, 3, 2]
    inside = (early < 0.5) & (early > -0.3)  # away from where the active arm is cut at 0 and 1
    assert np.corrcoef(early[inside], late[inside])[0, 1] > 0.99


CURVES = st.lists(st.floats(0, 1), min_size=5, max_size=5).map(np.array)


@given(CURVES, st.floats(0, 60), st.floats(1, 80))
def test_weights_are_the_area_under_the_curve(curve, start, horizon):
    grid = np.linspace(0, max(horizon - start, 0), 40_001)
    expected = np.trapezoid(np.interp(grid, (0, *WEEKS), (0, *curve)), grid)
    assert relief_weights(start, horizon) @ curve == pytest.approx(expected, abs=2e-3)


@given(CURVES, st.floats(0, 40))
def test_discounted_weights_are_the_discounted_area(curve, start):
    grid = np.linspace(0, 52 - start, 40_001)
    factor = 1.03 ** (-(start + grid) / 52)
    expected = np.trapezoid(np.interp(grid, (0, *WEEKS), (0, *curve)) * factor, grid)
    assert relief_weights(start, 52.0, 0.03) @ curve == pytest.approx(expected, abs=2e-3)


@given(st.floats(0, 50), st.floats(0, 10), st.floats(0, 0.1))
def test_later_is_never_more(start, later, discount):
    assert (relief_weights(start + later, 52.0, discount) <= relief_weights(start, 52.0, discount) + 1e-9).all()


def test_nothing_is_left_at_the_horizon():
    assert not relief_weights(52, 52).any()
    assert not relief_weights(60, 52).any()


def test_values_between_the_times_are_linear():
    curve = np.array([[0.2], [0.4], [0.5], [0.3], [0.1]])
    for week, expected in (
        (0, 0.0),
        (1, 0.1),
        (2, 0.2),
        (3, 0.3),
        (4, 0.4),
        (8.5, 0.45),
        (26, 0.3),
        (52, 0.1),
        (80, 0.1),
        (-1, 0.0),
    ):
        assert at_week(curve, week)[0] == pytest.approx(expected)
    stacked = at_week(np.stack([curve, 2 * curve]), 3)
    assert stacked[:, 0].tolist() == pytest.approx([0.3, 0.6])


def test_waits_and_reviews_are_points():
    made = compile_outcomes(priors(procedures=(*PROCEDURES, procedure("slow", wait_weeks=q(6)))), SPACE, Profile(), draws=3)
    assert made.wait[made.actions.index("slow")] == 6
    assert made.wait.shape == made.review.shape == (len(made.actions),)
