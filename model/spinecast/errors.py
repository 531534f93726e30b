"""Every error that spinecast raises on purpose, in one tree.

    SpinecastError
    ├── InputError                    what the user gave is wrong
    │   ├── UnknownIdError            an id or value that does not exist; carries the nearest match
    │   ├── InvalidValueError         a value outside what is allowed
    │   ├── MalformedFileError        a file that cannot be read as what it should be
    │   │   └── MissingFileError      there is none, or it is a folder
    │   ├── ImpossibleFindingsError   findings that cannot all be true; carries the conflicting set
    │   └── MissingExtraError         what is asked for needs an optional package
    ├── PriorsError                   the knowledge base breaks one of its laws
    ├── OutputError                   an output cannot be written now: no room, or another process writes it
    └── ArtefactError                 a compiled file is stale, corrupt or missing

The command line ends with the `exit_code` of the class: 2 where the user can put it right in what was
given, 1 otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_SHOWN = 14
"""Longest list of allowed values that a message prints in full."""


class SpinecastError(Exception):
    """Base of every error raised on purpose."""

    exit_code = 1


class InputError(SpinecastError):
    """What the user gave is wrong."""

    exit_code = 2


class UnknownIdError(InputError):
    """An id or value that does not exist.

    Attributes
    ----------
    field : str
    value : str
    allowed : tuple of str
    nearest : str
        Closest allowed one, or "".
    """

    def __init__(self, field: str, value: object, allowed: Iterable[str]) -> None:
        self.field, self.value, self.allowed = field, str(value), tuple(allowed)
        self.nearest = nearest(self.value, self.allowed)
        super().__init__(unknown(field, self.value, self.allowed))


class InvalidValueError(InputError):
    """A value outside what is allowed."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(f"{field} = {value!r} is not allowed: expected {expected}")


class MalformedFileError(InputError):
    """A file that cannot be read as what it should be."""


class MissingFileError(MalformedFileError):
    """A file to read that does not exist, or is a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path}: there is no such file{', but a folder' if path.is_dir() else ''}")


class ImpossibleFindingsError(InputError):
    """Findings that cannot all be true under the model.

    Attributes
    ----------
    conflict : tuple of str
        An irreducible set: without any one of them the rest is possible.
    """

    def __init__(self, conflict: Sequence[str]) -> None:
        self.conflict = tuple(conflict)
        super().__init__(
            "these findings cannot all be true (the model gives them probability zero together): "
            + ", ".join(self.conflict)
            + "; check each, and leave out what is not certain"
        )


class MissingExtraError(InputError):
    """What is asked for needs a package that a plain install does not have.

    Attributes
    ----------
    module, extra : str
    """

    def __init__(self, module: str, extra: str) -> None:
        self.module, self.extra = module, extra
        super().__init__(f"this needs {module.partition('.')[0]}: pip install 'spinecast[{extra}]'")


class PriorsError(SpinecastError):
    """The knowledge base breaks one of its laws."""

    exit_code = 2


class OutputError(SpinecastError):
    """An output cannot be written now: no room is left, or another process is writing it."""


class ArtefactError(SpinecastError):
    """A compiled file is stale, corrupt or missing."""


def nearest(value: str, allowed: Iterable[str]) -> str:
    """Closest allowed value, or "" when nothing is close."""
    return next(iter(_close(value, list(allowed), 1, 0.5)), "")


def _close(value: str, allowed: Sequence[str], count: int, cutoff: float) -> list[str]:
    import difflib  # only an error needs it

    plain = {_plain(one): one for one in reversed(allowed)}
    return [plain[one] for one in difflib.get_close_matches(_plain(value), plain, n=count, cutoff=cutoff)]


def _plain(value: str) -> str:
    """As ids are written: `L4/5` is as near to `L4_L5` as it looks."""
    return "_".join("".join(c if c.isalnum() else " " for c in value.lower()).split())


def unknown(field: str, value: str, allowed: Sequence[str]) -> str:
    """Message for a value that does not exist: the nearest match, and what is allowed (of a long list the closest)."""
    near = nearest(value, allowed)
    close = allowed if len(allowed) <= MOST_SHOWN else _close(value, allowed, 5, 0.4)
    shown = close or allowed[:MOST_SHOWN]
    rest = len(allowed) - len(shown)
    hint = f"; did you mean {near!r}?" if near else "."
    return f"{field}: unknown {value!r}{hint} Allowed: {', '.join(shown) or 'nothing'}{f' and {rest} more' if rest else ''}"
