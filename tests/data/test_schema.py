"""The schemas are an honest dictionary: every field is explained, its examples pass and its counter-examples fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from spinecast.priors.documents import FOLDERS, read_corpus
from spinecast.priors.schemas import read_schemas

SCHEMAS = read_schemas(Path(__file__).parents[2] / "priors")
REGISTRY = Registry().with_resources([(f"{name}.json", Resource.from_contents(s)) for name, s in SCHEMAS.items()])


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in SCHEMAS.items():
        for field, part in schema.get("properties", {}).items():
            yield f"{name}.{field}", part
    for field, part in SCHEMAS["quantity"]["$defs"]["quantity"]["properties"].items():
        yield f"quantity.{field}", part


FIELDS = dict(fields())


def keeps(part: dict[str, Any], value: object) -> bool:
    # Resolved against a file of its own, so that references to quantity.json are found.
    return Draft202012Validator({"$id": "one_field.json", **part}, registry=REGISTRY).is_valid(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["title"]
    assert SCHEMAS[name]["description"]


def test_every_kind_of_file_has_a_schema() -> None:
    assert set(SCHEMAS) == {*FOLDERS.values(), "evidence", "economics", "quantity"}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_explained(field: str) -> None:
    part = FIELDS[field]
    assert part["description"]
    assert part["examples"], "an example is missing"
    assert part["x-counterexamples"], "a counter-example is missing"


@pytest.mark.parametrize("field", FIELDS)
def test_examples_pass(field: str) -> None:
    assert [v for v in FIELDS[field]["examples"] if not keeps(FIELDS[field], v)] == []


@pytest.mark.parametrize("field", FIELDS)
def test_counterexamples_fail_and_say_why(field: str) -> None:
    listed = FIELDS[field]["x-counterexamples"]
    assert [c["value"] for c in listed if keeps(FIELDS[field], c["value"])] == []
    assert all(c["why"] for c in listed)


def test_examples_name_rows_that_exist() -> None:
    """A reader who looks an example up must find it; ids such as active-4w say by their form that they are none."""
    known = read_corpus(Path(__file__).parents[2] / "priors").row
    shown = [value for part in FIELDS.values() for value in part["examples"]]
    cited = [row for value in shown if isinstance(value, dict) for row in value.get("rows", ())]
    cited += [row for name in ("quantity.rows", "rule.sources") for value in FIELDS[name]["examples"] for row in value]
    assert [row for row in cited if row not in known and not row.startswith(("active-", "control-"))] == []
