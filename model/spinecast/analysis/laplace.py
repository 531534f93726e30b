"""How the fitted parameters move with each published figure and each assumption: the stored Jacobian of the fit.

At the optimum of the fit, with H its Gauss-Newton curvature and J_i the gradient of the i-th weighted residual,

    d theta / d (published figure i, in its spreads)  =  H^-1 J_i          (implicit function theorem)
    d theta / d (assumed default j)                   =  H^-1 e_j / sd_j^2
    covariance of theta                               =  H^-1              (Laplace)

so one factorisation serves one-way sensitivities, the value of a study, and as many joint draws as are wanted.
`spinecast fit` writes it beside the fit; where it is missing or of another fit it is worked out anew.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spinecast.analysis import fitting
from spinecast.analysis.fit_problem import Moves, Problem, compile_problem
from spinecast.analysis.targets import targets
from spinecast.assessment.model import Model
from spinecast.frozen import dataclass
from spinecast.network.build import build_network, prevalence_targets
from spinecast.network.fitted import path_of
from spinecast.network.model import Network
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array, Scale, from_scale, to_scale
from spinecast.priors.records import Priors

SUFFIX = ".jacobian.npz"


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure that the fit was drawn to (one row, or several that were pooled).

    Attributes
    ----------
    centre, spread : float
        On `scale`; what the fit used.
    low, high : float
        The published interval, on the figure's own scale.
    """

    id: str
    rows: tuple[str, ...]
    scale: Scale
    centre: float
    spread: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The figure itself."""
        return from_scale(self.centre, self.scale)

    def steps(self, value: float) -> float:
        """How far a value is from the figure, in its spreads."""
        return (to_scale(value, self.scale) - self.centre) / self.spread

    def at(self, steps: float) -> float:
        """The value so many spreads away; the inverse of `steps`."""
        return from_scale(self.centre + steps * self.spread, self.scale)


@dataclass(frozen=True, slots=True)
class Laplace:
    """The fit around its optimum.

    Attributes
    ----------
    theta, default, sd : ndarray, shape (P,)
        Fitted value, declared default and its spread (0: structural; infinite: held by data only).
    moves : Moves
        Coordinates of the fit, one a free number and one for the assumed numbers of a finding together, and what each moves.
    figures : tuple of Figure, length M
    jacobian : ndarray, shape (M, C)
        Of the weighted residuals (model - figure) / spread, in the coordinates.
    """

    theta: Array
    default: Array
    sd: Array
    moves: Moves
    figures: tuple[Figure, ...]
    jacobian: Array

    @property
    def free(self) -> npt.NDArray[np.int64]:
        """Parameters that the fit moved, alone or together; shape (F,)."""
        return self.moves.parameter

    def covariance(self) -> Array:
        """Of the coordinates; shape (C, C)."""
        sd = self.sd[self.moves.lead] / self.moves.lead_size
        return _covariance(self.jacobian.tobytes(), self.jacobian.shape, sd.tobytes())

    def covariance_of(self, parameters: Sequence[int]) -> Array:
        """Of these parameters as `draws` draws them; shape (len, len)."""
        chosen = np.asarray(parameters, dtype=np.int64)
        moved = self.moves.spread_over(np.eye(self.jacobian.shape[1]), len(self.theta))[:, chosen]
        alone = np.isin(chosen, self.free) | ~np.isfinite(self.sd[chosen])
        found: Array = moved.T @ self.covariance() @ moved + np.diag(np.where(alone, 0.0, self.sd[chosen]) ** 2)
        return found

    def holding(self, parameters: Sequence[int]) -> npt.NDArray[np.int64]:
        """Indices of the figures that held any of these parameters."""
        columns = np.unique(self.moves.column[np.isin(self.free, parameters)])
        return np.flatnonzero((self.jacobian[:, columns] != 0).any(axis=1))

    def figure_shifts(self) -> Array:
        """Change of all parameters with each figure moved up by one of its spreads; shape (M, P)."""
        return self.moves.spread_over(self.jacobian @ self.covariance(), len(self.theta))

    def default_shifts(self, parameters: Sequence[int]) -> Array:
        """Change of all parameters with each of these defaults moved up by one of its spreads; shape (len, P).

        A number that moves with others of its finding has its own default; the rows hold what they have in common.
        """
        shifts = np.zeros((len(parameters), len(self.theta)))
        alone = ~self.moves.is_shared
        place = {int(p): int(k) for p, k in zip(self.free[alone], self.moves.column[alone], strict=True)}
        covariance = self.covariance()
        for row, p in enumerate(parameters):
            if p in place:
                shifts[row] = self.moves.spread_over(covariance[place[p]] / self.sd[p], len(self.theta))
            else:
                shifts[row, p] = self.sd[p]
        return shifts

    def answers(self, draws: Array) -> Array:
        """What each figure's question would be answered by parameter draws, in spreads from today's, to first order.

        Parameters
        ----------
        draws : ndarray, shape (K, P)

        Returns
        -------
        ndarray, shape (K, M)
        """
        lead = self.moves.lead
        moved: Array = (draws[:, lead] - self.theta[lead]) / self.moves.lead_size @ self.jacobian.T
        return moved

    def draws(self, count: int, seed: int) -> Array:
        """Joint draws of all parameters; shape (count, P). Those that the fit did not move keep their declared spread."""
        generator = np.random.default_rng(seed)
        drawn = np.tile(self.theta, (count, 1))
        factor = np.linalg.cholesky(self.covariance())
        drawn += self.moves.spread_over(generator.standard_normal((count, len(factor))) @ factor.T, len(self.theta))
        rest = np.setdiff1d(np.flatnonzero((self.sd > 0) & np.isfinite(self.sd)), self.free)
        drawn[:, rest] += generator.standard_normal((count, len(rest))) * self.sd[rest]
        return drawn


@lru_cache(maxsize=4)
def _covariance(jacobian: bytes, shape: tuple[int, int], sd: bytes) -> Array:
    j, spread = np.frombuffer(jacobian).reshape(shape), np.frombuffer(sd)
    curvature = j.T @ j + np.diag(np.where(np.isfinite(spread), spread, np.inf) ** -2.0)
    inverse = np.linalg.inv(curvature)
    covariance: Array = np.asarray((inverse + inverse.T) / 2, dtype=float)
    covariance.setflags(write=False)
    return covariance


def laplace(model: Model, region: str = "lumbosacral") -> Laplace:
    """The stored one where it belongs to the model's fit, else worked out anew (which takes as long as one step of a fit)."""
    path = jacobian_path(model.priors.folder, region)
    return _loaded(path, path.stat().st_mtime_ns, _Key(model)) if _current(path, model) else _worked_out(_Key(model), region)


