"""What all formats share: exact numbers, rows of a table, and what a file says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from spinecast.frozen import dataclass
from spinecast.network.export import Node
from spinecast.parameters.scales import Array


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of itself.

    Attributes
    ----------
    title : str
        Name of the network, a plain word.
    lines : tuple of str
        For the reader; no quotation marks, braces or `--`, so that every format can hold them as comments.
    clamp : mapping of node to value
        What has to be observed in every query.
    """

    title: str
    lines: tuple[str, ...]
    clamp: Mapping[str, str]


def number(value: float) -> str:
    """Shortest digits that read back to the same float, never with an exponent (pgmpy's UAI reader has none)."""
    text = repr(float(value))
    return np.format_float_positional(value, trim="0") if "e" in text else text


def numbers(values: Array) -> str:
    """Many of them, with a blank between."""
    return " ".join(map(number, values.ravel().tolist()))


def by_parents(node: Node) -> Array:
    """The table with the node's own values last, as all formats but BIF list it; shape (parents ..., values)."""
    return np.moveaxis(node.table, 0, -1)


def parent_values(node: Node, values: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Each combination of the parents' values with its distribution."""
    table = by_parents(node)
    for index in np.ndindex(table.shape[:-1]):
        yield tuple(values[p][i] for p, i in zip(node.parents, index, strict=True)), table[index]
