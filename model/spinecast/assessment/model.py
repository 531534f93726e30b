"""Everything loaded once: knowledge, network, fitted parameters and their draws."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from spinecast.decision.numbers import Draws
from spinecast.decision.stored import FILE as STORED_DRAWS
from spinecast.decision.stored import DrawStore, load_draws
from spinecast.errors import ArtefactError, MalformedFileError
from spinecast.frozen import dataclass
from spinecast.network.build import build_network, with_theta
from spinecast.network.compiled import unpack
from spinecast.network.fitted import Fitted, load, path_of, place
from spinecast.network.model import Network
from spinecast.parameters.outcome_curves import FILE, OutcomeCurves, load_curves
from spinecast.parameters.scales import Array
from spinecast.priors.bundle import load_priors
from spinecast.priors.records import Priors
from spinecast.resources import learned_fit, priors_folder

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
        The priors changed since the fit of the network or of the outcome curves.
    learned : str
        What records the parameters were updated by, in words; "" for the published fit.
    """

    priors: Priors
    network: Network
    draws: Array
    evidence_share: Array
    fit_hash: str
    unfitted: tuple[str, ...]
    stale: bool
    learned: str = ""
    outcome_draws: DrawStore | None = None

    def outcome_source(self, count: int, seed: int) -> Draws:
        """So many draws of the outcome numbers beside their point estimates: stored ones where there are any."""
        priors = self.priors
        if self.outcome_draws is None:
            return Draws(priors.rows, count, seed)
        return self.outcome_draws.source(priors.rows, draws_key(priors), count, seed)


def draws_key(priors: Priors) -> str:
    """What stored draws depend on: every file, and the fitted curves."""
    curves = priors.curves
    return f"{priors.content_hash} {curves.hash if isinstance(curves, OutcomeCurves) else ''}"


def load_model(folder: Path | str | None = None, region: str = REGION, *, fit: Path | str | None = None) -> Model:
    """Load the priors folder (the installed one by default) with its fit, or with another one that was learned from records.

    Parameters
    ----------
    folder : Path or str, optional
    region : str
    fit : Path or str, optional
        A file written by `spinecast learn`; by default the one that SPINECAST_FIT names, else the folder's own.

    Raises
    ------
    PriorsError
        The knowledge base breaks a law that reading depends on.
    ArtefactError
        The fit is missing or corrupt.
    MalformedFileError
        The same of a fit that was named.
    """
    place = Path(folder) if folder is not None else priors_folder()
    return _load(place, region, Path(fit) if fit is not None else learned_fit() or path_of(place, region))


def load_network(folder: Path, region: str = REGION) -> Model:
    """The same without outcome curves and never from memory: for the fit of the curves, which may replace damaged ones."""
    return _read(folder, region, path_of(folder, region), curves=None)


@lru_cache(maxsize=4)
def _load(folder: Path, region: str, path: Path) -> Model:
    return _read(folder, region, path, curves=load_curves(folder / FILE) if (folder / FILE).exists() else None)


def _read(folder: Path, region: str, path: Path, curves: OutcomeCurves | None) -> Model:
    priors = load_priors(folder)
    fitted = _fit(path, own=path == path_of(folder, region))
    stale = fitted.priors_hash != priors.network_hash
    known: tuple[Network, Array, Array, tuple[str, ...]]
    if fitted.compiled is not None and not stale:
        known = (unpack(fitted.compiled, fitted.names, fitted.theta, priors), fitted.draws, fitted.evidence_share, ())
    else:
        known = _built(priors, region, fitted)
    network, draws, share, unfitted = known
    if not len(draws):
        raise ArtefactError(f"{path} holds no draws; run `spinecast fit`")
    return Model(
        priors=replace(priors, curves=curves),
        network=network,
        draws=draws,
        evidence_share=share,
        fit_hash=fitted.hash,
        unfitted=unfitted,
        stale=stale or (curves is not None and curves.hash != priors.outcome_hash),
        learned=fitted.learned,
        outcome_draws=load_draws(folder / STORED_DRAWS),
    )


def _fit(path: Path, *, own: bool) -> Fitted:
    """The folder's own fit, which `spinecast fit` can write anew, or one that the user named, who can name another."""
    try:
        return load(path)
    except ArtefactError:
        if own:
            raise
        raise MalformedFileError(f"{path}: not a fit that `spinecast learn` wrote, or damaged since") from None


def _built(priors: Priors, region: str, fitted: Fitted) -> tuple[Network, Array, Array, tuple[str, ...]]:
    """Network, draws, evidence share and unfitted parameters where the fit is of other priors than these."""
    network = build_network(priors, region, fitted=dict(zip(fitted.names, fitted.theta.tolist(), strict=True)))
    theta, draws, unfitted = place(network, fitted)
    column = {name: i for i, name in enumerate(fitted.names)}
    share = np.array([fitted.evidence_share[column[p.name]] if p.name in column else 0.0 for p in network.parameters])
    return with_theta(network, theta), draws, share, unfitted
