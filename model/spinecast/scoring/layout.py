"""The columns of a matrix of evidence: one for each value of the setting and of every leaf, for scorers that take numbers only.

A row is one person. In the columns of one variable, all zeros say that it was not observed; a single one says which
value was; any other non-negative numbers are a likelihood (soft evidence). A block finding has its values three times:
sedated no, yes, and not recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spinecast.engines.batch import People
from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass
from spinecast.network.evidence import SEDATION
from spinecast.network.model import Network
from spinecast.parameters.scales import Array
from spinecast.scoring.encoding import encode_table
from spinecast.scoring.forecaster import Forecaster
from spinecast.scoring.tables import to_arrow

SETTING = "setting"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each variable's columns are.

    Attributes
    ----------
    variables : tuple of str
        The setting, then every leaf in the network's order.
    values : tuple of tuple of (value, sedation)
        Columns of each variable; sedation is "" but for block findings.
    """

    variables: tuple[str, ...]
    values: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each variable."""
        return tuple(len(values) for values in self.values)

    @property
    def width(self) -> int:
        """Columns in all."""
        return sum(self.widths)

    def records(self) -> list[dict[str, str]]:
        """One record a column, in order: the id, the value and, for block findings, sedation."""
        return [
            {"id": name, "value": value, **({"sedation": sedation} if sedation else {})}
            for name, values in zip(self.variables, self.values, strict=True)
            for value, sedation in values
        ]


def layout_of(network: Network) -> Layout:
    """The layout of a network's evidence."""
    values = [tuple((setting, "") for setting in network.settings)]
    for leaf in network.leaves.values():
        sedations: Sequence[str] = tuple(SEDATION) if leaf.sedation is not None else ("",)
        values.append(tuple((value, sedation) for sedation in sedations for value in leaf.values))
    return Layout((SETTING, *network.leaves), tuple(values))


def people_matrix(network: Network, people: People, dtype: str = "float64") -> Array:
    """Coded people as a matrix of evidence; shape (N, columns)."""
    layout = layout_of(network)
    first = np.concatenate([[0], np.cumsum(layout.widths)])
    matrix = np.zeros((len(people.codes), layout.width), dtype=dtype)
    codes = np.concatenate([people.setting[:, None], people.codes], axis=1).astype(np.int64)
    person, variable = np.nonzero(codes >= 0)
    matrix[person, first[variable] + codes[person, variable]] = 1.0
    for owner, leaf, likelihood in people.soft:
        start = first[leaf + 1]  # the setting is leaf -1
        matrix[owner, start : first[leaf + 2]] = 0.0
        matrix[owner, start : start + len(likelihood)] = likelihood
    return matrix


def evidence_matrix(forecaster: Forecaster, table: Any, dtype: str = "float64") -> Array:
    """Any table that `Forecaster.score` takes, as a matrix of evidence; shape (N, columns).

    Raises
    ------
    InvalidValueError
        A row is not lawful, or counts positive tests of a family, which has no column here.
    """
    batches = to_arrow(table).combine_chunks().to_batches()
    parts = []
    for batch in batches:
        coded = encode_table(batch, forecaster._columns, forecaster.priors, forecaster.network)
        for row, problem in sorted(coded.problems.items()):
            raise InvalidValueError(f"row {row + 1}", problem, "a lawful row; `Forecaster.score` gives each row's reason")
        for row, counts in sorted(coded.counts.items()):
            raise InvalidValueError(
                f"row {row + 1}", ", ".join(counts), "single findings; counts of a family have no column here"
            )
        parts.append(people_matrix(forecaster.network, coded.people, dtype))
    return np.concatenate(parts) if parts else np.zeros((0, layout_of(forecaster.network).width), dtype=dtype)
