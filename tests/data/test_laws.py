"""The real priors keep every law: one test a law, the same that `spinecast priors check` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinecast.priors.check import check_corpus, format_problems, read_corpus
from spinecast.priors.laws import LAWS

PRIORS = Path(__file__).parents[2] / "priors"


@pytest.fixture(scope="module")
def problems() -> dict[str, list]:
    found: dict[str, list] = {}
    for problem in check_corpus(read_corpus(PRIORS)):
        found.setdefault(problem.law, []).append(problem)
    return found


@pytest.mark.parametrize("law", ["schema", *(law.__name__ for law in LAWS)])
def test_the_priors_keep(law: str, problems: dict[str, list]) -> None:
    assert law not in problems, format_problems(problems[law])


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_says_what_holds(law) -> None:
    assert law.__doc__
