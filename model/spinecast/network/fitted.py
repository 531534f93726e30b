"""The fitted parameters and their draws, stored with the hash of the knowledge that they were fitted to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spinecast.frozen import dataclass
from spinecast.network.compiled import FORM, Compiled
from spinecast.network.model import Network
from spinecast.parameters.archive import as_bytes, checksum, read_archive, reading, same, write_archive
from spinecast.parameters.scales import Array


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `spinecast fit` found.

    Attributes
    ----------
    names : tuple of str, length P
    theta : ndarray, shape (P,)
    draws : ndarray, shape (K, P)
    priors_hash : str
        Content hash of the priors that were fitted.
    evidence_share : ndarray, shape (P,)
        Share of what is known of each parameter that published rows contribute, the rest being its assumption.
    compiled : Compiled or None
        The network that these are the parameters of, in their order.
    learned : str
        What records the parameters were updated by, in words; "" for a fit to the published figures.
    """

    names: tuple[str, ...]
    theta: Array
    draws: Array
    priors_hash: str
    evidence_share: Array
    compiled: Compiled | None = None
    learned: str = ""

    @property
    def hash(self) -> str:
        """The priors' hash for a published fit; that of its own numbers for one that was learned from records."""
        if not self.learned:
            return self.priors_hash
        import hashlib

        return hashlib.sha256(self.theta.tobytes() + self.draws.tobytes()).hexdigest()


def path_of(folder: Path, region: str) -> Path:
    """Where the fit of a region is kept inside a priors folder."""
    return folder / "fitted" / f"{region}.npz"


REMEDY = "spinecast fit"


def save(fitted: Fitted, path: Path) -> None:
    """Write the fit; complete or not at all."""
    parts = _parts(fitted)
    header = {"names": fitted.names, "priors_hash": fitted.priors_hash, "digest": _digest(parts)}
    write_archive(path, header | ({"learned": fitted.learned} if fitted.learned else {}), parts)


def load(path: Path) -> Fitted:
    """Read a fit.

    Raises
    ------
    ArtefactError
        It is missing, unreadable, or not what was written.
    """
    with reading(path, REMEDY):
        header, parts = read_archive(path)
        same(path, header["digest"], _digest(parts), REMEDY)
        return Fitted(
            tuple(header["names"]), parts["theta"], parts["draws"].astype(float), header["priors_hash"],
            parts["evidence_share"].astype(float), _compiled(parts), header.get("learned", ""),
        )  # fmt: skip


def _parts(fitted: Fitted) -> dict[str, Any]:
    """Every array of the file but its header."""
    parts: dict[str, Any] = {
        "theta": fitted.theta,
        "draws": fitted.draws.astype(np.float32),
        "evidence_share": fitted.evidence_share.astype(np.float32),
    }
    if fitted.compiled is not None:
        stored = fitted.compiled
        parts |= {"layout": as_bytes(stored.layout), "integers": stored.integers, "spread": stored.spread}
        parts |= {} if stored.points is None else {"points": stored.points}
    return parts


def _compiled(parts: Mapping[str, Any]) -> Compiled | None:
    """The stored network; None where there is none, or one of another form, which is built anew."""
    if "layout" not in parts:
        return None
    layout = json.loads(parts["layout"].tobytes())
    return Compiled(layout, parts["integers"], parts["spread"], parts.get("points")) if layout["form"] == FORM else None


def _digest(parts: Mapping[str, Any]) -> str:
    return f"{checksum(parts):08x}"


def place(network: Network, fitted: Fitted) -> tuple[Array, Array, tuple[str, ...]]:
    """The fit laid onto a network by name: (theta, draws, parameters that the fit does not know).

    Unknown parameters keep their default, with draws from its declared spread.
    """
    column = {name: i for i, name in enumerate(fitted.names)}
    theta = network.theta.copy()
    draws = np.tile(network.theta, (len(fitted.draws), 1))
    position = np.array([column.get(p.name, -1) for p in network.parameters])
    known = position >= 0
    theta[known] = fitted.theta[position[known]]
    draws[:, known] = fitted.draws[:, position[known]]
    unknown = []
    generator = np.random.default_rng(len(fitted.draws))
    for i in np.flatnonzero(~known).tolist():
        parameter = network.parameters[i]
        if parameter.sd > 0:
            unknown.append(parameter.name)
            sd = parameter.sd if np.isfinite(parameter.sd) else 0.0
            draws[:, i] += sd * generator.standard_normal(len(draws))
    return theta, draws, tuple(unknown)
