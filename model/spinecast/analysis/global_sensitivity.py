"""Which groups of numbers the answer varies with, all moved at once: Sobol indices and Morris screening, by SALib.

Within a group network parameters keep the covariance that the fit gave them; between groups they are drawn independently, which
variance-based indices ask for (what groups share through the fit is left out, and said).

References
----------
sobol2001 (Sobol IM. Math Comput Simul 2001;55:271-280); saltelli2010 (Saltelli A et al. Comput Phys Commun 2010;181:259-270);
morris1991 (Morris MD. Technometrics 1991;33:161-174); herman2017 (Herman J, Usher W. SALib. J Open Source Softw 2017;2:97).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinecast.analysis.known import NETWORK_GROUPS, outcome_group
from spinecast.analysis.laplace import laplace
from spinecast.analysis.movable import Answers
from spinecast.analysis.one_way import output
from spinecast.analysis.outcome_numbers import MovedDraws, RememberedDraws
from spinecast.analysis.problem import Problem
from spinecast.analysis.result import Chart, Column, Result
from spinecast.assessment.assess import DEFAULT_SEED
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.extras import need
from spinecast.parameters.scales import Array

SOBOL, MORRIS = "sobol", "morris"
METHODS = (SOBOL, MORRIS)
TAIL = 0.005
"""Normal inputs are cut at these probabilities; a trajectory of Morris has its levels at both ends."""

LEVELS = 4
COVARIANCE_DRAWS = 2000
AT_ONCE = 1024

Function = Callable[[Array], Array]
"""Outputs (R,) at R rows of independent standard normals (R, D)."""


@dataclass(frozen=True, slots=True)
class Indices:
    """By group, each of shape (G,): Sobol's first order and total, or Morris's mean absolute effect and its spread; with 95 % errors."""

    groups: tuple[str, ...]
    first: Array
    first_error: Array
    total: Array
    total_error: Array
    evaluations: int


def _setup(sizes: Mapping[str, int]) -> dict[str, Any]:
    if len(sizes) < 2 or min(sizes.values()) < 1:
        raise InvalidValueError("groups", dict(sizes), "at least two groups of at least one number")
    owner = [group for group, size in sizes.items() for _ in range(size)]
    names = [f"x{i}" for i in range(len(owner))]
    return {"num_vars": len(names), "names": names, "groups": owner, "bounds": [[TAIL, 1 - TAIL]] * len(names)}


def _evaluated(function: Function, chances: Array, tell: Callable[[int, int], None]) -> Array:
    from scipy.special import ndtri

    parts = []
    for first in range(0, len(chances), AT_ONCE):
        parts.append(function(ndtri(chances[first : first + AT_ONCE])))
        tell(min(first + AT_ONCE, len(chances)), len(chances))
    return np.concatenate(parts)


def sobol(
    function: Function, sizes: Mapping[str, int], base: int, seed: int, tell: Callable[[int, int], None] = lambda *_: None
) -> Indices:
    """Share of the output's variance that each group explains alone (first), and with everything it interacts with (total).

    Parameters
    ----------
    function : Function
    sizes : mapping of group to how many inputs it has, in their order
    base : int
        A power of two; base * (groups + 2) evaluations.

    Raises
    ------
    InvalidValueError, MissingExtraError
    """
    sample, analyze = need("SALib.sample.sobol", "analysis"), need("SALib.analyze.sobol", "analysis")
    if base < 2 or base & (base - 1):
        raise InvalidValueError("base", base, "a power of two")
    setup = _setup(sizes)
    chances = sample.sample(setup, base, calc_second_order=False, seed=seed)
    outputs = _evaluated(function, chances, tell)
    if outputs.std() == 0:
        nothing = np.zeros(len(sizes))
        return Indices(tuple(sizes), nothing, nothing, nothing, nothing, len(chances))
    found = analyze.analyze(setup, (outputs - outputs.mean()) / outputs.std(), calc_second_order=False, seed=seed)
    first, first_error, total, total_error = (np.asarray(found[k], dtype=float) for k in ("S1", "S1_conf", "ST", "ST_conf"))
    return Indices(tuple(sizes), first, first_error, total, total_error, len(chances))


def morris(
    function: Function, sizes: Mapping[str, int], base: int, seed: int, tell: Callable[[int, int], None] = lambda *_: None
) -> Indices:
    """Mean absolute elementary effect of each group in `first`, over `base` trajectories; a group has no spread of its own."""
    sample, analyze = need("SALib.sample.morris", "analysis"), need("SALib.analyze.morris", "analysis")
    if base < 2:
        raise InvalidValueError("base", base, "at least two trajectories")
    setup = _setup(sizes)
    chances = sample.sample(setup, base, num_levels=LEVELS, seed=seed)
    outputs = _evaluated(function, chances, tell)
    found = analyze.analyze(setup, chances, outputs, num_levels=LEVELS, seed=seed)
    place = [list(found["names"]).index(group) for group in sizes]
    star, error = (np.asarray(found[k], dtype=float)[place] for k in ("mu_star", "mu_star_conf"))
    nothing = np.full(len(sizes), np.nan)
    return Indices(tuple(sizes), star, error, nothing, nothing, len(chances))


@dataclass(frozen=True, slots=True)
class Inputs:
    """All numbers behind a patient's answer as independent standard normals, by group.

    Attributes
    ----------
    network : mapping of group to (parameters, root of their covariance)
    outcome : mapping of group to names
    """

    problem: Problem
    network: Mapping[str, tuple[np.ndarray, Array]]
    outcome: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, problem: Problem, seed: int) -> Inputs:
        """From the fit's covariance and the outcome model's own distributions."""
        members: dict[str, list[int]] = {}
        for p in problem.touched():
            members.setdefault(NETWORK_GROUPS[problem.model.network.parameters[p].name.partition("/")[0]], []).append(p)
        drawn = laplace(problem.model).draws(COVARIANCE_DRAWS, seed)
        network = {}
        for group, chosen in members.items():
            covariance = np.atleast_2d(np.cov(drawn[:, chosen], rowvar=False))
            values, vectors = np.linalg.eigh(covariance)
            network[group] = (np.array(chosen), vectors * np.sqrt(np.maximum(values, 0.0)))
        source = RememberedDraws(problem.model.priors.rows, 1, 0)
        problem.outcomes(source)
        names: dict[str, list[str]] = {}
        for name in source.normal:
            names.setdefault(outcome_group(name), []).append(name)
        return cls(problem, network, {group: tuple(own) for group, own in names.items()})

    @property
    def sizes(self) -> dict[str, int]:
        """Inputs of each group, in order."""
        return {g: len(p) for g, (p, _) in self.network.items()} | {g: len(n) for g, n in self.outcome.items()}

    def answers(self, normals: Array) -> Answers:
        """Answers at R rows of standard normals (R, D)."""
        problem = self.problem
        theta = np.tile(problem.model.network.theta, (len(normals), 1))
        steps: dict[str, Array] = {}
        at = 0
        for chosen, root in self.network.values():
            theta[:, chosen] += normals[:, at : at + len(chosen)] @ root.T
            at += len(chosen)
        for names in self.outcome.values():
            steps |= {name: np.concatenate([[0.0], normals[:, at + i]]) for i, name in enumerate(names)}
            at += len(names)
        beliefs = problem.beliefs(theta)
        outcomes = problem.outcomes(MovedDraws(problem.model.priors.rows, len(normals), 0, steps))
        values = problem.values(np.concatenate([beliefs[:1], beliefs]), outcomes)[1:]
        return Answers(beliefs @ np.stack(list(problem.masks().values()), axis=1), values)


def global_sensitivity(
    problem: Problem,
    name: str = "",
    method: str = SOBOL,
    base: int = 0,
    seed: int = DEFAULT_SEED,
    *,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Result:
    """Sobol indices or Morris screening of one output over all groups of numbers.

    Parameters
    ----------
    name : str
        `posterior:GENERATOR` or `value:ACTION`; the value of the first choice, if left out.
    method : str
        sobol or morris.
    base : int
        Base sample of Sobol (a power of two, 128 if left out) or trajectories of Morris (20).

    Raises
    ------
    UnknownIdError, InvalidValueError, MissingExtraError
    """
    if method not in METHODS:
        raise UnknownIdError("method", method, METHODS)
    chosen = output(problem, name or f"value:{_first(problem)}")
    if not chosen.name.startswith(("posterior:", "value:")):
        raise InvalidValueError("output", chosen.name, "posterior:GENERATOR or value:ACTION, which vary smoothly")
    inputs = Inputs.of(problem, seed)
    run = {SOBOL: sobol, MORRIS: morris}[method]
    found = run(lambda z: chosen.of(inputs.answers(z)), inputs.sizes, base or {SOBOL: 128, MORRIS: 20}[method], seed, tell)
    order = np.argsort(-(found.total if method == SOBOL else found.first), kind="stable")
    groups = [found.groups[i] for i in order]
    columns = [Column("group", groups, label="group of numbers"), Column("numbers", [inputs.sizes[g] for g in groups])]
    if method == SOBOL:
        low, high = found.total - found.total_error, found.total + found.total_error
        columns += [
            Column("first", found.first[order], label="share of variance, alone"),
            Column("first_error", found.first_error[order], label="± 95 %"),
            Column("total", found.total[order], label="share of variance, with interactions"),
            Column("total_error", found.total_error[order], label="± 95 % of it"),
        ]
    else:
        low, high = found.first - found.first_error, found.first + found.first_error
        columns += [
            Column("effect", found.first[order], chosen.unit, "mean absolute effect"),
            Column("effect_error", found.first_error[order], chosen.unit, "± 95 %"),
        ]
    columns += [Column("low", np.maximum(low[order], 0.0), detail=True), Column("high", high[order], detail=True)]
    names = [n for own in inputs.outcome.values() for n in own]
    return Result(
        f"global_{method}",
        f"What {chosen.label} varies with, all numbers moved at once",
        tuple(columns),
        problem.basis(draws=found.evaluations, seed=seed, output=chosen.name, method=method),
        problem.sources(laplace(problem.model), dict.fromkeys(names)),
        (Chart("bars", "total" if method == SOBOL else "effect", "group", "low", "high"),),
        ("Groups are independent of each other here; within a group the covariance of the fit holds. Plans are kept.",),
    )


def _first(problem: Problem) -> str:
    """The best permitted action at the point estimate."""
    plain = problem.outcomes(MovedDraws(problem.model.priors.rows, 0, 0))
    values = problem.values(problem.beliefs(problem.model.network.theta)[None], plain)[0]
    return problem.actions[int(np.where(problem.permitted, values, -np.inf).argmax())]
