"""Who benefits: the profiles of S11 and S12, what the model says of them, and the rule by which it agrees or differs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from helpers.answers import action
from spinecast.analysis.profiles import (
    AGREES,
    DIFFERS,
    DO_NOT,
    DOES_WELL,
    LEANS,
    URGENT,
    Profile,
    ProfileTable,
    _verdict,
    profile_table,
    read_profiles,
)
from spinecast.assessment.assess import assess
from spinecast.assessment.model import load_model
from spinecast.errors import MalformedFileError, UnknownIdError
from spinecast.report.profiles import LOOKS, profiles_figure, profiles_page, profiles_text
from spinecast.resources import examples_folder

FOLDER = examples_folder() / "profiles"
LABELS = {k: p.label for k, p in load_model().priors.procedures.items()}


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    return {p.code: p for p in read_profiles(FOLDER, load_model().priors)}


@pytest.fixture(scope="module")
def table(profiles) -> ProfileTable:
    return profile_table([profiles["S11a"], profiles["S12a"], profiles["S12f"]], draws=4, depth=1)


def test_every_part_of_s11_and_s12_has_a_profile(profiles) -> None:
    assert list(profiles) == [*(f"S11{x}" for x in "abcde"), *(f"S12{x}" for x in "abcdef")]


def test_profiles_name_no_number_of_the_model(profiles) -> None:
    assert all(set(p.patient) <= {"context", "findings", "inputs", "procedures"} for p in profiles.values())


def test_the_table_says_what_an_assessment_says(profiles, table) -> None:
    row = table.rows[0]
    answer = assess(dict(profiles["S11a"].patient), rule_set="roadmap", draws=4, depth=1)
    same = next(r for r in answer.ranking if r.id == row.procedure)
    assert row.value == (same.value, same.low, same.high)
    assert row.total == pytest.approx((same.relief_weeks, same.relief_weeks_low, same.relief_weeks_high))
    assert row.first == answer.first.id
    assert row.probability == pytest.approx(next(g.probability for g in answer.differential if g.id == row.target))


def test_specific_is_less_than_total_and_nothing_where_there_is_no_target(table) -> None:
    aimed, aimless, _ = table.rows
    assert 0 < aimed.specific[0] < aimed.total[0]
    assert abs(aimless.specific[0]) < 0.2 < aimless.total[0]
    assert all(r.specific[1] <= r.specific[2] and r.total[1] <= r.total[2] for r in table.rows)


PROFILE = Profile("X", "x", DOES_WELL, "option", {})


@pytest.mark.parametrize(
    ("roadmap", "value", "specific", "needles", "care", "expected"),
    [
        (DOES_WELL, 500.0, (2.0, 0.1, 4.0), 500.0, 300.0, AGREES),
        (DOES_WELL, 500.0, (2.0, -0.1, 4.0), 500.0, 300.0, LEANS),
        (DOES_WELL, 200.0, (2.0, 0.1, 4.0), 500.0, 300.0, LEANS),
        (DOES_WELL, -10.0, (2.0, 0.1, 4.0), 500.0, 300.0, DIFFERS),
        (DO_NOT, 200.0, (0.0, 0.0, 0.0), 250.0, 300.0, AGREES),
        (DO_NOT, 200.0, (0.0, 0.0, 0.0), 400.0, 300.0, LEANS),
        (DO_NOT, 400.0, (0.0, 0.0, 0.0), 400.0, 300.0, DIFFERS),
        (URGENT, 400.0, (1.0, 0.0, 2.0), 400.0, 300.0, DIFFERS),
    ],
)
def test_the_rule_of_agreement(roadmap, value, specific, needles, care, expected) -> None:
    own = action("option", value)
    assert _verdict(replace(PROFILE, roadmap=roadmap), own, specific, needles, care, own)[0] == expected


def test_urgent_agrees_only_where_it_goes_first() -> None:
    own, first = action("option", 400.0), action("urgent_evaluation", -100.0)
    assert _verdict(replace(PROFILE, roadmap=URGENT), own, (1.0, 0.0, 2.0), 400.0, 300.0, first)[0] == AGREES


def test_text_page_and_json_hold_every_profile(table) -> None:
    text, page, data = profiles_text(table, LABELS), profiles_page(table, LABELS), json.loads(json.dumps(table.to_dict()))
    assert max(map(len, text.splitlines())) <= 100
    assert [r["code"] for r in data["profiles"]] == ["S11a", "S12a", "S12f"]
    assert all(f"| {code} |" in page and code in text for code in ("S11a", "S12a", "S12f"))
    assert "-0.0" not in text


def test_the_figure_shows_a_point_and_an_interval_each(table) -> None:
    axes = profiles_figure(table, LABELS).axes
    assert len(axes) == 3
    assert all(len(a.lines) >= 2 * len(table.rows) for a in axes)
    assert len({marker for _, marker in LOOKS.values()}) == len(LOOKS)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('code = "X"', MalformedFileError, "label is missing"),
        (
            'code = "X"\nlabel = "x"\nroadmap = "does wel"\nprocedure = "mri"\n[patient]',
            UnknownIdError,
            "did you mean 'does well'",
        ),
        ('code = "X"\nlabel = "x"\nroadmap = "does well"\nprocedure = "mry"\n[patient]', UnknownIdError, "did you mean 'mri'"),
        ('codes = "X"', UnknownIdError, "did you mean 'code'"),
        ("code = ", MalformedFileError, "x.toml"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, error, said) -> None:
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(error, match=said):
        read_profiles(tmp_path, load_model().priors)


def test_a_folder_without_profiles_is_an_error(tmp_path) -> None:
    with pytest.raises(MalformedFileError, match="no profiles"):
        read_profiles(tmp_path, load_model().priors)
