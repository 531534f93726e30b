"""The best plan that begins with each action: expectimax over beliefs, with failure branches.

Values are net benefit over waiting, in money at the stated willingness to pay. Beliefs are carried
unnormalised, so that sums over branches are expectations and nothing is divided.

* Treating adds its specific effect from the week it starts, cut at the horizon; active care adds the one
  contextual effect once in a plan, and an injection or ablation comes with the rehabilitation that it serves.
  At review the person has >= 50 % relief with P(active | state), or not.
* Without relief anything can follow that the rules permit. After relief one course of conservative care can
  follow (to use and keep what was gained), and the plan ends: what a relieved person gains from more is not known.
* A block or test adds what is learnt, and its own small effect where one is stated. Stopping is always possible
  and worth 0 from there on.

The search is branch and bound. The bound on what can follow is what someone who knew the true state could
gain from the best treatments of that state at once, so it prunes nothing that could be best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace

import numpy as np

from spinecast.decision.outcomes import WEEKS_A_YEAR, Outcomes, at_week, relief_weights
from spinecast.decision.profile import Done
from spinecast.decision.settings import DecisionSettings
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

RELIEF, NO_RELIEF = "relief", "no relief"
HALF = 50.0
"""Percent of relief that counts at review: every outcome curve is the probability of at least this much."""


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
    _nets: dict[tuple[float, bool, bool], Array] = field(default_factory=dict)
    _futures: dict[tuple[float, bool, int], Array] = field(default_factory=dict)
    _ceilings: dict[tuple[float, bool, int], Array] = field(default_factory=dict)
    _reviews: dict[int, Array] = field(default_factory=dict)
    _observed: dict[tuple[str, tuple[Seen, ...]], tuple[tuple[Seen, ...], Array] | None] = field(default_factory=dict)
    _allowed: dict[tuple[str, tuple[Done, ...], float], bool] = field(default_factory=dict)

    def best_plans(self, belief: Array) -> dict[str, Plan]:
        """The best plan that begins with each action.

        Parameters
        ----------
        belief : ndarray, shape (S,)
        """
        start = _Point(0.0)
        plans = {name: Plan(name, 0.0, 0.0) for name in self.outcomes.actions}
        for a, name in enumerate(self.outcomes.actions):
            if self.kinds[a] != "waiting":
                plan = self._begin(a, belief, start, self.settings.depth)[1]
                assert plan is not None  # nothing to beat
                plans[name] = plan
        return plans

    def _begin(self, a: int, belief: Array, point: _Point, depth: int, to_beat: float = -math.inf) -> tuple[float, Plan | None]:
        """Taking `a` now and going on as well as possible: the value times the belief's weight, and the plan.

        (-inf, None) as soon as the bounds of the branches show that it cannot be worth more than `to_beat`.
        """
        value = float(self._net(point)[a] @ (belief @ self.outcomes.share))
        reached = []
        if depth > 0 and not point.relieved:
            for label, likelihood, after in self._branches(a, point):
                part = belief * likelihood
                bounds = self._bounds(part, after, depth - 1)
                reached.append((label, likelihood, after, part, bounds, max(0.0, float(bounds.max()))))
        hoped = value + sum(most for *_, most in reached)
        total, branches = float(belief.sum()), []
        for label, likelihood, after, part, bounds, most in reached:
            if hoped <= to_beat:
                return -math.inf, None
            gain, then = self._best(part, after, depth - 1, bounds)
            value, hoped = value + gain, hoped + gain - most
            branches.append(Branch(label, float(part.sum()) / total, after.relieved, then, likelihood))
        start = point.time + float(self.outcomes.wait[a])
        return value, Plan(self.outcomes.actions[a], start, value / total, tuple(branches))

    def _bounds(self, belief: Array, point: _Point, depth: int) -> Array:
        """No plan that begins with the action here is worth more; shape (A,)."""
        bounds: Array = self._net(point) @ (belief @ self.outcomes.share)
        if depth > 0 and not point.relieved:
            bounds = bounds + self._future(point.time, point.cared, depth) @ belief
        return bounds

    def _best(self, belief: Array, point: _Point, depth: int, bounds: Array) -> tuple[float, Plan | None]:
        """The best continuation; (0, None) where stopping is best."""
        last = depth <= 0 or point.relieved
        best, chosen = 0.0, None
        for a in np.argsort(-bounds, kind="stable").tolist():
            if bounds[a] <= best:
                break
            if self._open(a, point, last=last):
                value, plan = self._begin(a, belief, point, depth, best)
                if value > best:
                    best, chosen = value, plan
        return best, chosen

    def _future(self, time: float, cared: bool, depth: int) -> Array:
        """Most that a plan of `depth` decisions can add after its first action, begun at `time`, if the state were
        known; shape (A, S). It falls with time, so that times rounded down give a bound too."""
        time = math.floor(time)
        key = (time, cared, depth)
        if key not in self._futures:
            rows = []
            for a in range(len(self.kinds)):
                after = time + float(self.outcomes.wait[a] + self.outcomes.review[a])
                now_cared = cared or bool(self.outcomes.cared[a])
                more = self._ceiling(after, now_cared, depth)
                if self._treats(a):
                    relief = self._review(a)
                    more = (1 - relief) * more + relief * self._ceiling(after, now_cared, 0)
                rows.append(more)
            self._futures[key] = np.stack(rows)
        return self._futures[key]

    def _ceiling(self, time: float, cared: bool, more: int) -> Array:
        """Most that `more` further treatments can add from `time` on if the state were known; shape (S,).

        With `more` = 0, the one course of conservative care that can follow relief. Times are rounded down.
        """
        time = math.floor(time)
        key = (time, cared, more)
        if key not in self._ceilings:
            ceiling, first = ceiling_by_level(self.outcomes, self.settings, time)
            which = [a for a, kind in enumerate(self.kinds) if kind == "conservative" or (more and kind != "waiting")]
            which += [a for a in which for _ in range(more - 1) if self._shows(a)]  # taken again for what it shows
            useful = [a for a in which if (ceiling[a] > 0).any()]
            gains = np.maximum(self.outcomes.share @ ceiling[useful].T, 0.0)
            if len(useful) > max(more, 1):
                gains = np.partition(gains, -max(more, 1), axis=1)[:, -max(more, 1) :]
            total = gains.sum(axis=1)
            self._ceilings[key] = total if cared else total + np.maximum(self.outcomes.share @ first.T, 0.0).max(axis=1)
        return self._ceilings[key]

    def _open(self, a: int, point: _Point, *, last: bool) -> bool:
        """Can the action come next here?"""
        kind, name = self.kinds[a], self.outcomes.actions[a]
        if kind == "waiting" or (last and not self._treats(a)) or (point.relieved and kind != "conservative"):
            return False
        start = point.time + float(self.outcomes.wait[a])
        return start < self.settings.horizon_weeks and self._fresh(a, point) and self._may(name, point.done, start)

    def _may(self, name: str, done: tuple[Done, ...], time: float) -> bool:
        key = (name, done, time)
        if key not in self._allowed:
            self._allowed[key] = self.permitted(name, done, time)
        return self._allowed[key]

    def _fresh(self, a: int, point: _Point) -> bool:
        """A treatment not yet taken in this plan, or something new to see."""
        name = self.outcomes.actions[a]
        return (self._treats(a) and name not in point.used) or self._look(name, point.seen) is not None

    def _shows(self, a: int) -> bool:
        """It shows something when it is done for the first time."""
        return self._look(self.outcomes.actions[a], ()) is not None

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
        for seen, likelihood in shown:
            after = replace(
                point,
                time=time,
                used=(*point.used, name, *self._partner(a, point)),
                seen=(*point.seen, seen) if seen is not None else point.seen,
                cared=point.cared or bool(self.outcomes.cared[a]),
            )
            percent = None if seen is None else seen.relief_percent
            label = "" if seen is None else seen.label
            if not treats:
                done = Done(name, -start, percent)
                yield label or "done", np.asarray(likelihood), replace(after, done=(*point.done, done))
                continue
            prefix = label and f"{label}, "
            for text, chance, relieved in ((RELIEF, self._review(a), True), (NO_RELIEF, 1 - self._review(a), False)):
                done = Done(name, -start, HALF * relieved if percent is None else percent)
                yield prefix + text, likelihood * chance, replace(after, done=(*point.done, done), relieved=relieved)

    def _partner(self, a: int, point: _Point) -> tuple[str, ...]:
        """What is done alongside and so need not be done again."""
        return (self.outcomes.partner[a],) if self.outcomes.partner[a] and not point.cared else ()

    def _review(self, a: int) -> Array:
        """P(>= 50 % relief at review | state), counted from the week of the procedure; shape (S,)."""
        if a not in self._reviews:
            curve = at_week(self.outcomes.active(a)[:1], float(self.outcomes.review[a]))[0]
            self._reviews[a] = np.clip(self.outcomes.share @ curve, 0.0, 1.0)
        return self._reviews[a]

    def _net(self, point: _Point) -> Array:
        """Net benefit of each action begun now, by level; shape (A, L + 1)."""
        key = (point.time, point.cared, point.relieved)
        if key not in self._nets:
            by_level = [
                net_of(self.outcomes, self.settings, a, point.time, cared=point.cared, eased=point.relieved, draws=slice(0, 1))[0]
                for a in range(len(self.kinds))
            ]
            self._nets[key] = np.stack(by_level)
        return self._nets[key]


def net_of(
    outcomes: Outcomes, settings: DecisionSettings, a: int, time: float, *, cared: bool, eased: bool, draws: slice = slice(None)
) -> Array:
    """Net benefit over waiting of one action begun at `time`, by level; shape (D, L + 1).

    Health (specific effect; and, unless the plan has had active care, the contextual effect and what is done
    alongside) at the willingness to pay, less harm at the same, less cost; everything discounted to today.
    """
    start = time + float(outcomes.wait[a])
    weights = relief_weights(start, settings.horizon_weeks, settings.discount)
    gained = (outcomes.eased if eased else outcomes.specific)[draws, a]
    cost = outcomes.cost[draws, a]
    if outcomes.cared[a] and not cared:
        gained = gained + outcomes.contextual[draws, :, None] * (1 - outcomes.natural[draws]) + outcomes.partner_effect[draws, a]
        cost = cost + outcomes.partner_cost[draws, a]
    later = (1 + settings.discount) ** (-start / WEEKS_A_YEAR)
    health = (weights @ gained) / WEEKS_A_YEAR * outcomes.worth[draws, None] - (outcomes.harm[draws, a] * later)[:, None]
    per_year, per_money = settings.exchange(outcomes.worth[draws])
    net: Array = per_year[:, None] * health - per_money * (cost * later)[:, None]
    return net


def ceiling_by_level(outcomes: Outcomes, settings: DecisionSettings, time: float) -> tuple[Array, Array]:
    """Upper bounds from `time` on, by action and level (A, L + 1): of each action's own net benefit, and of what it
    adds as the first active care of a plan (context, and what is done alongside). Losses of health are dropped, and
    cost and harm are discounted to the horizon."""
    per_years, per_money = settings.exchange(outcomes.worth[:1])
    per_year = float(per_years[0])
    scale = per_year * outcomes.worth[0] / WEEKS_A_YEAR
    least = (1 + settings.discount) ** (-settings.horizon_weeks / WEEKS_A_YEAR)
    weights = np.stack([relief_weights(time + float(w), settings.horizon_weeks, settings.discount) for w in outcomes.wait])
    gain = np.einsum("at,atl->al", weights, np.maximum(np.maximum(outcomes.specific[0], outcomes.eased[0]), 0.0))
    loss = least * (per_year * outcomes.harm[0] + per_money * outcomes.cost[0])
    room = outcomes.contextual[0][:, None] * (1 - outcomes.natural[0])
    first = np.einsum("at,atl->al", weights, room + np.maximum(outcomes.partner_effect[0], 0.0))
    first = (scale * first - least * per_money * outcomes.partner_cost[0][:, None]) * outcomes.cared[:, None]
    return scale * gain - loss[:, None], first


def state_values(plan: Plan, outcomes: Outcomes, settings: DecisionSettings) -> Array:
    """Value of a fixed plan in each state, at the point estimate; shape (S,). A belief's value is its mean."""

    def value(node: Plan, cared: bool, relieved: bool) -> Array:
        a = outcomes.actions.index(node.action)
        time = node.start - float(outcomes.wait[a])
        net = net_of(outcomes, settings, a, time, cared=cared, eased=relieved, draws=slice(0, 1))[0]
        total: Array = outcomes.share @ net
        for branch in node.branches:
            if branch.then is not None:
                total = total + branch.likelihood * value(branch.then, cared or bool(outcomes.cared[a]), branch.relieved)
        return total

    return np.zeros(len(outcomes.share)) if _idle(plan) else value(plan, cared=False, relieved=False)


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
    nets: dict[tuple[int, float, bool, bool], Array] = {}

    def value(node: Plan, reached: Array, cared: bool, relieved: bool) -> Array:
        a = outcomes.actions.index(node.action)
        key = (a, node.start, cared, relieved)
        if key not in nets:
            time = node.start - float(outcomes.wait[a])
            nets[key] = net_of(outcomes, settings, a, time, cared=cared, eased=relieved)
        pain = beliefs @ (reached[:, None] * outcomes.share)
        total: Array = (pain * nets[key]).sum(axis=1)
        for branch in node.branches:
            if branch.then is not None:
                total = total + value(branch.then, reached * branch.likelihood, cared or bool(outcomes.cared[a]), branch.relieved)
        return total

    everyone = np.ones(len(outcomes.share))
    return np.zeros(len(beliefs)) if _idle(plan) else value(plan, everyone, cared=False, relieved=False)


def _idle(plan: Plan) -> bool:
    """Waiting: nothing is done and nothing follows."""
    return plan.value == 0.0 and not plan.branches
