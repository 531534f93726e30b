"""What if: the changed patient and the changed number are exactly those, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.analysis.what_if import Change, natural, what_if, with_parameters, with_values
from spinecast.assessment.assess import assess
from spinecast.assessment.model import load_model
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError

PATIENT = {
    "setting": "spine_clinic",
    "context": {"age": 45},
    "findings": {"straight_leg_raise": {"value": "positive", "side": "left"}, "leg_pain_below_knee": "present"},
}
SETTINGS = {"draws": 8, "depth": 1}


@pytest.fixture(scope="module")
def model():
    return load_model()


def test_before_and_after_are_two_assessments(model):
    found = what_if(PATIENT, ["straight_leg_raise=negative", "age=72"], model=model, **SETTINGS)
    changed = {**PATIENT, "context": {"age": 72}, "findings": {**PATIENT["findings"], "straight_leg_raise": "negative"}}
    for label, table in (("before", PATIENT), ("after", changed)):
        expected = {g.id: g.probability for g in assess(table, model=model, **SETTINGS).differential}
        assert dict(zip(found.causes["id"], found.causes[label], strict=True)) == pytest.approx(expected)
    assert found.causes["change"] == pytest.approx(np.subtract(found.causes["after"], found.causes["before"]))
    assert sorted(found.options["place_after"]) == list(range(1, len(found.options) + 1))
    assert "straight_leg_raise = negative" in found.causes.title


def test_a_value_is_replaced_with_what_was_recorded_beside_it(model):
    made = with_values(PATIENT, [Change.read("straight_leg_raise=negative")], model.priors)
    assert made["findings"]["straight_leg_raise"] == {"value": "negative", "side": "left"}
    assert PATIENT["findings"]["straight_leg_raise"]["value"] == "positive"


@pytest.mark.parametrize("text", ["age=", "age=unknown"])
def test_nothing_takes_it_away(model, text):
    assert with_values(PATIENT, [Change.read(text)], model.priors)["context"] == {}


@pytest.mark.parametrize(
    ("text", "place", "value"),
    [
        ("anticoagulant=yes", "inputs", "yes"), ("setting=primary_care", "", "primary_care"), ("age=80", "context", 80),
        ("sacroiliac_provocation={ positive = 3, of = 5 }", "findings", {"positive": 3, "of": 5}),
    ],
)  # fmt: skip
def test_every_part_of_a_patient_can_change(model, text, place, value):
    name = text.partition("=")[0]
    made = with_values(PATIENT, [Change.read(text)], model.priors)
    assert (made[place] if place else made)[name] == value


LEAK = "findings/straight_leg_raise/leak/positive"


def test_a_number_moves_by_as_much_in_every_draw(model):
    moved, said = with_parameters(model, [Change.read(f"{LEAK}=0.3")])
    i = [p.name for p in model.network.parameters].index(LEAK)
    assert natural(moved.network, i, moved.network.theta[i]) == pytest.approx(0.3)
    shift = moved.network.theta[i] - model.network.theta[i]
    assert moved.draws[:, i] == pytest.approx(model.draws[:, i] + shift)
    others = np.arange(len(model.network.theta)) != i
    assert (moved.network.theta[others] == model.network.theta[others]).all()
    assert said == [f"{LEAK}: {natural(model.network, i, model.network.theta[i]):.3g} to 0.3"]


def test_a_number_moves_by_spreads(model):
    moved, _ = with_parameters(model, [Change.read(f"{LEAK}=-1.5sd")])
    i = [p.name for p in model.network.parameters].index(LEAK)
    assert moved.network.theta[i] == pytest.approx(model.network.theta[i] - 1.5 * model.draws[:, i].std())


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("straight_leg_raise", MalformedFileError, "NAME=VALUE"),
        ("straight_leg_rais=negative", UnknownIdError, "did you mean 'straight_leg_raise'"),
        ("straight_leg_raise=maybe", UnknownIdError, "negative"),
        ("findings/straight_leg_raise/leak/positiv=0.2", UnknownIdError, LEAK),
        (f"{LEAK}=1.2", InvalidValueError, "probability above 0 and below 1"),
        (f"{LEAK}=high", InvalidValueError, "+2sd"),
    ],
)
def test_what_is_not_lawful_is_refused(model, text, error, said):
    with pytest.raises(error) as caught:
        what_if(PATIENT, [text], model=model, **SETTINGS)
    assert said in str(caught.value)


def test_no_change_is_refused(model):
    with pytest.raises(InvalidValueError, match="at least one"):
        what_if(PATIENT, [], model=model, **SETTINGS)
