"""UAI, the format of the inference competitions: numbers only, so that names and the clamp go beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from spinecast.network.export import Node
from spinecast.network.interchange.text import About, by_parents, numbers


def uai(nodes: Sequence[Node], about: About) -> Iterator[str]:  # noqa: ARG001  every format has the same two
    """Lines of a UAI file: variables are numbered in the order of `nodes`, and a node stands last in its scope."""
    position = {node.name: i for i, node in enumerate(nodes)}
    yield f"BAYES\n{len(nodes)}\n{' '.join(str(len(node.values)) for node in nodes)}\n{len(nodes)}\n"
    for node in nodes:
        scope = [*(position[parent] for parent in node.parents), position[node.name]]
        yield f"{len(scope)} {' '.join(map(str, scope))}\n"
    for node in nodes:
        yield f"\n{node.table.size}\n{numbers(by_parents(node))}\n"


def uai_evidence(nodes: Sequence[Node], about: About) -> Iterator[str]:
    """The clamp as the competitions write evidence: how many, then variable and value by number."""
    position = {node.name: i for i, node in enumerate(nodes)}
    seen = [f"{position[name]} {nodes[position[name]].values.index(value)}" for name, value in about.clamp.items()]
    yield f"{len(seen)} {' '.join(seen)}\n"


def uai_names(nodes: Sequence[Node], about: About) -> Iterator[str]:
    """Names of variables and values in order, as JSON, with what has to be observed."""
    variables = [{"name": node.name, "values": list(node.values)} for node in nodes]
    yield json.dumps({"about": list(about.lines), "evidence": dict(about.clamp), "variables": variables}, indent=1) + "\n"
