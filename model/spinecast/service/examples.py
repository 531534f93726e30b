"""The worked patients that come with spinecast, as the requests of the API's documentation."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from spinecast.resources import examples_folder


def examples() -> dict[str, dict[str, Any]]:
    """OpenAPI examples by name: each patient of `examples/` as the JSON that the service takes."""
    found = {}
    for path in sorted(examples_folder().glob("*.toml")):
        table = json.loads(json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=str))  # dates become text
        found[path.stem] = {"summary": table.get("label", path.stem), "value": table}
    return found
