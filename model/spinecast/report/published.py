"""The published shape of the answer for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def assessment_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `Assessment.to_dict()`, with the meaning and unit of every field."""
    schema: dict[str, Any] = json.loads((Path(__file__).parents[1] / "schema" / "assessment.json").read_text(encoding="utf-8"))
    return schema
