"""Evidence rows made up by hand."""

from __future__ import annotations

from typing import Any

from spinecast.priors.records import Row


def row(key: str = "row", **fields: Any) -> Row:
    """A row that was read in an abstract; everything not given is empty."""
    text = dict.fromkeys(
        ("target", "test", "given", "setting", "reference_standard", "population", "finding", "note"),
        "",
    )
    made: dict[str, Any] = {
        **text, "id": key, "source": f"made_{key}", "measure": "sens", "value": None, "low": None, "high": None, "n": None,
        "seen_in": "abstract", "confidence": "high", "use": "fit", "file": "made.csv", "line": 2,
    }  # fmt: skip
    return Row(**{**made, **fields})
