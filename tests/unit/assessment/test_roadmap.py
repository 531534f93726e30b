"""The clinical roadmap, part by part: `pytest -k s9` asks whether S9 is done. The worked patients (S14, S19) are in tests/vignettes."""

from __future__ import annotations

import pytest

from spinecast.assessment.assess import prepare
from spinecast.assessment.model import load_model
from spinecast.decision.gates import Gate, Gates, evaluate_gates
from spinecast.priors.scaffold import patient_template

PRIORS = load_model().priors
NEEDLE = "transforaminal_epidural"
EPIDURALS = (NEEDLE, "interlaminar_epidural", "caudal_epidural")


def chance(generator: str, **patient) -> float:
    return prepare(patient, draws=0).probabilities()[generator, ""]


def gates(rule_set: str = "roadmap", **patient) -> Gates:
    case = prepare(patient, draws=0, rule_set=rule_set)
    return evaluate_gates(PRIORS, case.profile, case.probabilities(), rule_set)


def gate(rule: str, action: str, **patient) -> Gate | None:
    return next((g for g in gates(**patient).by_action[action] if g.rule == rule), None)


def effect(rule: str, action: str, **patient) -> str:
    found = gate(rule, action, **patient)
    return found.effect if found else ""


def specific(action: str, generator: str, **patient) -> list[float]:
    """The specific effect at weeks 2, 4, 13, 26 and 52 on the last level of a generator."""
    case = prepare(patient, draws=0)
    outcomes, levels = case.options().outcomes, load_model().network.space.levels
    column = max(i for i, (g, _) in enumerate(levels) if g == generator)
    return outcomes.specific[0, outcomes.actions.index(action), :, column].tolist()


def test_s1_every_tool_is_an_action_with_outcomes_harms_cost_and_gates() -> None:
    tools = {
        *EPIDURALS, "facet_injection", "medial_branch_block", "facet_radiofrequency", "facet_radiofrequency_cooled", "sacroiliac_injection",
        "lateral_branch_radiofrequency", "trigger_point_injection", "sympathetic_block", "selective_nerve_root_block", "caudal_lysis",
        "basivertebral_ablation", "surgical_consultation", "rehabilitation", "whole_person_care",
    }  # fmt: skip
    for tool in tools:
        p = PRIORS.procedures[tool]
        assert p.harms, tool
        assert p.effects or p.observes, tool
        assert p.cost_usd.rows or p.cost_usd.assumed is not None, tool
    assert all(gates().by_action[t] for t in tools - {"rehabilitation", "whole_person_care", "surgical_consultation"})


def test_s2_epidural_relief_is_of_weeks_and_far_better_in_sciatica() -> None:
    root, axial = specific(NEEDLE, "radiculopathy"), specific(NEEDLE, "discogenic")
    assert root[1] > 0.1 > root[3]  # there at a month, gone by half a year
    assert max(axial) < 0.05 < max(root)


def test_s3_blocks_raise_the_facet_and_two_open_the_way_to_radiofrequency() -> None:
    axial = {"pain_dominance": "axial"}
    block = {"procedure": "medial_branch_block", "relief_percent": 60}
    none, one, two = (
        chance("facet_joint", findings=axial, procedures=[block | {"weeks_ago": w} for w in weeks])
        for weeks in ((), (4,), (6, 4))
    )
    assert none < one < two
    ablation, rule = "facet_radiofrequency", "two_blocks_before_radiofrequency_roadmap"
    assert effect(rule, ablation, procedures=[block | {"weeks_ago": 4}]) == "block"
    assert effect(rule, ablation, procedures=[block | {"weeks_ago": 4}, block | {"weeks_ago": 2}]) == ""
    relief = specific(ablation, "facet_joint")
    assert relief[3] > 0.1  # half a year


def test_s4_the_cluster_and_the_injection_confirm_and_lateral_branches_come_after_clear_blocks() -> None:
    cluster = {"thigh_thrust": "positive", "compression": "positive", "distraction": "positive", "pain_on_stairs": "present"}
    done = {"procedure": "sacroiliac_injection", "relief_percent": 80}
    assert chance("sacroiliac_joint") < chance("sacroiliac_joint", findings=cluster)
    assert chance("sacroiliac_joint", findings=cluster) < chance(
        "sacroiliac_joint", findings=cluster, procedures=[done | {"weeks_ago": 4}]
    )
    rule, action = "sacroiliac_block_before_radiofrequency_roadmap", "lateral_branch_radiofrequency"
    assert effect(rule, action, procedures=[done | {"weeks_ago": 4}]) == "block"
    assert effect(rule, action, procedures=[done | {"weeks_ago": 30}, done | {"weeks_ago": 4}]) == ""


def test_s5_trigger_points_act_on_muscle_alone() -> None:
    assert {e.generator for e in PRIORS.procedures["trigger_point_injection"].effects} == {"myofascial"}


