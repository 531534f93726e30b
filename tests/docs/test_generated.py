"""Is what is generated in the documentation as `make docs` would write it today?"""

from __future__ import annotations

import make_docs
import pytest

PAGES = make_docs.reference_pages()
KINDS = sorted({name.split("/")[0] for name in PAGES})


@pytest.mark.parametrize("kind", KINDS)
def test_the_generated_pages_are_those_of_today(kind):
    found = {name: text for name, text in PAGES.items() if name.split("/")[0] == kind}
    stale = [n for n, t in found.items() if not (p := make_docs.REFERENCE / n).exists() or p.read_text(encoding="utf-8") != t]
    assert not stale, f"{len(stale)} pages are stale, {stale[0]} the first: `make docs`"


@pytest.mark.slow
def test_the_pages_that_the_model_writes_are_those_of_today():
    found = make_docs.explanation_pages()
    stale = [n for n, t in found.items() if (make_docs.ROOT / "docs" / "explanation" / n).read_text(encoding="utf-8") != t]
    assert not stale, f"{stale}: `make docs`"


@pytest.mark.parametrize("kind", [k for k in KINDS if "." not in k])
def test_no_page_is_left_of_an_entry_that_is_gone(kind):
    there = {p.relative_to(make_docs.REFERENCE).as_posix() for p in (make_docs.REFERENCE / kind).glob("*.md")}
    assert there <= set(PAGES)


def test_every_command_has_its_help():
    page = make_docs.cli_page()
    for words in ("spinecast assess", "spinecast new patient", "spinecast priors check", "spinecast simulate"):
        assert f"## {words}\n" in page
    assert "--rule-set" in page


def test_every_field_of_the_answer_is_explained():
    page = make_docs.assessment_page()
    for field in ("differential", "p_relief_4w_control", "conflict_bits", "branches"):
        assert f"| `{field}` |" in page
    assert "|  |" not in page


def test_the_readme_says_what_was_measured_last():
    page = (make_docs.ROOT / "README.md").read_text(encoding="utf-8")
    assert "pgmpy VariableElimination" in page
    assert make_docs.with_measured(page) == page, "`make readme`"
