"""The best plan that begins with each action: expectimax over beliefs, with branches for failure and for relapse.

Values are net benefit over waiting, in money at the stated willingness to pay. Beliefs are carried
unnormalised, so that sums over branches are expectations and nothing is divided.

* Treating adds its specific effect from the week it starts, cut at the horizon; active care adds the one
  contextual effect once in a plan, and an injection or ablation comes with the rehabilitation that it serves.
  At review the person has >= 50 % relief with P(active | state), or not.
* Without relief anything can follow that the rules permit. After relief one course of conservative care can
  follow (to use and keep what was gained). Where whole sequences are followed, relief also ends, at its time, and
  then anything can follow again, a repeat of what had helped included; and waiting is
  a step, after which time has brought relief or not.
* A block or test adds what is learnt, and its own small effect where one is stated. Stopping is always possible
  and worth 0 from there on.

The search is branch and bound. The bound on what can follow is what someone who knew the true state could
gain from the best treatments of that state at once, so it prunes nothing that could be best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import field

import numpy as np

from spinecast.decision.net import LAST, POINT, ceilings, effects, gains, worth_at
from spinecast.decision.outcomes import Outcomes
from spinecast.decision.plan import AGAIN, NO_RELIEF, RELIEF, Branch, Observe, Permitted, Plan, Seen
from spinecast.decision.profile import Done
from spinecast.decision.recurrence import Relapse, relapse, relief_at
from spinecast.decision.settings import DecisionSettings
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

HALF = 50.0
"""Percent of relief that counts at review: every outcome curve is the probability of at least this much."""

GRID = 4.0
"""Weeks to which the times of bounds are rounded down, so that few of them are worked out; values are never rounded."""

FINDS_OUT = ("test", "examination", "block")
"""Kinds after which there is nothing to review but what they showed."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where in a plan one is.

    `used` treatments are not taken again; `lapsed` ones relieved, and their relief has ended.
    """

    time: float
    used: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()
    done: tuple[Done, ...] = ()
    cared: bool = False
    relieved: bool = False
    lapsed: frozenset[int] = frozenset()

    def having(
        self, done: Done, *, relieved: bool = False, time: float | None = None, lapsed: tuple[int, str] | None = None
    ) -> Point:
        """The same point with one more thing done; where relief has ended, what brought it may be done again."""
        used, again = self.used, self.lapsed
        if lapsed is not None:
            used, again = tuple(n for n in used if n != lapsed[1]), again | {lapsed[0]}
        when = self.time if time is None else time
        return Point(when, used, self.seen, (*self.done, done), self.cared, relieved, again)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One thing that can be seen after an action: P(seen | state), and where one is then.

    `status` is RELIEF, NO_RELIEF or AGAIN after a treatment and "" after what only finds out; `percent` is the relief that
    a block showed.
    """

    label: str
    likelihood: Array
    after: Point
    status: str = ""
    percent: float | None = None


