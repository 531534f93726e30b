"""The ranking of a table is that of each patient's own assessment with one decision ahead."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import spinecast
from spinecast import Forecaster
from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.model import load_model
from spinecast.errors import UnknownIdError
from spinecast.scoring.ranking import DecisionChoices

PEOPLE = 8
WITHIN = 1e-9


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster.load()


@pytest.fixture(scope="module")
def table(forecaster):
    """Simulated people, some with what only rules and outcomes ask for."""
    shares = recorded_shares(forecaster.network, forecaster.priors, 25)
    cohort = simulate(forecaster.network, PEOPLE, "spine_clinic", 17, observed=shares)
    columns = {k: v for k, v in to_table(cohort).items() if not k.startswith("truth_")}
    rng = np.random.default_rng(4)
    columns["pain_severity"] = [None if n % 3 == 0 else float(rng.integers(2, 10)) for n in range(PEOPLE)]
    columns["anticoagulant"] = [None if n % 2 else "none" for n in range(PEOPLE)]
    columns["conservative_care_weeks"] = [None if n % 2 else 14.0 for n in range(PEOPLE)]
    record = '[{"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": 3, "sedation": "no"}]'
    columns["procedures"] = [record if n == 5 else None for n in range(PEOPLE)]
    for name in forecaster.priors.findings:
        if name in columns and forecaster.priors.findings[name].from_procedure is not None:
            columns[name] = [None] * PEOPLE
    return pa.table(columns)


def patient(forecaster, row):
    """The same row as a patient file."""
    priors = forecaster.priors
    sections = {"context": {}, "findings": {}, "inputs": {}}
    for name, value in row.items():
        if value in (None, "") or name.endswith("_sedation"):
            continue
        if name in priors.contexts:
            sections["context"][name] = value
        elif name in priors.inputs:
            sections["inputs"][name] = value
        elif name in priors.findings:
            sedation = row.get(f"{name}_sedation")
            sections["findings"][name] = {"value": value, "sedation": sedation} if sedation else value
    procedures = [{"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": 3, "sedation": "no"}]
    return {"setting": row["setting"], **sections, **({"procedures": procedures} if row["procedures"] else {})}


def test_values_permissions_and_first_choice_are_those_of_assess(forecaster, table):
    scored = forecaster.score(table, outputs=["differential", "ranking"]).to_pylist()
    for row, found in zip(table.to_pylist(), scored, strict=True):
        answer = spinecast.assess(patient(forecaster, row), depth=1, draws=2, model=load_model())
        assert found["reason"] is None
        assert found["best_action"] == answer.ranking[0].id
        for action in answer.ranking:
            assert found[f"value_{action.id}"] == pytest.approx(action.value, abs=WITHIN, rel=WITHIN)
            assert found[f"permitted_{action.id}"] == action.permitted
        assert found["p_facet_joint"] == pytest.approx(
            next(d.probability for d in answer.differential if d.id == "facet_joint"), abs=1e-12
        )


def test_patients_and_choices(forecaster):
    suitcase = spinecast.examples_folder() / "suitcase.toml"
    choices = DecisionChoices(rule_set="payer", willingness_to_pay=50_000, horizon_weeks=26)
    (found,) = forecaster.score([read_patient_file(suitcase)], outputs=["ranking"], choices=choices).to_pylist()
    answer = spinecast.assess(suitcase, depth=1, draws=2, rule_set="payer", willingness_to_pay=50_000, horizon_weeks=26)
    assert found["best_action"] == answer.ranking[0].id
    for action in answer.ranking:
        assert found[f"value_{action.id}"] == pytest.approx(action.value, abs=WITHIN, rel=WITHIN)
    assert "p_facet_joint" not in found


def test_a_follow_up_is_scored_as_assess_does(forecaster):
    done = {"procedure": "transforaminal_epidural", "weeks_ago": 8, "reviewed_weeks": 6, "reviewed_relief_percent": 70}
    case = {"findings": {"leg_pain_below_knee": "present"}, "procedures": [done]}
    (found,) = forecaster.score([case]).to_pylist()
    answer = spinecast.assess(case, depth=1, draws=2)
    for one in answer.differential:
        assert found[f"p_{one.id}"] == pytest.approx(one.probability, abs=1e-12)


def test_the_columns_say_their_unit(forecaster):
    out = forecaster.schema_out(["ranking"])
    assert out.names[-2:] == ["best_action", "reason"]
    field = out.field("value_facet_injection")
    assert field.metadata[b"unit"].startswith(b"USD of ")
    assert b"one decision ahead" in field.metadata[b"meaning"]


def test_an_unknown_rule_set_is_refused(forecaster):
    with pytest.raises(UnknownIdError, match="rule_set"):
        forecaster.score({"age": [40]}, outputs=["ranking"], choices=DecisionChoices(rule_set="gideline"))
