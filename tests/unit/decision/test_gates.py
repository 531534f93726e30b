"""Gates: first, block, defer, flag, ask; unknown is never clear; rules heed what a plan has done and how long it took."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.decision_priors import priors, q, rule
from spinecast.decision.gates import Gates, evaluate_gates, permission
from spinecast.decision.profile import Done, Profile
from spinecast.errors import PriorsError

EPIDURAL, ABLATION = ("epidural",), ("ablation",)


def effects(*rules, action="epidural", rule_set="guideline", probabilities=None, profile=None, **values) -> list[str]:
    gates = evaluated(*rules, rule_set=rule_set, probabilities=probabilities, profile=profile, **values)
    return [g.effect for g in gates.by_action[action]]


def evaluated(*rules, rule_set="guideline", probabilities=None, profile=None, **values) -> Gates:
    return evaluate_gates(priors(*rules), profile or Profile(values), probabilities or {}, rule_set)


def allowed(*rules, done=(), now=0.0, action="epidural", profile=None, **values) -> bool:
    known, person = priors(*rules), profile or Profile(values)
    return permission(known, person, evaluate_gates(known, person, {}, "guideline"), "guideline")(action, tuple(done), now)


def test_a_syndrome_goes_first_whatever_the_posterior():
    one = rule("fever", "syndrome", "first", ("urgent",), when="fever", first="urgent")
    gates = evaluated(one, fever="present", probabilities={("root", ""): 0.999})
    assert gates.first == ("urgent",)
    assert [(g.rule, g.effect) for g in gates.flags] == [("fever", "first")]
    assert evaluated(one, fever="absent").first == ()
    assert evaluated(one).first == ()


@pytest.mark.parametrize(("probability", "expected"), [(0.049, ()), (0.051, ("urgent",)), (0.4, ("urgent",))])
def test_a_threshold_acts_through_the_posterior(probability, expected):
    one = rule("serious", "threshold", "first", ("urgent",), first="urgent", generator="root", level="L5", probability=q(0.05))
    assert evaluated(one, probabilities={("root", "L5"): probability}).first == expected
    assert evaluated(one, probabilities={("root", ""): 0.9}).first == ()


def test_a_threshold_can_flag_only():
    one = rule("look", "threshold", "flag", generator="root", probability=q(0.1))
    gates = evaluated(one, probabilities={("root", ""): 0.2})
    assert gates.first == ()
    assert gates.flags[0].rule == "look"
    assert not gates.blocked("epidural")


def test_a_threshold_without_a_number_is_an_error():
    with pytest.raises(PriorsError, match="probability"):
        evaluated(rule("x", "threshold", generator="root"))


@pytest.mark.parametrize(("effect", "blocked"), [("block", True), ("defer", True), ("flag", False)])
def test_contraindications(effect, blocked):
    one = rule("thinner", "contraindication", effect, when="anticoagulant == warfarin", unknown=("anticoagulant",))
    gates = evaluated(one, anticoagulant="warfarin")
    assert [g.effect for g in gates.by_action["epidural"]] == [effect]
    assert gates.blocked("epidural") is blocked
    assert gates.by_action["ablation"] == ()
    assert effects(one, anticoagulant="none") == []


def test_unknown_is_asked_and_never_clear():
    one = rule("thinner", "contraindication", when="anticoagulant == warfarin or implant", unknown=("anticoagulant", "implant"))
    assert effects(one) == ["ask"]
    assert effects(one, anticoagulant="none") == ["ask"]  # half of the answer is not the answer
    assert effects(one, anticoagulant="warfarin") == ["block"]
    assert effects(one, anticoagulant="none", implant="no") == []
    assert not evaluated(one).blocked("epidural")


def test_a_rule_without_condition_always_speaks():
    assert effects(rule("note", "recommendation", "flag")) == ["flag"]


def test_every_action_is_kept_and_named_in_its_gates():
    gates = evaluated(rule("all", "recommendation", "block", ("*",)))
    assert set(gates.by_action) == set(priors().procedures)
    assert all(g.action == name for name, found in gates.by_action.items() for g in found)
    one = gates.by_action["epidural"][0]
    assert (one.message, one.lift, one.sources) == ("m", "l", ("row",))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("steroid", {"epidural", "facet_injection"}),
        ("invasive", {"epidural", "facet_injection", "block", "ablation"}),
        ("kind:block", {"block"}),
        ("rehabilitation", {"rehabilitation"}),
    ],
)
def test_selectors(selector, expected):
    gates = evaluated(rule("x", "recommendation", "block", (selector,)))
    assert {name for name, found in gates.by_action.items() if found} == expected


def test_rule_sets_choose_and_safety_always_holds():
    rules = (
        rule("payer", "recommendation", "block", rule_sets=("payer",)),
        rule("guideline", "recommendation", "flag", rule_sets=("guideline",)),
        rule("safety", "recommendation", "defer"),
    )
    assert effects(*rules) == ["flag", "defer"]
    assert effects(*rules, rule_set="payer") == ["block", "defer"]


TWO_BLOCKS = rule("two", "requirement", applies_to=ABLATION, requires={"procedure": "block", "count": 2, "relief_percent": 80})


@pytest.mark.parametrize(
    ("reliefs", "blocked"),
    [((), True), ((80,), True), ((80, 79), True), ((80, 100), False), ((80, None), True), ((100, 0, 80), False)],
)
def test_requirements_count_what_gave_enough_relief(reliefs, blocked):
    history = tuple(Done("block", 3.0 + i, r) for i, r in enumerate(reliefs))
    assert (effects(TWO_BLOCKS, action="ablation", profile=Profile(history=history)) == ["block"]) is blocked


def test_requirements_are_met_along_a_plan():
    first, second = Done("block", -2.0, 80.0), Done("block", -5.0, 80.0)
    assert not allowed(TWO_BLOCKS, action="ablation")
    assert not allowed(TWO_BLOCKS, action="ablation", done=[first], now=6)
    assert not allowed(TWO_BLOCKS, action="ablation", done=[first, replace(second, relief_percent=50.0)], now=9)
    assert allowed(TWO_BLOCKS, action="ablation", done=[first, second], now=9)
    assert allowed(TWO_BLOCKS, action="ablation", done=[first], now=6, profile=Profile(history=(Done("block", 10, 90),)))


def test_requirements_can_ask_for_recent_ones():
    one = rule("recent", "requirement", applies_to=ABLATION, requires={"procedure": "block", "count": 1, "within_weeks": 26})
    assert effects(one, action="ablation", profile=Profile(history=(Done("block", 30.0),))) == ["block"]
    assert effects(one, action="ablation", profile=Profile(history=(Done("block", 20.0),))) == []


YEARLY = rule("yearly", "schedule", limit={"procedures": ["steroid"], "count": 3, "weeks": 52, "minimum_interval_weeks": 4})


def had(*ages, name="epidural", **rest) -> Profile:
    return Profile(history=tuple(Done(name, age, **rest) for age in ages))


@pytest.mark.parametrize(
    ("ages", "blocked"),
    [((), False), ((5,), False), ((3,), True), ((5, 10, 20), True), ((5, 10, 53), False), ((52, 10, 20), False)],
)
def test_schedules(ages, blocked):
    assert (effects(YEARLY, profile=had(*ages)) == ["block"]) is blocked


@pytest.mark.parametrize(
    ("ages", "said"), [((None,), ["ask"]), ((None, 53), ["ask"]), ((3, None), ["block"]), ((5, 10, 20, None), ["block"])]
)
def test_a_date_that_is_not_recorded_is_asked_where_it_decides(ages, said):
    assert effects(YEARLY, profile=had(*ages)) == said
    assert effects(rule("rare", "schedule", limit={"procedures": ["steroid"], "count": 9}), profile=had(*ages)) == []


def test_schedules_count_across_procedures():
    mixed = Profile(history=(Done("epidural", 10.0), Done("facet_injection", 20.0), Done("epidural", 30.0), Done("block", 1.0)))
    assert effects(YEARLY, profile=mixed) == ["block"]
    blocks = had(1, 2, 3, name="block")
    assert effects(YEARLY, profile=blocks) == []


def test_schedules_hold_along_a_plan():
    assert not allowed(YEARLY, done=[Done("epidural", -2.0)], now=5)
    assert allowed(YEARLY, done=[Done("epidural", -2.0)], now=6)
    three = [Done("epidural", -2.0), Done("facet_injection", -8.0), Done("epidural", -14.0)]
    assert not allowed(YEARLY, done=three, now=20)
    assert allowed(YEARLY, done=three[:2], now=20, profile=had(40))  # by then the earlier one is more than a year ago
    assert not allowed(YEARLY, done=three[:2], now=20, profile=had(30))


def test_an_interval_that_only_defers_holds_along_a_plan_too():
    one = replace(YEARLY, effect="defer")
    assert effects(one, profile=had(3)) == ["defer"]
    assert not allowed(one, done=[Done("epidural", -2.0)], now=5)
    assert allowed(one, done=[Done("epidural", -2.0)], now=6)


def test_other_deferrals_can_be_lifted_by_the_time_a_plan_gets_there():
    hold = rule("hold", "contraindication", "defer", when="anticoagulant == warfarin")
    assert evaluated(hold, anticoagulant="warfarin").blocked("epidural")
    assert allowed(hold, anticoagulant="warfarin", now=5)
    assert not allowed(replace(hold, effect="block"), anticoagulant="warfarin", now=5)
    assert allowed(replace(hold, effect="flag"), anticoagulant="warfarin", now=5)


REPEAT = rule(
    "repeat",
    "schedule",
    limit={"procedures": ["epidural"], "minimum_interval_weeks": 4, "relief_percent": 50, "relief_weeks": 13},
)


@pytest.mark.parametrize(
    ("percent", "lasted", "expected"),
    [
        (80, 20, []),
        (40, 20, ["block"]),
        (80, 6, ["block"]),
        (40, None, ["block"]),
        (80, None, ["ask"]),
        (None, 20, ["ask"]),
        (None, None, ["ask"]),
    ],
)
def test_a_repeat_can_ask_for_the_relief_of_the_latest(percent, lasted, expected):
    history = (Done("epidural", 60.0, 0.0, 0.0), Done("epidural", 30.0, percent, lasted))
    assert effects(REPEAT, profile=Profile(history=history)) == expected


def test_the_first_needs_no_earlier_relief():
    assert effects(REPEAT) == []


def test_a_plan_does_not_repeat_what_gave_no_relief():
    assert not allowed(REPEAT, done=[Done("epidural", -2.0, 0.0)], now=10)


def test_a_history_that_was_not_asked_for_is_asked_for():
    assert effects(YEARLY, profile=Profile(history_known=False)) == ["ask"]
    assert effects(YEARLY, profile=Profile(history=(Done("epidural", 2.0),), history_known=False)) == ["block"]
    assert effects(YEARLY, profile=Profile()) == []


CARE = rule("care", "conservative_care", weeks=6, unknown=("conservative_care_weeks",))


@pytest.mark.parametrize(("weeks", "expected"), [(None, ["ask"]), (0, ["block"]), (5.9, ["block"]), (6, []), (20, [])])
def test_conservative_care(weeks, expected):
    assert effects(CARE, **({} if weeks is None else {"conservative_care_weeks": weeks})) == expected


def test_conservative_care_goes_on_along_a_plan():
    assert not allowed(CARE, conservative_care_weeks=2, now=3)
    assert allowed(CARE, conservative_care_weeks=2, now=4)
    assert allowed(CARE, now=0)  # asked for at the root, not blocked


@pytest.mark.parametrize(("tolerance", "expected"), [("none", []), ("full", ["block"]), (None, ["block"])])
def test_an_exception_has_to_be_on_record(tolerance, expected):
    """Conservative care is not asked of those who cannot tolerate it; where that is not recorded the rule stands."""
    one = replace(CARE, when="not tolerance == none")
    values = {"conservative_care_weeks": 2} | ({} if tolerance is None else {"tolerance": tolerance})
    assert effects(one, **values) == expected
    assert allowed(one, **values) is (not expected)


def test_an_error_in_a_rule_names_its_file():
    with pytest.raises(PriorsError, match=r"rules/bad\.toml"):
        evaluated(rule("bad", "contraindication", when="nonsense == 1"))