Choose = Callable[[str, Outlook], "tuple[str, int] | None"]
"""The next step of a fixed pathway: from a step's id and what was seen, the next step's id and action, or None to stop."""


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
    _nets: dict[tuple[object, ...], Array] = field(default_factory=dict)
    _gained: dict[tuple[object, ...], tuple[Array, Array]] = field(default_factory=dict)
    _futures: dict[tuple[object, ...], Array] = field(default_factory=dict)
    _ceilings: dict[tuple[float, bool, int], Array] = field(default_factory=dict)
    _levels: dict[float, tuple[Array, Array]] = field(default_factory=dict)
    _relapses: dict[tuple[int, bool], Relapse] = field(default_factory=dict)
    _parts: dict[tuple[int, bool, int], tuple[Array, Array, Array]] = field(default_factory=dict)
    _observed: dict[tuple[str, tuple[Seen, ...]], tuple[tuple[Seen, ...], Array] | None] = field(default_factory=dict)
    _allowed: dict[tuple[str, tuple[Done, ...], float], bool] = field(default_factory=dict)

    def best_plans(self, belief: Array) -> dict[str, Plan]:
        """The best plan that begins with each action.

        Parameters
        ----------
        belief : ndarray, shape (S,)
        """
        return {name: self.best_from(name, belief) for name in self.outcomes.actions}

    def best_from(self, name: str, belief: Array) -> Plan:
        """The best plan that begins with one action."""
        a = self.outcomes.actions.index(name)
        if self.kinds[a] == "waiting":
            return Plan(name, 0.0, 0.0)
        plan = self._begin(a, belief, Point(0.0), self.settings.depth)[1]
        assert plan is not None  # nothing to beat
        return plan

    def best(self, belief: Array, *, without: Collection[str] = ()) -> Plan | None:
        """The best plan that the rules permit from today, not begun with any of `without`; None where waiting is best."""
        point, depth = Point(0.0), self.settings.depth
        closed = np.array([name in without for name in self.outcomes.actions])
        bounds = np.where(closed, -math.inf, self._bounds(belief, point, depth))
        return self._best(belief, point, depth, bounds)[1]

    def ahead(self, a: int) -> list[tuple[Outlook, tuple[int, ...]]]:
        """Everything that can be seen after an action taken today, and the treatments that can be the last step then."""
        every = range(len(self.kinds))
        seen = self._outlook(a, Point(0.0))
        return [(one, tuple(x for x in every if self._open(x, one.after, last=True))) for one in seen]

    def follow(self, first: tuple[str, int], choose: Choose, belief: Array) -> Plan | None:
        """The plan of a fixed pathway: what it says comes next, as long as the rules permit it and the horizon lasts.

        Parameters
        ----------
        first : tuple of (str, int)
            Step and action that it begins with.
        choose : Choose
        belief : ndarray, shape (S,)

        Returns
        -------
        Plan, or None where the first step is not permitted
        """
        return self._follow(first, choose, belief, Point(0.0))[1]

    def _follow(self, step: tuple[str, int], choose: Choose, belief: Array, point: Point) -> tuple[float, Plan | None]:
        key, a = step
        start = point.time + float(self.outcomes.wait[a])
        late = start >= self.settings.horizon_weeks
        if late or not self._fresh(a, point) or not self._may(self.outcomes.actions[a], point.done, start):
            return 0.0, None
        value, total = float(self._net(point)[a] @ (belief @ self.outcomes.share)), float(belief.sum())
        branches = []
        for seen in self._outlook(a, point):
            part, following = belief * seen.likelihood, choose(key, seen)
            gain, then = self._follow(following, choose, part, seen.after) if following else (0.0, None)
            value += gain
            branches.append(Branch(seen.label, float(part.sum()) / total, seen.after.relieved, then, seen.likelihood))
        return value, self._node(a, point, value / total, branches)

    def _begin(self, a: int, belief: Array, point: Point, depth: int, to_beat: float = -math.inf) -> tuple[float, Plan | None]:
        """Taking `a` now and going on as well as possible: the value times the belief's weight, and the plan.

        (-inf, None) as soon as the bounds of the branches show that it cannot be worth more than `to_beat`.
        """
        value = float(self._net(point)[a] @ (belief @ self.outcomes.share))
        reached = []
        if depth > 0 and not point.relieved:
            for seen in self._outlook(a, point):
                part = belief * seen.likelihood
                bounds = self._bounds(part, seen.after, depth - 1)
                reached.append((seen, part, bounds, max(0.0, float(bounds.max()))))
        hoped = value + sum(most for *_, most in reached)
        total, branches = float(belief.sum()), []
        for seen, part, bounds, most in reached:
            if hoped <= to_beat:
                return -math.inf, None
            gain, then = self._best(part, seen.after, depth - 1, bounds)
            value, hoped = value + gain, hoped + gain - most
            branches.append(Branch(seen.label, float(part.sum()) / total, seen.after.relieved, then, seen.likelihood))
        return value, self._node(a, point, value / total, branches)

    def _node(self, a: int, point: Point, value: float, branches: Sequence[Branch]) -> Plan:
        start = point.time + float(self.outcomes.wait[a])
        return Plan(self.outcomes.actions[a], start, value, tuple(branches), again=a in point.lapsed)

    def _bounds(self, belief: Array, point: Point, depth: int) -> Array:
        """No plan that begins with the action here is worth more; shape (A,)."""
        bounds: Array = self._net(point) @ (belief @ self.outcomes.share)
        if depth > 0 and not point.relieved:
            bounds = bounds + self._future(point, depth) @ belief
        return bounds

    def _best(self, belief: Array, point: Point, depth: int, bounds: Array) -> tuple[float, Plan | None]:
        """The best continuation; (0, None) where stopping is best."""
        last = depth <= 0 or point.relieved
        best, chosen = 0.0, None
        for a in np.argsort(-bounds, kind="stable").tolist():
            if bounds[a] <= best:
                break
            if self._open(a, point, last=last):
                if last:  # nothing follows, so the bound is the value, and the largest that is open is the best
                    return float(bounds[a]), self._node(a, point, float(bounds[a] / belief.sum()), ())
                value, plan = self._begin(a, belief, point, depth, best)
                if value > best:
                    best, chosen = value, plan
        return best, chosen

    def _future(self, point: Point, depth: int) -> Array:
        """Most that a plan of `depth` decisions can add after its first action, begun here, if the state were
        known; shape (A, S). It falls with time, so that times rounded down give a bound too."""
        time = _rounded(point.time)
        key = (time, point.cared, depth, point.lapsed)
        if key not in self._futures:
            every = range(len(self.kinds))
            self._futures[key] = np.stack([self._most(a, time, point.cared, depth, again=a in point.lapsed) for a in every])
        return self._futures[key]

    def _most(self, a: int, time: float, cared: bool, depth: int, *, again: bool) -> Array:
        """Most that `depth` further treatments can add after one action, begun at `time`; shape (S,)."""
        if depth == 0:
            return np.zeros(len(self.outcomes.share))
        start = time + float(self.outcomes.wait[a])
        after, cared = start + float(self.outcomes.review[a]), cared or bool(self.outcomes.cared[a])
        failed = self._ceiling(after, cared, depth)
        if not self._treats(a):
            return failed
        found = self._relapse(a, again=again)
        lasting, none, ends = self._shares(a, again, len(found.weeks))
        kept = self._ceiling(after, cared, 0)
        more = none * failed + lasting * kept
        for weeks, ended in zip(found.weeks, ends, strict=True):
            more = more + ended * np.maximum(self._ceiling(start + weeks, cared, depth), kept)
        return more

    def _ceiling(self, time: float, cared: bool, more: int) -> Array:
        """Most that `more` further treatments can add from `time` on if the state were known; shape (S,).

        The lesser of two bounds: the largest gains of so many different actions together, and the best that so many
        actions can do one after another, each for those whom the one before did not relieve. With `more` = 0, the
        one course of conservative care that can follow relief. Times are rounded down.
        """
        time = _rounded(time)
        key = (time, cared, more)
        if key not in self._ceilings:
            gains, opening = self._gains(time)
            if more == 0:
                which = [a for a, kind in enumerate(self.kinds) if kind == "conservative"]
                found = (gains[which] if cared else gains[which] + opening[which]).max(axis=0, initial=0.0)
            else:
                found = np.minimum(self._together(gains, opening, cared, more), self._in_turn(gains, opening, time, cared, more))
            self._ceilings[key] = found
        return self._ceilings[key]

    def _gains(self, time: float) -> tuple[Array, Array]:
        """Upper bounds, by action and state, of its own gain from `time` on and of what it adds as first care; (A, S)."""
        if time not in self._levels:
            own, first = ceilings(self.outcomes, self.settings, time)
            share = self.outcomes.share.T
            self._levels[time] = (np.maximum(own @ share, 0.0), np.maximum(first @ share, 0.0))
        return self._levels[time]

    def _together(self, gains: Array, opening: Array, cared: bool, more: int) -> Array:
        """The `more` largest gains, those that can be had again counted again."""
        which = [a for a in range(len(self.kinds)) if self.kinds[a] != "waiting" and (gains[a] > 0).any()]
        which += [a for a in which for _ in range(more - 1) if self._shows(a) or self._repeats(a)]
        own = gains[which]
        if len(which) > more:
            own = np.partition(own, len(which) - more, axis=0)[len(which) - more :]
        total: Array = own.sum(axis=0)
        return total if cared else total + opening.max(axis=0)

    def _in_turn(self, gains: Array, opening: Array, time: float, cared: bool, more: int) -> Array:
        """The best sequence of `more` actions, where relief ends it (or comes to an end itself, where that is followed)."""
        best = np.zeros(gains.shape[1])
        for a in range(len(self.kinds)):
            if self.kinds[a] != "waiting" and (gains[a].any() or (not cared and opening[a].any())):
                here = gains[a] if cared else gains[a] + opening[a]
                best = np.maximum(best, here + self._most(a, time, cared, more - 1, again=False))
                if self._repeats(a):
                    best = np.maximum(best, here + self._most(a, time, cared, more - 1, again=True))
        return best

    def _open(self, a: int, point: Point, *, last: bool) -> bool:
        """Can the action come next here?"""
        kind, name = self.kinds[a], self.outcomes.actions[a]
        if (
            (kind == "waiting" and (last or not self.settings.sequences))
            or (last and not self._treats(a))
            or (point.relieved and kind != "conservative")
        ):
            return False
        start = point.time + float(self.outcomes.wait[a])
        return start < self.settings.horizon_weeks and self._fresh(a, point) and self._may(name, point.done, start)

    def _may(self, name: str, done: tuple[Done, ...], time: float) -> bool:
        key = (name, done, time)
        if key not in self._allowed:
            self._allowed[key] = self.permitted(name, done, time)
        return self._allowed[key]

    def _fresh(self, a: int, point: Point) -> bool:
        """A treatment not yet taken in this plan (or one whose relief has ended), or something new to see."""
        name = self.outcomes.actions[a]
        return (self._treats(a) and name not in point.used) or self._look(name, point.seen) is not None

    def _shows(self, a: int) -> bool:
        """It shows something when it is done for the first time."""
        return self._look(self.outcomes.actions[a], ()) is not None

    def _repeats(self, a: int) -> bool:
        """It can be done again when its relief has ended."""
        return self.settings.sequences and float(self.outcomes.repeat_ratio[0, a]) > 0

    def _treats(self, a: int) -> bool:
        return self.kinds[a] not in FINDS_OUT

    def _look(self, name: str, seen: tuple[Seen, ...]) -> tuple[tuple[Seen, ...], Array] | None:
        key = (name, seen)
        if key not in self._observed:
            self._observed[key] = self.observe(name, seen)
        return self._observed[key]

    def _outlook(self, a: int, point: Point) -> Iterator[Outlook]:
        """Everything that can be seen after an action, and where one is then."""
        name = self.outcomes.actions[a]
        start = point.time + float(self.outcomes.wait[a])
        look = self._look(name, point.seen)
        shown: Sequence[tuple[Seen | None, Array | float]] = [(None, 1.0)]
        if look is not None:
            shown = list(zip(look[0], look[1], strict=True))
        used = (*point.used, name, *self.outcomes.includes[a], *self._partner(a, point))
        cared = point.cared or bool(self.outcomes.cared[a])
        for seen, likelihood in shown:
            percent = None if seen is None else seen.relief_percent
            label = "" if seen is None else seen.label
            known = (*point.seen, seen) if seen is not None else point.seen
            after = Point(start + float(self.outcomes.review[a]), used, known, point.done, cared, False, point.lapsed)
            if self._treats(a):
                yield from self._reviewed(a, after, label, np.asarray(likelihood), percent)
            else:
                yield Outlook(
                    label or "done",
                    np.asarray(likelihood),
                    after.having(Done(name, -start, percent, supposed=True)),
                    percent=percent,
                )

    def _reviewed(self, a: int, after: Point, label: str, likelihood: Array, percent: float | None) -> Iterator[Outlook]:
        """Relief at review (that lasts, or ends at its time) or none."""
        name, again = self.outcomes.actions[a], a in after.lapsed
        start = after.time - float(self.outcomes.review[a])
        prefix = label and f"{label}, "
        weeks = [w for w in self._relapse(a, again=again).weeks if start + w < self.settings.horizon_weeks]
        lasting, failed, ends = self._shares(a, again, len(weeks))
        for text, chance, good in ((RELIEF, lasting, True), (NO_RELIEF, failed, False)):
            done = Done(name, -start, HALF * good if percent is None else percent, supposed=True)
            yield Outlook(prefix + text, likelihood * chance, after.having(done, relieved=good), text, percent)
        for week, chance in zip(weeks, ends, strict=True):
            done = Done(name, -start, HALF if percent is None else percent, week, supposed=True)
            there = after.having(done, time=start + week, lapsed=(a, name) if self._repeats(a) else None)
            yield Outlook(f"{prefix}{AGAIN} after about {week:.0f} weeks of relief", likelihood * chance, there, AGAIN, percent)

    def _shares(self, a: int, again: bool, count: int) -> tuple[Array, Array, Array]:
        """P(relief that lasts | state), P(none), and P(pain again) in the first `count` stretches."""
        key = (a, again, count)
        if key not in self._parts:
            found = self._relapse(a, again=again)
            ends = found.again[:count]
            self._parts[key] = (found.relief - ends.sum(axis=0), 1 - found.relief, ends)
        return self._parts[key]

    def _partner(self, a: int, point: Point) -> tuple[str, ...]:
        """What is done alongside and so need not be done again."""
        return (self.outcomes.partner[a],) if self.outcomes.partner[a] and not point.cared else ()

    def _relapse(self, a: int, *, again: bool) -> Relapse:
        """Relief at review and, where whole sequences are followed, its end; weeks count from the procedure."""
        key = (a, again)
        if key not in self._relapses:
            o, review = self.outcomes, float(self.outcomes.review[a])
            own = effects(o, np.array([a]), eased=False, again=(a,) if again else (), draws=POINT)[0, 0]
            active, natural = o.control(a)[0] + own, o.natural[0]
            if self.settings.sequences:
                until = max(self.settings.horizon_weeks, LAST)
                found = relapse(active, natural, o.share, review=review, until=until, half_life=float(o.half_life[0, a]))
            else:
                found = Relapse(relief_at(active, o.share, review), (), np.zeros((0, len(o.share))))
            self._relapses[key] = found
        return self._relapses[key]

    def _net(self, point: Point) -> Array:
        """Net benefit of each action begun now, by level; shape (A, L + 1)."""
        key = (point.time, point.cared, point.relieved, point.lapsed)
        if key not in self._nets:
            every = np.arange(len(self.kinds))
            state = key[1:]
            if state not in self._gained:
                self._gained[state] = gains(
                    self.outcomes, every, cared=point.cared, eased=point.relieved, again=point.lapsed, draws=POINT
                )
            self._nets[key] = worth_at(self.outcomes, self.settings, every, point.time, *self._gained[state], POINT)[0]
        return self._nets[key]


def _rounded(time: float) -> float:
    return GRID * math.floor(time / GRID)
