"""Where a generator is: a finding tells as far as the generator produced it. Invented patients."""

from __future__ import annotations

import pytest

from spinecast.assessment.assess import prepare
from spinecast.assessment.localisation import Localisation, crediting
from spinecast.assessment.model import load_model
from spinecast.assessment.patient import parse_patient
from spinecast.report.letter import letter

HERNIATION = {"mri_disc_herniation": {"value": "extrusion", "side": "left", "level": "L5_S1"}}
SCIATICA = {
    "pain_dominance": "leg", "straight_leg_raise": {"value": "positive", "side": "left"},
    "leg_pain_below_knee": {"value": "present", "side": "left"}, "mri_herniation_level": "L5_S1",
}  # fmt: skip


def case(findings, **context):
    return prepare({"context": context, "findings": findings}, draws=0, depth=1, model=load_model())


def test_what_the_root_explains_says_little_of_where_a_stenosis_would_be():
    unknown = case({"pain_dominance": "leg"}).places["central_stenosis"].sites["L5_S1"]
    explained = case(HERNIATION | SCIATICA, age=40).places["central_stenosis"].sites["L5_S1"]
    own = case({"mri_central_stenosis": {"value": "severe", "level": "L5_S1"}}, age=75).places["central_stenosis"].sites["L5_S1"]
    assert unknown < explained < 2.5 * unknown
    assert own > 5 * unknown


def test_the_cause_itself_is_where_its_findings_are():
    places = case(HERNIATION | SCIATICA, age=40).places
    assert places["radiculopathy"].sides["left"] > 0.95
    assert places["facet_joint"].sides["left"] < 0.6


@pytest.mark.parametrize("generator", ["facet_joint", "discogenic", "central_stenosis"])
def test_a_cause_that_is_active_alone_has_all_the_credit(generator):
    one = case(HERNIATION)
    space = one.model.network.space
    alone = (space.mask(generator) & (space.count == 1)).astype(float)
    finding = "mri_disc_herniation"
    if generator in {c.generator for c in one.model.priors.findings[finding].causes}:
        assert crediting(one.model.network, one.evidence, alone)(generator, finding) == pytest.approx(1.0)


def test_credit_is_a_share():
    one = case(HERNIATION | SCIATICA)
    credit = crediting(one.model.network, one.evidence, one.belief)
    priors = one.model.priors
    for finding in ("mri_disc_herniation", "straight_leg_raise"):
        for cause in priors.findings[finding].causes:
            assert 0.0 <= credit(cause.generator, finding) <= 1.0
    assert credit("radiculopathy", "mri_disc_herniation") > credit("central_stenosis", "mri_disc_herniation")


def test_no_side_is_named_where_none_stands_out():
    assert Localisation({"left": 0.38, "right": 0.38, "bilateral": 0.24}, {}).side == ""
    assert Localisation({"left": 0.58, "right": 0.42}, {}).side == ""
    assert Localisation({"left": 0.9, "right": 0.1}, {"L4_L5": 0.6, "L5_S1": 0.4}).side == "left"


def test_an_injection_is_aimed_at_no_side_that_nobody_recorded():
    found = case({"pain_dominance": "axial"}, age=40).assessment()
    aimed = {r.id: r.side for r in found.ranking}
    assert aimed["sacroiliac_injection"] == ""
    assert aimed["basivertebral_ablation"] == ""
    sided = case(
        {"buttock_dominant_pain": {"value": "dominant", "side": "right"}, "thigh_thrust": {"value": "positive", "side": "right"}}
    )
    assert next(r for r in sided.assessment().ranking if r.id == "sacroiliac_injection").side == "right"


def test_a_scan_of_the_other_side_is_no_confirmation_and_is_said_to_be_none():
    scan = {"mri_disc_herniation": {"value": "protrusion", "side": "right", "level": "L4_L5"}}
    found = case(SCIATICA | scan, age=45).assessment()
    leader = found.differential[0]
    assert (leader.id, leader.other_side) == ("radiculopathy", ("mri_disc_herniation",))
    text = " ".join(letter(found).split())
    assert "Disc herniation on MRI: recorded on the other side than the rest of what speaks for root pain" in text
    assert case(SCIATICA | HERNIATION, age=45).assessment().differential[0].other_side == ()


def test_a_block_tells_its_side():
    listed = {"procedure": "selective_nerve_root_block", "weeks_ago": 3, "side": "right", "level": "L5", "relief_percent": 90}
    known = parse_patient({"procedures": [listed]}, load_model().priors).findings["selective_nerve_root_block_1"]
    assert (known.side, known.level) == ("right", "L5")
    several = parse_patient({"procedures": [listed | {"levels": ["L5", "S1"]}]}, load_model().priors).findings
    assert several["selective_nerve_root_block_1"].level == ""


def test_what_only_the_side_tells_is_not_shown_as_recorded():
    one_sided = dict(case(SCIATICA).assessment().observed)
    asked = dict(case(SCIATICA | {"bilateral_leg_pain": "absent"}).assessment().observed)
    assert one_sided["bilateral_leg_pain"] == "absent, by the side recorded"
    assert asked["bilateral_leg_pain"] == "absent"
