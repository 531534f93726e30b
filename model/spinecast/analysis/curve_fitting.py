"""Fit the outcome curves: penalised least squares (scipy), Laplace covariance, spread between trials by EM.

The deviations of trials (u of control arms on the logit, v of effects) are random effects. Their standard deviations
start as declared and are re-estimated from the deviations found, the declaration counting as so many trials.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spinecast.analysis.curve_problem import CurveProblem, Point
from spinecast.frozen import dataclass
from spinecast.parameters.curves import RELIEF, SETTLING, Curve, relief_with_slopes, settling_with_slopes
from spinecast.parameters.scales import Array, expit

ROUNDS = 12
"""Most rounds of EM for the spread between trials; it stops when neither changes by a percent."""

FLAT = 1e-6
"""Largest slope of the penalised squares at what is called their minimum."""

MOST_STEPS = 200
"""Most steps to it; some dozens are usual."""

EDGE = 1e-3
"""Predicted shares are kept this far from 0 and 1, where a logit says nothing more."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveFit:
    """A fit at its optimum.

    Attributes
    ----------
    problem : CurveProblem
    parameters : ndarray, shape (P,)
        Curves, then deviations of control arms, then deviations of effects.
    covariance : ndarray, shape (P, P)
        Laplace; rows and columns of what is not free are 0.
    spread : dict
        "control" and "effect": standard deviations between trials.
    jacobian : ndarray, shape (points, P)
        Of the residuals of the points.
    residuals : ndarray, shape (points,)
    """

    problem: CurveProblem
    parameters: Array
    covariance: Array
    spread: dict[str, float]
    jacobian: Array
    residuals: Array

    @property
    def curves(self) -> int:
        """Number of parameters of curves; the rest are deviations of trials."""
        return len(self.problem.centre)


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The problem as arrays: predictions and slopes of all points at once."""

    problem: CurveProblem
    points: tuple[Point, ...]
    week: Array
    share: npt.NDArray[np.bool_]
    context: Array
    course_pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]
    effect_pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]
    control_of: npt.NDArray[np.int64]
    effect_of: npt.NDArray[np.int64]
    size: int

    @classmethod
    def of(cls, problem: CurveProblem, points: tuple[Point, ...] | None = None) -> System:
        """Arrays of the problem's points, or of others asked of the same curves (without a deviation unless they are known)."""
        points = problem.points if points is None else points
        curves, trials, arms = len(problem.centre), problem.trials, problem.arms
        place_u = {t: curves + i for i, t in enumerate(trials)}
        place_v = {a: curves + len(trials) + i for i, a in enumerate(arms)}
        return cls(
            problem,
            points,
            np.array([p.week for p in points]),
            np.array([p.share for p in points]),
            np.array([float(p.context) for p in points]),
            _pairs([p.courses for p in points]),
            _pairs([p.effects for p in points]),
            np.array([place_u.get(p.trial, -1) if p.deviates and p.share else -1 for p in points]),
            np.array([place_v.get((p.trial, p.arm), -1) if p.deviates and p.effects else -1 for p in points]),
            curves + len(trials) + len(arms),
        )

    def predict(self, parameters: Array) -> tuple[Array, Array]:
        """Shares or differences of all points, and their slopes; shapes (points,) and (points, P)."""
        n, split = len(self.points), len(self.problem.courses) * len(SETTLING)
        courses = parameters[:split].reshape(-1, len(SETTLING))
        effects = parameters[split : len(self.problem.centre)].reshape(-1, len(RELIEF))
        slopes = np.zeros((n, self.size))
        settled, settled_slopes = self._mixed(self.course_pairs, courses, settling_with_slopes, 0)
        own, own_slopes = self._mixed(self.effect_pairs, effects, relief_with_slopes, split)
        context = relief_with_slopes(np.broadcast_to(effects[-1], (n, len(RELIEF))), self.week)
        k, last = context.value * self.context, len(self.problem.centre) - len(RELIEF)
        gained = k * (1 - settled)
        base = np.where(self.share, settled, 0.0) + gained
        by_settled = np.where(self.share, 1.0, 0.0) - k
        slopes += by_settled[:, None] * settled_slopes
        slopes[:, last : last + len(RELIEF)] += (self.context * (1 - settled))[:, None] * context.slopes
        shifted, pull, by_shift = self._shifted(base, parameters)
        slopes *= pull[:, None]
        rows = np.flatnonzero(self.control_of >= 0)
        slopes[rows, self.control_of[rows]] += by_shift[rows]
        slopes += own_slopes
        rows = np.flatnonzero(self.effect_of >= 0)
        slopes[rows, self.effect_of[rows]] += 1.0
        deviation = np.where(self.effect_of >= 0, parameters[self.effect_of], 0.0)
        return shifted + own + deviation, slopes

    def _shifted(self, base: Array, parameters: Array) -> tuple[Array, Array, Array]:
        """Control arms moved by their trial's deviation: value, slope in the unmoved value, slope in the deviation."""
        u = np.where(self.control_of >= 0, parameters[self.control_of], 0.0)
        inside = np.clip(base, EDGE, 1 - EDGE)
        moved = expit(np.log(inside) - np.log1p(-inside) + u)
        by_shift = moved * (1 - moved)
        moves = self.share & (self.control_of >= 0)
        pull = np.where(moves, by_shift / (inside * (1 - inside)), 1.0)
        return np.where(moves, moved, base), pull, np.where(moves, by_shift, 0.0)

    def _mixed(
        self,
        pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array],
        table: Array,
        form: Callable[[Array, Array], Curve],
        start: int,
    ) -> tuple[Array, Array]:
        """Weighted sums of curves by point, and slopes placed in the columns of their parameters."""
        point, curve, weight = pairs
        value, slopes = form(table[curve], self.week[point])
        total: Array = np.bincount(point, weight * value, minlength=len(self.points)).astype(float)
        placed = np.zeros((len(self.points), self.size))
        width = table.shape[1]
        for column in range(width):
            np.add.at(placed, (point, start + curve * width + column), weight * slopes[:, column])
        return total, placed

    def residuals(self, parameters: Array) -> tuple[Array, Array]:
        """Distances from the published figures in standard errors, and their slopes."""
        value, slopes = self.predict(parameters)
        inside = np.clip(value, EDGE, 1 - EDGE)
        on_scale = np.where(self.share, np.log(inside) - np.log1p(-inside), value)
        pull = np.where(self.share, np.where((value > EDGE) & (value < 1 - EDGE), 1 / (inside * (1 - inside)), 0.0), 1.0)
        centre = np.array([p.published.centre for p in self.points])
        sd = np.array([p.published.sd for p in self.points])
        return (on_scale - centre) / sd, slopes * (pull / sd)[:, None]


