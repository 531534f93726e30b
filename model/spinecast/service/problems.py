"""Errors as problem details (RFC 9457, application/problem+json): what is wrong, where, and what would be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from spinecast.errors import ImpossibleFindingsError, InputError, InvalidValueError, MalformedFileError, UnknownIdError

MEDIA_TYPE = "application/problem+json"
TITLES = {
    "bad_request": "The request cannot be read",
    "not_found": "There is nothing here",
    "method_not_allowed": "This method is not allowed here",
    "too_large": "The request is too large",
    "too_slow": "The request stood still for too long",
    "media_type": "This media type is not understood",
    "unknown_id": "An id or value does not exist",
    "invalid_value": "A value is not allowed",
    "malformed": "The patient is not what it should be",
    "impossible_findings": "These findings cannot all be true",
    "invalid_input": "The input is wrong",
    "busy": "The service is busy",
    "took_too_long": "The assessment took too long",
    "not_ready": "The model is still loading",
    "internal": "Something unexpected happened here",
}


class Problem(Exception):  # noqa: N818  the word of the standard
    """An answer that is a problem.

    Attributes
    ----------
    status : int
    kind : str
        Key of TITLES; the problem's type is `urn:spinecast:problem:<kind>`.
    detail : str
    more : mapping
        Further members of the document.
    headers : mapping
    """

    def __init__(self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(kind)  # never the detail, which may hold what the client sent
        self.status, self.kind, self.detail, self.more, self.headers = status, kind, detail, more, dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The members of the JSON object."""
        return {
            "type": f"urn:spinecast:problem:{self.kind}",
            "title": TITLES[self.kind],
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def body(self) -> bytes:
        """The document as bytes; ASCII, since what came in need not be sound Unicode."""
        return json.dumps(self.document(), ensure_ascii=True, default=str).encode("ascii")


def of_input(error: InputError) -> Problem:
    """The problem of a wrong patient or option."""
    if isinstance(error, UnknownIdError):
        allowed, near = list(error.allowed), error.nearest or None
        return Problem(422, "unknown_id", str(error), field=error.field, allowed=allowed, nearest=near)
    if isinstance(error, InvalidValueError):
        return Problem(422, "invalid_value", str(error), field=error.field, expected=error.expected)
    if isinstance(error, ImpossibleFindingsError):
        return Problem(422, "impossible_findings", str(error), conflict=list(error.conflict))
    return Problem(422, "malformed" if isinstance(error, MalformedFileError) else "invalid_input", str(error))
