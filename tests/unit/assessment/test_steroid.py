"""Steroid of a year: doses add up in one unit, unknown doses are asked for, and the limit holds along a plan."""

from __future__ import annotations

import pytest

from spinecast import assess, load_priors, priors_folder
from spinecast.assessment.patient import parse_patient
from spinecast.assessment.steroid import equivalent_mg, steroid_year
from spinecast.decision.gates import evaluate_gates, permission
from spinecast.decision.profile import Done, Profile
from spinecast.errors import InvalidValueError
from spinecast.report.letter import letter

PRIORS = load_priors(priors_folder())
RULE, NEEDLE = "steroid_dose_per_year", "transforaminal_epidural"
WOMAN = {"sex": "female", "age": "age_60_64"}


def given(*doses):
    """Earlier transforaminal injections from (drug, mg, weeks ago)."""
    made = [
        {"procedure": NEEDLE, "weeks_ago": w, **({"drug": d} if d else {}), **({"dose_mg": m} if m else {})} for d, m, w in doses
    ]
    return parse_patient({"procedures": made}, PRIORS).procedures


def effect(*mg, weeks=10.0, **values):
    """What the rule says of one more injection after these doses, as methylprednisolone."""
    profile = Profile({**WOMAN, **values}, history=tuple(Done(NEEDLE, weeks, steroid_mg=m) for m in mg))
    found = [g for g in evaluate_gates(PRIORS, profile, {}, "guideline").by_action[NEEDLE] if g.rule == RULE]
    return [g.effect for g in found], [m for g in found for m in g.missing]


@pytest.mark.parametrize(
    ("drug", "mg", "expected"),
    [
        ("methylprednisolone", 40, 40),
        ("Triamcinolone acetonide", 40, 40),
        ("dexamethasone 4 mg/ml", 15, 80),
        ("betamethasone", 6, 40),
        ("hydrocortisone", 100, 20),
        ("cortivazol", 5, None),
        ("dexamethasone", None, None),
        ("", 40, None),
    ],
)
def test_doses_are_put_in_one_unit_and_what_is_not_known_is_no_number(drug, mg, expected):
    assert equivalent_mg(given((drug, mg, 4))[0], PRIORS) == (expected if expected is None else pytest.approx(expected))


def test_a_year_adds_up_and_says_what_is_missing():
    year = steroid_year(
        given(("triamcinolone", 40, 51), ("dexamethasone", 7.5, 2), ("triamcinolone", 80, 53), ("", None, 8)), PRIORS
    )
    assert (year.equivalent_mg, year.not_recorded, len(year.doses)) == (pytest.approx(80), 1, 3)
    assert steroid_year(given(("triamcinolone", 40, 60)), PRIORS) is None
    assert steroid_year((), PRIORS) is None


def test_a_procedure_without_steroid_counts_only_with_one_on_record():
    def point(**more):
        return parse_patient(
            {"procedures": [{"procedure": "trigger_point_injection", "weeks_ago": 3, **more}]}, PRIORS
        ).procedures

    assert steroid_year(point(), PRIORS) is None
    assert steroid_year(point(drug="triamcinolone", dose_mg=20), PRIORS).equivalent_mg == pytest.approx(20)


def test_the_next_injection_waits_where_it_would_pass_the_limit():
    assert effect() == ([], [])
    assert effect(80, 80) == ([], [])
    assert effect(80, 81) == (["defer"], ["161 mg in 52 weeks and 40 with the next; at most 200"])
    assert effect(80, 81, weeks=53.0) == ([], [])
    assert effect(80, None) == (["ask"], ["not recorded: drug, dose and date of each steroid injection"])
    assert effect(170, None)[0] == ["defer"]


def test_it_speaks_about_those_whose_bone_was_studied():
    assert effect(170, sex="male", osteoporosis="no")[0] == []
    assert effect(170, sex="male", osteoporosis="yes")[0] == ["defer"]
    assert effect(170, age="age_30_39", osteoporosis="no")[0] == []


def test_the_limit_counts_what_a_plan_supposes():
    profile = Profile(WOMAN, history=(Done(NEEDLE, 20.0, steroid_mg=100.0),))
    may = permission(PRIORS, profile, evaluate_gates(PRIORS, profile, {}, "guideline"), "guideline")
    step = Done(NEEDLE, -4.0, supposed=True)
    assert may("caudal_epidural", (step,), 10.0)
    assert not may("caudal_epidural", (step, Done(NEEDLE, -6.0, supposed=True)), 10.0)
    assert may("caudal_epidural", (step, Done(NEEDLE, -6.0, supposed=True)), 60.0)


def test_the_letter_and_the_data_say_it():
    patient = {
        "context": {"age": 63, "sex": "female"},
        "findings": {"straight_leg_raise": {"value": "positive", "side": "left"}},
        "procedures": [
            {"procedure": NEEDLE, "weeks_ago": 30, "drug": "triamcinolone", "dose_mg": 80},
            {"procedure": "caudal_epidural", "weeks_ago": 12},
        ],
    }
    answer = assess(patient, draws=2)
    data = answer.to_dict()["steroid_year"]
    assert (data["equivalent_mg"], data["not_recorded"]) == (pytest.approx(80), 1)
    assert "Steroid in the last 12 months: at least 80 mg as methylprednisolone" in letter(answer).replace("\n  ", " ")
    assert "drug, dose and date of each steroid injection" in letter(answer).replace("\n  ", " ")
    assert next(r for r in answer.ranking if r.id == NEEDLE).steroid == "non_particulate"
    assert assess({}, draws=2).to_dict()["steroid_year"] is None


def test_a_dose_that_cannot_be_is_refused():
    with pytest.raises(InvalidValueError, match="dose_mg"):
        given(("triamcinolone", 4_000_000, 2))
