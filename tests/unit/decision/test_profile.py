"""Three-valued truth of rule expressions, and the chance of what is not known."""

from __future__ import annotations

import pytest

from helpers.decision_priors import priors
from spinecast.decision.profile import Profile, Vocabulary, chance, truth
from spinecast.errors import PriorsError

VOCABULARY = Vocabulary.of(priors())


def asked(expression: str, **values: object):
    return truth(expression, Profile(values), VOCABULARY)


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("fever", {"fever": "present"}, True),
        ("fever", {"fever": "absent"}, False),
        ("fever", {}, None),
        ("not fever", {"fever": "absent"}, True),
        ("not fever", {}, None),
        ("fever and canal", {"fever": "absent"}, False),  # one false part decides
        ("fever and canal", {"fever": "present"}, None),
        ("fever or canal", {"fever": "present"}, True),  # one true part decides
        ("fever or canal", {"fever": "absent"}, None),
        ("canal", {"canal": "moderate"}, True),
        ("canal >= severe", {"canal": "moderate"}, False),
        ("canal >= moderate", {"canal": "severe"}, True),
        ("canal < severe", {"canal": "none"}, True),
        ("canal in (moderate, severe)", {"canal": "none"}, False),
        ("canal not in (moderate, severe)", {"canal": "none"}, True),
        ("anticoagulant != none", {"anticoagulant": "warfarin"}, True),
        ("anticoagulant != none", {}, None),
        ("hba1c >= 7", {"hba1c": 7.0}, True),
        ("hba1c >= 7", {"hba1c": 6.9}, False),
        ("hba1c >= 7", {}, None),
        ("implant", {"implant": "yes"}, True),
        ("implant", {"implant": "no"}, False),
        ("allergies", {"allergies": ("none",)}, False),
        ("allergies", {"allergies": ("contrast",)}, True),
        ("allergies == latex", {"allergies": ("contrast", "latex")}, True),
        ("allergies == latex", {"allergies": ("contrast",)}, False),
        ("allergies != none", {"allergies": ("none",)}, False),
        ("allergies != none", {"allergies": ("latex",)}, True),
        ("allergies in (latex, contrast)", {"allergies": ("none",)}, False),
        ("count(fever, canal, implant) >= 2", {"fever": "present", "canal": "severe"}, True),
        ("count(fever, canal, implant) >= 2", {"fever": "present"}, None),
        ("count(fever, canal, implant) >= 2", {"fever": "absent", "canal": "none"}, False),
        ("count(fever, canal) < 1", {"fever": "absent", "canal": "none"}, True),
    ],
)
def test_truth(expression, values, expected):
    assert asked(expression, **values) is expected


def test_a_number_behind_a_band_is_used():
    profile = Profile({"duration": "weeks_6_12"}, numbers={"duration": 9.0})
    assert truth("duration >= 8", profile, VOCABULARY) is True
    assert truth("duration in (weeks_6_12, weeks_13_52)", profile, VOCABULARY) is True


@pytest.mark.parametrize(
    ("expression", "values", "says"),
    [
        ("root", {}, "neither a context"),
        ("canal == narrow", {"canal": "none"}, "narrow"),
        ("allergies == cats", {"allergies": ("none",)}, "cats"),
        ("canal >= narrow", {"canal": "none"}, "narrow"),
        ("alone(root)", {}, "threshold"),
        ("any_generator", {}, "threshold"),
        ("canal >= 3", {"canal": "none"}, "number"),
    ],
)
def test_what_does_not_exist_is_an_error(expression, values, says):
    with pytest.raises(PriorsError, match=says):
        asked(expression, **values)


def test_chance_of_what_is_known_is_certain():
    assert chance("smoking == current", Profile({"smoking": "current"}), VOCABULARY) == 1.0
    assert chance("smoking == current", Profile({"smoking": "never"}), VOCABULARY) == 0.0


def test_chance_of_an_unknown_context_is_averaged():
    profile = Profile(chances={"smoking": {"never": 0.5, "former": 0.2, "current": 0.3}})
    assert chance("smoking == current", profile, VOCABULARY) == pytest.approx(0.3)
    assert chance("smoking", profile, VOCABULARY) == pytest.approx(0.5)
    assert chance("smoking and not fever", Profile({"fever": "absent"}, profile.chances), VOCABULARY) == pytest.approx(0.5)


def test_chance_of_anything_else_unknown_is_neutral():
    profile = Profile(chances={"smoking": {"never": 0.5, "former": 0.2, "current": 0.3}})
    assert chance("fever", profile, VOCABULARY) == 0.0
    assert chance("smoking and fever", profile, VOCABULARY) == 0.0
