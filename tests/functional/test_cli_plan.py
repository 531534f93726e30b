"""`spinecast plan`: policies side by side and the tree, as text, data and figure."""

from __future__ import annotations

import json

import jsonschema
import pytest

from spinecast.assessment.files import read_patient_file
from spinecast.assessment.sequence import plan_sequence
from spinecast.decision.plan import AGAIN, NO_RELIEF
from spinecast.errors import UnknownIdError
from spinecast.report.published import assessment_schema, plan_schema
from spinecast.resources import examples_folder

SUITCASE = examples_folder() / "suitcase.toml"
ABLATION = "facet_radiofrequency"
QUICK = ("--depth", 1, "--draws", 5)


@pytest.fixture(scope="module")
def found():
    """One year, two decisions: enough to see every part."""
    return plan_sequence(SUITCASE, horizon_weeks=52, depth=1, draws=20, rule_set="roadmap")


def walk(plan):
    if plan is not None:
        yield plan
        for branch in plan["branches"]:
            yield from walk(branch["then"])


def steroids(plan, names, count=0):
    """Most steroid injections along any path."""
    count += plan["action"] in names
    return max([count, *(steroids(b["then"], names, count) for b in plan["branches"] if b["then"])])


def test_the_text_sets_every_policy_beside_the_best_and_fits_the_terminal(command):
    out = command("plan", SUITCASE, *QUICK).out
    for said in ("Best policy", "Waiting", "Conservative care", "What a US payer demands", "pain again after about", "104 weeks"):
        assert said in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_data_has_the_plan_in_the_form_of_assess(command):
    data = json.loads(command("plan", SUITCASE, "--json", *QUICK).out)
    assert [p["id"] for p in data["policies"]] == ["best", "wait", "conservative_care", "payer_radicular"]
    assert data["plan"] == data["policies"][0]["plan"]
    assert data["policies"][1]["value"] == 0
    assert all({"action", "start_week", "value", "branches"} == set(node) for node in walk(data["plan"]))
    assert data["settings"]["horizon_weeks"] == 104
    schema = plan_schema()
    jsonschema.Draft202012Validator({**schema, "additionalProperties": False}).validate(data)
    assert schema["$defs"]["plan"] == assessment_schema()["$defs"]["plan"], "a plan has one shape"
    for part in (schema, schema["$defs"]["policy"]):
        assert set(part["required"]) == set(part["properties"])
    assert set(data["policies"][0]) == set(schema["$defs"]["policy"]["properties"])


def test_the_figure_is_written(command, tmp_path):
    for kind in ("svg", "png"):
        file = tmp_path / f"plan.{kind}"
        command("plan", SUITCASE, "--figure", file, *QUICK)
        assert file.stat().st_size > 10_000


def test_what_it_cannot_do_is_said(command):
    for arguments, said in (
        (("--begin-with", "epidural"), "--begin-with"),
        (("--pathway", "payer_facets"), "payer_facet"),
        (("--horizon", 200), "104"),
        (("--figure", "plan.gif"), "--figure"),
    ):
        command("plan", SUITCASE, *QUICK, *arguments).refused(said)


class TestPolicies:
    def test_the_best_is_behind_nothing(self, found):
        assert found.best.behind == 0
        assert all(p.behind == pytest.approx(found.best.value - p.value) for p in found.policies)
        assert found.best.value >= 0

    def test_waiting_costs_and_gives_nothing(self, found):
        wait = found.policies[1]
        assert (wait.value, wait.low, wait.high, wait.cost, wait.needles, wait.plan) == (0, 0, 0, 0, 0, None)

    def test_conservative_care_has_no_needle(self, found):
        care = next(p for p in found.policies if p.id == "conservative_care")
        assert care.needles == care.steroids == 0
        assert care.cost > 0

    def test_three_steroid_injections_a_year_hold_in_every_rule_set(self):
        """The roadmap's limit holds where the chosen rule set has none of its own."""
        for rules in ("roadmap", "guideline"):
            data = plan_sequence(
                SUITCASE, horizon_weeks=52, draws=2, depth=2, rule_set=rules, begin_with="transforaminal_epidural"
            )
            names = {
                "transforaminal_epidural",
                "interlaminar_epidural",
                "caudal_epidural",
                "facet_injection",
                "sacroiliac_injection",
            }
            assert steroids(data.to_dict()["plan"], names) <= 3

    def test_a_pathway_that_may_not_begin_says_so(self):
        """Rehabilitation may always begin; a pathway whose rules bar its first step is not followed and says why."""
        found = plan_sequence(SUITCASE, horizon_weeks=52, draws=2, depth=1, pathways=["payer_sacroiliac"])
        assert found.policies[-1].id == "payer_sacroiliac"
        assert found.policies[-1].plan is not None
        assert not found.policies[-1].note

    @pytest.mark.parametrize(("rules", "least"), [("roadmap", 39), ("payer", 26)])
    def test_ablation_comes_again_when_nerves_have_regrown_and_not_before_the_rules_allow(self, rules, least):
        """Two clear blocks, ablation; on relapse after months of relief the same again, no sooner than the rule set says."""
        patient = read_patient_file(examples_folder() / "age_68.toml")
        blocks = [{"procedure": "medial_branch_block", "weeks_ago": w, "relief_percent": 90, "sedation": "no"} for w in (6, 3)]
        someone = {**patient, "procedures": blocks, "inputs": {**patient.get("inputs", {}), "pain_severity": 8}}
        found = plan_sequence(someone, draws=2, depth=2, willingness_to_pay=400_000, rule_set=rules, begin_with=ABLATION)
        first = found.best.plan
        again = [(b.label, b.then.start - first.start) for b in first.branches if b.then and b.then.action == ABLATION]
        assert again
        assert all(label.startswith(AGAIN) and gap >= least for label, gap in again)
        assert not any(b.then and b.then.action == ABLATION for b in first.branches if b.label == NO_RELIEF)

    def test_an_emergency_goes_first_and_no_pathway_is_followed(self):
        found = plan_sequence({"setting": "spine_clinic", "findings": {"urinary_retention": "present"}}, draws=2, depth=1)
        assert found.best.plan.action == "urgent_evaluation"
        assert "first whatever" in found.best.label
        assert all(p.plan is None and "urgent evaluation first" in p.note for p in found.policies[2:])

    def test_unknown_names_are_told_with_the_nearest(self):
        with pytest.raises(UnknownIdError, match="conservative_care"):
            plan_sequence(SUITCASE, pathways=["conservativ_care"], draws=2)
