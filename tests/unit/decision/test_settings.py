"""Settings: defaults from economics, and errors that help."""

from __future__ import annotations

import pytest

from helpers.decision_priors import priors, rule
from spinecast.decision.settings import decision_settings, rule_sets
from spinecast.errors import InvalidValueError, UnknownIdError

KNOWN = priors(
    rule("a", "recommendation", rule_sets=("guideline", "payer")),
    rule("b", "recommendation", rule_sets=("roadmap",)),
    rule("c", "syndrome"),
)


def test_rule_sets_are_those_that_rules_name():
    assert rule_sets(KNOWN) == ("guideline", "payer", "roadmap")


def test_defaults_come_from_economics():
    made = decision_settings(KNOWN)
    assert (made.rule_set, made.horizon_weeks, made.depth, made.currency, made.year) == ("guideline", 52.0, 3, "USD", 2025)
    assert made.willingness_to_pay == pytest.approx(100_000)
    assert made.discount == pytest.approx(0.03)


def test_given_values_are_kept():
    made = decision_settings(KNOWN, rule_set="payer", horizon_weeks=26, willingness_to_pay=0, depth=2)
    assert (made.rule_set, made.horizon_weeks, made.willingness_to_pay, made.depth) == ("payer", 26.0, 0.0, 2)


def test_an_unknown_rule_set_names_the_nearest():
    with pytest.raises(UnknownIdError, match="roadmap"):
        decision_settings(KNOWN, rule_set="roadmaps")


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon_weeks": 0},
        {"horizon_weeks": 105},
        {"willingness_to_pay": -1},
        {"willingness_to_pay": 1e8},
        {"depth": 0},
        {"depth": 5},
    ],
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        decision_settings(KNOWN, **wrong)
