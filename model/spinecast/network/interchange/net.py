"""NET, the language of Hugin (Hugin Expert A/S, the HUGIN file format)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spinecast.network.export import Node
from spinecast.network.interchange.text import About, by_parents, numbers
from spinecast.parameters.scales import Array


def net(nodes: Sequence[Node], about: About) -> Iterator[str]:
    """Lines of a NET file; one pair of brackets for each parent's values."""
    yield from (f"% {line}\n" for line in about.lines)
    yield "net\n{\n}\n"
    for node in nodes:
        states = " ".join(f'"{value}"' for value in node.values)
        yield f"node {node.name}\n{{\n    states = ({states});\n"
        if node.name in about.clamp:
            yield f'    HR_Desc = "observe {about.clamp[node.name]} in every query";\n'
        yield "}\n"
    for node in nodes:
        yield f"potential ({node.name} | {' '.join(node.parents)})\n{{\n    data = {_nested(by_parents(node))};\n}}\n"


def _nested(table: Array) -> str:
    if table.ndim == 1:
        return f"({numbers(table)})"
    return f"({''.join(map(_nested, table))})"
