"""Interchange Format for Bayesian Networks, version 0.15 (Cozman 1996)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spinecast.network.export import Node
from spinecast.network.interchange.text import About, number, parent_values


def bif(nodes: Sequence[Node], about: About) -> Iterator[str]:
    """Lines of a BIF file; each row of a table names its parents' values, so that their order cannot be mistaken."""
    yield from (f"// {line}\n" for line in about.lines)
    yield f"network {about.title} {{\n}}\n"
    values = {node.name: node.values for node in nodes}
    for node in nodes:
        yield f"variable {node.name} {{\n    type discrete [ {len(node.values)} ] {{ {', '.join(node.values)} }};\n"
        if node.name in about.clamp:
            yield f"    property observed = {about.clamp[node.name]} ;\n"
        yield "}\n"
    for node in nodes:
        given = f" | {', '.join(node.parents)}" if node.parents else ""
        yield f"probability ( {node.name}{given} ) {{\n"
        for chosen, row in parent_values(node, values):
            head = f"({', '.join(chosen)})" if chosen else "table"
            yield f"    {head} {', '.join(map(number, row))};\n"
        yield "}\n"
