"""Rule sets side by side: each set's own verdict, with clauses; nothing is dropped, and what is unknown is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spinecast.assessment.model import load_model
from spinecast.assessment.rule_comparison import SAFETY, VERDICTS, RuleComparison, compare_rules
from spinecast.errors import UnknownIdError
from spinecast.report import colours
from spinecast.report.rules_figure import LOOKS, matrix
from spinecast.report.rules_table import comparison_text, rule_sets_data, rule_sets_text

CHRONIC_FACET = {
    "label": "Chronic facet pain after two good blocks",
    "context": {"age": 60, "duration": 40, "distress": "low", "substance_use": "no"},
    "findings": {"pain_dominance": "axial", "neurogenic_claudication": "absent"},
    "inputs": {"conservative_care_weeks": 20, "pain_severity": 7, "rehabilitation_willing": "yes"},
    "procedures": [
        {"procedure": "medial_branch_block", "weeks_ago": 6, "relief_percent": 85},
        {"procedure": "medial_branch_block", "weeks_ago": 3, "relief_percent": 70},
    ],
}


@pytest.fixture(scope="module")
def found() -> RuleComparison:
    return compare_rules(CHRONIC_FACET)


def verdict(found: RuleComparison, action: str, name: str) -> str:
    return found.rulings[action, name].verdict


def test_the_sets_disagree_as_their_sources_do(found: RuleComparison) -> None:
    ablation = "facet_radiofrequency"
    assert verdict(found, ablation, "guideline") == "permitted"  # one block at 50 %
    assert verdict(found, ablation, "roadmap") == "permitted"  # two at 50 %
    assert verdict(found, ablation, "nice_ng59") == "permitted"
    assert verdict(found, ablation, "payer") == "not permitted"  # two at 80 %
    assert verdict(found, ablation, "bmj_2025") == "not permitted"
    assert verdict(found, "transforaminal_epidural", "nice_ng59") == "not permitted"
    assert verdict(found, "basivertebral_ablation", "bmj_2025") == "silent"


def test_what_is_missing_is_said_with_the_clause(found: RuleComparison) -> None:
    blocks = next(g for g in found.rulings["facet_radiofrequency", "payer"].gates if g.rule.startswith("two_blocks"))
    assert blocks.missing == ("Diagnostic medial branch block, at least 80 % relief: 1 of 2",)
    assert "L38765" in blocks.clause


def test_safety_stands_apart_and_counts_with_every_set(found: RuleComparison) -> None:
    assert verdict(found, "facet_radiofrequency", SAFETY) == "ask"
    assert found.permitted("facet_radiofrequency", "guideline") == "ask"
    assert found.permitted("facet_radiofrequency", "payer") == "not permitted"
    assert all(not g.rule_sets for a in found.actions for g in found.rulings[a, SAFETY].gates)


def test_every_procedure_is_in_it(found: RuleComparison) -> None:
    assert {*found.actions, *found.unmentioned} == set(load_model().priors.procedures)


def test_every_gate_of_a_set_names_its_clause() -> None:
    rules = load_model().priors.rules.values()
    assert [r.id for r in rules if r.rule_sets and not r.clause] == []


def test_text_fits_and_numbers_match(found: RuleComparison) -> None:
    text = comparison_text(found)
    assert max(map(len, text.splitlines())) <= 100
    assert all(f"[{i}]" in text for i in range(1, len(found.clauses()) + 1))
    assert "at least 80 % relief: 1 of 2" in text.replace("\n", " ").replace("      ", "")


def test_json_has_every_ruling_and_its_clauses(found: RuleComparison) -> None:
    data = json.loads(json.dumps(found.to_dict()))
    row = next(r for r in data["procedures"] if r["id"] == "facet_radiofrequency")
    assert row["rulings"]["payer"]["verdict"] == "not permitted"
    assert {s["id"] for s in data["rule_sets"]} == {SAFETY, *load_model().priors.rule_sets}
    assert all({"clause", "missing", "lift"} <= set(g) for r in row["rulings"].values() for g in r["gates"])


def test_one_set_can_be_asked_for_and_an_unknown_one_is_an_error() -> None:
    assert list(compare_rules(CHRONIC_FACET, sets=["payer"]).sets) == [SAFETY, "payer"]
    with pytest.raises(UnknownIdError, match="did you mean 'payer'"):
        compare_rules(CHRONIC_FACET, sets=["payers"])


def test_the_matrix_says_in_words_what_it_colours(found: RuleComparison) -> None:
    assert set(LOOKS) == set(VERDICTS)
    assert len({(face, hatch) for face, _, hatch, _ in LOOKS.values()}) == len(LOOKS)
    axes = matrix(found).axes[0]
    assert len(axes.patches) == len(found.actions) * len(found.sets)
    words = [t.get_text() for t in axes.texts]
    assert any(w.startswith("not") for w in words)
    assert LOOKS["not permitted"][0] == colours.VERMILLION


def test_the_listing_names_every_rule_once_a_set() -> None:
    priors = load_model().priors
    text = rule_sets_text(priors)
    assert max(map(len, text.splitlines())) <= 100
    assert [r for r in priors.rules if r not in text] == []
    records = rule_sets_data(priors)
    assert {r["id"] for s in records for r in s["rules"]} == set(priors.rules)


def test_more_sets_than_fit_make_a_second_table(found: RuleComparison) -> None:
    names = [f"clinic_{i}" for i in range(7)]
    rulings = dict(found.rulings) | {(a, n): found.rulings[a, "payer"] for a in found.actions for n in names}
    many = replace(found, sets={SAFETY: SAFETY} | {n: n for n in names}, rulings=rulings)
    text = comparison_text(many)
    assert max(map(len, text.splitlines())) <= 100
    heads = [line for line in text.splitlines() if line.startswith("Procedure ")]
    assert len(heads) == 2
    assert all(SAFETY in h for h in heads)
    assert [n for n in names if not any(n in h for h in heads)] == []
