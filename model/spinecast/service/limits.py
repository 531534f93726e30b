"""What one client can ask of the service."""

from __future__ import annotations

import os
from dataclasses import fields

from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one process.

    Attributes
    ----------
    body : int
        Bytes of a body.
    line : int
        Bytes of one line of a stream.
    rows : int
        People in one stream.
    concurrency : int
        Requests that compute at the same time.
    queue : int
        Requests that wait for their turn; one more is answered 503 with Retry-After.
    seconds : float
        Longest time that an assessment may take, and that a stream may stand still.
    """

    body: int = 32_000_000
    line: int = 200_000
    rows: int = 10_000
    concurrency: int = os.cpu_count() or 1
    queue: int = 16
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            lowest = 0 if one.name == "queue" else 1
            if not value >= lowest:
                raise InvalidValueError(one.name, value, f"a number of at least {lowest}")
