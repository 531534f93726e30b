"""XML-based BayesNets Interchange Format, version 0.3 (Cozman 1998)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spinecast.network.export import Node
from spinecast.network.interchange.text import About, by_parents, numbers


def xmlbif(nodes: Sequence[Node], about: About) -> Iterator[str]:
    """Lines of an XMLBIF file; in a table the node's own values cycle fastest, its first parent slowest."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield from (f"<!-- {line} -->\n" for line in about.lines)
    yield f'<BIF VERSION="0.3">\n<NETWORK>\n<NAME>{about.title}</NAME>\n'
    for node in nodes:
        yield f'<VARIABLE TYPE="nature">\n  <NAME>{node.name}</NAME>\n'
        yield from (f"  <OUTCOME>{value}</OUTCOME>\n" for value in node.values)
        if node.name in about.clamp:
            yield f"  <PROPERTY>observed = {about.clamp[node.name]}</PROPERTY>\n"
        yield "</VARIABLE>\n"
    for node in nodes:
        yield f"<DEFINITION>\n  <FOR>{node.name}</FOR>\n"
        yield from (f"  <GIVEN>{parent}</GIVEN>\n" for parent in node.parents)
        yield f"  <TABLE>{numbers(by_parents(node))}</TABLE>\n</DEFINITION>\n"
    yield "</NETWORK>\n</BIF>\n"
