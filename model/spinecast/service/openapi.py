"""The OpenAPI document: the vocabulary as schema of a patient, the published schema of the answer, worked examples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import spinecast
from spinecast.assessment.files import MOST_DEPTH
from spinecast.assessment.patient import SECTIONS
from spinecast.assessment.recorded import RELIABILITY, SEDATION, SIDES, SPINE_LEVELS
from spinecast.priors.records import Priors
from spinecast.report.published import assessment_schema
from spinecast.scoring.forecaster import OUTPUTS, Forecaster
from spinecast.scoring.schema import REASON
from spinecast.service import problems, stream
from spinecast.service.examples import examples
from spinecast.service.limits import Limits

Schema = dict[str, Any]

DESCRIPTION = """Which structures explain this spine pain, how sure that is, and what each procedure would add.

A patient is a JSON object with the sections of a patient file; what is absent counts as not observed. Nothing about a
person is kept or logged. Errors are problem details (RFC 9457).

{disclaimer}
"""


def ref(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def patient_body() -> Schema:
    """What an assessment takes."""
    return {"required": True, "content": {"application/json": {"schema": ref("Patient"), "examples": examples()}}}


def stream_body(limits: Limits) -> Schema:
    """What a stream takes."""
    lines = "".join(json.dumps(one["value"]) + "\n" for one in examples().values())
    text = f"One patient a line (`Patient`, as for /v1/assess); at most {limits.rows:,} lines."
    schema = {"type": "string", "description": text}
    content = {
        stream.MEDIA_TYPE: {"schema": schema, "examples": {"examples": {"summary": "The worked patients", "value": lines}}}
    }
    return {"required": True, "content": content}


def problem_answers(*statuses: int) -> dict[int | str, Schema]:
    """Responses that are problems."""
    meaning = {
        400: "Not JSON, or no object", 408: "Nothing came for too long", 413: "Too large", 415: "Another media type",
        422: "A patient or an option that is not lawful: `field`, `allowed`, `nearest`, `conflict` say more",
        503: "Busy, still loading, or it took too long; see Retry-After",
    }  # fmt: skip
    content = {problems.MEDIA_TYPE: {"schema": ref("Problem")}}
    found: dict[int | str, Schema] = {status: {"description": meaning[status], "content": content} for status in statuses}
    for status in {413, 503} & set(statuses):
        if status == 503:
            found[status]["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}}
    return found


def completed(document: Schema, forecaster: Forecaster) -> Schema:
    """The document of the routes with its components."""
    components = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    components |= {**_answer(), **patient_schemas(forecaster.priors), "Problem": _problem(), "Score": _score(forecaster)}
    document["info"]["description"] = DESCRIPTION.format(disclaimer=spinecast.DISCLAIMER)
    return document


def patient_schemas(priors: Priors) -> dict[str, Schema]:
    """Schemas of a patient and its parts: ids as enumerations, values as the vocabulary has them."""
    sections = {
        "label": {"type": "string", "maxLength": 500, "description": "A name for the case; comes back in the answer."},
        "assessed_on": {"type": "string", "format": "date", "description": "From which dates of procedures count back; today."},
        "setting": {"enum": [*priors.settings, "unknown"], "description": "Where the person is seen."},
        "context": _ids(priors.contexts, "Context", "Age, sex, duration, history."),
        "findings": _ids([*priors.findings, *priors.dependencies], "Finding", "Symptoms, examination, imaging, block responses."),
        "inputs": _ids(priors.inputs, "Input", "What gates and costs need: anticoagulant, allergies, glucose."),
        "procedures": {"type": "array", "items": ref("EarlierProcedure"), "description": "What was done before."},
        "goals": {"type": "array", "items": ref("Goal"), "description": "What the person wants to do again."},
        "rule_set": {"type": "string", "description": "Whose rules hold."},
        "reliability": {"enum": RELIABILITY, "description": "Whether published agreement of examiners makes findings soft."},
        "elapsed_weeks": {"type": "number", "minimum": 0, "description": "Weeks since the first assessment, in a follow-up."},
        "now": _ids(priors.contexts, "Context", "Contexts that have changed since the first assessment."),
        "baseline": _ids(priors.inputs, "Input", "Function and pain at the first assessment."),
    }
    described = f"What is known of one person; nested at most {MOST_DEPTH} deep. GET /v1/vocabulary lists ids, values and units."
    properties = {name: sections[name] for name in SECTIONS}  # a new section has to be described here
    return {
        "Patient": {"type": "object", "description": described, "properties": properties, "additionalProperties": False},
        "Context": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, _observation({})]},
        "Finding": {
            "anyOf": [
                {"type": "string"},
                {"type": "boolean"},
                _observation({"side": {"enum": SIDES}, "level": {"enum": SPINE_LEVELS}, "sedation": {"enum": SEDATION}}),
                _count(),
            ]
        },
        "Input": {"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array", "items": {"type": "string"}}]},
        "EarlierProcedure": _earlier(priors),
        "Goal": {
            "type": "object",
            "required": ["goal"],
            "properties": {name: {"type": "string"} for name in ("goal", "baseline", "target", "unit")},
        },
    }


def _ids(names: Iterable[str], value: str, meaning: str) -> Schema:
    enumerated = {"enum": sorted(names)}
    return {"type": "object", "description": meaning, "propertyNames": enumerated, "additionalProperties": ref(value)}


def _observation(more: Mapping[str, Schema]) -> Schema:
    likelihood = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}
    described = "A value with more about it, or a likelihood over all values where what was seen is uncertain."
    return {
        "type": "object",
        "description": described,
        "properties": {"value": {"type": ["string", "boolean"]}, "likelihood": likelihood, **more},
    }


def _count() -> Schema:
    tests = {"type": "array", "items": {"type": "string"}}
    whole = {"type": "integer", "minimum": 0}
    described = "So many of so many tests of a family positive."
    return {"type": "object", "description": described, "properties": {"positive": whole, "of": whole, "tests": tests}}


def _earlier(priors: Priors) -> Schema:
    number = {"type": "number", "minimum": 0}
    properties: dict[str, Schema] = {
        "procedure": {"enum": sorted(priors.procedures)},
        "date": {"type": "string", "format": "date"},
        "weeks_ago": number,
        "side": {"enum": SIDES},
        "level": {"enum": SPINE_LEVELS},
        "sedation": {"enum": SEDATION},
        "relief_percent": {**number, "maximum": 100},
        "duration_hours": number,
        "duration_weeks": number,
        "dose_mg": number,
        **{name: {"type": "string"} for name in ("drug", "anaesthetic", "note")},
    }
    return {"type": "object", "required": ["procedure"], "properties": properties}


def _answer() -> dict[str, Schema]:
    """The published schema of the answer, its definitions as components."""
    text = json.dumps(assessment_schema()).replace("#/$defs/", "#/components/schemas/")
    schema: Schema = json.loads(text)
    found: dict[str, Schema] = schema.pop("$defs", {})
    for name in ("$id", "$schema"):
        schema.pop(name, None)
    return {**found, "Assessment": schema}


def _problem() -> Schema:
    text = {"type": "string"}
    properties = {
        "type": {**text, "description": "urn:spinecast:problem:<kind>"},
        "title": text,
        "status": {"type": "integer"},
        "detail": text,
        "field": {**text, "description": "What the value was given for."},
        "allowed": {"type": "array", "items": text, "description": "What would be allowed."},
        "nearest": {"type": ["string", "null"], "description": "The allowed one that is closest."},
        "expected": {**text, "description": "What would be allowed, in words."},
        "conflict": {"type": "array", "items": text, "description": "Findings that cannot all be true."},
    }
    return {"type": "object", "required": ["type", "title", "status", "detail"], "properties": properties}


JSON_TYPES = {"bool": "boolean", "string": "string"}


def _score(forecaster: Forecaster) -> Schema:
    columns = {
        field.name: {"type": JSON_TYPES.get(str(field.type), "number"), "description": field.metadata[b"meaning"].decode()}
        for field in forecaster.schema_out(OUTPUTS)
        if field.name != REASON
    }
    head = {
        "row": {"type": "integer", "minimum": 1, "description": "Number of the line."},
        "label": {"type": "string"},
        "reason": {"type": "string", "description": "Why the person was not scored; then there is nothing else."},
    }
    return {"type": "object", "required": ["row"], "properties": {**head, **columns}}
