"""Fitted outcome curves as they are stored: parameters of every curve, jointly uncertain, with the hash of what they rest on.

Nothing here imports scipy: an assessment only reads what `spinecast fit` wrote.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.frozen import dataclass
from spinecast.parameters.archive import read_archive, reading, same, write_archive
from spinecast.parameters.curves import RELIEF, SETTLING, relief
from spinecast.parameters.scales import Array

CONTEXT = "contextual_effect"
"""Name of the relief curve of active care as such, among those who would not have settled."""

FILE = Path("fitted") / "outcomes.npz"


def course_name(generator: str, stage: str) -> str:
    """Name of the settling curve of a generator (or nonspecific) at a stage (acute, subacute, chronic)."""
    return f"{generator}/{stage}"


def effect_name(procedure: str, generator: str, levels: tuple[str, ...] = ()) -> str:
    """Name of the relief curve of a procedure for a generator (at some levels)."""
    return "/".join((procedure, generator, *("+".join(levels) for _ in levels[:1])))


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A matrix that is nearly all zeros: its other entries, row by row.

    Attributes
    ----------
    shape : tuple of int
    rows, columns : ndarray of int, shape (N,)
    values : ndarray, shape (N,)
    """

    shape: tuple[int, int]
    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    values: Array

    @classmethod
    def of(cls, matrix: Array) -> Factor:
        """The entries of a matrix that are not 0."""
        rows, columns = np.nonzero(matrix)
        return cls((matrix.shape[0], matrix.shape[1]), rows.astype(np.int32), columns.astype(np.int32), matrix[rows, columns])

    def dense(self) -> Array:
        """The whole matrix."""
        whole = np.zeros(self.shape)
        whole[self.rows, self.columns] = self.values
        return whole

    def times(self, normals: Array) -> Array:
        """The matrix times each row of standard normals; (D, R) to (D, P). Single precision is plenty for draws."""
        if not normals.any():
            return np.zeros((len(normals), self.shape[0]))
        whole = np.zeros(self.shape, dtype=np.float32)
        whole[self.rows, self.columns] = self.values
        moved: Array = (normals.astype(np.float32) @ whole.T).astype(float)
        return moved


@dataclass(frozen=True, slots=True)
class Sampled:
    """Curves at the fitted centre and at each draw.

    Attributes
    ----------
    courses : ndarray, shape (D, C, 3)
    effects : ndarray, shape (D, E, 6)
    """

    courses: Array
    effects: Array


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeCurves:
    """What `spinecast fit` found of outcomes.

    Attributes
    ----------
    courses, effects : tuple of str, length C and E
        Names of the settling and of the relief curves (the last of which is the contextual effect).
    centre : ndarray, shape (3 C + 6 E,)
        All parameters, settling curves first.
    factor : Factor, shape (3 C + 6 E, R)
        Times its transpose it is the covariance of all parameters; rows of what is not free are 0. It is triangular in the
        order of `columns`, so that each standard normal belongs to one curve, given those before it.
    columns : tuple of (str, int)
        Curve by its place in the priors (`natural_course/ID/stage`, `contextual_effect`, `procedures/ID/number`), and how many
        normals it has.
    spread : mapping of str to float
        Standard deviations between trials: `control` on the logit of a control arm, `effect` on a difference.
    hash : str
        Of the knowledge that was fitted.
    """

    courses: tuple[str, ...]
    effects: tuple[str, ...]
    centre: Array
    factor: Factor
    columns: tuple[tuple[str, int], ...]
    spread: dict[str, float]
    hash: str

    def sampled(self, normals: Array) -> Sampled:
        """Parameters at each row of standard normals; a row of zeros gives the centre.

        Parameters
        ----------
        normals : ndarray, shape (D, R)
        """
        parameters = self.centre + self.factor.times(normals)
        split = len(self.courses) * len(SETTLING)
        return Sampled(
            parameters[:, :split].reshape(len(parameters), len(self.courses), len(SETTLING)),
            parameters[:, split:].reshape(len(parameters), len(self.effects), len(RELIEF)),
        )


def relief_at(sampled: Sampled, weeks: Array) -> Array:
    """Every relief curve at some weeks; shape (D, E, T)."""
    return relief(sampled.effects[:, :, None, :], weeks)


REMEDY = "spinecast fit --outcomes"


def save_curves(curves: OutcomeCurves, path: Path) -> None:
    """Write the curves; complete or not at all."""
    header = {
        "courses": curves.courses, "effects": curves.effects, "columns": curves.columns, "shape": curves.factor.shape, "spread": curves.spread,
        "hash": curves.hash, "digest": _digest(curves),
    }  # fmt: skip
    write_archive(path, header, _parts(curves))


def load_curves(path: Path) -> OutcomeCurves:
    """Read the curves.

    Raises
    ------
    ArtefactError
        They are missing, unreadable, or not what was written.
    """
    with reading(path, REMEDY):
        header, data = read_archive(path)
        factor = Factor((int(header["shape"][0]), int(header["shape"][1])), data["rows"], data["columns"], data["values"])
        curves = OutcomeCurves(
            tuple(header["courses"]), tuple(header["effects"]), data["centre"], factor,
            tuple((str(name), int(width)) for name, width in header["columns"]), dict(header["spread"]), header["hash"],
        )  # fmt: skip
        same(path, header["digest"], _digest(curves), REMEDY)
        return curves


def _parts(curves: OutcomeCurves) -> dict[str, Any]:
    """Every array of the file but its header."""
    factor = curves.factor
    return {"centre": curves.centre, "rows": factor.rows, "columns": factor.columns, "values": factor.values}


def _digest(curves: OutcomeCurves) -> str:
    digest = hashlib.sha256()
    for array in _parts(curves).values():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
