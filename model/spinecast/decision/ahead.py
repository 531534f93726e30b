"""The value of every action for many people at once, one decision ahead: what `Planner` finds at depth 1, as arrays.

What can be seen after an action, and what may then come last, is the planner's own answer, asked once for all who are alike in
it. What differs from person to person is arithmetic: beliefs, outcome models, and what the rules permit each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Protocol

import numpy as np

from spinecast.decision.facts import Ints
from spinecast.decision.net import net_benefits
from spinecast.decision.outcomes import Outcomes, at_week
from spinecast.decision.plan import Observe, Seen
from spinecast.decision.planner import FINDS_OUT, Outlook, Planner, Point
from spinecast.decision.rulings import Rulings
from spinecast.decision.settings import DecisionSettings
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array


class Looks(Protocol):
    """What actions can show to N people."""

    def alike(self, action: str) -> Iterator[tuple[int, Ints, Observe | None]]:
        """People to whom an action can show the same: a number that stands for it, who, and what it is (None: nothing).

        The probabilities of what it shows are not looked at.
        """

    def split(self, action: str, who: Ints, relief: Array | None = None) -> tuple[Array, Array]:
        """Pain by outcome of the action's first look for people who are alike, and the part of it that is relieved; each (n, O, L + 1).

        The rarest outcomes are taken together, person by person.

        Parameters
        ----------
        relief : ndarray, shape (n, L + 1), optional
            P(relief) by level; nobody's by default.
        """

    def likelihoods(self, action: str, n: int) -> Array:
        """P(outcome of the action's first look | state) for one person, (O, S); ones (1, S) where nothing is shown."""


@dataclass(frozen=True, slots=True)
class Last:
    """What some people's plans do last, after one thing that can be seen.

    Attributes
    ----------
    action, turn : int
        What the plan begins with, and the number of what is seen after it.
    after : Point
    who, chosen : ndarray of int, shape (n,)
        People, and the last step of each; -1 for none.
    """

    action: int
    turn: int
    after: Point
    who: Ints
    chosen: Ints


Turn = tuple[Outlook, tuple[int, ...]]
"""Something that can be seen after an action, and the actions that can be the last step then."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """N people before a decision.

    Attributes
    ----------
    outcomes : Outcomes
        At the point estimate, with people in the place of draws.
    beliefs : ndarray, shape (N, S)
    turns : dict
        What can be seen after an action and may come last then, by action and what it can show; nobody's in particular, and
        filled as it is asked for.
    """

    outcomes: Outcomes
    settings: DecisionSettings
    kinds: tuple[str, ...]
    beliefs: Array
    looks: Looks
    rulings: Rulings
    turns: dict[tuple[int, int], list[Turn]] = field(default_factory=dict)

    def values(self) -> Array:
        """Net benefit over waiting of the best plan of one decision ahead that begins with each action; shape (N, A)."""
        return self.plans()[0]

    def plans(self) -> tuple[Array, list[Last]]:
        """The same, and what these plans do last after each thing that can be seen."""
        pain = self.beliefs @ self.outcomes.share
        nets = Nets(self.outcomes, self.settings)
        values: Array = _worth(nets.at(Point(0.0), range(len(self.kinds))), pain)
        values[:, [kind == "waiting" for kind in self.kinds]] = 0.0
        steps = [step for a, kind in enumerate(self.kinds) if kind != "waiting" for step in self._steps(a)]
        nets.prepare(turn for *_, turns in steps for turn in turns)
        both, found = moments(self.beliefs, self.outcomes.share), list[Last]()
        for a, who, shows, turns in steps:
            parts = self._split(a, who) if shows else self._reviewed(a, pain[who], both[who], who)
            for number, ((seen, last), part) in enumerate(zip(turns, parts, strict=True)):
                worth, chosen = self._best_last(nets, who, part, seen, last)
                values[who, a] += worth
                found.append(Last(a, number, seen.after, who, chosen))
        return values, found

    def _steps(self, a: int) -> Iterator[tuple[int, Ints, bool, list[Turn]]]:
        """An action, people for whom the same can follow it, whether it shows them something, and what can follow."""
        for number, who, observe in self.looks.alike(self.outcomes.actions[a]):
            if (a, number) not in self.turns:
                anybody = self.outcomes.only(int(who[0]))
                planner = Planner(anybody, self.settings, self.kinds, observe or _nothing, lambda *_: True)
                self.turns[a, number] = planner.ahead(a)
            yield a, who, observe is not None, self.turns[a, number]

    def _relief(self, a: int) -> Array:
        """P(>= 50 % relief) at the review of an action, by level; shape (N, L + 1)."""
        return at_week(self.outcomes.active(a), float(self.outcomes.review[a]))

    def _reviewed(self, a: int, pain: Array, both: Array, who: Ints) -> Iterator[Array]:
        """Pain by level in each thing that can be seen after an action that shows nothing, in the planner's order; each (n, L + 1)."""
        if self.kinds[a] in FINDS_OUT:
            yield pain
            return
        relieved = np.matmul(both, self._relief(a)[who, :, None])[:, :, 0]
        yield relieved
        yield pain - relieved

    def _split(self, a: int, who: Ints) -> Iterator[Array]:
        """The same after an action that shows something to these people; each (n, L + 1)."""
        name, treats = self.outcomes.actions[a], self.kinds[a] not in FINDS_OUT
        every, relieved = self.looks.split(name, who, self._relief(a)[who] if treats else None)
        for whole, good in zip(np.moveaxis(every, 1, 0), np.moveaxis(relieved, 1, 0), strict=True):
            if treats:
                yield good
            yield whole - good

    def likelihoods(self, a: int, n: int) -> Array:
        """P(each thing that can be seen after an action | state) for one person, in the planner's order; shape (turns, S)."""
        shown = self.looks.likelihoods(self.outcomes.actions[a], n)
        if self.kinds[a] in FINDS_OUT:
            return shown
        active = self.outcomes.only(n).active(a)
        chance = np.clip(at_week(active, float(self.outcomes.review[a]))[0] @ self.outcomes.share.T, 0.0, 1.0)
        return np.stack([shown * chance, shown * (1 - chance)], axis=1).reshape(-1, len(chance))

    def _best_last(self, nets: Nets, who: Ints, pain: Array, seen: Outlook, last: tuple[int, ...]) -> tuple[Array, Ints]:
        """What the best last step adds after what was seen, and which it is; 0 and -1 where stopping is best; each (n,)."""
        if not last:
            return np.zeros(len(who)), np.full(len(who), -1)
        after, chosen = seen.after, np.array(last)
        may = self.rulings.may_follow(after.done[-1], after.time + self.outcomes.wait)
        worth = np.where(may[np.ix_(who, chosen)], _worth(nets.at(after, last)[who], pain), 0.0)
        best = worth.max(axis=1)
        return np.maximum(best, 0.0), np.where(best > 0, chosen[worth.argmax(axis=1)], -1)


@dataclass(slots=True)
class Nets:
    """Net benefit by level of actions begun at the points that plans come to; each worked out once for everybody."""

    outcomes: Outcomes
    settings: DecisionSettings
    _which: dict[tuple[float, bool, bool], list[int]] = field(default_factory=dict)
    _made: dict[tuple[float, bool, bool], Array] = field(default_factory=dict)

    def prepare(self, turns: Iterable[Turn]) -> None:
        """Which actions are asked about at each point: no others are worked out."""
        for seen, last in turns:
            key = _key(seen.after)
            self._which[key] = sorted({*self._which.get(key, ()), *last})

    def at(self, point: Point, actions: Sequence[int]) -> Array:
        """Of some actions begun at a point; shape (N, len(actions), L + 1)."""
        key = _key(point)
        which = self._which.setdefault(key, list(actions))
        if key not in self._made:
            self._made[key] = net_benefits(
                self.outcomes, self.settings, which, point.time, cared=point.cared, eased=point.relieved
            )
        made = self._made[key]
        return made if len(actions) == len(which) else made[:, [which.index(a) for a in actions]]


def _key(point: Point) -> tuple[float, bool, bool]:
    return point.time, point.cared, point.relieved


def _nothing(_action: str, _seen: tuple[Seen, ...]) -> None:
    """An action that shows nothing."""


def moments(beliefs: Array, share: Array) -> Array:
    """Mean of the products of two levels' shares of the pain: what relief at one level means for the pain at another; (N, L + 1, L + 1)."""
    levels = share.shape[1]
    first, second = np.triu_indices(levels)
    found = np.empty((len(beliefs), levels, levels))
    found[:, first, second] = found[:, second, first] = beliefs @ (share[:, first] * share[:, second])
    return found


def _worth(net: Array, pain: Array) -> Array:
    """Worth of actions (n, A, L + 1) in pain (n, L + 1); shape (n, A)."""
    worth: Array = np.matmul(net, pain[:, :, None])[:, :, 0]
    return worth
