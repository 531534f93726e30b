"""Draws of the outcome numbers, stored: nobody's answer depends on them alone, and every start would draw the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinecast.decision.numbers import Draws
from spinecast.frozen import dataclass
from spinecast.parameters.archive import checksum, read_archive, reading, same, write_archive
from spinecast.parameters.scales import Array, Scale
from spinecast.priors.records import Quantity, Row

FILE = Path("fitted") / "outcome_draws.npz"


@dataclass(frozen=True, slots=True)
class StoredDraws(Draws):
    """Draws that are looked up by name; a name that is not stored is drawn, and the numbers are the same.

    Attributes
    ----------
    values : mapping of name to ndarray, shape (1 + K,) or longer
    columns : ndarray, shape (1 + K or more, sum of widths), or None
    """

    values: Mapping[str, Array]
    columns: Array | None

    def of(self, quantity: Quantity, scale: Scale, name: str, normals: Array | None = None) -> Array:
        if normals is None and name in self.values:
            return self.values[name][: self.count + 1]
        return Draws.of(self, quantity, scale, name, normals)

    def normal_columns(self, columns: Sequence[tuple[str, int]]) -> Array:
        if self.columns is not None and self.columns.shape[1] == sum(width for _, width in columns):
            return self.columns[: self.count + 1]
        return Draws.normal_columns(self, columns)


@dataclass(frozen=True, slots=True)
class RecordedDraws(Draws):
    """Draws that are kept as they are asked for, to be stored."""

    values: dict[str, Array]
    columns: list[Array]

    def of(self, quantity: Quantity, scale: Scale, name: str, normals: Array | None = None) -> Array:
        made = Draws.of(self, quantity, scale, name, normals)
        if normals is None and name:
            self.values[name] = made
        return made

    def normal_columns(self, columns: Sequence[tuple[str, int]]) -> Array:
        self.columns.append(Draws.normal_columns(self, columns))
        return self.columns[-1]


REMEDY = "spinecast fit --outcomes"


def save_draws(recorded: RecordedDraws, key: str, path: Path) -> None:
    """Write what was recorded, for the priors with this key; complete or not at all."""
    names = sorted(recorded.values)
    parts: dict[str, Any] = {"values": np.stack([recorded.values[n] for n in names]), "columns": recorded.columns[-1]}
    write_archive(path, {"names": names, "key": key, "seed": recorded.seed, "checksum": checksum(parts)}, parts)


@dataclass(frozen=True, slots=True)
class DrawStore:
    """What the file holds; `source` gives it as draws."""

    key: str
    seed: int
    values: Mapping[str, Array]
    columns: Array

    def source(self, rows: Mapping[str, Row], key: str, count: int, seed: int) -> Draws:
        """These draws where they are of the same priors, seed and number or more; otherwise draws that are made anew."""
        if key == self.key and seed == self.seed and count < len(self.columns):
            return StoredDraws(rows, count, seed, self.values, self.columns)
        return Draws(rows, count, seed)


def load_draws(path: Path) -> DrawStore | None:
    """Read the file; None where there is none.

    Raises
    ------
    ArtefactError
        It is not what was written.
    """
    if not path.exists():
        return None
    with reading(path, REMEDY):
        header, parts = read_archive(path)
        same(path, header["checksum"], checksum(parts), REMEDY)
        return DrawStore(
            header["key"], header["seed"], dict(zip(header["names"], parts["values"], strict=True)), parts["columns"]
        )
