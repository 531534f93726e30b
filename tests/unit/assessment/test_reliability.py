"""A finding recorded by hand weighs as much as two examiners agree, and Cohen's kappa comes back exactly."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.model import load_model
from spinecast.assessment.patient import parse_patient
from spinecast.assessment.recorded import published_kappa
from spinecast.assessment.reliability import as_recorded, shares
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, UnknownIdError


@pytest.fixture(scope="module")
def model():
    return load_model()


def cohens_kappa(joint):
    agreed, chance = np.trace(joint), joint.sum(axis=0) @ joint.sum(axis=1)
    return (agreed - chance) / (1 - chance)


@pytest.mark.parametrize("leaf", ["thigh_thrust", "mri_disc_degeneration"])
@pytest.mark.parametrize("kappa", [0.0, 0.3, 0.85, 1.0])
def test_the_table_of_two_examiners_has_that_kappa(model, leaf, kappa):
    network = model.network
    common = shares(network, leaf)
    rows = np.stack([as_recorded(network, leaf, one, kappa) for one in np.eye(len(common))])
    joint = rows * common
    assert joint.sum(axis=1) == pytest.approx(common)
    assert cohens_kappa(joint) == pytest.approx(kappa)


def assessed(model, **entry):
    table = {"setting": "spine_clinic", "findings": {"thigh_thrust": {"value": "positive", **entry}}}
    evidence = to_evidence(parse_patient(table, model.priors), model.network)
    states = exact.posterior(model.network, model.network.theta, evidence).states
    return float(states @ model.network.space.mask("sacroiliac_joint"))


def test_less_agreement_is_less_evidence(model):
    steps = [assessed(model, reliability=kappa) for kappa in (0.0, 0.4, 0.8, 1.0)]
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(assessed(model))
    empty = to_evidence(parse_patient({"setting": "spine_clinic"}, model.priors), model.network)
    nothing = exact.posterior(model.network, model.network.theta, empty).states @ model.network.space.mask("sacroiliac_joint")
    assert steps[0] == pytest.approx(float(nothing))


def test_published_agreement_is_that_of_the_rows(model):
    kappa = published_kappa(model.priors.findings["thigh_thrust"], model.priors)
    assert kappa == model.priors.findings["thigh_thrust"].kappa.derived
    assert assessed(model, reliability="published") == pytest.approx(assessed(model, reliability=kappa))
    assert assessed(model, reliability="exact") == pytest.approx(assessed(model))


def test_the_whole_file_can_say_so_and_one_finding_otherwise(model):
    table = {
        "reliability": "published",
        "findings": {"thigh_thrust": "positive", "gaenslen": {"value": "positive", "reliability": "exact"}, "night_pain": True},
    }
    patient = parse_patient(table, model.priors)
    assert patient.findings["thigh_thrust"].kappa == published_kappa(model.priors.findings["thigh_thrust"], model.priors)
    assert patient.findings["gaenslen"].kappa is None
    assert patient.findings["night_pain"].kappa is None


def refused(model, error, *said, **table):
    with pytest.raises(error) as caught:
        parse_patient(table, model.priors)
    for text in said:
        assert text in str(caught.value)


def test_what_cannot_be_is_refused(model):
    night = {"night_pain": {"value": True, "reliability": "published"}}
    refused(model, InvalidValueError, "findings.night_pain.reliability", "kappa", findings=night)
    high = {"thigh_thrust": {"value": True, "reliability": 1.5}}
    refused(model, InvalidValueError, "findings.thigh_thrust.reliability", "0 to 1", findings=high)
    odd = {"thigh_thrust": {"value": True, "reliability": "publishd"}}
    refused(model, UnknownIdError, "did you mean 'published'", findings=odd)
    refused(model, UnknownIdError, "reliability", reliability="good")
    block = {"sacroiliac_block_1": {"value": "relief_80", "reliability": 0.5}}
    refused(model, UnknownIdError, "reliability", findings=block)


def test_the_recorded_value_still_holds_for_the_rules(model):
    """A gate reads what was recorded; only the belief is softened."""
    patient = parse_patient({"findings": {"thigh_thrust": {"value": "positive", "reliability": 0.2}}}, model.priors)
    assert patient.findings["thigh_thrust"].value == "positive"
