"""The answer moves with what it should move with: money, rules, knowledge; and emergencies go first whatever else is likely."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from helpers.vignettes import changed
from spinecast.assessment.assess import assess
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.model import load_model
from spinecast.report.letter import letter
from spinecast.resources import examples_folder

URGENT = "urgent_evaluation"
EPIDURAL = "transforaminal_epidural"
ABLATION = "facet_radiofrequency"


def example(name: str, change: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return changed(read_patient_file(examples_folder() / f"{name}.toml"), change or {})


@pytest.fixture(scope="module")
def model(priors):
    return load_model(priors)


@pytest.fixture(scope="module")
def shipped():
    """The project's own fit: what goes first hangs on probabilities as well as on rules."""
    return load_model()


def plan_lines(answer):
    """The printed plan."""
    text = letter(answer)
    return text[text.index("What to do first") : text.index("What would change this answer")]


class TestPlanMoves:
    def test_with_willingness_to_pay(self, command, tmp_path):
        """For no money nothing is worth its cost; for much money the root that hurts is injected."""
        file = tmp_path / "patient.json"
        file.write_text(json.dumps(example("suitcase", {"with": {"inputs": {"pain_severity": 7}}})), encoding="utf-8")
        found = {wtp: json.loads(command("assess", file, "--json", "--wtp", wtp).out) for wtp in (0, 300_000)}
        assert [found[w]["settings"]["willingness_to_pay"] for w in found] == [0, 300_000]
        assert found[0]["plan"]["action"] == found[0]["ranking"][0]["id"] == "waiting"
        assert found[300_000]["plan"]["action"] == EPIDURAL
        assert found[300_000]["plan"]["branches"]
        assert found[0]["differential"] == found[300_000]["differential"]

    def test_with_the_rule_set(self, model):
        """Two blocks with 60 % relief: enough for a guideline, not for a payer."""
        blocks = [
            {"procedure": "medial_branch_block", "weeks_ago": weeks, "relief_percent": 60, "sedation": "no"} for weeks in (6, 3)
        ]
        someone = example("age_68", {"with": {"procedures": blocks, "inputs": {"pain_severity": 8}}})
        found = {r: assess(someone, rule_set=r, willingness_to_pay=400_000, model=model) for r in ("roadmap", "payer")}
        rows = {r: next(x for x in a.ranking if x.id == ABLATION) for r, a in found.items()}
        assert (rows["roadmap"].permitted, rows["payer"].permitted) == (True, False)
        assert found["roadmap"].plan.action == ABLATION
        assert found["payer"].plan.action != ABLATION
        assert rows["payer"].value > found["payer"].first.value, "the value stays; the rule is what holds it back"
        said = plan_lines(found["roadmap"]), plan_lines(found["payer"])
        assert said[0] != said[1]
        assert re.search(r"Two medial branch blocks at 80 %.*not permitted", letter(found["payer"]).replace("\n", " "))

    def test_with_the_priors(self, priors, model, tmp_path):
        """An injection that costs ten times as much comes later; one that does nothing comes after rehabilitation."""
        someone = example("suitcase", {"with": {"inputs": {"pain_severity": 8}}})
        usual = assess(someone, willingness_to_pay=300_000, model=model)
        assert usual.plan.action == EPIDURAL
        for name, edit in (("dear", _dear), ("idle", _idle)):
            copy = tmp_path / name
            shutil.copytree(priors, copy)
            path = copy / "procedures" / f"{EPIDURAL}.toml"
            path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
            tomllib.loads(path.read_text(encoding="utf-8"))
            found = assess(someone, willingness_to_pay=300_000, model=load_model(copy))
            assert found.plan.action != EPIDURAL, name
            assert found.provenance.priors_hash != usual.provenance.priors_hash
            assert plan_lines(found) != plan_lines(usual)

    def test_with_what_was_done_before(self, model):
        """A second epidural two weeks after the first is not permitted now, and the plan says something else."""
        done = [{"procedure": EPIDURAL, "weeks_ago": 2, "side": "left", "relief_percent": 20}]
        change = {"with": {"inputs": {"pain_severity": 8}}}
        first = assess(example("suitcase", change), rule_set="roadmap", willingness_to_pay=300_000, model=model)
        second = assess(
            example("suitcase", {"with": {**change["with"], "procedures": done}}), rule_set="roadmap", willingness_to_pay=300_000,
            model=model,
        )  # fmt: skip
        assert first.plan.action == EPIDURAL
        assert second.plan.action != EPIDURAL
        assert not next(r for r in second.ranking if r.id == EPIDURAL).permitted


def _dear(text):
    made = re.sub(r"^cost_usd = .*$", 'cost_usd = { assumed = 9000, like_n = 30, why = "made up" }', text, flags=re.MULTILINE)
    assert made != text
    return made


def _idle(text):
    """Nothing is said to be gained in root pain."""
    head, first, rest = text.split("[[effects]]", 2)
    assert 'generator = "radiculopathy"' in first
    return f"{head}[[effects]]{rest}"


