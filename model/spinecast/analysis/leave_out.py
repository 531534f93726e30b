"""What the fit says of a study that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.analysis.fit_problem import Problem
from spinecast.analysis.fitting import Fit
from spinecast.analysis.targets import Target
from spinecast.network.questions import answer
from spinecast.parameters.scales import Array
from spinecast.priors.records import Quantity, Row

Ints = npt.NDArray[np.int64]


def left_out(problem: Problem, fit: Fit, rows: Mapping[str, Row]) -> Array:
    """The model's answer to each question when its studies are left out of the fit; shape (targets,).

    Their rows are taken out where they are asked, and where a number has no other default than their pool: such a
    number falls back on what numbers of its kind that cite rows are like elsewhere. The refit is one Gauss-Newton
    step from the optimum, no longer in any coordinate than a step of the fit itself; the question is then asked
    anew, exactly.

    Parameters
    ----------
    rows : mapping of id to Row
        The evidence, to see which studies stand behind a default.
    """
    behind = _sources_of_defaults(problem, rows)
    steps: dict[frozenset[str], Array] = {}
    answers = np.empty(len(problem.targets))
    for i, target in enumerate(problem.targets):
        if target.sources not in steps:
            steps[target.sources] = _step(problem, fit, target, behind)
        theta = problem.moves.applied(fit.theta, np.clip(steps[target.sources], -LONGEST, LONGEST))
        answers[i] = answer(problem.network, theta, target.question)
    return answers


LONGEST = 1.5
"""Longest step of a coordinate, as in `fitting.solve`."""


def _sources_of_defaults(problem: Problem, rows: Mapping[str, Row]) -> dict[int, frozenset[str]]:
    """Studies behind each coordinate whose default is nothing but the pool of fitted rows."""
    found = {}
    for column, parameter in enumerate(problem.moves.lead):
        quantity = problem.network.parameters[parameter].quantity
        if quantity is not None and np.isfinite(problem.network.parameters[parameter].sd) and _is_pool(quantity, rows):
            found[column] = frozenset(rows[r].source for r in quantity.rows)
    return found


def _is_pool(quantity: Quantity, rows: Mapping[str, Row]) -> bool:
    stated = quantity.assumed is not None or quantity.derived is not None
    return not stated and bool(quantity.rows) and all(r in rows and rows[r].use == "fit" for r in quantity.rows)


def _kind(name: str) -> str:
    """Leak, base, odds ratio or strength of a cause: the part of a parameter's name that says what it is."""
    part, _, word, *_ = name.split("/")
    return word if word in ("leak", "base") else f"{part} cause"


def _elsewhere(
    problem: Problem, theta: Array, behind: Mapping[int, frozenset[str]], pools: Sequence[int]
) -> list[tuple[float, float]]:
    """Mean and spread, for each pool, of the fitted numbers of its kind that other studies are behind."""
    values: dict[str, list[float]] = {}
    for column in behind.keys() - set(pools):
        parameter = int(problem.moves.lead[column])
        values.setdefault(_kind(problem.network.parameters[parameter].name), []).append(float(theta[parameter]))
    found = []
    for column in pools:
        kind = values.get(_kind(problem.network.parameters[int(problem.moves.lead[column])].name), [])
        found.append((float(np.mean(kind)), max(float(np.std(kind)), 1.0)) if len(kind) > 1 else (0.0, UNIFORM))
    return found


UNIFORM = math.pi / math.sqrt(3)
"""Spread of the log-odds of a probability of which nothing is known."""


def _step(problem: Problem, fit: Fit, target: Target, behind: Mapping[int, frozenset[str]]) -> Array:
    """Gauss-Newton step of the coordinates without the studies of one target; shape (coordinates,).

    The curvature changes by a few rows and a few diagonal entries, so its inverse is updated (Woodbury).
    """
    asked = [j for j, other in enumerate(problem.targets) if other.sources & target.sources]
    pools = [c for c, sources in behind.items() if sources <= target.sources]
    lead = problem.moves.lead[pools]
    default = np.array([problem.network.parameters[i].default for i in lead])
    held = np.array([problem.network.parameters[i].sd ** -2.0 for i in lead])
    instead = np.array(_elsewhere(problem, fit.theta, behind, pools)).reshape(len(pools), 2)
    precision = instead[:, 1] ** -2.0
    gradient = -fit.jacobian[asked].T @ fit.residuals[asked]
    gradient[pools] += precision * (fit.theta[lead] - instead[:, 0]) - held * (fit.theta[lead] - default)
    update = np.concatenate([fit.jacobian[asked].T, np.eye(len(gradient))[:, pools]], axis=1)
    size = np.concatenate([-np.ones(len(asked)), precision - held])
    spread, direct = fit.covariance @ update, fit.covariance @ gradient
    inner = np.eye(len(size)) + size[:, None] * (update.T @ spread)
    step: Array = spread @ np.linalg.solve(inner, size * (update.T @ direct)) - direct
    return step