class _Key:
    """A model as a dictionary key: the same object is the same model."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __hash__(self) -> int:
        return id(self.model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.model is self.model


@lru_cache(maxsize=4)
def _worked_out(key: _Key, region: str) -> Laplace:
    priors = key.model.priors
    network = build_network(priors, region)
    problem = compile_problem(network, priors, [t for t in targets(network, priors) if t.fitted])
    return around(problem, priors, fitting.at(problem, key.model.network.theta))


def around(problem: Problem, priors: Priors, fit: fitting.Fit) -> Laplace:
    """From a finished fit; figures of prevalence are figures like the others."""
    network = problem.network
    figures = [
        Figure(
            t.id, tuple(r.id for r in t.rows), t.estimate.scale, float(problem.centre[i]), float(problem.spread[i]), t.low, t.high
        )
        for i, t in enumerate(problem.targets)
    ]
    jacobian = [fit.jacobian]
    for setting in problem.prevalence:
        made, rows = _prevalence(problem, priors, network, setting, fit.theta)
        figures += made
        jacobian.append(rows)
    default = np.array([p.default for p in network.parameters])
    sd = np.array([p.sd for p in network.parameters])
    return Laplace(fit.theta, default, sd, problem.moves, tuple(figures), np.concatenate(jacobian))


def _prevalence(
    problem: Problem, priors: Priors, network: Network, setting: tuple[int, Array, Array, Array], theta: Array
) -> tuple[list[Figure], Array]:
    """Figures and Jacobian of one setting's marginals."""
    k, weights, centre, sd = setting
    _, slope = fitting._marginals(network, theta, k, centre, sd)
    quantities = prevalence_targets(priors, network.space.levels, network.settings[k])
    figures = []
    for (generator, level), quantity, c, s in zip(network.space.levels, quantities, centre, sd, strict=True):
        low, high = estimate(quantity, priors.rows, "logit").interval
        name = f"settings/{network.settings[k]}/prevalence/{generator}{'/' + level if level else ''}"
        figures.append(Figure(name, quantity.rows, "logit", float(c), float(s), low, high))
    column = {int(p): j for j, p in enumerate(problem.moves.lead)}
    rows = np.zeros((len(figures), len(column)))
    rows[:, [column[int(i)] for i in weights]] = slope
    return figures, rows


