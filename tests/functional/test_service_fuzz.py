"""Schemathesis: whatever its own document allows (and much that it does not), the service never fails."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from helpers.serving import serving
from spinecast.service.app import create_app
from spinecast.service.limits import Limits

schemathesis.serializer.alias("application/x-ndjson", "text/plain")

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
OPERATIONS = ("POST /v1/assess", "POST /v1/score", "GET /v1/vocabulary", "GET /healthz", "GET /readyz", "GET /metrics")
EXAMPLES = 10


@pytest.fixture(scope="module")
def operations(priors):
    with serving(create_app(priors, Limits(rows=50, queue=100))) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        yield {operation.label: operation for operation in (found.ok() for found in schema.get_all_operations())}


def test_every_operation_is_tried(operations):
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        *((label, GenerationMode.POSITIVE) for label in OPERATIONS),
        *((label, GenerationMode.NEGATIVE) for label in OPERATIONS[:2]),
    ],
    ids=str,
)
def test_no_request_is_a_server_error(label, mode, operations):
    operation = operations[label]
    few = EXAMPLES if operation.method.upper() == "POST" else 3

    @settings(max_examples=few, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        if label == "POST /v1/assess":  # the slow part is not what is looked for
            case.query = {"depth": 1, "draws": 2, **({} if mode is GenerationMode.POSITIVE else case.query or {})}
        case.call_and_validate(checks=CHECKS)

    ask()
