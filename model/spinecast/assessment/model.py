"""Everything loaded once: knowledge, network, fitted parameters and their draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from spinecast.errors import ArtefactError
from spinecast.network.build import build_network, with_theta
from spinecast.network.fitted import load, path_of, place
from spinecast.network.model import Network
from spinecast.parameters.scales import Array
from spinecast.priors.bundle import load_priors
from spinecast.priors.records import Priors
from spinecast.resources import priors_folder

REGION = "lumbosacral"


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded region; share it, nothing in it changes.

    Attributes
    ----------
    network : Network
        At the fitted parameters.
    draws : ndarray, shape (K, P)
        Joint draws of all parameters from the fit.
    evidence_share : ndarray, shape (P,)
    unfitted : tuple of str
        Parameters newer than the fit; they stand at their defaults.
    stale : bool
        The priors changed since the fit.
    """

    priors: Priors
    network: Network
    draws: Array
    evidence_share: Array
    fit_hash: str
    unfitted: tuple[str, ...]
    stale: bool


def load_model(folder: Path | None = None, region: str = REGION) -> Model:
    """Load the priors folder (the installed one by default) with its fit.

    Raises
    ------
    PriorsError
        The knowledge base breaks a law that reading depends on.
    ArtefactError
        The fit is missing or corrupt.
    """
    return _load(Path(folder) if folder is not None else priors_folder(), region)


@lru_cache(maxsize=4)
def _load(folder: Path, region: str) -> Model:
    priors = load_priors(folder)
    fitted = load(path_of(folder, region))
    network = build_network(priors, region, fitted=dict(zip(fitted.names, fitted.theta.tolist(), strict=True)))
    theta, draws, unfitted = place(network, fitted)
    share = np.zeros(len(theta))
    column = {name: i for i, name in enumerate(fitted.names)}
    for i, parameter in enumerate(network.parameters):
        if parameter.name in column:
            share[i] = fitted.evidence_share[column[parameter.name]]
    if not len(draws):
        raise ArtefactError(f"{path_of(folder, region)} holds no draws; run `spinecast fit`")
    return Model(
        priors=priors,
        network=with_theta(network, theta),
        draws=draws,
        evidence_share=share,
        fit_hash=fitted.priors_hash,
        unfitted=unfitted,
        stale=fitted.priors_hash != priors.network_hash,
    )