# ── stored beside the fit ────────────────────────────────────────────────────────────────────────


def jacobian_path(folder: Path, region: str) -> Path:
    """Where the Jacobian of a region's fit is kept."""
    fit = path_of(folder, region)
    return fit.with_name(fit.stem + SUFFIX)


def save_laplace(found: Laplace, names: Sequence[str], fit_hash: str, path: Path) -> None:
    """Write it; complete or not at all. Only what is not zero is kept, in single precision."""
    row, column = np.nonzero(found.jacobian)
    figures = [[f.id, list(f.rows), f.scale, f.centre, f.spread, f.low, f.high] for f in found.figures]
    header = json.dumps({"figures": figures, "names": _digest(names), "fit_hash": fit_hash}, sort_keys=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as handle:
        np.savez_compressed(
            handle, header=np.frombuffer(header.encode(), dtype=np.uint8), theta=found.theta, default=found.default,
            sd=found.sd, parameter=found.moves.parameter.astype(np.int32), moved_by=found.moves.column.astype(np.int32),
            size=found.moves.size, lead=found.moves.lead.astype(np.int32), row=row.astype(np.int16), column=column.astype(np.int16),
            value=found.jacobian[row, column].astype(np.float32),
        )  # fmt: skip
    temporary.replace(path)


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _header(path: Path) -> dict[str, object]:
    with np.load(io.BytesIO(path.read_bytes())) as data:
        header: dict[str, object] = json.loads(data["header"].tobytes().decode())
        return {**header, "theta": data["theta"]}


def _current(path: Path, model: Model) -> bool:
    """Is the file there, and of this model's fit and parameters?"""
    if not path.exists():
        return False
    header = _header(path)
    names = _digest([p.name for p in model.network.parameters])
    same = header["fit_hash"] == model.fit_hash and header["names"] == names
    return same and np.array_equal(np.asarray(header["theta"]), model.network.theta)


@lru_cache(maxsize=4)
def _loaded(path: Path, changed: int, key: _Key) -> Laplace:  # noqa: ARG001  another time of change is another file
    with np.load(io.BytesIO(path.read_bytes())) as data:
        header = json.loads(data["header"].tobytes().decode())
        figures = tuple(Figure(i, tuple(rows), scale, *numbers) for i, rows, scale, *numbers in header["figures"])
        indices = (data[name].astype(np.int64) for name in ("parameter", "moved_by", "lead"))
        parameter, column, lead = indices
        jacobian = np.zeros((len(figures), len(lead)))
        jacobian[data["row"], data["column"]] = data["value"]
        moves = Moves(parameter, column, data["size"], lead)
        return Laplace(data["theta"], data["default"], data["sd"], moves, figures, jacobian)
