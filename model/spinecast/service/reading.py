"""JSON from strangers: bounded in size and depth, no numbers that JSON does not have, no key twice."""

from __future__ import annotations

import json
from typing import Any

from spinecast.assessment.files import MOST_DEPTH, depth
from spinecast.service.problems import Problem


def patient_of(raw: bytes) -> dict[str, Any]:
    """One patient as a table.

    Raises
    ------
    Problem
        400: not UTF-8, not JSON, not an object, nested too deeply, a key twice.
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_constant, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise Problem(400, "bad_request", f"not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise Problem(400, "bad_request", f"nested more than {MOST_DEPTH} deep") from None
    except ValueError as error:
        raise Problem(400, "bad_request", f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Problem(400, "bad_request", f"expected an object of sections, found {type(value).__name__}")
    if depth(value) > MOST_DEPTH:
        raise Problem(400, "bad_request", f"nested more than {MOST_DEPTH} deep")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ: of two values for one finding it cannot be known which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return found
