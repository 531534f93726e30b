"""`show` prints every number with its interval and citation, within 100 columns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from spinecast.errors import UnknownIdError
from spinecast.priors import show as showing
from spinecast.priors.bibliography import read_sources
from spinecast.priors.outline import outline
from spinecast.priors.reader import read_priors
from spinecast.priors.show import KINDS, show

LAWFUL = Path(__file__).parents[2] / "data" / "lawful"
REAL = Path(__file__).parents[3] / "priors"


@pytest.fixture(scope="module")
def small():
    return read_priors(LAWFUL)


def test_a_finding_shows_rows_intervals_citations_and_questions(small) -> None:
    text = show(small, "straight_leg_raise")
    assert "radiculopathy (L5, S1), alone: positive" in text
    assert "alpha2001-slr-sens: sens 0.6 (0.5 to 0.7), n = 100" in text
    assert "Alpha A 2001, Spine, doi:10.1000/alpha.2001 [fulltext, confidence high]" in text
    assert "asks sens of test straight_leg_raise | target radiculopathy in (L5, S1), in spine_clinic" in text
    assert "1 - the row's value" in text


def test_an_assumption_shows_its_size_and_reason(small) -> None:
    assert "0.2, assumed, worth 20 patients: made up for the tests" in show(small, "straight_leg_raise")


def test_a_derived_number_shows_the_rows_that_it_derives_from(small) -> None:
    text = show(small, "facet_radiofrequency")
    assert "0.05, derived from its rows, worth 10 patients: recalled figure, widened" in text
    assert "[memory, confidence low]" in text
    assert "first minus second of 2 rows" in text


def test_a_generator_shows_prevalence_course_and_findings(small) -> None:
    text = show(small, "facet_joint")
    assert "prevalence, primary_care" in text
    assert "natural course, acute, week 2" in text
    assert "extension_rotation" in text


def test_a_row_shows_who_cites_it(small) -> None:
    assert "cited by: findings/straight_leg_raise" in show(small, "alpha2001-slr-sens")
    assert "rules/two_blocks_first" in show(small, "beta2002-rule")


def test_a_source_shows_its_rows(small) -> None:
    text = show(small, "beta2002")
    assert "beta2002-active: proportion 0.6, no interval printed, n = 50" in text


def test_an_unknown_id_names_the_nearest(small) -> None:
    with pytest.raises(UnknownIdError, match="did you mean 'facet_joint'"):
        show(small, "facet_joints")


@pytest.mark.parametrize("folder", [LAWFUL, REAL], ids=["lawful", "real"])
def test_every_entry_fits_in_100_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "read_sources", cache(read_sources))
    priors = read_priors(folder)
    for key in sorted({key for kind in KINDS for key in getattr(priors, kind)} | set(list(priors.rows)[::150])):
        wide = [line for line in show(priors, key).splitlines() if len(line) > 100 and " " in line.strip()]
        assert wide == [], key


def quantities(value: object) -> int:
    """Quantities anywhere inside a record, counted without knowing the record."""
    if type(value).__name__ == "Quantity":
        return 1
    if hasattr(value, "values") and not hasattr(value, "__dataclass_fields__"):
        return sum(quantities(v) for v in value.values())
    if isinstance(value, tuple):
        return sum(quantities(v) for v in value)
    return sum(quantities(getattr(value, f)) for f in getattr(value, "__dataclass_fields__", ()))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generators"])
def test_no_number_is_left_out(kind: str, small) -> None:
    for key, record in getattr(small, kind).items():
        assert len(outline(small, kind, key).numbers) == quantities(record), key
