"""A plan as a tree, and what a fixed plan is worth in each state and under each draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    def value(node: Plan, cared: bool, relieved: bool) -> Array:
        a = outcomes.actions.index(node.action)
        time = node.start - float(outcomes.wait[a])
        net = net_of(outcomes, settings, a, time, cared=cared, eased=relieved, again=node.again, draws=POINT)[0]
        total: Array = outcomes.share @ net
        for branch in node.branches:
            if branch.then is not None:
                total = total + branch.likelihood * value(branch.then, cared or bool(outcomes.cared[a]), branch.relieved)
        return total

    return np.zeros(len(outcomes.share)) if idle(plan) else value(plan, cared=False, relieved=False)


def plan_values(plan: Plan, beliefs: Array, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of a fixed plan under each draw: the policy of the point estimate, kept.

    Beliefs, effects, natural course, harms, costs and utilities vary with the draw; what a test shows in a state
    and the chance of relief at review stay at the point estimate.

    Parameters
    ----------
    plan : Plan
    beliefs : ndarray, shape (D, S)
    outcomes : Outcomes
        With the same D.

    Returns
    -------
    ndarray, shape (D,)
    """
    nets: dict[tuple[int, float, bool, bool, bool], Array] = {}

    def value(node: Plan, reached: Array, cared: bool, relieved: bool) -> Array:
        a = outcomes.actions.index(node.action)
        key = (a, node.start, cared, relieved, node.again)
        if key not in nets:
            time = node.start - float(outcomes.wait[a])
            nets[key] = net_of(outcomes, settings, a, time, cared=cared, eased=relieved, again=node.again)
        pain = beliefs @ (reached[:, None] * outcomes.share)
        total: Array = (pain * nets[key]).sum(axis=1)
        for branch in node.branches:
            if branch.then is not None:
                total = total + value(branch.then, reached * branch.likelihood, cared or bool(outcomes.cared[a]), branch.relieved)
        return total

    everyone = np.ones(len(outcomes.share))
    return np.zeros(len(beliefs)) if idle(plan) else value(plan, everyone, cared=False, relieved=False)


def idle(plan: Plan) -> bool:
    """Waiting: nothing is done and nothing follows."""
    return plan.value == 0.0 and not plan.branches
