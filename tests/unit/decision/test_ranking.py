"""The rows of a ranking: order, ranks, and what each column means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.decision_priors import GENERATORS, priors, rule
from helpers.decision_problems import SETTINGS
from spinecast.decision.gates import evaluate_gates
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.planner import Planner
from spinecast.decision.profile import Profile
from spinecast.decision.ranking import rank
from spinecast.network.states import enumerate_states

SPACE = enumerate_states(GENERATORS)
ROOT_L5 = next(s for s in range(len(SPACE)) if SPACE.active[s].tolist() == [True, False, False])
PROFILE = Profile({"duration": "weeks_0_6", "smoking": "never", "anticoagulant": "warfarin", "pain_severity": 8})


def ranking(*rules, draws=40, settings=SETTINGS, profile=PROFILE):
    known = priors(*rules)
    outcomes = compile_outcomes(known, SPACE, profile, draws=draws, seed=5)
    gates = evaluate_gates(known, profile, {}, "guideline")
    beliefs = np.zeros((draws + 1, len(SPACE)))
    beliefs[:, ROOT_L5] = 1
    kinds = tuple(p.kind for p in known.procedures.values())
    planner = Planner(outcomes, settings, kinds, lambda action, seen: None, lambda action, done, time: True)
    return rank(known, outcomes, planner.best_plans(beliefs[0]), beliefs, gates, settings, {"epidural": ("L5", "left")})


def test_every_action_is_there_once_and_sorted_by_value():
    rows = ranking()
    assert sorted(r.id for r in rows) == sorted(priors().procedures)
    assert [r.value for r in rows] == sorted((r.value for r in rows), reverse=True)
    assert all(r.permitted for r in rows)
    assert rows[0].id == "epidural"
    assert (rows[0].level, rows[0].side) == ("L5", "left")


def test_what_goes_first_then_what_is_permitted_then_the_rest():
    thinner = rule("thinner", "contraindication", "defer", when="anticoagulant == warfarin")
    syndrome = rule("cord", "syndrome", "first", ("urgent",), when="anticoagulant == warfarin", first="urgent")
    rows = ranking(thinner, syndrome)
    assert rows[0].id == "urgent"
    assert rows[-1].id == "epidural"
    assert not rows[-1].permitted
    plain = next(r for r in ranking() if r.id == "epidural")
    assert rows[-1].value == plain.value  # a blocked action keeps its value
    assert [g.rule for g in rows[-1].gates] == ["thinner"]


def test_columns_of_the_action_itself():
    row = next(r for r in ranking() if r.id == "epidural")
    assert row.p_relief_4w_control == pytest.approx(0.6 + 0.12 * 0.4)
    assert row.p_relief_4w == pytest.approx(row.p_relief_4w_control + 0.2)
    assert row.p_relief_6m == pytest.approx(row.p_relief_6m_control)
    assert row.serious_harm_per_10000 == pytest.approx(10)
    assert row.cost == pytest.approx(600)
    assert row.relief_weeks_low <= row.relief_weeks <= row.relief_weeks_high
    alone = next(r for r in ranking(settings=replace(SETTINGS, depth=1)) if r.id == "epidural")
    assert row.net_benefit == pytest.approx(alone.net_benefit)


def test_waiting_is_the_zero_of_everything():
    row = next(r for r in ranking() if r.id == "waiting")
    assert (row.value, row.low, row.high, row.cost, row.net_benefit, row.serious_harm_per_10000) == (0, 0, 0, 0, 0, 0)
    assert row.relief_weeks == 0
    assert row.p_relief_4w == row.p_relief_4w_control == pytest.approx(0.6)


def test_the_wrong_target_has_the_relief_of_its_control():
    row = next(r for r in ranking() if r.id == "ablation")
    assert row.p_relief_4w == row.p_relief_4w_control
    assert row.p_relief_6m == row.p_relief_6m_control


def test_ranks_and_best_shares_come_from_the_same_draws():
    rows = ranking(draws=200)
    assert sum(r.p_best for r in rows) == pytest.approx(1.0)
    assert all(1 <= r.rank_low <= r.rank_high <= len(rows) for r in rows)
    assert max(rows, key=lambda r: r.p_best).rank_low == 1


def test_the_point_alone_needs_no_draws():
    for row in ranking(draws=0):
        assert row.low == row.value == row.high
        assert row.rank_low == row.rank_high
