"""The tables of why say what the analyses found, in words, with their sources."""

from __future__ import annotations

import pytest

from spinecast.analysis.grounds import rows_within
from spinecast.analysis.why import conflict_result, explanation_result, weight_result
from spinecast.assessment.assess import prepare
from spinecast.assessment.model import load_model
from spinecast.errors import InvalidValueError, UnknownIdError

PATIENT = {
    "label": "Leg pain",
    "setting": "spine_clinic",
    "context": {"age": 45},
    "findings": {
        "straight_leg_raise": "positive", "slump_test": "positive", "mri_disc_herniation": "none", "leg_pain_below_knee": "present",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def case():
    return prepare(PATIENT, model=load_model(), draws=2)


def test_weights_of_a_generator_add_up_to_what_the_note_says(case):
    result = weight_result(case, ["radiculopathy"])
    total = sum(result["decibans"])
    assert f"{total:+.1f} decibans in all" in result.notes[0]
    by_group = {(g, t) for g, t in zip(result["group"], result["together"], strict=True)}
    assert sum(t for _, t in by_group) == pytest.approx(total)
    assert set(result["group"]) == {"", "Neural tension tests", "what depends on age"}


def test_the_likeliest_two_are_explained_where_none_is_named(case):
    assert len(set(weight_result(case)["generator"])) == 2


def test_explanations_and_conflict_are_told_in_words(case):
    found = explanation_result(case)
    assert set(found["kind"]) == {"most relevant", "most probable"}
    conflict = conflict_result(case)
    assert any("Disc herniation on MRI: none" in text for text in conflict["findings"])
    whole = sum(b for k, b in zip(conflict["kind"], conflict["bits"], strict=True) if k == "put together")
    assert f"Conflict {whole:+.2f} bits" in conflict.notes[0]


def test_sources_are_those_of_what_was_recorded(case):
    cited = weight_result(case).sources
    priors = case.model.priors
    own = {priors.rows[r].source for r in rows_within(priors.findings["slump_test"]) if r in priors.rows}
    unrelated = {priors.rows[r].source for r in rows_within(priors.findings["uveitis"]) if r in priors.rows}
    assert own <= set(cited)
    assert not unrelated <= set(cited)


def test_an_unknown_generator_and_an_empty_patient_are_refused(case):
    with pytest.raises(UnknownIdError, match="did you mean 'facet_joint'"):
        weight_result(case, ["facet_joints"])
    with pytest.raises(InvalidValueError, match="nothing to explain"):
        weight_result(prepare({}, model=load_model(), draws=2))
