"""The published schema: real shapes validate, every field is described, and the promised names are there."""

from __future__ import annotations

import json

import jsonschema
import pytest

from helpers.answers import answer, urgent
from spinecast.report.published import assessment_schema

SCHEMA = assessment_schema()
PROMISED = {
    "": "model differential explanations ranking settings flags plan why next_findings surprise provenance",
    "model": "version priors_hash",
    "differential": "id label probability low high",
    "ranking": "id label value low high level side p_relief_4w p_relief_4w_control p_relief_6m p_relief_6m_control relief_weeks "
    "relief_weeks_low relief_weeks_high rank_low rank_high serious_harm_per_10000 cost net_benefit p_best gates",
    "settings": "rule_set horizon_weeks willingness_to_pay currency year depth draws seed",
}
"""Names that other programs rely on; they may get company and never go."""


def resolve(node):
    """A schema node with its reference followed."""
    return SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def undescribed(value, node, path="$"):
    """Paths of `value` that the schema says nothing about."""
    node = resolve(node)
    if "oneOf" in node:
        node = {**node, **next((n for n in node["oneOf"] if (n["type"] == "null") == (value is None)), {})}
    if not node.get("description"):
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            below = node.get("properties", {}).get(key, node.get("additionalProperties"))
            yield from [f"{path}.{key}"] if below is None else undescribed(inner, below, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from undescribed(item, node["items"], f"{path}[]") if "items" in node else ()


@pytest.mark.parametrize("made", [answer(), urgent()], ids=["ordinary", "urgent"])
def test_an_answer_validates_and_every_field_is_described(made):
    plain = json.loads(json.dumps(made.to_dict()))
    jsonschema.Draft202012Validator(SCHEMA).validate(plain)
    assert sorted(set(undescribed(plain, SCHEMA))) == []


def test_the_schema_is_lawful():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("place", PROMISED)
def test_promised_names_are_required_and_present(place):
    node = SCHEMA if not place else resolve(SCHEMA["properties"][place])
    node = resolve(node["items"]) if "items" in node else node
    names = set(PROMISED[place].split())
    assert names <= set(node["required"])
    found = answer().to_dict()[place] if place else answer().to_dict()
    assert names <= set(found[0] if isinstance(found, list) else found)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [("nonspecific", 1.2), ("differential", []), ("ranking", [{}]), ("settings", {}), ("plan", {"action": "x"})],
)
def test_a_wrong_answer_does_not_validate(place, wrong):
    broken = json.loads(json.dumps({**answer().to_dict(), place: wrong}))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(broken)
