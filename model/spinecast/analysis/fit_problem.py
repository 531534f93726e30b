"""What the fit solves: the questions, the numbers that may move and how, and the marginals that stand for prevalence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spinecast.analysis.targets import Target
from spinecast.frozen import dataclass
from spinecast.network.build import prevalence_targets
from spinecast.network.model import Network
from spinecast.parameters.pooling import cites_rows, estimate
from spinecast.parameters.scales import Array, to_scale
from spinecast.priors import grammar
from spinecast.priors.records import Priors

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

    @property
    def lead_size(self) -> Array:
        """Change of each coordinate's first parameter for one unit of it; shape (coordinates,)."""
        first = np.unique(self.column, return_index=True)[1]
        return self.size[first]

    def applied(self, theta: Array, step: Array) -> Array:
        """Parameters after a step of the coordinates."""
        return theta + self.spread_over(step, len(theta))

    def spread_over(self, steps: Array, count: int) -> Array:
        """Changes of all parameters by changes of the coordinates; (..., coordinates) to (..., count)."""
        changes = np.zeros((*steps.shape[:-1], count))
        changes[..., self.parameter] = self.size * steps[..., self.column]
        return changes

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


def compile_problem(network: Network, priors: Priors, targets: Sequence[Target]) -> Problem:
    """Collect targets, free parameters and the marginals that stand for prevalence.

    Free are the state weights, every number that cites rows, and every number that a fitted row asks about: the
    leak of its test, and what its target adds to its test. Any other number is only assumed and stays as declared:
    were it free, the hundreds of weak cross-causes could explain any row, and nothing would be shown.
    """
    touched = {i for t in targets for i in t.question.leaf_parameters(network) if _cites(network, priors, i)}
    touched |= {i for t in targets for i in asked_about(network, t)} | set(state_weights(network))
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


def state_weights(network: Network) -> tuple[int, ...]:
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
    weights = np.isin(problem.moves.lead, state_weights(problem.network))
    keep = [i for i, t in enumerate(problem.targets) if not prevalence or informs_prevalence(problem.network, t)]
    return Problem(
        problem.network,
        tuple(problem.targets[i] for i in keep),
        problem.moves.only(weights if prevalence else ~weights),
        problem.centre[keep],
        problem.spread[keep],
        problem.prevalence if prevalence else (),
    )


def _prevalence_rows(network: Network, priors: Priors, setting: int) -> tuple[int, Array, Array, Array]:
    quantities = prevalence_targets(priors, network.space.levels, network.settings[setting])
    made = [estimate(q, priors.rows, "logit") for q in quantities]
    centre = np.array([max(e.centre, to_scale(1e-7, "logit")) for e in made])
    return setting, network.prevalence[setting], centre, np.array([e.sd for e in made])
