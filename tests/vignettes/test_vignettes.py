"""Would a clinician agree? Expectations written before any number was fitted, and where the model disagrees, why.

A disagreement is listed in disagreements.toml with its reason. It is strict: one that passes fails the run, so the
list says what is true today and nothing else.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from helpers.vignettes import JUDGES, compare, judge
from spinecast.priors.reader import read_priors
from spinecast.resources import priors_folder

HERE = Path(__file__).parent
LISTED = "disagreements"
FILES = {p.stem: tomllib.loads(p.read_text(encoding="utf-8")) for p in sorted(HERE.glob("*.toml")) if p.stem != LISTED}
DISAGREEMENTS = tomllib.loads((HERE / f"{LISTED}.toml").read_text(encoding="utf-8"))["disagreement"]
REASONS = {(d["file"], d["number"]): d["reason"] for d in DISAGREEMENTS}


def numbered(name):
    """Every expectation of a file with its number, from 1, comparisons counted on."""
    return list(enumerate([*FILES[name].get("expect", []), *FILES[name].get("compare", [])], start=1))


def subject(expectation):
    """What it is about, for the name of the test and for the list of disagreements."""
    about = expectation.get("action") or expectation.get("generator") or expectation.get("above") or ""
    return "-".join(filter(None, [expectation.get("kind", "compare"), expectation.get("measure", ""), about]))


def cases():
    for name in FILES:
        for number, expectation in numbered(name):
            reason = REASONS.get((name, number))
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
            yield pytest.param(name, expectation, id=f"{name}-{number}-{subject(expectation)}", marks=marks)


@pytest.mark.parametrize(("name", "expectation"), list(cases()))
def test_the_roadmap_would_agree(name, expectation):
    file = FILES[name]
    if "kind" in expectation:
        wrong = judge(expectation, file["patient"], file["rule_set"])
    else:
        wrong = compare(expectation, file["patients"], file["rule_set"])
    assert not wrong, f"{wrong} ({expectation['reason']})"


def test_every_disagreement_names_an_expectation_and_its_reason():
    known = {(name, number): subject(e) for name in FILES for number, e in numbered(name)}
    for d in DISAGREEMENTS:
        assert known.get((d["file"], d["number"])) == d["about"], d
        assert all(d[key] for key in ("roadmap", "now", "reason", "changes")), d
        assert d["rows"], d
    assert max(Counter((d["file"], d["number"]) for d in DISAGREEMENTS).values(), default=1) == 1


def test_the_page_about_disagreements_says_the_same():
    page = (HERE.parents[1] / "docs" / "explanation" / "where-evidence-and-roadmap-disagree.md").read_text(encoding="utf-8")
    said = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(said) == len(DISAGREEMENTS)
    for line, d in zip(said, DISAGREEMENTS, strict=True):
        assert [t for t in (d["roadmap"], d["now"], d["reason"], d["changes"], *d["rows"]) if t not in line] == []


def test_every_row_that_a_disagreement_names_exists():
    rows = read_priors(priors_folder()).rows
    assert [(d["file"], r) for d in DISAGREEMENTS for r in d["rows"] if r not in rows] == []


def test_every_kind_of_the_readme_has_a_judge_and_is_asked():
    table = [line for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    described = {word for line in table for word in line.split("|")[1].replace("`", "").replace(",", " ").split()}
    used = {e["kind"] for file in FILES.values() for e in file.get("expect", [])}
    assert described == set(JUDGES)
    assert used <= described
