"""A plan as a tree, and what a fixed plan is worth in each state and under each draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field

import numpy as np

from spinecast.decision.net import POINT, net_of
from spinecast.decision.outcomes import Outcomes
from spinecast.decision.profile import Done
from spinecast.decision.settings import DecisionSettings
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

RELIEF, NO_RELIEF, AGAIN = "relief", "no relief", "pain again"
"""What can be true after a treatment: at review, and (AGAIN) later, where relief has ended."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One outcome inside a plan: the action, its label, the relief that a rule would count (percent), or how many
    of several tests were positive."""

    action: str
    label: str
    relief_percent: float | None = None
    count: int | None = None


Observe = Callable[[str, tuple[Seen, ...]], "tuple[tuple[Seen, ...], Array] | None"]
"""What an information action can show after earlier outcomes: labels and P(outcome | state), shape (O, S);
None where it shows nothing (more)."""

Permitted = Callable[[str, tuple[Done, ...], float], bool]
"""May the action be taken after what the plan did so far, so many weeks from now?"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A node of a plan: take `action` at `start` (weeks), then whatever fits what is seen.

    `again`: it relieved this person before, and the relief has ended.
    """

    action: str
    start: float
    value: float
    branches: tuple[Branch, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """One thing that can be seen, its probability here, and what to do then (None: stop and stay with it)."""

    label: str
    probability: float
    relieved: bool
    then: Plan | None
    likelihood: Array = field(repr=False, compare=False, default_factory=lambda: np.ones(1))


def nodes(plan: Plan, reached: float = 1.0) -> Iterator[tuple[Plan, float]]:
    """Every node of a plan with the probability of getting there."""
    yield plan, reached
    for branch in plan.branches:
        if branch.then is not None:
            yield from nodes(branch.then, reached * branch.probability)


def state_values(plan: Plan, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of a fixed plan in each state, at the point estimate; shape (S,). A belief's value is its mean."""
    total = np.zeros(len(outcomes.share))
    for step in _all_steps([plan], outcomes)[0]:
        total += step.reached * (outcomes.share @ step.net(outcomes, settings, POINT)[0])
    return total


def plan_values(plan: Plan, beliefs: Array, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of a fixed plan under each draw; shape (D,). `values_by_draw` is the same of several."""
    return values_by_draw([plan], beliefs, outcomes, settings)[:, 0]


def values_by_draw(plans: Sequence[Plan], beliefs: Array, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of fixed plans under each draw: the policies of the point estimate, kept.

    Beliefs, effects, natural course, harms, costs and utilities vary with the draw; what a test shows in a state
    and the chance of relief at review stay at the point estimate.

    Parameters
    ----------
    plans : sequence of Plan, length N
    beliefs : ndarray, shape (D, S), or (1, S)
    outcomes : Outcomes
        With the same D, or one.

    Returns
    -------
    ndarray, shape (D, N)
    """
    found = [(n, step) for n, steps in enumerate(_all_steps(plans, outcomes)) for step in steps]
    distinct = {id(step.reached): step.reached for _, step in found}
    pains = dict(zip(distinct, _pains(beliefs, list(distinct.values()), outcomes.share), strict=True))
    nets: dict[tuple[int, float, bool, bool, bool], Array] = {}
    values = np.zeros((max(len(beliefs), len(outcomes.worth)), len(plans)))
    for n, step in found:
        key = (step.action, step.time, step.cared, step.relieved, step.again)
        if key not in nets:
            nets[key] = step.net(outcomes, settings)
        values[:, n] += (pains[id(step.reached)] * nets[key]).sum(axis=1)
    return values


TOGETHER = 32
"""Steps of plans that are multiplied at once: one wide matrix product is quicker than many narrow ones."""


def _pains(beliefs: Array, reached: Sequence[Array], share: Array) -> Iterator[Array]:
    """Pain by level of those who get to each step; each (D, L + 1)."""
    for start in range(0, len(reached), TOGETHER):
        part = np.stack(reached[start : start + TOGETHER], axis=1)
        weights = (part[:, :, None] * share[:, None, :]).reshape(len(share), -1)
        yield from np.moveaxis((beliefs @ weights).reshape(len(beliefs), part.shape[1], -1), 1, 0)


@dataclass(frozen=True, slots=True)
class _Step:
    """One action of a plan, begun at `time`, and P(getting there | state), shape (S,)."""

    action: int
    time: float
    cared: bool
    relieved: bool
    again: bool
    reached: Array

    def net(self, outcomes: Outcomes, settings: DecisionSettings, draws: slice = slice(None)) -> Array:
        """Its own net benefit by level; shape (D, L + 1)."""
        return net_of(
            outcomes, settings, self.action, self.time, cared=self.cared, eased=self.relieved, again=self.again, draws=draws
        )


def _all_steps(plans: Sequence[Plan], outcomes: Outcomes) -> list[list[_Step]]:
    """The steps of each plan; none where it is to wait."""
    everyone = np.ones(len(outcomes.share))
    return [[] if idle(plan) else list(_steps(plan, outcomes, everyone)) for plan in plans]


def _steps(node: Plan, outcomes: Outcomes, reached: Array, *, cared: bool = False, relieved: bool = False) -> Iterator[_Step]:
    a = outcomes.actions.index(node.action)
    yield _Step(a, node.start - float(outcomes.wait[a]), cared, relieved, node.again, reached)
    for branch in node.branches:
        if branch.then is not None:
            there, after = reached * branch.likelihood, cared or bool(outcomes.cared[a])
            yield from _steps(branch.then, outcomes, there, cared=after, relieved=branch.relieved)


def idle(plan: Plan) -> bool:
    """Waiting: nothing is done and nothing follows."""
    return plan.value == 0.0 and not plan.branches
