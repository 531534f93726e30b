"""The best plan that begins with each action: expectimax over beliefs, with failure branches.

Values are net benefit over waiting, in money at the stated willingness to pay. Beliefs are carried
unnormalised, so that sums over branches are expectations and nothing is divided.

* Treating adds its specific effect from the week it starts, cut at the horizon; active care adds the one
  contextual effect once in a plan. At review the person has >= 50 % relief with P(active | state), or not.
* After relief only conservative care can follow (it keeps what was gained); without relief, anything can.
* A block or test adds nothing but what is learnt. Stopping is always possible and worth 0 from there on.

The search is branch and bound. The bound on what can follow is what someone who knew the true state could
gain from the best treatments of that state at once, so it prunes nothing that could be best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spinecast.decision.outcomes import WEEKS_A_YEAR, Outcomes, at_week, relief_weights
from spinecast.decision.profile import Done
from spinecast.decision.settings import DecisionSettings
from spinecast.parameters.scales import Array

RELIEF, NO_RELIEF = "relief", "no relief"


@dataclass(frozen=True, slots=True)
class Seen:
    """One outcome inside a plan: the action, its label, and the relief that a rule would count (percent)."""

    action: str
    label: str
    relief_percent: float | None = None


Observe = Callable[[str, tuple[Seen, ...]], "tuple[tuple[Seen, ...], Array] | None"]
"""What an information action can show after earlier outcomes: labels and P(outcome | state), shape (O, S);
None where it shows nothing (more)."""

Permitted = Callable[[str, tuple[Done, ...], float], bool]
"""May the action be taken after what the plan did so far, so many weeks from now?"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A node of a plan: take `action` at `start` (weeks), then whatever fits what is seen."""

    action: str
    start: float
    value: float
    branches: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """One thing that can be seen, its probability here, and what to do then (None: stop and stay with it)."""

    label: str
    probability: float
    relieved: bool
    then: Plan | None
    likelihood: Array = field(repr=False, compare=False, default_factory=lambda: np.ones(1))


@dataclass(frozen=True, slots=True)
class _Point:
    """Where in a plan one is."""

    time: float
    used: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()
    done: tuple[Done, ...] = ()
    cared: bool = False
    relieved: bool = False


