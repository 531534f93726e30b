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
class Moves:
    """How coordinates of the fit move parameters: one each, or a finding's assumed ones all together.

    Attributes
    ----------
    parameter, column : ndarray of int, shape (M,)
        Parameter that moves, and the coordinate that moves it.
    size : ndarray, shape (M,)
        Change of the parameter for one unit of the coordinate: 1, or its declared spread where the move is shared.
    lead : ndarray of int, shape (coordinates,)
        First parameter of each coordinate.
    """

    parameter: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    size: Array
    lead: npt.NDArray[np.int64]

    @property
    def own(self) -> npt.NDArray[np.int64]:
        """Parameters that a coordinate moves alone."""
        return self.parameter[~self.is_shared]

    @property
    def is_shared(self) -> npt.NDArray[np.bool_]:
        """Which moves are shared; shape (M,)."""
        return np.bincount(self.column, minlength=len(self.lead))[self.column] > 1

    def applied(self, theta: Array, step: Array) -> Array:
        """Parameters after a step of the coordinates."""
        moved = theta.copy()
        moved[self.parameter] += self.size * step[self.column]
        return moved

    def only(self, keep: npt.NDArray[np.bool_]) -> Moves:
        """The coordinates kept, numbered anew."""
        place = np.cumsum(keep) - 1
        mine = keep[self.column]
        return Moves(self.parameter[mine], place[self.column[mine]], self.size[mine], self.lead[keep])


@dataclass(frozen=True, slots=True)
class Problem:
    """A compiled least-squares problem over the parameters that some target touches."""

    network: Network
    targets: tuple[Target, ...]
    moves: Moves
    centre: Array
    spread: Array
    prevalence: tuple[tuple[int, Array, Array, Array], ...]

    @property
    def free(self) -> npt.NDArray[np.int64]:
        """Parameters that move on their own."""
        return self.moves.own


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


def compile_problem(network: Network, priors: Priors, targets: Sequence[Target]) -> Problem:
    """Collect targets, free parameters and the marginals that stand for prevalence.

    Free are the state weights, every number that cites rows, and every number that a fitted row asks about: the
    leak of its test, and what its target adds to its test. Any other number is only assumed and stays as declared:
    were it free, the hundreds of weak cross-causes could explain any row, and nothing would be shown.
    """
    touched = {i for t in targets for i in t.question.leaf_parameters(network) if _cites(network, priors, i)}
    touched |= {i for t in targets for i in asked_about(network, t)} | set(_weights(network))
    own = sorted(i for i in touched if network.parameters[i].sd > 0)
    moves = _moves(network, own, _judged_together(network, targets, set(own)))
    prevalence = tuple(_prevalence_rows(network, priors, k) for k in range(len(network.settings)))
    centre = np.array([t.estimate.centre for t in targets])
    spread = np.array([max(t.estimate.sd, SHARPEST) for t in targets])
    return Problem(network, tuple(targets), moves, centre, spread, prevalence)


def _judged_together(network: Network, targets: Sequence[Target], own: set[int]) -> list[list[int]]:
    """Assumed numbers of each finding that some question mentions: one author's judgement of one finding."""
    mentioned_leaves = {name for t in targets for name in t.question.leaves}
    touched = {i for t in targets for i in t.question.leaf_parameters(network)} - own
    groups = []
    for name in sorted(mentioned_leaves):
        leaf = network.leaves[name]
        if leaf.is_context or leaf.form != "noisy":
            continue
        numbers = sorted({int(i) for i in (*leaf.base.ravel(), *leaf.strength.ravel())} & touched)
        group = [i for i in numbers if 0 < network.parameters[i].sd < np.inf]
        if len(group) > 1:
            groups.append(group)
    return groups


def _moves(network: Network, own: Sequence[int], shared: Sequence[Sequence[int]]) -> Moves:
    parameter = [*own, *(i for group in shared for i in group)]
    column = [*range(len(own)), *(len(own) + k for k, group in enumerate(shared) for _ in group)]
    size = [*(1.0 for _ in own), *(network.parameters[i].sd for group in shared for i in group)]
    lead = [*own, *(group[0] for group in shared)]
    return Moves(np.array(parameter, np.int64), np.array(column, np.int64), np.array(size), np.array(lead, np.int64))


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
    weights = np.isin(problem.moves.lead, _weights(problem.network))
    keep = [i for i, t in enumerate(problem.targets) if not prevalence or informs_prevalence(problem.network, t)]
    return Problem(
        problem.network,
        tuple(problem.targets[i] for i in keep),
        problem.moves.only(weights if prevalence else ~weights),
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

GAIN = 1e-4
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
    size = np.ones(len(lead))
    size[problem.moves.column] = problem.moves.size
    size[problem.moves.column[::-1]] = problem.moves.size[::-1]
    return (theta[lead] - default) * held, held * size, default


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
