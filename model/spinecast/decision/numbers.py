"""Quantities as numbers with draws: index 0 is the point estimate, the rest are common random draws."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array, Scale, expit
from spinecast.priors.records import Quantity, Row


@dataclass(frozen=True, slots=True)
class Draws:
    """Turns quantities into arrays of shape (1 + K,).

    Attributes
    ----------
    count : int
        K; 0 gives point estimates only.
    seed : int
        Each named quantity has its own stream from it, so that adding one leaves the others as they are.
    """

    rows: Mapping[str, Row]
    count: int
    seed: int

    def normals(self, name: str) -> Array:
        """Zero, then K standard normals that belong to `name`."""
        if not self.count:
            return np.zeros(1)
        return np.concatenate([[0.0], self._stream(name).standard_normal(self.count)])

    def normal_columns(self, columns: Sequence[tuple[str, int]]) -> Array:
        """A row of zeros, then K rows of standard normals, so many columns for each name; shape (1 + K, sum of widths).

        One stream serves them all: they are the normals of one joint fit.
        """
        rows = np.zeros((1 + self.count, sum(width for _, width in columns)))
        if self.count:
            rows[1:] = self._stream("outcome curves").standard_normal(rows[1:].shape)
        return rows

    def _stream(self, name: str) -> np.random.Generator:
        digest = hashlib.blake2b(f"{self.seed}:{name}".encode(), digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(digest, "big"))

    def of(self, quantity: Quantity, scale: Scale, name: str, normals: Array | None = None) -> Array:
        """The quantity at its centre and at each draw; `normals` where several quantities move together."""
        made = estimate(quantity, self.rows, scale)
        z = self.normals(name) if normals is None else normals
        if not np.isfinite(made.centre):
            return np.full(len(z), 0.0 if made.centre < 0 else 1.0)
        moved: Array = made.centre + made.sd * z
        if scale == "logit":
            return expit(moved)
        return np.exp(moved) if scale == "log" else moved