def test_s6_sympathetic_blocks_are_for_crps() -> None:
    signs = ("limb_allodynia", "skin_temperature_asymmetry", "skin_colour_asymmetry", "oedema_or_sweating_asymmetry", "trophic_changes",
             "limb_motor_dysfunction")  # fmt: skip
    rule, action = "sympathetic_block_for_crps_roadmap", "sympathetic_block"
    assert {e.generator for e in PRIORS.procedures[action].effects} == {"crps"}
    assert effect(rule, action, findings=dict.fromkeys(signs, "absent")) == "block"
    assert effect(rule, action, findings=dict.fromkeys(signs, "present")) == ""


def test_s7_what_pain_free_people_show_by_age_says_little() -> None:
    young, old = (PRIORS.findings["mri_disc_herniation"].leak[b]["bulge"] for b in ("age_18_29", "age_50_59"))
    assert young.rows != old.rows
    odds = [
        p / (1 - p)
        for p in (chance("facet_joint", context={"age": 45}, findings=f) for f in ({}, {"mri_facet_arthropathy": "mild"}))
    ]
    assert odds[1] / odds[0] < 1.5


def test_s8_leg_pain_and_cough_for_the_root_sitting_and_leaning_for_stenosis() -> None:
    leg = {"pain_dominance": "leg", "leg_paraesthesia": "present", "cough_sneeze_pain": "present"}
    lean = {"improves_sitting": "present", "improves_bending_forward": "present"}
    assert chance("radiculopathy", findings=leg) > 0.8
    assert chance("central_stenosis", context={"age": 70}, findings=lean) > 2 * chance("central_stenosis", context={"age": 70})


def test_s9_a_flare_settles_by_itself_and_disabling_pain_makes_the_case() -> None:
    sciatica = {"pain_dominance": "leg", "straight_leg_raise": "positive"}

    def values(weeks, **inputs):
        case = prepare({"context": {"duration": weeks}, "findings": sciatica, "inputs": inputs}, draws=2, rule_set="roadmap")
        rows = {r.id: r for r in case.ranking(case.options())}
        return rows["waiting"].p_relief_6m, rows[NEEDLE].value

    disabled = {"pain_severity": 9, "sleep_awakenings": 4, "therapy_tolerance": "none"}
    early, late = values(3, pain_severity=5), values(9, pain_severity=5)
    assert early[0] > late[0]  # time alone relieves the acute more
    assert early[1] < late[1]  # past six to eight weeks the case grows
    assert values(3, **disabled)[1] > early[1]
    assert effect("conservative_care_roadmap", NEEDLE, inputs={"conservative_care_weeks": 2}) == "flag"
    assert effect("conservative_care_roadmap", NEEDLE, inputs={"conservative_care_weeks": 2} | disabled) == ""


@pytest.mark.parametrize(
    ("rule", "said", "does"),
    [
        ("diabetes_steroid", {"context": {"diabetes": "yes"}}, "flag"),
        ("osteoporosis_steroid", {"context": {"osteoporosis": "yes"}}, "flag"),
        ("bleeding_disorder", {"inputs": {"bleeding_disorder": "yes"}}, "block"),
        ("active_infection", {"inputs": {"active_infection": "yes"}}, "block"),
        ("severe_psychiatric_stress", {"inputs": {"severe_psychiatric_stress": "yes"}}, "defer"),
        ("glucose_uncontrolled", {"inputs": {"hba1c_percent": 11}}, "defer"),
    ],
)
def test_s10_what_changes_risk_gates_and_is_asked_where_unknown(rule, said, does) -> None:
    assert effect(rule, NEEDLE, **said) == does
    assert rule == "glucose_uncontrolled" or effect(rule, NEEDLE) == "ask"
    assert set(gates(**said).by_action) == set(PRIORS.procedures)


def test_s11_s12_have_their_profiles() -> None:
    """What the model says of them is in docs/explanation/who-benefits.md."""
    from spinecast.analysis.profiles import read_profiles
    from spinecast.resources import examples_folder

    codes = {p.code[:3] for p in read_profiles(examples_folder() / "profiles", PRIORS)}
    assert codes == {"S11", "S12"}


def test_s12_gates_of_who_does_not_benefit() -> None:
    wide = {"widespread_pain": "present", "poor_sleep": "poor", "fatigue": "present", "multiple_tender_points": "present"}
    assert effect("widespread_pain_roadmap", NEEDLE, findings=wide) == "defer"
    assert effect("rehabilitation_wanted_roadmap", NEEDLE, inputs={"rehabilitation_willing": "no"}) == "defer"
    assert effect("behavioural_health_first_roadmap", NEEDLE, context={"distress": "high"}) == "defer"
    assert effect("behavioural_health_first_roadmap", NEEDLE, context={"substance_use": "yes"}) == "defer"
    for sign in ("progressive_motor_deficit", "urinary_retention", "cord_signs"):
        assert gates(findings={sign: "present"}).first == ("urgent_evaluation",)


