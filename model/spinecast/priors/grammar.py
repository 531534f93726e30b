"""The question grammar: Python's boolean syntax over ids, parsed by `ast` and evaluated by nobody here.

An expression becomes a small tree of frozen nodes. Meaning (which ids exist, what order values have) is
supplied by whoever walks the tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from spinecast.errors import PriorsError
from spinecast.frozen import dataclass

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compare:
    """`name operator values`; `operator` is one of == != >= > <= < in not_in present."""

    name: str
    operator: str
    values: tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """`count(a, b, ...) operator number`."""

    members: tuple[Node, ...]
    operator: str
    number: int


@dataclass(frozen=True, slots=True)
class Alone:
    """The generator is active and no other is."""

    name: str


@dataclass(frozen=True, slots=True)
class AnyGenerator:
    """At least one generator is active."""


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    part: Node


@dataclass(frozen=True, slots=True)
class Join:
    """Conjunction (`every`) or disjunction of parts."""

    every: bool
    parts: tuple[Node, ...]


Node = Compare | Count | Alone | AnyGenerator | Not | Join


MOST_REMEMBERED = 4096
"""Expressions kept parsed: more than the priors hold, bounded all the same."""


@lru_cache(maxsize=MOST_REMEMBERED)
def parse(text: str) -> Node:
    """Parse one expression.

    Raises
    ------
    PriorsError
        The text is not an expression of the grammar; the message shows the part that is not understood.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise PriorsError(f"cannot read the expression {text!r}: {error.msg}") from None
    return _node(tree, text)


def names(node: Node) -> Iterator[str]:
    """Every id that the expression mentions, in order, repeats included."""
    match node:
        case Compare(name=name) | Alone(name=name):
            yield name
        case Count(members=parts) | Join(parts=parts):
            for part in parts:
                yield from names(part)
        case Not(part=part):
            yield from names(part)
        case AnyGenerator():
            return


def _node(tree: ast.expr, text: str) -> Node:
    match tree:
        case ast.BoolOp(op=op, values=values):
            return Join(isinstance(op, ast.And), tuple(_node(v, text) for v in values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(_node(operand, text))
        case ast.Name(id="any_generator"):
            return AnyGenerator()
        case ast.Name(id=name):
            return Compare(name, "present", ())
        case ast.Call(func=ast.Name(id="alone"), args=[ast.Name(id=name)], keywords=[]):
            return Alone(name)
        case ast.Compare(left=ast.Call(func=ast.Name(id="count"), args=args), ops=[op], comparators=[right]):
            return Count(tuple(_node(a, text) for a in args), _operator(op, text), int(_number(right, text)))
        case ast.Compare(left=ast.Name(id=name), ops=[ast.In() | ast.NotIn() as op], comparators=[right]):
            if not isinstance(right, ast.Tuple | ast.List | ast.Set):
                raise _unreadable(right, text)
            return Compare(name, "in" if isinstance(op, ast.In) else "not_in", tuple(_value(e, text) for e in right.elts))
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[right]):
            return Compare(name, _operator(op, text), (_value(right, text),))
    raise _unreadable(tree, text)


def _operator(op: ast.cmpop, text: str) -> str:
    if type(op) not in _OPERATORS:
        raise PriorsError(f"cannot read the expression {text!r}: comparison {type(op).__name__} is not allowed")
    return _OPERATORS[type(op)]


def _value(tree: ast.expr, text: str) -> str | float:
    return tree.id if isinstance(tree, ast.Name) else _number(tree, text)


def _number(tree: ast.expr, text: str) -> float:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
        return float(tree.value)
    raise _unreadable(tree, text)


def _unreadable(tree: ast.expr, text: str) -> PriorsError:
    return PriorsError(
        f"cannot read {ast.unparse(tree)!r} in the expression {text!r}: allowed are ids, and/or/not, comparisons, "
        "in (a, b), count(a, b) >= k, alone(generator), any_generator"
    )
