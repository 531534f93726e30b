"""What is wrong with a priors folder, said so that it can be put right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import groupby

from spinecast.frozen import dataclass

MOST_SHOWN = 12
"""Longest list of allowed values that a message prints in full."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One broken law.

    Attributes
    ----------
    file : str
        Relative to the priors folder.
    line : int
        1-based; 0 where it is not known.
    field : str
        Path inside the file, such as ``causes[1].positive.rows[0]``, or the id of an evidence row.
    value : str
        What stands there.
    expected : str
        What is allowed.
    nearest : str
        Closest allowed value, or "".
    message : str
        What is wrong, in words.
    law : str
        Name of the law: ``schema`` or a function of `spinecast.priors.laws`.
    """

    file: str
    line: int
    field: str
    value: str
    expected: str
    nearest: str
    message: str
    law: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.sentence()}"

    def sentence(self) -> str:
        """The problem without its file: field, value, fault, what is allowed, nearest match."""
        what = f"{self.field} = {self.value!r}" if self.value else self.field
        said = f"{what}: {self.message}" if what else self.message
        said += f"; expected {self.expected}" if self.expected else ""
        return said + (f"; did you mean {self.nearest!r}?" if self.nearest else "")


def nearest(value: object, allowed: Iterable[str]) -> str:
    """Closest allowed value, or "" when nothing is close."""
    found = difflib.get_close_matches(str(value), [a for a in allowed if a], n=1, cutoff=0.5)
    return found[0] if found else ""


def one_of(allowed: Sequence[str]) -> str:
    """The allowed values as a phrase, cut where the list is long."""
    shown = [a or "(empty)" for a in allowed]
    rest = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
    return f"one of {', '.join(shown[:MOST_SHOWN])}{rest}" if shown else "nothing (none exists)"


def format_problems(problems: Sequence[Problem]) -> str:
    """Problems grouped by file, with the number of problems of each file at the end."""
    if not problems:
        return "no problems found"
    parts, counts = [], []
    for file, group in groupby(sorted(problems), key=lambda p: p.file):
        listed = list(group)
        parts += [file, *(f"  {p.line or '-':>5}  {p.sentence()} [{p.law}]" for p in listed), ""]
        counts.append(f"{len(listed):>5}  {file}")
    return "\n".join([*parts, *counts, f"{len(problems):>5}  in all"])
