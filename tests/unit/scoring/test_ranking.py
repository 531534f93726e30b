"""The ranking of a table is that of each patient's own assessment with one decision ahead."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import spinecast
from spinecast import Forecaster
from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.assessment.assess import prepare
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.model import load_model
from spinecast.errors import UnknownIdError
from spinecast.scoring import ranking
from spinecast.scoring.ranking import DecisionChoices

PEOPLE = 6
WITHIN = 1e-9
TESTS = ("distraction", "thigh_thrust", "compression", "gaenslen", "sacral_thrust")


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


HISTORIES = (
    [],
    [{"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": 3, "sedation": "no"}],
    [{"procedure": "medial_branch_block", "relief_percent": p, "weeks_ago": 9 - p / 20} for p in (60, 90)],
    [
        {"procedure": "transforaminal_epidural", "weeks_ago": w, "best_relief_percent": 60, "duration_weeks": 6}
        for w in (1, 20, 40)
    ],
    [{"procedure": "sacroiliac_injection", "relief_percent": 80, "weeks_ago": 10, "duration_weeks": 4}],
    [{"procedure": "facet_radiofrequency", "weeks_ago": 30, "best_relief_percent": 70, "duration_weeks": 26}],
    [{"procedure": "facet_injection", "relief_percent": 40}],
)
ANSWERS = {
    "pain_severity": (0, 3, 4.5, 7, 9.5, 10),
    "sleep_awakenings": (0, 2, 5),
    "therapy_tolerance": ("full", "limited", "none"),
    "rehabilitation_willing": ("yes", "unsure", "no"),
    "conservative_care_weeks": (0, 3, 5, 12.5, 30),
    "anticoagulant": ("none", "warfarin", "apixaban"),
    "active_infection": ("no", "yes"),
    "allergies": ([], ["contrast"], ["local_anaesthetic"]),
    "earlier_injections": ("none",),
}


def simulated(forecaster, count, seed, findings=25):
    """Patients with what rules and outcomes ask for: inputs, histories, a number for the age, soft evidence, unknown settings."""
    network, priors = forecaster.network, forecaster.priors
    cohort = simulate(network, count, "spine_clinic", seed, observed=recorded_shares(network, priors, findings))
    table = {k: v for k, v in to_table(cohort).items() if not k.startswith("truth_")}
    rng = np.random.default_rng(seed)
    people = []
    for n in range(count):
        row = {k: v[n] for k, v in table.items()}
        one = patient(forecaster, row | {"procedures": None})
        history = HISTORIES[int(rng.integers(len(HISTORIES)))]
        if history:
            blocks = [f.id for f in priors.findings.values() if f.from_procedure is not None]
            one["findings"] = {k: v for k, v in one["findings"].items() if k not in blocks}
            one["procedures"] = history
        one["inputs"] = {k: v[int(rng.integers(len(v)))] for k, v in ANSWERS.items() if rng.random() < 0.5 and k in priors.inputs}
        if history:
            one["inputs"].pop("earlier_injections", None)
        if rng.random() < 0.3:
            one["context"]["age"] = float(rng.integers(20, 90))
        if rng.random() < 0.3:
            one["findings"]["straight_leg_raise"] = {"likelihood": {"negative": 0.3, "positive": 0.8}}
            one["context"]["distress"] = {"likelihood": {"low": 0.2, "moderate": 0.7, "high": 0.0}}
        if rng.random() < 0.2:
            del one["setting"]
        people.append(one)
    return people


def differences(forecaster, people, **choices):
    """Largest relative difference to each person's own assessment; permissions and first choices are asserted."""
    scored = forecaster.score(people, outputs=["ranking"], choices=DecisionChoices(**choices)).to_pylist()
    worst = 0.0
    for one, found in zip(people, scored, strict=True):
        case = prepare(one, depth=1, draws=0, model=forecaster._model, **choices)
        ranking = case.ranking(case.options())
        assert found["reason"] is None
        assert found["best_action"] == ranking[0].id
        for action in ranking:
            assert found[f"permitted_{action.id}"] == action.permitted
            worst = max(worst, abs(found[f"value_{action.id}"] - action.value) / max(1.0, abs(action.value)))
    return worst


@pytest.mark.parametrize(
    ("seed", "choices"),
    [
        (1, {}),
        (2, {"rule_set": "payer", "willingness_to_pay": 50_000.0}),
        (3, {"rule_set": "roadmap", "horizon_weeks": 26.0}),
        (4, {"rule_set": "nice_ng59", "horizon_weeks": 6.0, "willingness_to_pay": 0.0}),
    ],
)
def test_simulated_people_have_the_values_of_their_own_assessments(forecaster, seed, choices):
    assert differences(forecaster, simulated(forecaster, 10, seed), **choices) < WITHIN


def test_next_to_nothing_and_everything_recorded(forecaster):
    assert (
        differences(forecaster, [{}, *simulated(forecaster, 3, 8, findings=4), *simulated(forecaster, 3, 9, findings=150)])
        < WITHIN
    )


def test_beyond_a_year_everybody_is_assessed_alone(forecaster):
    assert differences(forecaster, simulated(forecaster, 2, 5), horizon_weeks=80.0) < WITHIN


def test_what_has_no_array_form_is_assessed_alone_and_the_others_beside_it(forecaster, monkeypatch):
    counted = {"findings": {"sacroiliac_provocation": {"positive": 3, "of": 5, "tests": list(TESTS)}}}
    done = {"procedure": "transforaminal_epidural", "weeks_ago": 8, "reviewed_weeks": 6, "reviewed_relief_percent": 70}
    followed = {"findings": {"leg_pain_below_knee": "present"}, "procedures": [done]}
    later = {"context": {"duration": "weeks_6_12"}, "elapsed_weeks": 10}
    people = [counted, {"findings": {"leg_pain_below_knee": "present"}}, followed, later]
    alone = []
    monkeypatch.setattr(ranking, "prepare", lambda one, **options: (alone.append(one), prepare(one, **options))[1])
    assert differences(forecaster, people) < WITHIN
    assert len(alone) == 3


def test_order_chunks_and_threads_change_nothing(forecaster):
    people = simulated(forecaster, 24, 6)
    whole = forecaster.score(people, outputs=["ranking"])
    mixed = np.random.default_rng(1).permutation(len(people))
    again = forecaster.score([people[n] for n in mixed], outputs=["ranking"], chunk=7, threads=2)
    for name in whole.column_names:
        expected, found = whole.column(name).take(pa.array(mixed)), again.column(name)
        if name.startswith("value_"):
            assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=WITHIN, rel=1e-12)
        else:
            assert found.to_pylist() == expected.to_pylist()


def test_one_bad_row_leaves_the_others_ranked(forecaster):
    people = [{"rule_set": "gideline"}, {}, {"context": {"age": 400}}]
    scored = forecaster.score(people, outputs=["ranking"]).to_pylist()
    assert "gideline" in scored[0]["reason"]
    assert scored[0]["best_action"] is None
    assert scored[1]["reason"] is None
    assert scored[1]["best_action"]
    assert "age" in scored[2]["reason"]


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
