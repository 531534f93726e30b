"""Why: how the parts of the evidence are called, and when findings are said to contradict each other. Invented patients."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.analysis.simulate import recorded_shares, simulate
from spinecast.assessment import reasons
from spinecast.assessment.asking import Asking
from spinecast.assessment.assess import prepare
from spinecast.assessment.model import load_model
from spinecast.network.evidence import Evidence, one_hot

ROOT = {"dermatomal_pain": "present", "ankle_reflex_reduced": {"value": "absent", "side": "left"}, "sensory_loss_l5": "present"}
SCAN = {"mri_disc_herniation": {"value": "extrusion", "side": "left", "level": "L5_S1"}}
IMPOSSIBLE_STORY = {
    "pain_dominance": "axial", "leg_pain_below_knee": "absent", "crossed_straight_leg_raise": "positive", "sensory_loss_s1": "present",
    "mri_disc_herniation": "none", "mri_root_compression_s1": "present", "mri_central_stenosis": "severe",
    "neurogenic_claudication": "absent", "worse_walking": "present", "walking_eases": "present",
}  # fmt: skip


def assessed(findings, **context):
    return prepare({"context": context, "findings": findings}, draws=1, depth=1, model=load_model()).assessment()


def labels(answer):
    return {w.name: w.label for w in answer.why}


def test_a_family_tied_by_an_unrecorded_context_keeps_its_own_name():
    (label,) = {label for label in labels(assessed(ROOT)).values() if "Reduced ankle reflex" in label}
    assert label.startswith("Sensory root deficits (")
    assert "Diabetes" not in label


def test_what_was_found_absent_is_not_listed_as_found():
    (label,) = {label for label in labels(assessed(ROOT)).values() if "Reduced ankle reflex" in label}
    assert "Reduced ankle reflex (S1): absent" in label
    assert "Pain along a nerve root;" in label


def test_a_single_finding_is_named_with_its_value():
    said = labels(assessed({"pain_dominance": "leg"}, duration=4))
    assert said["pain_dominance"] == "Back pain or leg pain: leg"
    assert said["duration"] == "How long the pain has lasted: weeks 0-6"


def test_values_are_recorded_in_words():
    assert dict(assessed(SCAN).observed)["mri_disc_herniation"] == "extrusion, L5-S1, left"


def test_a_story_that_cannot_be_is_said_to_be_one_with_what_fits_least():
    found = assessed(IMPOSSIBLE_STORY, age=30, duration=5).surprise
    assert found.not_understood
    assert found.conflict_bits > reasons.CONTRADICTION_BITS
    assert "They fit the rest least: " in found.message


@pytest.mark.parametrize(
    ("findings", "context"),
    [
        (ROOT | SCAN, {"age": 40}),
        ({"pain_dominance": "axial", "taut_band": "positive", "facet_line_tenderness": "negative"}, {"age": 33}),
        ({}, {"age": 50}),
    ],
)
def test_ordinary_people_are_understood(findings, context):
    assert not assessed(findings, **context).surprise.not_understood


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"sex": "male", "pregnancy": "pregnant"}, "Hardly anybody has Pregnancy: pregnant with Sex: male"),
        ({"prior_surgery": "no", "fusion": "yes"}, "Hardly anybody has Lumbar fusion: yes with Previous lumbar surgery: no"),
    ],
)
def test_answers_that_all_but_exclude_each_other_are_named(context, said):
    found = assessed({"pain_dominance": "axial"}, **context).surprise
    assert found.not_understood
    assert found.message.startswith(said)


def test_hardly_anybody_drawn_from_the_model_is_said_to_contradict_himself():
    """What `CONTRADICTION_BITS` claims: a conflict above 0 is usual, one above the limit is not."""
    model = load_model()
    network = model.network
    cohort = simulate(network, 300, "primary_care", 11, observed=recorded_shares(network, model.priors, 12))
    here = np.eye(len(network.settings))[cohort.setting]
    conflicts = []
    for codes in cohort.codes:
        seen = {
            n: one_hot(network, n, leaf.values[c])
            for (n, leaf), c in zip(network.leaves.items(), codes, strict=True)
            if 0 <= c < len(leaf.values)
        }
        evidence = Evidence(seen, here)
        parts = reasons.joint_parts(network, network.theta, evidence)
        conflicts.append(reasons.surprise(network, evidence, parts, reasons.Naming({}, {})).conflict_bits)
    assert np.mean(np.array(conflicts) > 0) > 0.3
    assert np.mean(np.array(conflicts) >= reasons.CONTRADICTION_BITS) < 0.03


def test_what_a_scan_that_was_made_still_says_is_read_off_for_nothing():
    def cost(findings):
        case = prepare({"findings": findings}, draws=0, depth=1, model=load_model())
        options = case.options()
        return {q.id: q.cost for q in Asking.of(options.observer, options.values(case.settings)).questions.values()}

    before, after = cost({"pain_dominance": "leg"}), cost({"pain_dominance": "leg"} | SCAN)
    assert before["mri_cauda_equina_compression"] > 0
    assert after["mri_cauda_equina_compression"] == 0
    assert after["xray_vertebral_fracture"] == before["xray_vertebral_fracture"] > 0


def test_a_scan_that_was_made_is_not_offered_again():
    def mri(findings):
        return next(r for r in assessed(findings).ranking if r.id == "mri")

    assert mri({"pain_dominance": "leg"}).permitted
    made = mri({"pain_dominance": "leg"} | SCAN)
    assert not made.permitted
    assert {g.kind for g in made.gates if g.effect == "block"} == {"on_record"}