@dataclass(slots=True)
class Planner:
    """Finds plans for one person at the point estimate.

    Parameters
    ----------
    outcomes : Outcomes
    settings : DecisionSettings
    kinds : tuple of str, length A
    observe : Observe
    permitted : Permitted
    """

    outcomes: Outcomes
    settings: DecisionSettings
    kinds: tuple[str, ...]
    observe: Observe
    permitted: Permitted
    _gains: dict[tuple[float, bool, bool], Array] = field(default_factory=dict)
    _bounds: dict[tuple[float, bool, bool, int], Array] = field(default_factory=dict)
    _futures: dict[tuple[float, bool, int], Array] = field(default_factory=dict)
    _reviews: dict[tuple[int, bool], Array] = field(default_factory=dict)
    _observed: dict[tuple[str, tuple[Seen, ...]], tuple[tuple[Seen, ...], Array] | None] = field(default_factory=dict)
    _allowed: dict[tuple[str, tuple[Done, ...], float], bool] = field(default_factory=dict)

    def best_plans(self, belief: Array) -> dict[str, Plan]:
        """The best plan that begins with each action.

        Parameters
        ----------
        belief : ndarray, shape (S,)
        """
        start = _Point(0.0)
        plans = {}
        for a, name in enumerate(self.outcomes.actions):
            if self.kinds[a] == "waiting":
                plans[name] = Plan(name, 0.0, 0.0)
                continue
            value = self._action_value(a, belief, start, self.settings.depth)
            plans[name] = self._tree(a, belief, start, self.settings.depth, value)
        return plans

    def _action_value(self, a: int, belief: Array, point: _Point, depth: int) -> float:
        """Value of taking `a` now and going on as well as possible."""
        value = float(belief @ self._net(point)[:, a])
        if depth > 0:
            for _, likelihood, after in self._branches(a, point):
                value += self._best(belief * likelihood, after, depth - 1)[0]
        return value

    def _best(self, belief: Array, point: _Point, depth: int) -> tuple[float, int]:
        """Value of the best continuation and its action; (0, -1) where stopping is best."""
        actions = self._open(point)
        if depth <= 0:
            singles = [a for a in actions if self._treats(a)]
            values = belief @ self._net(point)[:, singles] if singles else np.zeros(0)
            top = int(values.argmax()) if len(values) else -1
            return (float(values[top]), singles[top]) if top >= 0 and values[top] > 0 else (0.0, -1)
        best, chosen = 0.0, -1
        bounds = belief @ self._bound(point, depth)
        for a in sorted(actions, key=lambda a: -bounds[a]):
            if bounds[a] <= best:
                break
            value = self._action_value(a, belief, point, depth)
            if value > best:
                best, chosen = value, a
        return best, chosen

    def _bound(self, point: _Point, depth: int) -> Array:
        """No plan of `depth` decisions that begins with an action here is worth more; shape (S, A)."""
        key = (point.time, point.cared, point.relieved, depth)
        if key not in self._bounds:
            after = point.time + self.outcomes.wait + self.outcomes.review
            future = [self._future(float(t), point.cared or bool(c), depth) for t, c in zip(after, self.outcomes.cared, strict=True)]
            self._bounds[key] = self._net(point) + np.stack(future, axis=1)
        return self._bounds[key]

    def _future(self, time: float, cared: bool, more: int) -> Array:
        """Most that `more` further treatments can add from `time` on if the state were known; shape (S,)."""
        key = (time, cared, more)
        if key not in self._futures:
            ceiling, contextual = ceiling_by_level(self.outcomes, self.settings, time)
            gains = np.sort(np.maximum(self.outcomes.share @ ceiling.T, 0.0), axis=1)[:, -more:].sum(axis=1)
            self._futures[key] = gains if cared else gains + self.outcomes.share @ contextual
        return self._futures[key]

    def _tree(self, a: int, belief: Array, point: _Point, depth: int, value: float) -> Plan:
        """The plan behind a value: the same recursion, keeping the choices."""
        name = self.outcomes.actions[a]
        total = float(belief.sum())
        branches = []
        for label, likelihood, after in self._branches(a, point) if depth > 0 else ():
            part = belief * likelihood
            best, chosen = self._best(part, after, depth - 1)
            then = self._tree(chosen, part, after, depth - 1, best) if chosen >= 0 else None
            branches.append(Branch(label, float(part.sum()) / total, after.relieved, then, likelihood))
        return Plan(name, point.time + float(self.outcomes.wait[a]), value / total, tuple(branches))

    def _open(self, point: _Point) -> list[int]:
        """Actions that can come next here."""
        return [
            a
            for a, name in enumerate(self.outcomes.actions)
            if self.kinds[a] != "waiting"
            and (not point.relieved or self.kinds[a] == "conservative")
            and self._useful(a, point)
            and point.time + self.outcomes.wait[a] < self.settings.horizon_weeks
            and self._may(name, point.done, point.time + float(self.outcomes.wait[a]))
        ]

    def _may(self, name: str, done: tuple[Done, ...], time: float) -> bool:
        key = (name, done, time)
        if key not in self._allowed:
            self._allowed[key] = self.permitted(name, done, time)
        return self._allowed[key]

    def _useful(self, a: int, point: _Point) -> bool:
        """Not taken before in this plan, unless it still has something new to show."""
        name = self.outcomes.actions[a]
        if name not in point.used:
            return self._treats(a) or self._look(name, point.seen) is not None
        return self._look(name, point.seen) is not None

    def _treats(self, a: int) -> bool:
        return self.kinds[a] not in ("test", "block", "waiting")

    def _look(self, name: str, seen: tuple[Seen, ...]) -> tuple[tuple[Seen, ...], Array] | None:
        key = (name, seen)
        if key not in self._observed:
            self._observed[key] = self.observe(name, seen)
        return self._observed[key]

    def _branches(self, a: int, point: _Point) -> Iterator[tuple[str, Array, _Point]]:
        """(label, P(seen | state), point after) for everything that can be seen at review."""
        name = self.outcomes.actions[a]
        time = point.time + float(self.outcomes.wait[a] + self.outcomes.review[a])
        start = point.time + float(self.outcomes.wait[a])
        treats = self._treats(a)
        look = self._look(name, point.seen)
        shown: Sequence[tuple[Seen | None, Array | float]] = [(None, 1.0)]
        if look is not None:
            shown = list(zip(look[0], look[1], strict=True))
        relief = self._review(a, point.relieved) if treats else None
        for seen, likelihood in shown:
            record = Done(name, -start, seen.relief_percent if seen is not None else None)
            after = replace(
                point,
                time=time,
                used=(*point.used, name),
                seen=(*point.seen, seen) if seen is not None else point.seen,
                done=(*point.done, record),
                cared=point.cared or bool(self.outcomes.cared[a]),
                relieved=False,
            )
            if relief is None:
                yield (seen.label if seen is not None else "done"), np.asarray(likelihood), after
                continue
            prefix = f"{seen.label}, " if seen is not None else ""
            yield prefix + RELIEF, likelihood * relief, replace(after, relieved=True)
            yield prefix + NO_RELIEF, likelihood * (1 - relief), after

    def _review(self, a: int, eased: bool) -> Array:
        """P(>= 50 % relief at review | state), shape (S,)."""
        key = (a, eased)
        if key not in self._reviews:
            curve = at_week(self.outcomes.active(a, eased=eased)[:1], float(self.outcomes.review[a]))[0]
            self._reviews[key] = np.clip(self.outcomes.share @ curve, 0.0, 1.0)
        return self._reviews[key]

    def _net(self, point: _Point) -> Array:
        """Net benefit of each action begun now, by state; shape (S, A)."""
        key = (point.time, point.cared, point.relieved)
        if key not in self._gains:
            by_level = net_by_level(self.outcomes, self.settings, point.time, cared=point.cared, eased=point.relieved)[0]
            self._gains[key] = self.outcomes.share @ by_level.T
        return self._gains[key]


