"""Reading, citing and printing sources.bib."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinecast.errors import MalformedFileError, UnknownIdError
from spinecast.priors.bibliography import bibtex, cite, parse_sources, read_sources

TEXT = """@article{alpha2001,
  author = {Alpha A},
  year = {2001},
  journal = {Spine},
  doi = {10.1000/a},
}

@article{beta2002,
  author = {Beta, Bo and Gamma, C.},
  journal = {Pain},
  pmid = {12345},
}
"""


@pytest.fixture
def sources(tmp_path: Path):
    path = tmp_path / "sources.bib"
    path.write_text(TEXT, encoding="utf-8")
    return read_sources(path)


def test_a_citation_has_author_year_journal_and_doi(sources) -> None:
    assert cite(sources, "alpha2001") == "Alpha A 2001, Spine, doi:10.1000/a"


def test_several_authors_are_shortened_and_what_is_missing_is_said(sources) -> None:
    assert cite(sources, "beta2002") == "Beta et al. undated, Pain, PMID 12345"


def test_an_unknown_key_names_the_nearest(sources) -> None:
    with pytest.raises(UnknownIdError, match="alpha2001"):
        cite(sources, "alpha2011")
    with pytest.raises(UnknownIdError, match="beta2002"):
        bibtex(sources, ["beta2003"])


def test_printed_bibtex_reads_back_the_same(sources) -> None:
    again = {s.key: s.fields for s in parse_sources(bibtex(sources, ["beta2002", "alpha2001", "alpha2001"]))}
    assert again == {key: source.fields for key, source in sources.items()}


def test_a_field_over_two_lines_is_refused_with_its_line() -> None:
    with pytest.raises(MalformedFileError, match=r"sources.bib:2: 'title = \{two'"):
        parse_sources("@article{a,\n  title = {two\n  lines},\n}\n")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sources.bib"
    path.write_text(TEXT + TEXT, encoding="utf-8")
    with pytest.raises(MalformedFileError, match="stands twice"):
        read_sources(path)
