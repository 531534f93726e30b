"""The published shapes of answers for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def assessment_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `Assessment.to_dict()`, with the meaning and unit of every field."""
    return _schema("assessment")


def follow_up_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `FollowUp.to_dict()`; its `assessment` has the shape of `assessment_schema`."""
    return _schema("follow_up")


def plan_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `Sequence.to_dict()`; a plan has the shape that it has in `assessment_schema`."""
    return _schema("plan")


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((Path(__file__).parents[1] / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return schema
