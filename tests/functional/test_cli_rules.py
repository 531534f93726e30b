"""`spinecast rules`: lists, compares, draws, and refuses what is wrong."""

from __future__ import annotations

import json
import shutil

import pytest

from spinecast.resources import examples_folder

SUITCASE = examples_folder() / "suitcase.toml"


def test_without_a_verb_it_lists_every_set(command):
    done = command("rules")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 100
    assert all(name in done.out for name in ("guideline:", "payer:", "nice_ng59:", "bmj_2025:", "roadmap:"))
    assert command("rules", "list").out == done.out
    assert {s["id"] for s in json.loads(command("rules", "list", "--json").out)} > {"safety", "payer"}


def test_a_table_with_clauses_for_a_patient(command):
    done = command("rules", "compare", SUITCASE)
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 100
    assert "The clauses, and what is missing" in done.out
    assert "NICE NG59, 1.3 invasive treatments" in done.out.replace("\n      ", " ")
    assert done.out.count("not a medical device") == 1


def test_json_and_one_set(command):
    answer = json.loads(command("rules", "compare", SUITCASE, "--json", "--rule-set", "payer").out)
    assert [s["id"] for s in answer["rule_sets"]] == ["safety", "payer"]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_figure_is_written(command, tmp_path, suffix):
    path = tmp_path / f"matrix{suffix}"
    assert command("rules", "compare", SUITCASE, "--figure", path).code == 0
    assert path.stat().st_size > 10_000


def test_what_is_wrong_is_refused(command, tmp_path):
    command("rules", "compare", SUITCASE, "--rule-set", "payr").refused("payr", "did you mean 'payer'")
    command("rules", "compare", tmp_path / "none.toml").refused("none.toml", "no such file")
    command("rules", "compare", SUITCASE, "--figure", tmp_path / "x.gif").refused("--figure", ".svg")


def test_a_rule_needs_no_python(command, priors, tmp_path, monkeypatch):
    """A new rule set is two files: it appears as a column, with its clause."""
    own = tmp_path / "own"
    shutil.copytree(priors, own)
    monkeypatch.setenv("SPINECAST_PRIORS", str(own))
    (own / "rule_sets" / "clinic.toml").write_text(
        'id = "clinic"\nlabel = "Our clinic"\nshort = "our clinic"\nissuer = "We"\ndocument = "House rules of 2026"\n'
        'scope = "Our patients"\ndescription = "Stricter than others."\n'
    )
    (own / "rules" / "age_clinic.toml").write_text(
        'id = "age_clinic"\nlabel = "No epidural in our clinic"\nkind = "recommendation"\nrule_sets = ["clinic"]\n'
        'applies_to = ["transforaminal_epidural"]\neffect = "block"\nmessage = "We do not do epidurals."\n'
        'lift = "Another clinic."\nclause = "House rules, page 3"\nsources = ["rule-evicore-imaging"]\n'
    )
    assert command("priors", "check", own).code == 0
    answer = json.loads(command("rules", "compare", SUITCASE, "--json").out)
    row = next(r for r in answer["procedures"] if r["id"] == "transforaminal_epidural")
    assert row["rulings"]["clinic"]["verdict"] == "not permitted"
    assert row["rulings"]["clinic"]["gates"][0]["clause"] == "House rules, page 3"
    assert command("assess", SUITCASE, "--rule-set", "clinic", "--draws", 4).code == 0
