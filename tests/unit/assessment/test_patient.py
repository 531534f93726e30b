"""A patient table: what is understood of it."""

from __future__ import annotations

import pytest

from spinecast.assessment.patient import parse_patient
from spinecast.errors import InvalidValueError
from spinecast.priors.bundle import load_priors
from spinecast.resources import priors_folder

FAMILY = "sacroiliac_provocation"
FIVE = ("compression", "distraction", "gaenslen", "sacral_thrust", "thigh_thrust")


@pytest.fixture(scope="module")
def priors():
    return load_priors(priors_folder())


def counted(raw, priors):
    (count,) = parse_patient({"findings": {FAMILY: raw}}, priors).counts
    return count.tests, count.positive


@pytest.mark.parametrize("raw", ["4 of 5", "4/5", " 4 of  5 ", {"positive": 4, "of": 5}, {"positive": 4, "tests": [*FIVE]}])
def test_a_count_is_of_the_battery_of_its_size(priors, raw):
    assert counted(raw, priors) == (FIVE, 4)


def test_a_count_of_six_is_of_the_battery_of_six_and_one_without_of_is_of_all(priors):
    assert counted("6 of 6", priors) == (tuple(sorted((*FIVE, "faber"))), 6)
    everything = tuple(sorted(f.id for f in priors.findings.values() if f.family == FAMILY and len(f.values) == 2))
    assert len(everything) > 6
    assert counted({"positive": 2}, priors) == (everything, 2)


def test_a_count_as_text_is_evidence_like_the_same_tests_by_name(priors):
    named = {"positive": 2, "of": 3, "tests": ["faber", "gaenslen", "thigh_thrust"]}
    assert counted(named, priors) == (("faber", "gaenslen", "thigh_thrust"), 2)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("5 of 4", r"of = 4 is not allowed: expected 5 \(thigh_thrust"),
        ("6 of 5", r"positive = 6 is not allowed: expected a number from 0 to 5 \(of 5 tests\)"),
        ("four of five", r'a count of positive tests, as in "4 of 5"'),
        (4, r'as in "4 of 5"'),
        ({"of": 5}, r"positive = None"),
        ({"positive": 1.5, "of": 5}, "whole numbers"),
        ({"positive": 1, "of": 3, "tests": ["faber", "faber", "gaenslen"]}, "as many different tests"),
    ],
)
def test_a_count_that_is_none_says_how_to_write_it(priors, raw, said):
    with pytest.raises(InvalidValueError, match=said):
        counted(raw, priors)


def test_tests_are_not_given_beside_their_count(priors):
    with pytest.raises(InvalidValueError, match="not to be given beside the count"):
        parse_patient({"findings": {FAMILY: "4 of 5", "gaenslen": "positive"}}, priors)
