"""Follow-up: an outcome moves posterior and plan as far as time, context and the specific effect allow, and no further."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import spinecast
from spinecast.analysis.why import weight_result
from spinecast.assessment.assess import prepare
from spinecast.assessment.follow_up import FollowUp
from spinecast.assessment.model import load_model
from spinecast.assessment.outcome import parse_outcome
from spinecast.assessment.patient import parse_patient
from spinecast.assessment.profiling import later_bands
from spinecast.assessment.update import moved_on
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.report.follow_up import follow_up_letter

SCIATICA = {
    "label": "Eight weeks of sciatica",
    "context": {"duration": 8, "opioid_use": "some"},
    "findings": {"pain_dominance": "leg", "leg_pain_below_knee": {"value": "present", "side": "left"}},
    "inputs": {"pain_severity": 8, "sleep_awakenings": 3, "work_status": "off_work", "conservative_care_weeks": 6},
    "goals": [{"goal": "Walk", "baseline": 10, "target": 30, "unit": "minutes"}],
}
EPIDURAL = {"procedure": "transforaminal_epidural", "weeks": 4, "side": "left", "drug": "dexamethasone"}
QUICK = {"draws": 2, "depth": 1}


_MADE: dict[str, FollowUp] = {}
"""Follow-ups made before: several tests look at the same one."""


def updated(outcome, patient=SCIATICA, **settings) -> FollowUp:
    key = json.dumps([outcome, patient, settings], sort_keys=True)
    if key not in _MADE:
        _MADE[key] = spinecast.update(patient, outcome, **(QUICK | settings))
    return _MADE[key]


def chance(patient, generator="radiculopathy") -> float:
    return prepare(patient, draws=0).probabilities()[generator, ""]


def after(outcome, patient=SCIATICA, generator="radiculopathy") -> float:
    priors = load_model().priors
    return chance(moved_on(patient, parse_outcome(outcome, priors), parse_patient(patient, priors), priors), generator)


def test_relief_raises_the_target_and_failure_lowers_it_but_far_less_than_a_sure_test_would():
    before, good, bad = chance(SCIATICA), after(EPIDURAL | {"relief_percent": 80}), after(EPIDURAL | {"relief_percent": 10})
    assert bad < before < good < 0.97
    assert before - bad < 0.2
    odds = [p / (1 - p) for p in (before, good)]
    assert 1 < odds[1] / odds[0] < 3  # a week of relief is no proof


def test_natural_recovery_alone_moves_hardly_anything():
    for relief in (0, 90):
        waited = {"procedure": "waiting", "weeks": 4, "relief_percent": relief}
        assert abs(after(waited) - chance(SCIATICA)) < 0.03


def test_off_target_relief_says_nothing_about_causes_that_recover_alike():
    """A needle that reaches neither leaves the odds of two causes apart only by their natural courses."""
    shots = {"procedure": "trigger_point_injection", "weeks": 4, "relief_percent": 80}
    waited = {"procedure": "waiting", "weeks": 4, "relief_percent": 80}
    moves = [after(o, generator="facet_joint") - chance(SCIATICA, "facet_joint") for o in (shots, waited)]
    assert all(abs(m) < 0.02 for m in moves)


def test_a_needle_on_the_other_side_or_root_proves_less():
    good = {"relief_percent": 80}
    left, right = after(EPIDURAL | good), after(EPIDURAL | good | {"side": "right"})
    assert left - chance(SCIATICA) > 3 * (right - chance(SCIATICA))
    s1, l5_s1 = after(EPIDURAL | good | {"level": "S1"}), after(EPIDURAL | good | {"level": "L5_S1"})
    assert s1 < min(l5_s1, left)
    assert l5_s1 == pytest.approx(left, abs=0.01)  # a disc level leaves the root open


def test_the_outcome_stands_among_the_reasons_and_reasons_still_sum_up():
    found = updated(EPIDURAL | {"relief_percent": 80})
    weights = [w for w in found.after.why if w.name == "outcome_1" and w.generator == "radiculopathy"]
    assert len(weights) == 1
    assert weights[0].decibans > 0
    assert "at week 4" in weights[0].label
    assert ("outcome_1", "80 % relief") in found.after.observed


def test_expected_relief_separates_time_context_and_treatment():
    e = updated(EPIDURAL | {"relief_percent": 80}).expected
    assert 0 < e.natural < e.control < e.active < 1
    assert e.outcome == e.active
    none = updated(EPIDURAL | {"relief_percent": 10}).expected
    assert none.outcome == pytest.approx(1 - e.active)


def test_a_block_is_read_by_its_own_accuracy_and_an_epidural_is_not_counted_twice():
    block = {"procedure": "medial_branch_block", "weeks": 2, "block_relief_percent": 85}
    axial = {"findings": {"pain_dominance": "axial"}}
    found = updated(block, axial)
    assert found.expected is None
    assert ("medial_branch_block_1", "relief 80 %+") in found.after.observed
    assert after(block, axial, "facet_joint") > chance(axial, "facet_joint")
    done = updated(EPIDURAL | {"relief_percent": 80, "block_relief_percent": 100})
    assert "epidural_response_1" not in dict(done.after.observed)


def test_the_procedure_joins_the_history_and_schedules_count_it():
    found = updated(EPIDURAL | {"weeks": 1, "relief_percent": 20}, rule_set="roadmap")
    epidural = next(r for r in found.after.ranking if r.id == "interlaminar_epidural")
    interval = next(g for g in epidural.gates if g.rule == "steroid_interval_roadmap")
    assert interval.effect == "defer"
    assert interval.missing == ("3 more weeks since the last one",)


def test_time_passes_for_rules_and_not_as_evidence():
    found = updated(EPIDURAL | {"weeks": 8, "relief_percent": 10}, rule_set="bmj_2025")
    row = next(r for r in found.after.ranking if r.id == "transforaminal_epidural")
    assert "epidural_bmj_2025" in {g.rule for g in row.gates}  # eight and eight weeks: past three months
    assert dict(found.after.observed)["duration"] == "weeks 6-12"


@pytest.mark.parametrize(
    ("weeks", "expected"), [(0, [1, 0, 0, 0]), (3, [0.5, 0.5, 0, 0]), (6, [0, 1, 0, 0]), (9, [0, 4 / 6, 2 / 6, 0])]
)
def test_a_band_moves_on_evenly(weeks, expected):
    values, bounds = ("a", "b", "c", "d"), (0.0, 6.0, 13.0, 52.0, 5000.0)
    moved = later_bands({"a": 1.0}, values, bounds, weeks)
    assert list(moved.values()) == pytest.approx(expected)


def test_relief_that_holds_holds_needles_back_and_calls_for_tapers():
    told = {"relief_percent": 75, "inputs": {"benzodiazepine_use": "yes"}, "medications": {"relaxants": "same"}}
    found = updated(EPIDURAL | told)
    rules = {g.rule for g in found.advice}
    assert {"relief_holds", "taper_opioids", "taper_benzodiazepines", "taper_relaxants"} <= rules
    assert not next(r for r in found.after.ranking if r.id == "transforaminal_epidural").permitted
    stopped = updated(EPIDURAL | {"relief_percent": 75, "medications": {"opioids": "stopped"}})
    assert "taper_opioids" not in {g.rule for g in stopped.advice}
    failed = updated(EPIDURAL | {"relief_percent": 10})
    assert "taper_opioids" not in {g.rule for g in failed.advice}
    assert "no_taper_without_relief" in {g.rule for g in failed.advice}


HERNIATION = SCIATICA | {
    "findings": SCIATICA["findings"]
    | {"mri_disc_herniation": {"value": "extrusion", "level": "L5_S1"}, "straight_leg_raise": "positive"}
}


def test_two_failures_of_a_large_herniation_bring_the_surgeon_to_the_front():
    once = updated(EPIDURAL | {"relief_percent": 10}, HERNIATION, rule_set="roadmap")
    assert once.after.first.id != "surgical_consultation"
    twice = spinecast.update(once.to_dict(), EPIDURAL | {"weeks": 5, "relief_percent": 20})
    assert twice.after.first.id == "surgical_consultation"
    assert twice.advice[0].rule == "surgeon_herniation_roadmap"
    assert "failed_injections_roadmap" in {g.rule for g in twice.advice}


def test_stenosis_that_comes_back_twice_does_so_too():
    stenosis = {
        "context": {"age": 70, "duration": 60},
        "findings": {"mri_central_stenosis": "severe", "neurogenic_claudication": "present"},
    }
    back = {"procedure": "interlaminar_epidural", "weeks": 10, "relief_percent": 10, "best_relief_percent": 70, "relief_weeks": 6}
    once = updated(back, stenosis, rule_set="roadmap")
    assert "surgeon_stenosis_roadmap" not in {g.rule for g in once.advice}
    assert "surgeon_stenosis_roadmap" in {g.rule for g in spinecast.update(once.to_dict(), back).advice}


def test_failures_move_care_without_needles_forward_by_value_alone():
    """Without any pivot rule: each failed injection takes value from the next one, and not from what does not hang on the target."""
    priors = load_model().priors
    told = {"relief_percent": 0, "inputs": {"pain_severity": 8}}

    def lead(outcome):
        table = SCIATICA
        for _ in range(3):
            table = moved_on(table, parse_outcome(outcome, priors), parse_patient(table, priors), priors)
        case = prepare(table, **QUICK)
        values = {r.id: r.value for r in case.ranking(case.options())}
        return [values[k] - values["transforaminal_epidural"] for k in ("rehabilitation", "whole_person_care")]

    # The same person, seen as late and in as much pain, who had waited instead.
    waited = lead({"procedure": "waiting", "weeks": 4} | told)
    assert all(f > w for f, w in zip(lead(EPIDURAL | told), waited, strict=True))


def test_goals_and_measures_show_progress():
    told = {
        "relief_percent": 60,
        "inputs": {"sleep_awakenings": 1, "work_status": "light_duty"},
        "goals": [{"goal": "Walk", "now": 32}],
    }
    marks = {p.label: p for p in updated(EPIDURAL | told).progress}
    assert marks["Walk"].reached is True
    assert marks["Walk"].direction == "better"
    assert (marks["Work"].baseline, marks["Work"].now, marks["Work"].direction) == ("off work", "light duty", "better")
    assert marks["Nightly awakenings from pain"].direction == "better"


def test_what_does_not_fit_together_is_named():
    odd = {
        "relief_percent": 60, "best_relief_percent": 50, "relief_weeks": 2, "medications": {"opioids": "increased"},
        "inputs": {"pain_severity": 8, "sleep_awakenings": 5, "work_status": "off_work"},
    }  # fmt: skip
    said = " ".join(updated(EPIDURAL | odd).conflicts)
    for part in (
        "leaves 3.2, and 8 is told",
        "less than today's",
        "also to have ended",
        "worse than at the start",
        "was increased",
    ):
        assert part in said
    assert updated(EPIDURAL | {"relief_percent": 60}).conflicts == ()


def test_what_a_rule_did_not_permit_is_named():
    ablation = {"procedure": "facet_radiofrequency", "weeks": 8, "relief_percent": 20}
    assert any("did not permit it then" in c for c in updated(ablation).conflicts)


def test_a_later_look_replaces_the_first_one():
    early = updated(EPIDURAL | {"relief_percent": 80})
    late = spinecast.update(early.to_dict(), EPIDURAL | {"weeks": 12, "relief_percent": 10, "same_procedure": True, "relief_weeks": 8,
                                                         "weeks_since_assessment": 8})  # fmt: skip
    procedures = late.after.patient["procedures"]
    assert [(p["weeks_ago"], p["reviewed_relief_percent"]) for p in procedures] == [(12, 10)]
    assert late.after.patient["elapsed_weeks"] == 12
    with pytest.raises(InvalidValueError, match="same_procedure"):
        updated(EPIDURAL | {"relief_percent": 10, "same_procedure": True})


def test_an_assessment_resumes_with_its_settings_and_says_if_the_priors_are_others():
    made = spinecast.assess(SCIATICA, rule_set="payer", draws=3, depth=1)
    data = json.loads(json.dumps(made.to_dict()))
    found = spinecast.update(data, EPIDURAL | {"relief_percent": 60})
    assert (found.after.settings.rule_set, found.after.settings.draws, found.after.settings.depth) == ("payer", 3, 1)
    assert found.resumed.same
    same = spinecast.update(made, EPIDURAL | {"relief_percent": 60})
    assert same.to_dict() == found.to_dict()
    data["model"]["priors_hash"] = "0" * 64
    other = spinecast.update(data, EPIDURAL | {"relief_percent": 60})
    assert "other priors (000000000000" in other.conflicts[0]


def test_an_assessment_without_its_patient_cannot_be_resumed():
    data = spinecast.assess(parse_patient(SCIATICA, load_model().priors), **QUICK).to_dict() | {"patient": {}}
    with pytest.raises(MalformedFileError, match="does not carry its patient"):
        spinecast.update(data, EPIDURAL | {"relief_percent": 60})


@pytest.mark.parametrize(
    ("outcome", "error", "said"),
    [
        ({}, MalformedFileError, "procedure is missing"),
        ({"procedure": "transforaminal_epidural"}, MalformedFileError, "weeks is missing"),
        ({"procedure": "transforaminal_epidurals", "weeks": 4}, UnknownIdError, "did you mean 'transforaminal_epidural'"),
        (EPIDURAL, MalformedFileError, "relief_percent is missing"),
        ({"procedure": "medial_branch_block", "weeks": 1}, MalformedFileError, "block_relief_percent"),
        ({"procedure": "mri", "weeks": 1}, MalformedFileError, r"\[findings\]"),
        (EPIDURAL | {"relief_percent": 120}, InvalidValueError, "from 0 to 100"),
        (EPIDURAL | {"relief_percent": 20, "relief_weeks": 9}, InvalidValueError, "4 weeks ago"),
        (EPIDURAL | {"relief_percent": 20, "relif_weeks": 2}, UnknownIdError, "relief_weeks"),
        (EPIDURAL | {"relief_percent": 20, "medications": {"opioids": "gone"}}, UnknownIdError, "medications.opioids"),
        (EPIDURAL | {"relief_percent": 20, "goals": [{"goal": "Walk"}]}, MalformedFileError, "goals"),
        (EPIDURAL | {"relief_percent": 20, "inputs": {"walking": 3}}, UnknownIdError, "walking_minutes"),
        (EPIDURAL | {"relief_percent": 20, "same_procedure": "yes"}, InvalidValueError, "true or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(outcome, error, said):
    with pytest.raises(error, match=said):
        parse_outcome(outcome, load_model().priors)


def test_the_letter_fits_and_says_it_in_words():
    found = updated(EPIDURAL | {"relief_percent": 80, "inputs": {"sleep_awakenings": 0}})
    text = follow_up_letter(found)
    assert max(map(len, text.splitlines())) <= 100
    flat = " ".join(text.split())
    assert "with time alone" in flat
    assert "What was reached?" in flat
    assert "Taper opioids" in flat
    whole = follow_up_letter(replace(found, conflicts=("Something odd.",)), whole=True)
    assert "! Something odd." in whole
    assert "What this rests on" in whole


def test_an_outcome_counts_under_every_draw_as_under_each_alone():
    case = prepare(SCIATICA | {"procedures": [FOLLOWED]}, draws=3)
    network, theta = case.model.network, case.model.draws[:3]
    together = exact.posterior(network, theta, case.evidence).states
    alone = np.stack([exact.posterior(network, one, case.evidence).states for one in theta])
    np.testing.assert_allclose(together, alone, rtol=1e-9)
    near = exact.posterior(case.near, theta, case.evidence).states
    np.testing.assert_allclose(
        near, together[:, case.near.kept] / together[:, case.near.kept].sum(axis=1, keepdims=True), rtol=1e-6
    )


FOLLOWED = {"procedure": "transforaminal_epidural", "weeks_ago": 4, "reviewed_weeks": 4, "reviewed_relief_percent": 20}


def test_other_analyses_take_a_followed_patient():
    case = prepare(SCIATICA | {"procedures": [FOLLOWED]}, draws=2, depth=1)
    found = weight_result(case, ("radiculopathy",))
    assert any("Straight" in str(v) or "leg" in str(v) for c in found.columns for v in c.values)


def test_tables_are_scored_with_what_had_been_followed_up():
    case = SCIATICA | {"procedures": [FOLLOWED]}
    followed, before = spinecast.Forecaster.load().score([case, SCIATICA]).to_pylist()
    assert followed["reason"] is None
    for one in spinecast.assess(case, depth=1, draws=2).differential:
        assert followed[f"p_{one.id}"] == pytest.approx(one.probability, abs=1e-12)
    assert followed["p_radiculopathy"] != pytest.approx(before["p_radiculopathy"], abs=1e-3)


def test_waiting_first_is_said_without_a_worth_of_nothing():
    found = updated(EPIDURAL | {"relief_percent": 80})
    waiting = next(r for r in found.after.ranking if r.id == "waiting")
    text = follow_up_letter(replace(found, after=replace(found.after, ranking=(waiting, *found.after.ranking))))
    assert "First now: Watchful waiting (" in text or "First now: Watchful waiting\n" in text
    assert "worth USD 0" not in text


def test_what_the_anaesthetic_showed_is_named_beside_the_outcome():
    block = {"procedure": "sacroiliac_injection", "weeks": 4, "side": "left", "block_relief_percent": 90, "relief_percent": 20}
    sacroiliac = {"findings": {"thigh_thrust": {"value": "positive", "side": "left"}, "pain_dominance": "axial"}}
    text = " ".join(follow_up_letter(updated(block, sacroiliac)).split())
    assert "now, what the anaesthetic showed counted too)" in text
    assert "counted too" not in follow_up_letter(updated(EPIDURAL | {"relief_percent": 10}))
