"""Mappings and sequences whose entries are made when they are first asked for: a start reads what it needs only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

_T = TypeVar("_T")


class Deferred(Mapping[str, _T], Generic[_T]):
    """A mapping from an id to what `build` makes of its raw form, kept once made.

    Parameters
    ----------
    raw : callable
        Gives the mapping of id to raw form, once it is needed.
    build : callable
        From the raw form to the entry.
    """

    __slots__ = ("_build", "_found", "_made", "_raw")

    def __init__(self, raw: Callable[[], Mapping[str, Any]], build: Callable[[Any], _T]) -> None:
        self._raw, self._build = raw, build
        self._found: Mapping[str, Any] | None = None
        self._made: dict[str, _T] = {}

    def _all(self) -> Mapping[str, Any]:
        if self._found is None:
            self._found = self._raw()
        return self._found

    def __getitem__(self, key: str) -> _T:
        if key not in self._made:
            self._made[key] = self._build(self._all()[key])
        return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[type[dict[str, _T]], tuple[dict[str, _T]]]:
        # A pickle holds the entries: how they are made may not be known where it is opened.
        return dict, (dict(self),)


class Later(Sequence[_T], Generic[_T]):
    """A tuple that is made when it is first looked into."""

    __slots__ = ("_build", "_made")

    def __init__(self, build: Callable[[], tuple[_T, ...]]) -> None:
        self._build = build
        self._made: tuple[_T, ...] | None = None

    def _tuple(self) -> tuple[_T, ...]:
        if self._made is None:
            self._made = self._build()
        return self._made

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_T, ...]: ...
    def __getitem__(self, index: int | slice) -> _T | tuple[_T, ...]:
        return self._tuple()[index]

    def __len__(self) -> int:
        return len(self._tuple())

    def __eq__(self, other: object) -> bool:
        return self._tuple() == (other._tuple() if isinstance(other, Later) else other)

    def __hash__(self) -> int:
        return hash(self._tuple())

    def __repr__(self) -> str:
        return repr(self._tuple())

    def __reduce__(self) -> tuple[type[tuple[_T, ...]], tuple[tuple[_T, ...]]]:
        return tuple, (self._tuple(),)
