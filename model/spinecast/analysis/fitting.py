"""Fit the network's parameters so that, asked each published question, it gives the published answer.

Least squares on the log-odds (or logs) of the published measures, weighted by their intervals and
regularised to the declared defaults. Joint uncertainty is the Laplace covariance at the optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from spinecast.analysis.fit_problem import Moves, Problem, informs_prevalence, part
from spinecast.analysis.targets import Target
from spinecast.frozen import dataclass
from spinecast.network.model import Network
from spinecast.network.questions import answer, block_table, gradient, mentioned
from spinecast.parameters.scales import Array, to_scale

STEP = 1e-5
"""Forward-difference step on the parameters' own (log or log-odds) scale."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The optimum.

    Attributes
    ----------
    theta : ndarray, shape (P,)
    moves : Moves
        What the coordinates move.
    covariance : ndarray, shape (coordinates, coordinates)
        Laplace, of the coordinates.
    spread : ndarray, shape (P,)
        Standard deviation of each parameter; the declared one where no coordinate moves it.
    jacobian : ndarray, shape (targets, coordinates)
        Of the weighted residuals of the targets.
    residuals : ndarray, shape (targets,)
        (model - published) / spread, on the target's scale.
    iterations : int
    """

    theta: Array
    moves: Moves
    covariance: Array
    spread: Array
    jacobian: Array
    residuals: Array
    iterations: int


def fit(problem: Problem, start: Array, *, tell: Callable[[str], None] = lambda _: None) -> Fit:
    """Fit the two modules in turn, twice: prevalence given the tables, then the tables given prevalence."""
    theta, iterations = start, 0
    for turn in range(TURNS):
        for prevalence in (True, False):
            tell(f"turn {turn + 1}: {'prevalence' if prevalence else 'tables'}")
            theta, count = solve(part(problem, prevalence=prevalence), theta, tell=tell)
            iterations += count
    return at(problem, theta, iterations)


TURNS = 2

GAIN = 1e-4
"""A step that lowers the cost by less than this share of it is the last."""


def solve(problem: Problem, start: Array, *, most: int = 40, tell: Callable[[str], None] = lambda _: None) -> tuple[Array, int]:
    """Levenberg-Marquardt from `start`, deterministic; the parameters, and how many steps it took.

    Each question touches few parameters and its slopes come from one pass over its own grid, which scipy's
    solvers, that see one residual vector, cannot use.
    """
    theta, damping = start.copy(), 1e-3
    cost, residuals = _cost(problem, theta)
    iterations = 0
    for iterations in range(1, most + 1):
        jacobian = _jacobian(problem, theta)
        gradient, curvature = _normal_equations(problem, theta, jacobian, residuals)
        improved = False
        while damping < 1e8:
            step = -np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
            trial = problem.moves.applied(theta, np.clip(step, -1.5, 1.5))
            trial_cost, trial_residuals = _cost(problem, trial)
            if trial_cost < cost:
                improved = True
                break
            damping *= 4
        if not improved:
            break
        gain = cost - trial_cost
        theta, cost, residuals, damping = trial, trial_cost, trial_residuals, max(damping / 6, 1e-9)
        tell(f"iteration {iterations}: cost {cost:.4f}")
        if gain < GAIN * (1 + cost):
            break
    return theta, iterations


def target_residuals(problem: Problem, theta: Array) -> Array:
    """(model - published) / spread for each target; shape (targets,)."""
    model = np.array([to_scale(answer(problem.network, theta, t.question), t.estimate.scale) for t in problem.targets])
    residuals: Array = (np.clip(model, -30, 30) - problem.centre) / problem.spread
    return residuals


def _cost(problem: Problem, theta: Array) -> tuple[float, Array]:
    residuals = target_residuals(problem, theta)
    held, _, _ = _held(problem, theta)
    cost = float(residuals @ residuals + held @ held)
    for setting in problem.prevalence:
        misfit, _ = _marginals(problem.network, theta, setting[0], *setting[2:])
        cost += float(misfit @ misfit)
    return cost / 2, residuals


def _held(problem: Problem, theta: Array) -> tuple[Array, Array, Array]:
    """Distance of each coordinate from the defaults, in spreads (0 where only data hold it), and its slope."""
    lead = problem.moves.lead
    default = np.array([problem.network.parameters[i].default for i in lead])
    sd = np.array([problem.network.parameters[i].sd for i in lead])
    held = np.where(np.isfinite(sd), 1 / sd, 0.0)
    return (theta[lead] - default) * held, held * problem.moves.lead_size, default


def _marginals(network: Network, theta: Array, setting: int, centre: Array, sd: Array) -> tuple[Array, Array]:
    """Weighted misfit of each level's marginal log-odds, and its Jacobian over that setting's weights."""
    p = np.exp(network.log_prior(theta, setting))
    active = network.space.active
    marginal = p @ active
    covariance: Array = (active * p[:, None]).T @ active - np.outer(marginal, marginal)
    slope = covariance / (marginal * (1 - marginal))[:, None]
    misfit = np.log(marginal) - np.log1p(-marginal) - centre
    return misfit / sd, slope / sd[:, None]


def _jacobian(problem: Problem, theta: Array) -> Array:
    """Weighted residuals of targets by coordinates; shape (targets, coordinates)."""
    moves = problem.moves
    place = {int(p): (int(j), float(size)) for p, j, size in zip(moves.parameter, moves.column, moves.size, strict=True)}
    jacobian = np.zeros((len(problem.targets), len(moves.lead)))
    weights = [np.exp(problem.network.log_prior(theta, k)) for k in range(len(problem.network.settings))]
    moved_weights = {
        int(i): (k, np.exp(problem.network.log_prior(_moved(theta, int(i)), k)))
        for k in range(len(problem.network.settings))
        for i in (*problem.network.prevalence[k], *problem.network.co_occurrence[k])
    }
    changes: dict[tuple[object, ...], Array] = {}
    for i, target in enumerate(problem.targets):
        for parameter, slope in _slopes(problem, theta, target, weights, moved_weights, changes):
            if parameter in place:
                column, size = place[parameter]
                jacobian[i, column] += slope * size / problem.spread[i]
    return jacobian


def _moved(theta: Array, parameter: int) -> Array:
    moved = theta.copy()
    moved[parameter] += STEP
    return moved


def _slopes(
    problem: Problem,
    theta: Array,
    target: Target,
    weights: Sequence[Array],
    moved_weights: Mapping[int, tuple[int, Array]],
    changes: dict[tuple[object, ...], Array],
) -> Iterator[tuple[int, float]]:
    """Slope of one question's answer, on its scale, in each of its own parameters.

    `changes` keeps how a block's table moves with a parameter, since many questions share blocks.
    """
    network, question = problem.network, target.question
    scale = target.estimate.scale
    found = gradient(network, theta, question, lambda value: to_scale(value, scale))
    free = set(problem.moves.parameter.tolist())
    for parameter in question.prior_parameters(network) if informs_prevalence(network, target) else ():
        change = moved_weights[parameter][1] - weights[question.setting]
        yield parameter, float(found.by_weight @ change) / STEP
    for key, by_entry in found.by_block.items():
        block = network.blocks[key]
        here: Array | None = None
        for parameter in free.intersection(question.block_parameters(network, block)):
            name = (key, question.setting, question.pain_free, parameter, *mentioned(block, question))
            if name not in changes:
                here = block_table(network, theta, block, question) if here is None else here
                changes[name] = block_table(network, _moved(theta, parameter), block, question) - here
            yield parameter, float((by_entry * changes[name]).sum()) / STEP


def _normal_equations(problem: Problem, theta: Array, jacobian: Array, residuals: Array) -> tuple[Array, Array]:
    held, weight, _ = _held(problem, theta)
    gradient = jacobian.T @ residuals + weight * held
    curvature = jacobian.T @ jacobian + np.diag(weight**2)
    column = {int(p): j for j, p in enumerate(problem.moves.lead)}
    for setting in problem.prevalence:
        misfit, slope = _marginals(problem.network, theta, setting[0], *setting[2:])
        columns = [column[int(i)] for i in setting[1]]
        gradient[columns] += slope.T @ misfit
        curvature[np.ix_(columns, columns)] += slope.T @ slope
    return gradient, curvature


def at(problem: Problem, theta: Array, iterations: int = 0) -> Fit:
    """The curvature and residuals at parameters that were fitted, without moving them."""
    residuals = target_residuals(problem, theta)
    jacobian = _jacobian(problem, theta)
    _, curvature = _normal_equations(problem, theta, jacobian, residuals)
    covariance = np.asarray(np.linalg.inv(curvature), dtype=float)
    moves = problem.moves
    sd = np.array([p.sd for p in problem.network.parameters])
    spread: Array = np.where(np.isfinite(sd), sd, 1.0)
    spread[moves.parameter] = moves.size * np.diag(covariance)[moves.column] ** 0.5
    return Fit(theta, moves, covariance, spread, jacobian, residuals, iterations)


def degrees_of_freedom(fit: Fit) -> float:
    """Trace of the hat matrix: how many of the targets the fit could have met whatever they said."""
    return float(np.einsum("ij,jk,ik->", fit.jacobian, fit.covariance, fit.jacobian))


def draw(fit: Fit, count: int, seed: int) -> Array:
    """Joint parameter draws from the Laplace covariance; shape (count, P)."""
    factor = np.linalg.cholesky(fit.covariance)
    normals = np.random.default_rng(seed).standard_normal((count, len(factor) + len(fit.theta)))
    draws: Array = np.asarray(fit.theta + fit.spread * normals[:, len(factor) :], dtype=float)
    step: Array = normals[:, : len(factor)] @ factor.T
    draws[:, fit.moves.parameter] = fit.theta[fit.moves.parameter] + fit.moves.size * step[:, fit.moves.column]
    return draws