def _pairs(maps: list) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]:  # type: ignore[type-arg]
    """Mappings as three parallel arrays: row, key, value."""
    rows = [(i, key, value) for i, one in enumerate(maps) for key, value in one.items()]
    point, curve, weight = (list(x) for x in zip(*rows, strict=True)) if rows else ([], [], [])
    return np.array(point, dtype=np.int64), np.array(curve, dtype=np.int64), np.array(weight, dtype=float)


def fit_curves(problem: CurveProblem, *, tell: Callable[[str], None] = lambda _: None) -> CurveFit:
    """Curves, deviations of trials, and the spread between trials."""
    system = System.of(problem)
    spread = {name: declared for name, (declared, _) in problem.spread.items()}
    parameters = np.concatenate([_start(problem), np.zeros(system.size - len(problem.centre))])
    for number in range(ROUNDS):
        parameters, covariance = _solve(system, parameters, spread)
        before, spread = spread, _spread(problem, parameters, covariance, spread)
        tell(
            f"round {number + 1}: spread between trials {spread['control']:.3f} (controls, logit), {spread['effect']:.3f} (effects)"
        )
        if all(abs(spread[name] / before[name] - 1) < 0.01 for name in spread):
            break
    residuals, jacobian = system.residuals(parameters)
    return CurveFit(problem, parameters, covariance, before, jacobian, residuals)


def _start(problem: CurveProblem) -> Array:
    """Declared shapes, with the share of every relief curve at what is stated or published of it on average."""
    start = problem.centre.copy()
    split = len(problem.courses) * len(SETTLING)
    for index in range(len(problem.effects)):
        near = [p.published.centre for p in problem.points if not p.share and index in p.effects]
        if near:
            start[split + index * len(RELIEF)] = float(np.mean(near))
    return start


def _solve(system: System, start: Array, spread: dict[str, float]) -> tuple[Array, Array]:
    """Optimum and Laplace covariance at fixed spreads."""
    from scipy.optimize import minimize

    centre, sd = _penalties(system, spread)
    free = np.flatnonzero(sd > 0)

    def whole(x: Array) -> Array:
        full = start.copy()
        full[free] = x
        return full

    def cost(x: Array) -> tuple[float, Array]:
        residuals, slopes = system.residuals(whole(x))
        pull = (x - centre[free]) / sd[free]
        return 0.5 * float(residuals @ residuals + pull @ pull), residuals @ slopes[:, free] + pull / sd[free]

    def information(x: Array) -> Array:
        slopes = system.residuals(whole(x))[1][:, free]
        found: Array = slopes.T @ slopes + np.diag(1 / sd[free] ** 2)
        return found

    # Gauss-Newton in a trust region: some 700 unknowns, for which this is quicker and ends nearer than scipy's least_squares.
    found = minimize(
        cost, start[free], jac=True, hess=information, method="trust-exact", options={"gtol": FLAT, "maxiter": MOST_STEPS}
    )
    covariance = np.zeros((system.size, system.size))
    covariance[np.ix_(free, free)] = np.linalg.inv(information(found.x))
    return whole(found.x), covariance


def _penalties(system: System, spread: dict[str, float]) -> tuple[Array, Array]:
    """Centre and standard deviation of every parameter: declared shapes, and deviations around 0."""
    problem = system.problem
    controls, effects = len(problem.trials), len(problem.arms)
    sd = np.concatenate([problem.sd, np.full(controls, spread["control"]), np.full(effects, spread["effect"])])
    return np.concatenate([problem.centre, np.zeros(controls + effects)]), sd


def _spread(problem: CurveProblem, parameters: Array, covariance: Array, before: dict[str, float]) -> dict[str, float]:
    """EM step: mean square of the deviations with their own uncertainty, the declaration counting as so many more."""
    at, found = len(problem.centre), {}
    for name, count in (("control", len(problem.trials)), ("effect", len(problem.arms))):
        own = slice(at, at + count)
        declared, worth = problem.spread[name]
        squares = float((parameters[own] ** 2 + np.diag(covariance)[own]).sum())
        found[name] = float(np.sqrt((squares + worth * declared**2) / (count + worth))) if count else before[name]
        at += count
    return found
