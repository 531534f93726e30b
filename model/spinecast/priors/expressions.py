"""Do the ids and values of an expression exist, and can they be compared so?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.priors import grammar
from spinecast.priors.documents import Corpus, Document
from spinecast.priors.problems import nearest, one_of

QUESTION = ("generator", "finding", "context")
"""What a row's question may mention."""

CONDITION = ("finding", "context", "input")
"""What a rule's or a modifier's `when` may mention."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one part of an expression."""

    value: str
    message: str
    expected: str = ""
    nearest: str = ""


def faults(text: str, corpus: Corpus, kinds: tuple[str, ...]) -> Iterator[Fault]:
    """Everything wrong with an expression; an empty one is fine."""
    if not text:
        return
    try:
        node = grammar.parse(text)
    except PriorsError as error:
        yield Fault(text, str(error))
        return
    for leaf in _leaves(node):
        yield from _leaf(leaf, corpus, kinds)


def _leaves(node: grammar.Node) -> Iterator[grammar.Compare | grammar.Alone]:
    match node:
        case grammar.Compare() | grammar.Alone():
            yield node
        case grammar.Count(members=parts) | grammar.Join(parts=parts):
            for part in parts:
                yield from _leaves(part)
        case grammar.Not(part=part):
            yield from _leaves(part)


def _leaf(node: grammar.Compare | grammar.Alone, corpus: Corpus, kinds: tuple[str, ...]) -> Iterator[Fault]:
    kinds = ("generator",) if isinstance(node, grammar.Alone) else kinds
    known = [name for kind in kinds for name in corpus.ids[kind]]
    if node.name not in known:
        yield Fault(node.name, f"there is no such {' or '.join(kinds)}", "an id that exists", nearest(node.name, known))
        return
    # An unsound document has no reliable values; it is reported by its schema.
    document = next((corpus.by_id[kind, node.name] for kind in kinds if (kind, node.name) in corpus.by_id), None)
    if document is None or isinstance(node, grammar.Alone) or node.operator == "present":
        return
    for value in node.values:
        yield from _value(node, value, document)
    if document.kind == "generator" and node.operator in (">=", ">", "<=", "<"):
        yield Fault(node.operator, f"levels of {node.name} have no order", "==, != or in")


def _value(node: grammar.Compare, value: str | float, document: Document) -> Iterator[Fault]:
    table: Mapping[str, object] = document.table
    allowed = allowed_values(document)
    if isinstance(value, float):
        if document.kind == "input" and table["type"] == "number":
            return
        edges = [f"{b:g}" for b in _bounds(document)]
        if f"{value:g}" not in edges or node.operator not in (">=", "<"):
            expected = f">= or < at a band edge ({', '.join(edges)})" if edges else one_of(allowed)
            yield Fault(f"{node.operator} {value:g}", f"cannot be asked of {node.name}", expected)
    elif value not in allowed:
        yield Fault(value, f"is not a value of {node.name}", one_of(allowed), nearest(value, allowed))


def _bounds(document: Document) -> list[float]:
    return [float(b) for b in document.table.get("bounds", [])][:-1]


def allowed_values(document: Document) -> tuple[str, ...]:
    """Values of a finding, context or input; levels of a generator."""
    table = document.table
    if document.kind == "input" and table["type"] == "boolean":
        return ("no", "yes")
    return tuple(table.get("levels" if document.kind == "generator" else "values", ()))
