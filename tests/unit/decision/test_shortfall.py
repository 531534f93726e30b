"""What is missing to satisfy a rule, in words; rules that speak only after procedures with a certain outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.decision_priors import priors, rule
from spinecast.decision.gates import Gate, evaluate_gates
from spinecast.decision.profile import Done, Profile
from spinecast.decision.shortfall import happened


def gate(one, action="epidural", history=(), **values) -> Gate | None:
    gates = evaluate_gates(priors(one), Profile(values, history=tuple(history)), {}, "guideline").by_action[action]
    return gates[0] if gates else None


TWO = rule(
    "two",
    "requirement",
    applies_to=("ablation",),
    requires={"procedure": "block", "count": 2, "relief_percent": 80},
    clause="P 2",
)


def test_a_requirement_counts_what_is_there():
    assert gate(TWO, "ablation").missing == ("Block, at least 80 % relief: 0 of 2",)
    assert gate(TWO, "ablation", [Done("block", 3, 90), Done("block", 2, 50)]).missing == ("Block, at least 80 % relief: 1 of 2",)
    assert gate(TWO, "ablation").clause == "P 2"


LIMIT = {"procedures": ["steroid"], "count": 2, "weeks": 52, "minimum_interval_weeks": 4, "relief_percent": 50, "relief_weeks": 6}
YEARLY = rule("yearly", "schedule", limit=LIMIT)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([Done("epidural", 3, 80, 8)], ("1 more weeks since the last one",)),
        ([Done("epidural", 30, 80, 8), Done("epidural", 20, 80, 8)], ("22 more weeks until fewer than 2 lie within 52",)),
        ([Done("epidural", 9, 30, 2)], ("the last one gave 30 % for 2 weeks; asked for: at least 50 % relief for 6 weeks",)),
        ([Done("epidural", 9)], ("not recorded: relief from the last one, and how long it lasted",)),
    ],
)
def test_a_schedule_names_weeks_or_relief(history, said):
    assert gate(YEARLY, history=history).missing == said


def test_a_schedule_without_history_asks_for_it():
    profile = Profile(history_known=False)
    found = evaluate_gates(priors(YEARLY), profile, {}, "guideline").by_action["epidural"][0]
    assert (found.effect, found.missing) == ("ask", ("not recorded: earlier_injections",))


CARE = rule("care", "conservative_care", weeks=6.0)


def test_conservative_care_counts_weeks():
    assert gate(CARE, conservative_care_weeks=2.0).missing == ("4 more weeks of conservative care (2 of 6)",)
    assert gate(CARE).missing == ("not recorded: conservative_care_weeks (6 asked for)",)


def test_what_is_asked_is_named_and_an_uncertain_answer_is_still_asked():
    one = rule("fever", "contraindication", "defer", when="fever", unknown=("fever",))
    assert gate(one).missing == ("not recorded: Fever",)
    soft = gate(one, fever=frozenset({"absent", "present"}))
    assert (soft.effect, soft.missing) == ("ask", ("uncertain: Fever",))
    assert gate(one, fever="present").missing == ()


FAILED = {"procedures": ["kind:injection"], "count": 2, "relief_percent_below": 50}
REBOUND = {"procedures": ["epidural"], "count": 2, "relief_percent": 50, "relief_weeks_below": 13}


@pytest.mark.parametrize(
    ("history", "failed", "rebound"),
    [
        ([], False, False),
        ([Done("epidural", 3, 20), Done("facet_injection", 9, 40)], True, False),
        ([Done("epidural", 3, 20)], False, False),
        ([Done("epidural", 3, 60, 5), Done("epidural", 20, 70, 8)], False, True),
        ([Done("epidural", 3, 60, 5), Done("epidural", 20, 70)], False, False),
        ([Done("epidural", 3), Done("epidural", 9)], False, False),  # what is not recorded does not count
        ([Done("epidural", 3, 90, 0, 20), Done("epidural", 9, 90, 0, 10)], True, False),  # a good block, no later benefit
    ],
)
def test_after_so_many_with_such_an_outcome(history, failed, rebound):
    assert happened(FAILED, history, priors()) is failed
    assert happened(REBOUND, history, priors()) is rebound


def test_a_rule_with_after_speaks_only_then_and_only_if_its_condition_holds():
    one = rule("surgeon", "recommendation", "first", ("urgent",), when="fever", after=FAILED, first="urgent")
    twice = (Done("epidural", 3, 20), Done("epidural", 9, 10))
    assert gate(one, "urgent", twice, fever="present").effect == "first"
    assert gate(one, "urgent", twice, fever="absent") is None
    assert gate(one, "urgent", twice[:1], fever="present") is None
    assert gate(replace(one, after={**FAILED, "within_weeks": 5}), "urgent", twice, fever="present") is None
