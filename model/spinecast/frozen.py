"""`dataclass(frozen=True, slots=True)` without its price at import.

The standard decorator writes and compiles the source of six methods for every class, about half a millisecond each:
with a hundred records that was more than half of what importing spinecast cost. Here the methods are closures that all
records share in form, but for `__init__`, which a class compiles when its first record is made. To type checkers, and to `dataclasses.replace`, `fields` and `is_dataclass`, they are dataclasses.
Other forms of dataclass are handed on to the standard one.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True, **options: Any) -> Any:
        """The standard decorator, quicker where a class is frozen and slotted."""

        def decorate(cls: type) -> type:
            if frozen and slots and not options:
                return _record(cls, eq=eq)
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, eq=eq, **options)

        return decorate if cls is None else decorate(cls)


__all__ = ["dataclass"]


def _record(cls: type, *, eq: bool) -> type:
    """The class again, with slots for its fields and the methods of a frozen dataclass."""
    own = _own_fields(cls)
    inherited: dict[str, dataclasses.Field[Any]] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= getattr(base, "__dataclass_fields__", {})
    fields = inherited | own
    body = {name: value for name, value in cls.__dict__.items() if name not in (*own, "__dict__", "__weakref__")}
    body |= {"__slots__": tuple(own), "__dataclass_fields__": fields, "__dataclass_params__": _PARAMETERS}
    body["__match_args__"] = tuple(name for name, f in fields.items() if f.init)
    body |= {"__setattr__": _refuse, "__delattr__": _refuse, "__getstate__": _state, "__setstate__": _restore}
    body.setdefault("__repr__", _repr)
    if eq:
        body |= _comparison(fields)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _init(made, fields)  # type: ignore[misc]
    return made


def _own_fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    found = {}
    for name, kind in inspect.get_annotations(cls).items():
        given = cls.__dict__.get(name, dataclasses.MISSING)
        made: Any = given if isinstance(given, dataclasses.Field) else dataclasses.field(default=given)
        made.name, made.type, made._field_type = name, kind, dataclasses._FIELD  # type: ignore[attr-defined]
        found[name] = made
    return found


class _Parameters:
    """What others read of a dataclass; Dask goes through its slots."""

    __slots__ = ("eq", "frozen", "init", "kw_only", "order", "repr", "slots", "unsafe_hash", "weakref_slot")

    def __init__(self) -> None:
        self.init = self.repr = self.eq = self.frozen = self.slots = True
        self.order = self.unsafe_hash = self.kw_only = self.weakref_slot = False


_PARAMETERS = _Parameters()


def _init(cls: type, fields: dict[str, dataclasses.Field[Any]]) -> Any:
    """`__init__` that compiles its successor when the first record is made: most classes are never made in one run."""

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = made = _compiled_init(cls, fields)  # type: ignore[misc]
        made(self, *args, **kwargs)

    return initialise


def _compiled_init(cls: type, fields: dict[str, dataclasses.Field[Any]]) -> Any:
    """Arguments by place or name, then defaults, then `__post_init__`."""
    known: dict[str, Any] = {"MADE": _MADE}
    arguments, lines = ["self"], []
    for name, f in fields.items():
        known[f"put_{name}"] = getattr(cls, name).__set__
        value = name
        if f.default is not dataclasses.MISSING:
            known[f"default_{name}"] = f.default
            value = name if f.init else f"default_{name}"
            arguments += [f"{name}=default_{name}"] * f.init
        elif f.default_factory is not dataclasses.MISSING:
            known[f"make_{name}"] = f.default_factory
            value = f"make_{name}() if {name} is MADE else {name}" if f.init else f"make_{name}()"
            arguments += [f"{name}=MADE"] * f.init
        elif f.init:
            arguments.append(name)
        else:
            continue
        lines.append(f"    put_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    exec(f"def __init__({', '.join(arguments)}):\n" + ("\n".join(lines) or "    pass"), known)  # noqa: S102  as dataclasses do
    known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    return known["__init__"]


_MADE = object()
"""Stands for a default that is made anew for each record."""


def _refuse(self: object, name: str, *_: object) -> None:
    raise dataclasses.FrozenInstanceError(
        f"cannot change {name!r} of {type(self).__name__}; make another with dataclasses.replace"
    )


def _comparison(fields: dict[str, dataclasses.Field[Any]]) -> dict[str, Any]:
    """`__eq__` and `__hash__` over the fields that are compared."""
    names = [name for name, f in fields.items() if f.compare]
    values = operator.attrgetter(*names) if names else lambda _: ()

    def equal(self: Any, other: object) -> bool:
        return bool(values(self) == values(other)) if other.__class__ is self.__class__ else NotImplemented

    return {"__eq__": equal, "__hash__": lambda self: hash(values(self))}


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, f in self.__dataclass_fields__.items() if f.repr)
    return f"{type(self).__qualname__}({shown})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__dataclass_fields__]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        object.__setattr__(self, name, value)
