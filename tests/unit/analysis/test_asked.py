"""Does `ask` give the network's own answers, beside what is published?"""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.analysis.asked import ask, questions
from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.model import load_model
from spinecast.assessment.patient import parse_patient
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, PriorsError

SENS = {"id": "slr", "target": "radiculopathy", "test": "straight_leg_raise", "setting": "spine_clinic", "measure": "sens"}
PREVALENCE = {"id": "root", "target": "radiculopathy", "setting": "primary_care", "measure": "prevalence"}


@pytest.fixture(scope="module")
def model():
    return load_model()


def test_a_prevalence_is_the_marginal_without_findings_under_every_draw(model):
    found = ask(model, questions([PREVALENCE]), draws=20)
    theta = np.concatenate([model.network.theta[None], model.draws[:20]])
    nothing = to_evidence(parse_patient({"setting": "primary_care"}, model.priors), model.network)
    chance = exact.posterior(model.network, theta, nothing).states @ model.network.space.mask("radiculopathy")
    assert found["model"][0] == pytest.approx(chance[0])
    assert (found["low"][0], found["high"][0]) == pytest.approx(tuple(np.quantile(chance[1:], [0.025, 0.975])))


def test_questions_of_ones_own_have_no_published_columns(model):
    found = ask(model, questions([SENS, PREVALENCE]), draws=5)
    assert "published" not in [c.name for c in found.columns]
    assert found["setting"] == ("spine_clinic", "primary_care")
    assert all(low <= high for low, high in zip(found["low"], found["high"], strict=True))


def test_a_row_stands_beside_its_printed_interval_and_its_source(model):
    row = next(r for r in model.priors.rows.values() if r.use == "fit" and r.measure == "sens" and r.low and r.high)
    found = ask(model, [row], draws=5)
    assert (found["published"][0], found["published_low"][0], found["published_high"][0]) == (row.value, row.low, row.high)
    assert found["inside"][0] == (row.low <= found["model"][0] <= row.high)
    assert row.source in found.sources


def test_a_row_without_an_interval_is_held_against_the_one_that_its_patients_give(model):
    row = next(r for r in model.priors.rows.values() if r.use == "fit" and r.measure == "sens" and not r.low and r.n)
    found = ask(model, [row], draws=5)
    assert found["published_low"][0] < row.value < found["published_high"][0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [([], "at least one question"), ([{"id": "a"}], "id and measure"), ([SENS, SENS], "no id twice")],
)
def test_what_is_no_question_is_named(model, asked, said):
    with pytest.raises(InvalidValueError, match=said):
        ask(model, questions(asked))


def test_one_draw_is_no_interval(model):
    with pytest.raises(InvalidValueError, match="draws"):
        ask(model, questions([SENS]), draws=1)


def test_an_unknown_finding_is_named_with_its_question(model):
    with pytest.raises(PriorsError, match="slr"):
        ask(model, questions([{**SENS, "test": "straight_leg_rise"}]), draws=2)
