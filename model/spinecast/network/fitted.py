"""The fitted parameters and their draws, stored with the hash of the knowledge that they were fitted to."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinecast.errors import ArtefactError
from spinecast.network.model import Network
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
    """

    names: tuple[str, ...]
    theta: Array
    draws: Array
    priors_hash: str
    evidence_share: Array


def path_of(folder: Path, region: str) -> Path:
    """Where the fit of a region is kept inside a priors folder."""
    return folder / "fitted" / f"{region}.npz"


def save(fitted: Fitted, path: Path) -> None:
    """Write the fit; complete or not at all."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".tmp")
    header = json.dumps({"names": fitted.names, "priors_hash": fitted.priors_hash, "digest": _digest(fitted)}, sort_keys=True)
    with temporary.open("wb") as handle:
        np.savez_compressed(
            handle, header=np.frombuffer(header.encode(), dtype=np.uint8), theta=fitted.theta, draws=fitted.draws.astype(np.float32),
            evidence_share=fitted.evidence_share.astype(np.float32),
        )  # fmt: skip
    temporary.replace(path)


def load(path: Path) -> Fitted:
    """Read a fit.

    Raises
    ------
    ArtefactError
        It is missing, unreadable, or not what was written.
    """
    if not path.exists():
        raise ArtefactError(f"{path} does not exist; `spinecast fit` writes it")
    try:
        with np.load(io.BytesIO(path.read_bytes())) as data:
            header = json.loads(data["header"].tobytes().decode())
            fitted = Fitted(
                tuple(header["names"]), data["theta"], data["draws"].astype(float), header["priors_hash"],
                data["evidence_share"].astype(float),
            )  # fmt: skip
    except _UNREADABLE as error:
        raise ArtefactError(f"{path} is corrupt ({error}); run `spinecast fit` to write it anew") from None
    if header["digest"] != _digest(fitted):
        raise ArtefactError(f"{path} does not match its own digest; run `spinecast fit` to write it anew")
    return fitted


_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
# What zip, deflate and numpy's own format raise where bytes were lost or changed.


def _digest(fitted: Fitted) -> str:
    digest = hashlib.sha256()
    for array in (fitted.theta, fitted.draws.astype(np.float32), fitted.evidence_share.astype(np.float32)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


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
    for i in np.flatnonzero(~known):
        parameter = network.parameters[i]
        if parameter.sd > 0:
            unknown.append(parameter.name)
            sd = parameter.sd if np.isfinite(parameter.sd) else 0.0
            draws[:, i] += sd * generator.standard_normal(len(draws))
    return theta, draws, tuple(unknown)
