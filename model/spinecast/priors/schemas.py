"""Check documents and rows against `schema/*.json`, saying what is wrong in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from spinecast.errors import MalformedFileError
from spinecast.priors.documents import NUMBERS, Corpus, Document, Path_, number
from spinecast.priors.problems import Problem, nearest, one_of
from spinecast.priors.records import Row


def read_schemas(folder: Path) -> dict[str, dict[str, Any]]:
    """Every schema of a priors folder by name.

    Raises
    ------
    MalformedFileError
        The folder has no schemas.
    """
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "schema").glob("*.json"))}
    if not found:
        raise MalformedFileError(f"{folder} has no schema/*.json, so nothing can be checked")
    return found


def validators(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Draft202012Validator]:
    """One validator a schema; references between files are resolved among `schemas` only."""
    resources = [(f"{name}.json", Resource.from_contents(schema)) for name, schema in schemas.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return {name: Draft202012Validator(schema, registry=registry) for name, schema in schemas.items()}


def schema_problems(corpus: Corpus) -> Iterator[Problem]:
    """Everything that breaks a schema, documents first."""
    checks = validators(read_schemas(corpus.folder))
    for document in corpus.documents:
        for error in checks[document.kind].iter_errors(document.table):
            yield _document_problem(document, error)
    validator = checks["evidence"]
    for row, cell in zip(corpus.rows, corpus.cells, strict=True):
        for error in validator.iter_errors(_typed(cell)):
            yield _row_problem(row, error)


def _typed(cell: Mapping[str, str]) -> dict[str, object]:
    """A CSV row with its numbers as numbers; an unreadable one stays a text, which the schema rejects."""
    typed: dict[str, object] = dict(cell)
    for name in NUMBERS:
        text = cell.get(name, "")
        if name in typed:
            typed[name] = None if not text else text if number(text) is None else number(text)
    return typed


def _document_problem(document: Document, error: ValidationError) -> Problem:
    path, value, message, expected, near = _explain(error)
    return document.problem(path, value, message, expected, near)


def _row_problem(row: Row, error: ValidationError) -> Problem:
    path, value, message, expected, near = _explain(error)
    name = ".".join(str(p) for p in path)
    return Problem(row.file, row.line, f"{row.id}.{name}" if name else row.id, str(value), expected, near, message)


def _explain(error: ValidationError) -> tuple[Path_, object, str, str, str]:
    """Path, value, message, expectation and nearest match of one schema error."""
    path: Path_ = tuple(error.absolute_path)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    instance, rule = cast("Any", error.instance), cast("Any", error.validator_value)
    hint = str(schema.get("x-expected", ""))
    shown = "" if isinstance(instance, dict | list) else _short(instance)
    match error.validator:
        case "enum":
            allowed = [str(v) for v in rule]
            return path, shown, "is not in the vocabulary", one_of(allowed), nearest(shown, allowed)
        case "additionalProperties":
            allowed = list(schema.get("properties", {}))
            extra = str(next(k for k in instance if k not in allowed))
            return (*path, extra), "", "is not a field of this table", one_of(allowed), nearest(extra, allowed)
        case "required":
            missing = _named(error, rule)
            return (*path, missing), "", "is missing", hint or _description(schema, missing), ""
        case "dependentRequired":
            missing = _named(error, [name for key, names in rule.items() if key in instance for name in names])
            return (*path, missing), "", "is missing beside what is given", _description(schema, missing), ""
        case "anyOf":
            return path, shown, "neither cites rows nor says assumed", hint, ""
        case "not" if not rule:
            return path, "", "does not belong to an entry of this form", hint, ""
        case "not":
            return path, shown, "states both an assumed and a derived number", "one of the two", ""
        case "type":
            return path, _short(instance), "is of the wrong type", hint or _type(rule), ""
        case _:
            return path, shown, _PLAIN.get(str(error.validator), error.message), hint or f"{error.validator} {rule}", ""


_PLAIN = {
    "pattern": "is not written as it should be", "minLength": "is too short", "minimum": "is too small", "maximum": "is too large",
    "exclusiveMinimum": "is too small", "minItems": "has too few entries", "maxItems": "has too many entries",
    "uniqueItems": "names something twice", "minProperties": "says too little",
}  # fmt: skip


def _named(error: ValidationError, names: Iterable[str]) -> str:
    """The missing field that this one error is about: jsonschema names it only in its message."""
    return next(name for name in names if error.message.startswith(f"'{name}' ") or f"{name!r} is a dependency" in error.message)


def _description(schema: Mapping[str, Any], name: str) -> str:
    described = schema.get("properties", {}).get(name, {})
    return str(described.get("description", "")) if isinstance(described, dict) else ""


def _type(wanted: object) -> str:
    names = {"object": "a table", "array": "a list", "string": "a text", "number": "a number", "integer": "a whole number",
             "boolean": "true or false", "null": "nothing"}  # fmt: skip
    return " or ".join(names.get(str(w), str(w)) for w in (wanted if isinstance(wanted, list) else [wanted]))


def _short(value: object) -> object:
    text = str(value)
    return value if len(text) <= 60 else text[:57] + "..."
