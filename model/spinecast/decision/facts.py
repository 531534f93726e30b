"""What is known of many people, name by name, so that what is asked of several of them is answered once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.decision.profile import Done, Profile
from spinecast.frozen import dataclass

Ints = npt.NDArray[np.int64]
ROOM = 2**40
"""Codes of joint values are numbered anew above this, before they would overflow."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about N people.

    Attributes
    ----------
    codes : ndarray of int, shape (N,); -1 where it is not known
    values : tuple
        What each code stands for, as in `Profile.values`.
    numbers : tuple of float or None
        The number behind each banded value, where one was given.
    """

    codes: Ints
    values: tuple[object, ...]
    numbers: tuple[float | None, ...] = ()

    def number(self, code: int) -> float | None:
        """The number behind a value."""
        return self.numbers[code] if self.numbers else None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that rules and modifiers may ask about N people.

    Attributes
    ----------
    count : int
    known : mapping of name to Fact
        A name that is absent is known of nobody.
    history : tuple of tuple of Done
        The different histories of procedures.
    history_of : ndarray of int, shape (N,)
    told : ndarray of bool, shape (N,)
        Earlier procedures were asked about (`Profile.history_known`).
    """

    count: int
    known: Mapping[str, Fact]
    history: Sequence[tuple[Done, ...]]
    history_of: Ints
    told: npt.NDArray[np.bool_]

    def patterns(self, names: Collection[str], procedures: Collection[str] | None = ()) -> Iterator[tuple[Ints, Profile]]:
        """People who are alike in some names and in their history of some procedures (None: of all): who, and what they have in common."""
        facts = {name: self.known[name] for name in names if name in self.known}
        code, room = np.zeros(self.count, dtype=np.int64), 1
        for fact in facts.values():
            code, room = _widened(code, room, fact.codes + 1, len(fact.values) + 1)
        records: list[tuple[Done, ...]] = [()]
        if procedures is None or procedures:
            records, place = self._records(procedures)
            code, room = _widened(code, room, place, len(records))
            code, room = _widened(code, room, self.told.astype(np.int64), 2)
        for who in alike(code):
            n = int(who[0])
            history = records[place[n]] if len(records) > 1 else records[0]
            yield who, self._profile(facts, n, history)

    def _records(self, procedures: Collection[str] | None) -> tuple[list[tuple[Done, ...]], Ints]:
        """The different histories of some procedures, and which one everybody has."""
        found: dict[tuple[Done, ...], int] = {}
        place = [
            found.setdefault(tuple(d for d in one if procedures is None or d.procedure in procedures), len(found))
            for one in self.history
        ]
        return list(found), np.array(place, dtype=np.int64)[self.history_of]

    def _profile(self, facts: Mapping[str, Fact], n: int, history: tuple[Done, ...]) -> Profile:
        values: dict[str, object] = {}
        numbers: dict[str, float] = {}
        for name, fact in facts.items():
            code = int(fact.codes[n])
            if code >= 0:
                values[name] = fact.values[code]
                number = fact.number(code)
                if number is not None:
                    numbers[name] = number
        return Profile(values, {}, history, numbers, bool(self.told[n]))


def _widened(code: Ints, room: int, column: Ints, width: int) -> tuple[Ints, int]:
    """Joint codes with one more column, and a number above all of them."""
    if room > ROOM // width:
        found, code = np.unique(code, return_inverse=True)
        room = len(found)
    return code * width + column, room * width


def alike(code: Ints) -> Iterator[Ints]:
    """Who has the same code."""
    order = np.argsort(code, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