def test_a_plan_is_made_for_the_settings_that_are_printed(command, tmp_path):
    file = tmp_path / "patient.json"
    file.write_text(json.dumps(example("suitcase")), encoding="utf-8")
    for rules, wtp in (("payer", 50_000), ("nice_ng59", 30_000)):
        out = command("assess", file, "--rule-set", rules, "--wtp", wtp).out
        assert f"{wtp:,} a quality-adjusted life year" in out


SYNDROMES = {
    "urine is held back": {"findings": {"urinary_retention": "present"}},
    "the saddle is numb": {"findings": {"saddle_anaesthesia": "present"}},
    "bowels are lost": {"findings": {"bowel_incontinence": "present"}},
    "a full bladder after voiding": {"findings": {"post_void_residual": "ml_200_plus"}},
    "weakness that progresses": {"findings": {"progressive_motor_deficit": "present"}},
    "signs of the cord": {"findings": {"cord_signs": "present"}},
    "fever with a risk of infection": {"findings": {"fever": "present"}, "context": {"infection_risk": "yes"}},
    "a pulsating mass": {"findings": {"pulsatile_abdominal_mass": "present"}},
}
"""What puts an urgent evaluation first whatever else is likely."""

WEAK = {
    "age": {"context": {"age": 78}},
    "cancer long ago": {"context": {"cancer_history": "yes"}},
    "a risk of infection": {"context": {"infection_risk": "yes"}},
    "osteoporosis": {"context": {"osteoporosis": "yes"}},
    "a small fall": {"context": {"trauma": "minor"}},
    "night pain": {"findings": {"night_pain": "present"}},
    "pain at rest": {"findings": {"pain_at_rest": "present"}},
    "no relief in bed": {"findings": {"no_relief_with_bed_rest": "present"}},
    "no better after a month": {"findings": {"failure_to_improve_after_month": "present"}},
    "weight lost": {"findings": {"unexplained_weight_loss": "present"}},
}
"""Flags that four people in five carry one of; they act through the probability of serious disease only."""

BASES = {
    "nothing else known": {},
    "clear sciatica": example("suitcase"),
    "widespread pain": example("widespread"),
    "an athlete": example("marathoner"),
}


def flagged(base, flag):
    return changed(BASES[base], {"with": flag})


def quickly(someone, model, **more):
    """One decision ahead and the fewest draws: what goes first does not hang on them."""
    return assess(someone, model=model, draws=2, depth=1, **more)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("flag", SYNDROMES)
def test_an_emergency_goes_first_whatever_else_is_likely(shipped, base, flag):
    found = quickly(flagged(base, SYNDROMES[flag]), shipped)
    assert found.first.id == found.plan.action == URGENT
    assert any(g.effect == "first" and g.kind == "syndrome" for g in found.flags)


def test_under_every_rule_set(shipped):
    """Rules that put something first belong to no set: they are safety, and hold always."""
    first = [r for r in shipped.priors.rules.values() if r.effect == "first"]
    assert {r.kind for r in first} >= {"syndrome", "threshold"}
    assert [r.id for r in first if r.kind == "syndrome" and r.rule_sets] == []
    someone = flagged("clear sciatica", SYNDROMES["weakness that progresses"])
    for rules in ("payer", "nice_ng59", "bmj_2025"):
        assert quickly(someone, shipped, rule_set=rules).first.id == URGENT


@pytest.mark.parametrize("wtp", [0, 1_000_000])
def test_and_at_every_price(shipped, wtp):
    found = quickly(flagged("clear sciatica", SYNDROMES["the saddle is numb"]), shipped, willingness_to_pay=wtp)
    assert found.first.id == URGENT


@pytest.mark.parametrize("base", ["nothing else known", "widespread pain", "an athlete"])
@pytest.mark.parametrize("flag", WEAK)
def test_a_lone_weak_flag_does_not(shipped, base, flag):
    """It makes serious disease likelier, or leaves it as it was, and no more."""
    found = quickly(flagged(base, WEAK[flag]), shipped)
    assert found.first.id != URGENT
    assert not any(g.kind == "syndrome" and g.effect == "first" for g in found.flags)


@pytest.mark.parametrize("flag", ["age", "cancer long ago", "a risk of infection", "osteoporosis", "a small fall", "weight lost"])
def test_a_weak_flag_makes_serious_disease_likelier(shipped, flag):
    def serious(person):
        return next(g.probability for g in quickly(person, shipped).differential if g.id == "serious_pathology")

    assert serious(flagged("nothing else known", WEAK[flag])) > serious(BASES["nothing else known"])


def test_several_weak_flags_together_do(shipped):
    """Cancer before, weight lost and a raised sedimentation rate: the probability crosses a cited threshold."""
    together = {
        "context": {"cancer_history": "yes", "age": 70},
        "findings": {"unexplained_weight_loss": "present", "esr_raised": "above_50", "night_pain": "present"},
    }
    found = quickly(flagged("nothing else known", together), shipped)
    assert found.first.id == URGENT
    (gate, *_) = [g for g in found.flags if g.kind == "threshold" and g.effect == "first"]
    assert gate.sources
