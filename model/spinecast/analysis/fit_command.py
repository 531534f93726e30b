"""`spinecast fit`: rebuild the fitted parameters and outcome curves, deterministic and hashed, and the bundle beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinecast.analysis import fitting
from spinecast.analysis.curve_fitting import CurveFit, fit_curves
from spinecast.analysis.curve_problem import curve_problem
from spinecast.analysis.fit_problem import compile_problem
from spinecast.analysis.laplace import around, jacobian_path, save_laplace
from spinecast.analysis.targets import targets
from spinecast.assessment.model import draws_key, load_model, load_network
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.profile import Profile
from spinecast.decision.stored import FILE as STORED_DRAWS
from spinecast.decision.stored import RecordedDraws, save_draws
from spinecast.frozen import dataclass
from spinecast.network.build import build_network, with_theta
from spinecast.network.compiled import pack
from spinecast.network.fitted import Fitted, path_of, save
from spinecast.network.model import Network
from spinecast.parameters.outcome_curves import FILE, Factor, OutcomeCurves, save_curves
from spinecast.parameters.pooling import cites_rows
from spinecast.parameters.scales import Array
from spinecast.priors.bundle import write_bundle
from spinecast.priors.reader import read_priors
from spinecast.priors.records import Priors

DRAWS = 256
SEED = 20260101
DECIMALS = 6
"""Stored parameters are rounded, so that the last bits of a machine's arithmetic do not change the hash."""

FACTOR_DECIMALS = 4


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
    problem = compile_problem(network, priors, fitted_targets)
    tell(f"{len(fitted_targets)} published questions, {len(problem.moves.lead)} numbers free")
    fit = fitting.fit(problem, network.theta, tell=tell)
    theta = np.round(fit.theta, DECIMALS)
    stored = Fitted(
        names=tuple(p.name for p in network.parameters),
        theta=theta,
        draws=np.round(fitting.draw(fit, DRAWS, SEED), DECIMALS),
        priors_hash=priors.network_hash,
        evidence_share=evidence_share(network, priors, fit),
        compiled=pack(with_theta(network, theta), priors),
    )
    path = path_of(folder, region)
    save(stored, path)
    save_laplace(
        replace(around(problem, priors, fit), theta=theta), stored.names, priors.network_hash, jacobian_path(folder, region)
    )
    write_bundle(folder)
    if (folder / FILE).exists():
        store_draws(folder, region)
    rms = float(np.sqrt(np.mean(fit.residuals**2))) if len(fit.residuals) else 0.0
    return FitReport(path, len(fitted_targets), len(problem.moves.lead), fit.iterations, rms, priors.network_hash)


@dataclass(frozen=True, slots=True)
class CurveReport:
    """What a fit of the outcome curves did."""

    path: Path
    curves: int
    stated: int
    published: int
    spread: dict[str, float]
    outcome_hash: str


def fit_outcomes(folder: Path, region: str = "lumbosacral", *, tell: Callable[[str], None] = lambda _: None) -> CurveReport:
    """Fit the outcome curves to trials and stated numbers, and write `fitted/outcomes.npz` and the bundle.

    The network's fit has to stand: trials whose people were chosen by findings are asked of it.
    """
    model = load_network(folder, region)
    problem = curve_problem(model)
    published = sum(bool(p.trial) for p in problem.points)
    stated = len(problem.points) - published
    tell(
        f"{len(problem.courses)} settling and {len(problem.effects)} relief curves, {published} published time points, {stated} stated"
    )
    fit = fit_curves(problem, tell=tell)
    save_curves(stored_curves(fit, model.priors.outcome_hash), folder / FILE)
    write_bundle(folder)
    store_draws(folder, region)
    curves = len(problem.courses) + len(problem.effects)
    return CurveReport(folder / FILE, curves, stated, published, fit.spread, model.priors.outcome_hash)


def store_draws(folder: Path, region: str = "lumbosacral") -> Path:
    """Draw every outcome number as an assessment at its defaults would, and write `fitted/outcome_draws.npz`."""
    model = load_model(folder, region)
    recorded = RecordedDraws(model.priors.rows, DRAWS, SEED, {}, [])
    compile_outcomes(model.priors, model.network.space, Profile(), source=recorded, sequences=True)
    path = folder / STORED_DRAWS
    save_draws(recorded, draws_key(model.priors), path)
    return path


def stored_curves(fit: CurveFit, outcome_hash: str) -> OutcomeCurves:
    """The part of a fit that an assessment reads: curves and their joint covariance, the deviations of trials averaged out."""
    problem = fit.problem
    own = fit.covariance[: fit.curves, : fit.curves]
    free: list[int] = []
    columns = []
    for place, parameters in problem.places():
        known = [i for i in parameters if own[i, i] > 0]
        free += known
        columns.append((place, len(known)))
    factor = np.zeros((fit.curves, len(free)))
    factor[free] = np.linalg.cholesky(own[np.ix_(free, free)])
    return OutcomeCurves(
        courses=problem.courses,
        effects=problem.effects,
        centre=np.round(fit.parameters[: fit.curves], DECIMALS),
        factor=Factor.of(np.round(factor, FACTOR_DECIMALS)),
        columns=tuple(columns),
        spread=dict(fit.spread),
        hash=outcome_hash,
    )


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
            share[i] = max(0.0, 1.0 - (float(fit.spread[i]) / parameter.sd) ** 2)
    return share
