"""XDSL, the format of GeNIe and SMILE; the only one here that can say noisy-MAX as such.

SMILE lists the table of a noisy-MAX node in the order of its parents' strengths, strongest value first, and the last
column of each parent has to be all in the node's last value. So nodes arrive here strongest value first
(`noisy_max.strongest_first`), and all strengths are 0, 1, 2 ...

References
----------
BayesFusion, SMILE documentation, Canonical nodes, Noisy-MAX.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spinecast.network.export import Node
from spinecast.network.interchange.noisy_max import NoisyMax
from spinecast.network.interchange.text import About, by_parents, numbers


def xdsl(nodes: Sequence[Node | NoisyMax], about: About) -> Iterator[str]:
    """Lines of an XDSL file."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield from (f"<!-- {line} -->\n" for line in about.lines)
    yield f'<smile version="1.0" id="{about.title}" numsamples="10000" discsamples="10000">\n<nodes>\n'
    for node in nodes:
        kind = "noisymax" if isinstance(node, NoisyMax) else "cpt"
        yield f'<{kind} id="{node.name}">\n'
        yield from (f'  <state id="{value}" />\n' for value in node.values)
        if node.parents:
            yield f"  <parents>{' '.join(node.parents)}</parents>\n"
        yield from _definition(node)
        if node.name in about.clamp:
            yield f'  <property id="observed">{about.clamp[node.name]}</property>\n'
        yield f"</{kind}>\n"
    # Readers want the block of the drawing to be there; where nodes go is left to them.
    yield f'</nodes>\n<extensions>\n<genie version="1.0" app="spinecast" name="{about.title}">\n</genie>\n</extensions>\n</smile>\n'


def _definition(node: Node | NoisyMax) -> Iterator[str]:
    if isinstance(node, NoisyMax):
        strengths = " ".join(str(i) for link in node.links for i in range(link.shape[1]))
        columns = [*(numbers(link.T) for link in node.links), numbers(node.leak)]
        yield f"  <strengths>{strengths}</strengths>\n  <parameters>{' '.join(columns)}</parameters>\n"
    else:
        yield f"  <probabilities>{numbers(by_parents(node))}</probabilities>\n"
