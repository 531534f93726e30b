"""Generated pages: one an entry, every number on it, nothing stale left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spinecast.priors.dictionary import data_dictionary
from spinecast.priors.pages import PAGED, write_pages
from spinecast.priors.reader import read_priors

HERE = Path(__file__).parents[2] / "data"
REAL = Path(__file__).parents[3] / "priors"


@pytest.fixture
def priors(tmp_path: Path):
    shutil.copytree(HERE / "lawful", tmp_path / "priors")
    shutil.copytree(REAL / "schema", tmp_path / "priors" / "schema")
    return read_priors(tmp_path / "priors")


def test_every_entry_has_a_page_and_a_line_in_the_index(priors, tmp_path: Path) -> None:
    write_pages(priors, tmp_path / "reference")
    for kind in PAGED:
        index = (tmp_path / "reference" / kind / "index.md").read_text(encoding="utf-8")
        for key in getattr(priors, kind):
            assert (tmp_path / "reference" / kind / f"{key}.md").exists()
            assert f"[{key}]({key}.md)" in index


def test_a_page_gives_numbers_and_citations(priors, tmp_path: Path) -> None:
    write_pages(priors, tmp_path)
    page = (tmp_path / "findings" / "straight_leg_raise.md").read_text(encoding="utf-8")
    assert "| radiculopathy (L5, S1), alone: positive | the row's value | [alpha2001-slr-sens](#alpha2001-slr-sens) |" in page
    assert "Alpha A 2001, Spine, doi:10.1000/alpha.2001" in page


def test_pages_of_entries_that_are_gone_are_removed(priors, tmp_path: Path) -> None:
    stale = tmp_path / "findings" / "gone.md"
    stale.parent.mkdir()
    stale.write_text("old", encoding="utf-8")
    write_pages(priors, tmp_path)
    assert not stale.exists()


def test_writing_twice_changes_nothing(priors, tmp_path: Path) -> None:
    first = {p: p.read_bytes() for p in write_pages(priors, tmp_path)}
    assert {p: p.read_bytes() for p in write_pages(priors, tmp_path)} == first


def test_the_dictionary_explains_every_field() -> None:
    text = data_dictionary(REAL)
    for field in ("like_n", "seen_in", "concordance", "co_occurrence", "with_it", "bounds", "contextual_effect"):
        assert f"`{field}`" in text
    assert "P(test \\| target, given)" in text or "P(test | target, given)" in text
