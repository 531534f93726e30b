"""People as read from a table: what the engine takes, what the decision layer needs beside it, and what was wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

import numpy as np
import numpy.typing as npt

from spinecast.assessment.patient import Patient
from spinecast.engines.batch import People
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

Count = tuple[tuple[str, ...], int]
"""Tests of a family, and how many of them were positive."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One input of everybody: `values[codes[n]]` is person n's, -1 where not known."""

    values: tuple[object, ...]
    codes: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Coded:
    """N people.

    Attributes
    ----------
    people : People
    counts : mapping of person to family to Count
    inputs : mapping of input id to Answers
    numbers : mapping of context id to ndarray, shape (N,)
        The number behind a banded context, NaN where none was given.
    procedures : mapping of person to a patient who holds the earlier procedures and nothing else
    patients : tuple of Patient
        Everybody as parsed, where people came as patient files; empty where they came as a table.
    problems : mapping of person to what is wrong, in the order found
    """

    people: People
    counts: Mapping[int, Mapping[str, Count]] = field(default_factory=dict)
    inputs: Mapping[str, Answers] = field(default_factory=dict)
    numbers: Mapping[str, Array] = field(default_factory=dict)
    procedures: Mapping[int, Patient] = field(default_factory=dict)
    patients: tuple[Patient, ...] = ()
    problems: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.people.codes)


@dataclass(slots=True)
class Problems:
    """Collects what is wrong, person by person."""

    found: dict[int, str] = field(default_factory=dict)

    def add(self, people: Iterable[int], message: str) -> None:
        """One message for some people."""
        for n in people:
            self.found[int(n)] = f"{self.found[int(n)]}; {message}" if int(n) in self.found else message
