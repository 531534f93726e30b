"""Fit the network's parameters so that, asked each published question, it gives the published answer.

Least squares on the log-odds (or logs) of the published measures, weighted by their intervals and
regularised to the declared defaults. Joint uncertainty is the Laplace covariance at the optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.analysis.targets import Target
from spinecast.frozen import dataclass
from spinecast.network.build import prevalence_targets
from spinecast.network.model import Network
from spinecast.network.questions import answer, block_table, gradient, mentioned
from spinecast.parameters.pooling import cites_rows, estimate
from spinecast.parameters.scales import Array, to_scale
from spinecast.priors import grammar
from spinecast.priors.records import Priors

STEP = 1e-5
"""Forward-difference step on the parameters' own (log or log-odds) scale."""

SHARPEST = 0.05
"""Least spread of a target on its scale: no published figure is taken to be known better than this,
since its population is never exactly the one that the question describes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A compiled least-squares problem over the parameters that some target touches."""

    network: Network
    targets: tuple[Target, ...]
    free: npt.NDArray[np.int64]
    centre: Array
    spread: Array
    prevalence: tuple[tuple[int, Array, Array, Array], ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """The optimum.

    Attributes
    ----------
    theta : ndarray, shape (P,)
    covariance : ndarray, shape (P, P)
        Laplace; the declared spread for parameters that no target touches.
    jacobian : ndarray, shape (targets, P)
        Of the weighted residuals of the targets.
    residuals : ndarray, shape (targets,)
        (model - published) / spread, on the target's scale.
    iterations : int
    """

    theta: Array
    covariance: Array
    jacobian: Array
    residuals: Array
    iterations: int


def compile_problem(network: Network, priors: Priors, targets: Sequence[Target]) -> Problem:
    """Collect targets, free parameters and the marginals that stand for prevalence.

    Free are the state weights, every number that cites rows, and every number that a fitted row asks about: the
    leak of its test, and what its target adds to its test. Any other number is only assumed and stays as declared:
    were it free, the hundreds of weak cross-causes could explain any row, and nothing would be shown.
    """
    touched = {i for t in targets for i in t.question.leaf_parameters(network) if _cites(network, priors, i)}
    touched |= {i for t in targets for i in asked_about(network, t)} | set(_weights(network))
    free = np.array(sorted(i for i in touched if network.parameters[i].sd > 0), dtype=np.int64)
    prevalence = tuple(_prevalence_rows(network, priors, k) for k in range(len(network.settings)))
    centre = np.array([t.estimate.centre for t in targets])
    spread = np.array([max(t.estimate.sd, SHARPEST) for t in targets])
    return Problem(network, tuple(targets), free, centre, spread, prevalence)


def asked_about(network: Network, target: Target) -> set[int]:
    """Parameters that the row's question is about: its tests' bases, and its target generators' part in them."""
    row = target.rows[0]
    tests = _named(row.test) & set(network.leaves)
    generators = _named(row.target) & set(network.space.generators)
    found: set[int] = set()
    for name in tests:
        leaf = network.leaves[name]
        found |= {int(i) for i in leaf.base[target.question.setting if len(leaf.base) > 1 else 0].ravel()}
        for sources in leaf.strength:
            found |= {int(i) for i in sources if network.parameters[i].name.split("/")[2].split("[")[0] in generators}
    return found


def _named(expression: str) -> set[str]:
    return set(grammar.names(grammar.parse(expression))) if expression else set()


def _cites(network: Network, priors: Priors, parameter: int) -> bool:
    quantity = network.parameters[parameter].quantity
    return quantity is not None and cites_rows(quantity, priors.rows)


def _weights(network: Network) -> tuple[int, ...]:
    """Parameters behind the weights of the joint states."""
    return tuple(sorted({*network.prevalence.ravel().tolist(), *network.co_occurrence.ravel().tolist()}))


def informs_prevalence(network: Network, target: Target) -> bool:
    """Only rows that count generators, among people chosen by who they are, may move how common generators are.

    An accuracy study has a population of its own; letting it move a setting's prevalence would explain a test's
    poor specificity by inventing disease (feedback is cut, as in modular inference). So have people sent on because
    of what was found: more was known of them than any question says.

    References
    ----------
    plummer2015cuts (Plummer M. Cuts in Bayesian graphical models. Stat Comput 2015;25:37-43).
    """
    counted = target.rows[0].measure == "prevalence"
    return counted and all(network.leaves[name].is_context for name in target.question.leaves)


def part(problem: Problem, *, prevalence: bool) -> Problem:
    """One module: the state weights against the rows that count generators, or all the tables against every row."""
    weights = np.isin(problem.free, _weights(problem.network))
    keep = [i for i, t in enumerate(problem.targets) if not prevalence or informs_prevalence(problem.network, t)]
    return Problem(
        problem.network,
        tuple(problem.targets[i] for i in keep),
        problem.free[weights if prevalence else ~weights],
        problem.centre[keep],
        problem.spread[keep],
        problem.prevalence if prevalence else (),
    )


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

GAIN = 3e-5
"""A step that lowers the cost by less than this share of it is the last."""


def _prevalence_rows(network: Network, priors: Priors, setting: int) -> tuple[int, Array, Array, Array]:
    quantities = prevalence_targets(priors, network.space.levels, network.settings[setting])
    made = [estimate(q, priors.rows, "logit") for q in quantities]
    centre = np.array([max(e.centre, to_scale(1e-7, "logit")) for e in made])
    return setting, network.prevalence[setting], centre, np.array([e.sd for e in made])


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
            trial = theta.copy()
            trial[problem.free] += np.clip(step, -1.5, 1.5)
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
    """Distance of each free parameter from its default, in spreads (0 where only data hold it)."""
    default = np.array([problem.network.parameters[i].default for i in problem.free])
    sd = np.array([problem.network.parameters[i].sd for i in problem.free])
    weight = np.where(np.isfinite(sd), 1 / sd, 0.0)
    return (theta[problem.free] - default) * weight, weight, default


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
    """Weighted residuals of targets by free parameters; shape (targets, free)."""
    column = {int(p): j for j, p in enumerate(problem.free)}
    jacobian = np.zeros((len(problem.targets), len(problem.free)))
    weights = [np.exp(problem.network.log_prior(theta, k)) for k in range(len(problem.network.settings))]
    moved_weights = {
        int(i): (k, np.exp(problem.network.log_prior(_moved(theta, int(i)), k)))
        for k in range(len(problem.network.settings))
        for i in (*problem.network.prevalence[k], *problem.network.co_occurrence[k])
    }
    changes: dict[tuple[object, ...], Array] = {}
    for i, target in enumerate(problem.targets):
        for parameter, slope in _slopes(problem, theta, target, weights, moved_weights, changes):
            if parameter in column:
                jacobian[i, column[parameter]] += slope / problem.spread[i]
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
    free = set(problem.free.tolist())
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
    column = {int(p): j for j, p in enumerate(problem.free)}
    for setting in problem.prevalence:
        misfit, slope = _marginals(problem.network, theta, setting[0], *setting[2:])
        columns = [column[int(i)] for i in setting[1]]
        gradient[columns] += slope.T @ misfit
        curvature[np.ix_(columns, columns)] += slope.T @ slope
    return gradient, curvature


def _finish(problem: Problem, theta: Array, iterations: int) -> Fit:
    residuals = target_residuals(problem, theta)
    jacobian = _jacobian(problem, theta)
    _, curvature = _normal_equations(problem, theta, jacobian, residuals)
    size = len(problem.network.parameters)
    sd = np.array([p.sd for p in problem.network.parameters])
    covariance: Array = np.diag(np.where(np.isfinite(sd), sd, 1.0) ** 2)
    covariance[np.ix_(problem.free, problem.free)] = np.linalg.inv(curvature)
    full = np.zeros((len(problem.targets), size))
    full[:, problem.free] = jacobian
    return Fit(theta, covariance, full, residuals, iterations)


def at(problem: Problem, theta: Array, iterations: int = 0) -> Fit:
    """The curvature and residuals at parameters that were fitted, without moving them."""
    return _finish(problem, theta, iterations)


def degrees_of_freedom(problem: Problem, fit: Fit) -> float:
    """Trace of the hat matrix: how many of the targets the fit could have met whatever they said."""
    jacobian = fit.jacobian[:, problem.free]
    covariance = fit.covariance[np.ix_(problem.free, problem.free)]
    return float(np.einsum("ij,jk,ik->", jacobian, covariance, jacobian))


def draw(fit: Fit, count: int, seed: int) -> Array:
    """Joint parameter draws from the Laplace covariance; shape (count, P)."""
    free = np.flatnonzero(np.diag(fit.covariance) > 0)
    factor = np.linalg.cholesky(fit.covariance[np.ix_(free, free)])
    normals = np.random.default_rng(seed).standard_normal((count, len(free)))
    draws = np.tile(fit.theta, (count, 1))
    draws[:, free] += normals @ factor.T
    return draws


def left_out(problem: Problem, fit: Fit) -> Array:
    """Residual of each target when every target of its studies is left out; shape (targets,).

    The refit is linearised at the optimum: (I - H)^-1 r for the targets that share a study.
    """
    jacobian = fit.jacobian[:, problem.free]
    covariance = fit.covariance[np.ix_(problem.free, problem.free)]
    predicted = np.empty(len(problem.targets))
    for i, target in enumerate(problem.targets):
        group = [j for j, other in enumerate(problem.targets) if other.sources & target.sources]
        hat = jacobian[group] @ covariance @ jacobian[group].T
        solved = np.linalg.solve(np.eye(len(group)) - hat + 1e-9 * np.eye(len(group)), fit.residuals[group])
        predicted[i] = solved[group.index(i)]
    return predicted
