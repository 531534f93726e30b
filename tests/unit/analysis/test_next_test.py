"""What the next answer is worth: against its definition, alone and together, and the search against all sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from spinecast.analysis.next_test import ALL_SETS, GREEDY, SHORT_LISTED, _order, asking_of, best_pair, next_sets, next_tests
from spinecast.assessment.asking import Asking, entropy
from spinecast.assessment.assess import prepare
from spinecast.assessment.model import load_model
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.network.evidence import one_hot

PATIENT = {
    "label": "Back pain on standing",
    "setting": "spine_clinic",
    "findings": {"worse_standing": "present", "pain_dominance": "axial"},
}


@pytest.fixture(scope="module")
def case():
    return prepare(PATIENT, model=load_model(), draws=2, depth=1)


@pytest.fixture(scope="module")
def asking(case):
    return asking_of(case)


def posterior_after(asking, said):
    """P(answers | known) and the belief after them, from the engine, on the states that carry the belief."""
    o = asking.observer
    known = o.evidence
    before = np.exp(exact.joint_log(o.network, o.theta, known)).sum()
    for leaf, value in said.items():
        known = known.with_leaf(leaf, one_hot(o.network, leaf, value))
    weight = np.exp(exact.joint_log(o.network, o.theta, known))
    return weight.sum() / before, weight / weight.sum()


@pytest.mark.parametrize(
    "names", [("improves_sitting",), ("age",), ("improves_sitting", "worse_walking"), ("thigh_thrust", "age")]
)
def test_it_is_the_definition(asking, names):
    leaves = asking.observer.network.leaves
    outcomes = [{}]
    for name in names:
        outcomes = [{**o, name: v} for o in outcomes for v in leaves[name].values]
    gain, left, moved = -asking.settled, 0.0, 0.0
    now = int(np.argmax([0.0, *(asking.values @ asking.observer.belief)]))
    for said in outcomes:
        p, belief = posterior_after(asking, said)
        by_plan = np.array([0.0, *(asking.values @ belief)])
        gain += p * by_plan.max()
        left += p * entropy(belief)
        moved += p * (by_plan.max() > by_plan[now] + 1e-9)
    worth = asking.worth(names)
    assert worth.gain == pytest.approx(max(gain, 0.0), abs=1e-5)
    assert worth.bits == pytest.approx(entropy(asking.observer.belief) - left, abs=1e-9)
    assert worth.changes == pytest.approx(moved, abs=1e-9)


def test_a_finding_that_decides_is_worth_what_knowing_the_state_would_gain():
    """Two states, two plans, a perfect test: the closed form p(1 - p) pays on either side."""

    class Seen:
        belief = np.array([0.3, 0.7])

    values = np.array([[100.0, -50.0], [-20.0, 40.0]])
    perfect = Asking(Seen(), values, ("a", "b"), {"x": None}, {("x",): np.eye(2)})
    settled = max(0.3 * 100 - 0.7 * 50, -0.3 * 20 + 0.7 * 40)
    outcomes = perfect.likelihood(("x",)) * Seen.belief
    gain = np.maximum(outcomes @ values.T, 0).max(axis=1).sum() - perfect.settled
    assert perfect.settled == pytest.approx(settled)
    assert gain == pytest.approx(0.3 * 100 + 0.7 * 40 - settled)


def test_more_answers_are_never_worth_less_before_their_cost(asking):
    alone = asking.worth(("improves_sitting",))
    both = asking.worth(("improves_sitting", "leg_pain_below_knee"))
    assert both.gain >= alone.gain
    assert both.bits > alone.bits


def test_findings_of_one_scan_are_paid_for_once(asking):
    scan = [q for q in asking.questions if asking.questions[q].act == "mri"][:3]
    assert len(scan) == 3
    assert asking.cost(scan) == asking.questions[scan[0]].cost > 0
    assert asking.cost([scan[0], "thigh_thrust"]) == asking.questions[scan[0]].cost + asking.questions["thigh_thrust"].cost


def few(asking, names):
    return Asking(asking.observer, asking.values, asking.plans, {n: asking.questions[n] for n in names}, asking._likelihoods)


@pytest.mark.parametrize("aim", ["value", "bits"])
def test_the_best_pair_is_the_best_of_all(asking, aim):
    some = few(asking, [*list(asking.questions)[::17], "straight_leg_raise", "slump_test", "mri_modic", "mri_facet_arthropathy"])
    order = _order(aim)
    best = min(combinations(sorted(some.questions), 2), key=lambda pair: (*order(some.worth(pair)), pair))
    assert order(some.worth(best_pair(some, order))) == pytest.approx(order(some.worth(best)))


def test_sets_say_how_they_were_found_and_grow_in_worth(case, asking):
    result = next_sets(case, 4, aim="bits", asking=few(asking, list(asking.questions)[::12]))
    assert result["found"] == ("all questions", ALL_SETS, SHORT_LISTED, GREEDY)
    assert list(result["bits"]) == sorted(result["bits"])
    assert [len(ids.split()) for ids in result["ids"]] == list(result["size"]) == [1, 2, 3, 4]


def test_the_table_is_in_order_and_cites(case, asking):
    result = next_tests(case, asking=asking)
    assert set(result["id"]).isdisjoint({"worse_standing", "pain_dominance"})
    assert "age" in result["id"]
    assert list(result["value"]) == sorted(result["value"], reverse=True)
    assert result.sources
    assert next_tests(case, aim="bits", asking=asking)["bits"][0] == max(result["bits"])


def test_what_is_not_lawful_is_refused(case, asking):
    with pytest.raises(UnknownIdError, match="did you mean 'value'"):
        next_tests(case, aim="valu", asking=asking)
    with pytest.raises(InvalidValueError, match="1 to 6"):
        next_sets(case, 0, asking=asking)
