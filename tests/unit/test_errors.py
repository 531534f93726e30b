"""Errors carry what a person needs to put them right."""

from __future__ import annotations

import pytest

from spinecast import errors
from spinecast.errors import (
    ArtefactError,
    ImpossibleFindingsError,
    InputError,
    InvalidValueError,
    MalformedFileError,
    PriorsError,
    SpinecastError,
    UnknownIdError,
    unknown,
)


def test_unknown_id_names_field_value_nearest_and_allowed():
    error = UnknownIdError("findings", "straight_leg_rise", ["slump_test", "straight_leg_raise"])
    assert error.nearest == "straight_leg_raise"
    assert str(error) == (
        "findings: unknown 'straight_leg_rise'; did you mean 'straight_leg_raise'? Allowed: slump_test, straight_leg_raise"
    )


def test_nothing_close_gives_no_guess():
    error = UnknownIdError("setting", "zzz", ["primary_care", "emergency"])
    assert error.nearest == ""
    assert "did you mean" not in str(error)


def test_unknown_cuts_a_long_list_and_says_how_much_is_left():
    allowed = [f"id_{i}" for i in range(errors.MOST_SHOWN + 5)]
    assert unknown("findings", "qqq", allowed).endswith(f"id_{errors.MOST_SHOWN - 1} and 5 more")


def test_unknown_shows_the_closest_of_a_long_list():
    allowed = [*(f"id_{i}" for i in range(100)), "slump_test", "straight_leg_raise"]
    said = unknown("findings", "straight_leg_rise", allowed)
    assert said.endswith("Allowed: straight_leg_raise and 101 more")


def test_unknown_says_so_where_nothing_is_allowed():
    assert unknown("inputs", "a", []).endswith("Allowed: nothing")


def test_a_value_that_is_no_text_is_reported_as_text():
    assert UnknownIdError("sex", 3, ["male", "female"]).value == "3"


def test_invalid_value_says_what_was_expected():
    assert str(InvalidValueError("context.age", 130, "a number from 18 to 120")) == (
        "context.age = 130 is not allowed: expected a number from 18 to 120"
    )


def test_impossible_findings_carry_the_conflict():
    error = ImpossibleFindingsError(["sex = male", "pregnancy = pregnant"])
    assert error.conflict == ("sex = male", "pregnancy = pregnant")
    assert "sex = male, pregnancy = pregnant" in str(error)


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (SpinecastError, 1),
        (InputError, 2),
        (UnknownIdError, 2),
        (InvalidValueError, 2),
        (MalformedFileError, 2),
        (ImpossibleFindingsError, 2),
        (PriorsError, 2),
        (ArtefactError, 1),
    ],
)
def test_exit_code_of_each_kind(kind, exit_code):
    assert issubclass(kind, SpinecastError)
    assert kind.exit_code == exit_code


def test_the_drawing_shows_every_error():
    drawn = errors.__doc__
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, SpinecastError):
            assert name in drawn