def test_s13_harms_by_route_and_the_steroid_that_may_not_be_particulate() -> None:
    for name in EPIDURALS:
        harms = {h.id for h in PRIORS.procedures[name].harms}
        assert {"soreness", "pain_flare", "glucose_rise", "insomnia", "flushing", "infection", "dural_puncture", "vascular_entry",
                "neurological_injury"} <= harms  # fmt: skip
    by_steroid = {h.steroid for h in PRIORS.procedures[NEEDLE].harms if h.id.startswith("neurological_injury")}
    assert by_steroid == {"non_particulate", "particulate"}
    neck = {name for name in EPIDURALS for h in PRIORS.procedures[name].harms if h.region == "cervical"}
    assert neck == {NEEDLE, "interlaminar_epidural"}
    message = gate("non_particulate_first", NEEDLE).message
    assert "in the neck never a particulate one" in message


def test_s15_function_is_recorded_and_revisited() -> None:
    measures = {i.id for i in PRIORS.inputs.values() if i.better or i.progress}
    assert {"sleep_awakenings", "sitting_minutes", "walking_minutes", "work_status", "gym_activity", "pain_severity"} <= measures
    assert {"taper_opioids", "taper_benzodiazepines", "taper_relaxants"} <= set(PRIORS.rules)


@pytest.mark.parametrize(
    ("patient", "rule"),
    [
        (
            {"context": {"duration": 16}, "findings": {"mri_disc_herniation": "extrusion"}, "procedures": [
                {"procedure": NEEDLE, "weeks_ago": w, "reviewed_weeks": 4, "reviewed_relief_percent": 10} for w in (12, 6)]},
            "surgeon_herniation_roadmap",
        ),
        (
            {"findings": {"mri_central_stenosis": "severe"}, "procedures": [
                {"procedure": "interlaminar_epidural", "weeks_ago": w, "best_relief_percent": 70, "duration_weeks": 6,
                 "reviewed_weeks": 10, "reviewed_relief_percent": 10} for w in (30, 12)]},
            "surgeon_stenosis_roadmap",
        ),
        ({"findings": {"flexion_extension_instability": "present"}}, "surgeon_instability_roadmap"),
    ],
)  # fmt: skip
def test_s16_the_surgeon_moves_to_the_front(patient, rule) -> None:
    found = gates(**patient)
    assert found.first == ("surgical_consultation",)
    assert rule in {g.rule for g in found.flags}
    assert gates(**{**patient, "procedures": []}).first == (() if "procedures" in patient else ("surgical_consultation",))


def test_s16_an_emergency_is_never_second_to_the_surgeon() -> None:
    patient = {"findings": {"progressive_motor_deficit": "present", "flexion_extension_instability": "present"}}
    assert gates(**patient).first == ("urgent_evaluation", "surgical_consultation")
    case = prepare(patient, draws=2, depth=1, rule_set="roadmap")
    assert [r.id for r in case.ranking(case.options())[:2]] == ["urgent_evaluation", "surgical_consultation"]


def test_s17_the_horizon() -> None:
    def done(*records):
        return [{"procedure": p, "weeks_ago": w} for p, w in records]

    three = done((NEEDLE, 10), ("facet_injection", 20), ("sacroiliac_injection", 40))
    assert effect("steroid_per_year", "interlaminar_epidural", procedures=three) == "block"
    assert effect("steroid_interval_roadmap", NEEDLE, procedures=done((NEEDLE, 2))) == "defer"
    assert effect("herniation_two_epidurals", NEEDLE, procedures=done((NEEDLE, 9), (NEEDLE, 4))) == "flag"
    assert (
        effect("radiofrequency_repeat_roadmap", "facet_radiofrequency", procedures=done(("facet_radiofrequency", 20))) == "defer"
    )
    assert effect("radiofrequency_repeat_roadmap", "facet_radiofrequency", procedures=done(("facet_radiofrequency", 40))) == ""
    assert (
        effect(
            "sacroiliac_per_year_roadmap",
            "sacroiliac_injection",
            procedures=done(*(("sacroiliac_injection", w) for w in (5, 15, 25))),
        )
        == "block"
    )
    payer = {g.rule for g in gates("payer").by_action[NEEDLE]}
    assert "conservative_care_epidural_payer" in payer


def test_s18_the_form_asks_for_what_to_bring() -> None:
    form = patient_template(PRIORS)
    for part in (
        "allergies",
        "steroid_response",
        "hba1c_percent",
        "anticoagulant",
        "[[procedures]]",
        "[[goals]]",
        "mri_disc_herniation",
        "worse_",
    ):
        assert part in form


def test_s20_neck_and_headache_have_a_cause_of_their_own() -> None:
    """Only that: there is no cervical model."""
    assert chance("neck_headache", findings={"neck_pain": "present", "headache": "present"}) > 3 * chance("neck_headache")
    assert {g.region for g in PRIORS.generators.values()} == {"lumbosacral"}


def test_s21_what_can_be_reached_and_what_goes_with_it() -> None:
    assert not PRIORS.generators["nociplastic"].reachable
    assert PRIORS.generators["facet_joint"].reachable
    assert all(p.with_it for p in PRIORS.procedures.values())
