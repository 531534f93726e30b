"""Which groups of numbers the answer varies with, all moved at once: Sobol indices and Morris screening, by SALib, and Kucherenko's indices.

Within a group network parameters keep the covariance that the fit gave them. Sobol's indices and Morris's effects are of groups that are drawn
independently; Kucherenko's keep what the fit ties together across groups.

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

from spinecast.analysis.dependent_indices import Function, kucherenko, symmetric_power
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

SOBOL, MORRIS, KUCHERENKO = "sobol", "morris", "kucherenko"
METHODS = (SOBOL, MORRIS, KUCHERENKO)
BASE = {SOBOL: 128, MORRIS: 20, KUCHERENKO: 256}
TAIL = 0.005
"""Normal inputs are cut at these probabilities; a trajectory of Morris has its levels at both ends."""

LEVELS = 4
AT_ONCE = 1024


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
    """All numbers behind a patient's answer by group: moves of network parameters, then standard normals of outcome numbers.

    Attributes
    ----------
    network : mapping of group to parameters
    outcome : mapping of group to names
    covariance : ndarray, shape (D, D)
        Of all inputs; outcome numbers are independent of everything.
    """

    problem: Problem
    network: Mapping[str, np.ndarray]
    outcome: Mapping[str, tuple[str, ...]]
    covariance: Array

    @classmethod
    def of(cls, problem: Problem) -> Inputs:
        """From the fit's covariance and the outcome model's own distributions."""
        members: dict[str, list[int]] = {}
        for p in problem.touched():
            members.setdefault(NETWORK_GROUPS[problem.model.network.parameters[p].name.partition("/")[0]], []).append(p)
        source = RememberedDraws(problem.model.priors.rows, 1, 0)
        problem.outcomes(source)
        names: dict[str, list[str]] = {}
        for name in source.normal:
            names.setdefault(outcome_group(name), []).append(name)
        chosen = [p for own in members.values() for p in own]
        count = len(chosen) + len(source.normal)
        covariance = np.eye(count)
        covariance[: len(chosen), : len(chosen)] = laplace(problem.model).covariance_of(chosen)
        network = {group: np.array(own) for group, own in members.items()}
        return cls(problem, network, {group: tuple(own) for group, own in names.items()}, covariance)

    @property
    def sizes(self) -> dict[str, int]:
        """Inputs of each group, in order."""
        return {g: len(own) for own_groups in (self.network, self.outcome) for g, own in own_groups.items()}

    def apart(self) -> Array:
        """Root of the covariance with groups taken as independent; inputs are standard normals times it; shape (D, D)."""
        root, at = np.eye(len(self.covariance)), 0
        for own in self.network.values():
            place = slice(at, at + len(own))
            root[place, place] = symmetric_power(self.covariance[place, place], 0.5)
            at += len(own)
        return root

    def answers(self, moves: Array) -> Answers:
        """Answers at R rows of inputs (R, D)."""
        problem = self.problem
        theta = np.tile(problem.model.network.theta, (len(moves), 1))
        chosen = np.concatenate(list(self.network.values()))
        theta[:, chosen] += moves[:, : len(chosen)]
        names = [name for own in self.outcome.values() for name in own]
        steps = {name: np.concatenate([[0.0], z]) for name, z in zip(names, moves[:, len(chosen) :].T, strict=True)}
        beliefs = problem.beliefs(theta)
        outcomes = problem.outcomes(MovedDraws(problem.model.priors.rows, len(moves), 0, steps))
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
    """Sobol indices, Kucherenko's of tied groups, or Morris screening of one output over all groups of numbers.

    Parameters
    ----------
    name : str
        `posterior:GENERATOR` or `value:ACTION`; the value of the first choice, if left out.
    method : str
        sobol, kucherenko or morris.
    base : int
        Base sample, a power of two, or trajectories of Morris; `BASE` if left out.

    Raises
    ------
    UnknownIdError, InvalidValueError, MissingExtraError
    """
    if method not in METHODS:
        raise UnknownIdError("method", method, METHODS)
    chosen = output(problem, name or f"value:{_first(problem)}")
    if not chosen.name.startswith(("posterior:", "value:")):
        raise InvalidValueError("output", chosen.name, "posterior:GENERATOR or value:ACTION, which vary smoothly")
    inputs = Inputs.of(problem)
    found = _indices(lambda moves: chosen.of(inputs.answers(moves)), inputs, method, base or BASE[method], seed, tell)
    order = np.argsort(-(found.first if method == MORRIS else found.total), kind="stable")
    groups = [found.groups[i] for i in order]
    columns = [Column("group", groups, label="group of numbers"), Column("numbers", [inputs.sizes[g] for g in groups])]
    if method != MORRIS:
        low, high = found.total - found.total_error, found.total + found.total_error
        alone, total = SHARES[method]
        columns += [
            Column("first", found.first[order], label=f"share of variance, {alone}"),
            Column("first_error", found.first_error[order], label="± 95 %"),
            Column("total", found.total[order], label=f"share of variance, {total}"),
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
        (Chart("bars", "effect" if method == MORRIS else "total", "group", "low", "high"),),
        (TIED if method == KUCHERENKO else APART, "Plans are kept while numbers move."),
    )


SHARES = {SOBOL: ("alone", "with interactions"), KUCHERENKO: ("with what it is tied to", "left when all others are known")}
APART = (
    "Groups are drawn independently of each other; the fit ties numbers of different groups together, which is left out here "
    "(--method kucherenko keeps it). Within a group the covariance of the fit holds."
)
TIED = (
    "All numbers keep the covariance of the fit, across groups too. What groups have in common through it counts in the first share of each "
    "and in the total of none, so that a first share can exceed the total."
)


def _indices(function: Function, inputs: Inputs, method: str, base: int, seed: int, tell: Callable[[int, int], None]) -> Indices:
    """By one of the methods, from a function of the inputs themselves."""
    if method == KUCHERENKO:
        found = kucherenko(function, inputs.sizes, inputs.covariance, base, seed, tell)
        return Indices(tuple(inputs.sizes), found.first, found.first_error, found.total, found.total_error, found.evaluations)
    apart = inputs.apart()
    run = {SOBOL: sobol, MORRIS: morris}[method]
    return run(lambda z: function(z @ apart), inputs.sizes, base, seed, tell)


def _first(problem: Problem) -> str:
    """The best permitted action at the point estimate."""
    plain = problem.outcomes(MovedDraws(problem.model.priors.rows, 0, 0))
    values = problem.values(problem.beliefs(problem.model.network.theta)[None], plain)[0]
    return problem.actions[int(np.where(problem.permitted, values, -np.inf).argmax())]