def net_by_level(
    outcomes: Outcomes, settings: DecisionSettings, time: float, *, cared: bool, eased: bool
) -> Array:
    """Net benefit over waiting of each action begun at `time`, by level; shape (D, A, L + 1).

    Health (specific effect, and the contextual one unless the plan has had it) at the willingness to pay, less
    harm at the same, less cost; everything discounted to today.
    """
    specific = outcomes.eased if eased else outcomes.specific
    net = np.empty((specific.shape[0], specific.shape[1], specific.shape[3]))
    for a, wait in enumerate(outcomes.wait):
        weights = relief_weights(time + float(wait), settings.horizon_weeks, settings.discount)
        weeks = np.einsum("t,dtl->dl", weights, specific[:, a])
        if outcomes.cared[a] and not cared:
            room = outcomes.contextual[:, :, None] * (1 - outcomes.natural)
            weeks = weeks + np.einsum("t,dtl->dl", weights, room)
        later = (1 + settings.discount) ** (-(time + float(wait)) / WEEKS_A_YEAR)
        health = weeks / WEEKS_A_YEAR * outcomes.worth[:, None] - (outcomes.harm[:, a] * later)[:, None]
        net[:, a] = settings.willingness_to_pay * health - (outcomes.cost[:, a] * later)[:, None]
    return net


def ceiling_by_level(outcomes: Outcomes, settings: DecisionSettings, time: float) -> tuple[Array, Array]:
    """Upper bounds from `time` on: of each action's net benefit without the contextual effect (A, L + 1), and of
    the contextual effect (L + 1). Losses are dropped, and cost and harm are discounted to the horizon."""
    weights = relief_weights(time, settings.horizon_weeks, settings.discount)
    scale = settings.willingness_to_pay * outcomes.worth[0] / WEEKS_A_YEAR
    gain = np.einsum("t,atl->al", weights, np.maximum(np.maximum(outcomes.specific[0], outcomes.eased[0]), 0.0))
    least = (1 + settings.discount) ** (-settings.horizon_weeks / WEEKS_A_YEAR)
    loss = least * (settings.willingness_to_pay * outcomes.harm[0] + outcomes.cost[0])
    contextual = np.einsum("t,tl->l", weights, outcomes.contextual[0][:, None] * (1 - outcomes.natural[0]))
    return scale * gain - loss[:, None], scale * contextual


def state_values(plan: Plan, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of a fixed plan in each state, at the point estimate; shape (S,). A belief's value is its mean."""
    index = {name: i for i, name in enumerate(outcomes.actions)}
    nets: dict[tuple[float, bool, bool], Array] = {}

    def value(node: Plan, cared: bool, relieved: bool) -> Array:
        a = index[node.action]
        key = (node.start - float(outcomes.wait[a]), cared, relieved)
        if key not in nets:
            nets[key] = net_by_level(outcomes, settings, key[0], cared=cared, eased=relieved)[0]
        total: Array = outcomes.share @ nets[key][a]
        for branch in node.branches:
            if branch.then is not None:
                total = total + branch.likelihood * value(branch.then, cared or bool(outcomes.cared[a]), branch.relieved)
        return total

    if plan.value == 0.0 and not plan.branches:
        return np.zeros(len(outcomes.share))
    return value(plan, cared=False, relieved=False)


def plan_values(plan: Plan, beliefs: Array, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of a fixed plan under each draw: the policy of the point estimate, kept.

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
    shares: dict[tuple[float, bool, bool], Array] = {}
    index = {name: i for i, name in enumerate(outcomes.actions)}

    def value(node: Plan, belief: Array, cared: bool, relieved: bool) -> Array:
        a = index[node.action]
        key = (node.start - float(outcomes.wait[a]), cared, relieved)
        if key not in shares:
            shares[key] = net_by_level(outcomes, settings, key[0], cared=cared, eased=relieved)
        pain = belief @ outcomes.share
        total: Array = (pain * shares[key][:, a]).sum(axis=1)
        for branch in node.branches:
            if branch.then is not None:
                after = belief * branch.likelihood
                total = total + value(branch.then, after, cared or bool(outcomes.cared[a]), branch.relieved)
        return total

    if plan.value == 0.0 and not plan.branches:
        return np.zeros(len(beliefs))
    return value(plan, beliefs, cared=False, relieved=False)
