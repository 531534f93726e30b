"""`spinecast fit`: rebuild the fitted parameters, deterministic and hashed, and the bundle beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinecast.analysis import fitting
from spinecast.analysis.laplace import around, jacobian_path, save_laplace
from spinecast.analysis.targets import targets
from spinecast.frozen import dataclass
from spinecast.network.build import build_network
from spinecast.network.compiled import pack
from spinecast.network.fitted import Fitted, path_of, save
from spinecast.network.model import Network
from spinecast.parameters.pooling import cites_rows
from spinecast.parameters.scales import Array
from spinecast.priors.bundle import write_bundle
from spinecast.priors.reader import read_priors
from spinecast.priors.records import Priors

DRAWS = 256
SEED = 20260101
DECIMALS = 6
"""Stored parameters are rounded, so that the last bits of a machine's arithmetic do not change the hash."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a fit did."""

    path: Path
    targets: int
    free_parameters: int
    iterations: int
    root_mean_square: float
    priors_hash: str


def fit_priors(folder: Path, region: str = "lumbosacral", *, tell: Callable[[str], None] = lambda _: None) -> FitReport:
    """Fit a region and write `fitted/<region>.npz` and the bundle into the priors folder.

    Starts from the declared defaults, never from an earlier fit, so that the result depends on the priors only.
    """
    priors = read_priors(folder)
    network = build_network(priors, region)
    fitted_targets = [t for t in targets(network, priors) if t.fitted]
    problem = fitting.compile_problem(network, priors, fitted_targets)
    tell(f"{len(fitted_targets)} published questions, {len(problem.free)} parameters that they touch")
    fit = fitting.fit(problem, network.theta, tell=tell)
    theta = np.round(fit.theta, DECIMALS)
    stored = Fitted(
        names=tuple(p.name for p in network.parameters),
        theta=theta,
        draws=np.round(fitting.draw(fit, DRAWS, SEED), DECIMALS),
        priors_hash=priors.network_hash,
        evidence_share=evidence_share(network, priors, fit),
        compiled=pack(network, priors),
    )
    path = path_of(folder, region)
    save(stored, path)
    save_laplace(
        replace(around(problem, priors, fit), theta=theta), stored.names, priors.network_hash, jacobian_path(folder, region)
    )
    write_bundle(folder)
    rms = float(np.sqrt(np.mean(fit.residuals**2))) if len(fit.residuals) else 0.0
    return FitReport(path, len(fitted_targets), len(problem.free), fit.iterations, rms, priors.network_hash)


def evidence_share(network: Network, priors: Priors, fit: fitting.Fit) -> Array:
    """Share of what is known of each parameter that published rows contribute; shape (P,).

    1 where its own quantity cites rows that were read (rows from memory do not count); otherwise the part by
    which the fitted questions narrowed the declared assumption, 1 - (fitted variance / declared variance).
    """
    share = np.zeros(len(network.parameters))
    for i, parameter in enumerate(network.parameters):
        if parameter.quantity is not None and cites_rows(parameter.quantity, priors.rows):
            share[i] = 1.0
        elif 0 < parameter.sd < np.inf:
            share[i] = max(0.0, 1.0 - float(fit.covariance[i, i]) / parameter.sd**2)
    return share
