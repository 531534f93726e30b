"""Plans chosen at the point estimate and kept while every number moves: what they are worth under many draws.

A plan of one decision ahead is an action and, after each thing that can be seen, one last step or none. What is seen in a
state, relief at review included, stays at the point estimate; beliefs and net benefits are those of the draw (`plan.plan_values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spinecast.assessment.model import Model
from spinecast.decision.ahead import Ahead, Last
from spinecast.decision.net import net_benefits
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.planner import Point
from spinecast.decision.profile import Profile
from spinecast.decision.settings import DecisionSettings
from spinecast.parameters.scales import Array

Ints = npt.NDArray[np.int64]
Step = tuple[float, bool, bool, int]
"""A last step: when, whether the plan has had active care, whether the person has just had relief, and which action."""


def step(after: Point, action: int) -> Step:
    """What decides the net benefit of a last step."""
    return after.time, after.cared, after.relieved, action


@dataclass(frozen=True)
class ProfileNets:
    """Net benefit by level under all draws, of people with one outcome model.

    Attributes
    ----------
    first : ndarray, shape (D, A, L + 1)
        Of every action begun today; waiting is 0.
    last : mapping of Step to ndarray, shape (D, L + 1)
        Of the last steps that somebody takes.
    """

    first: Array
    last: Mapping[Step, Array]

    @classmethod
    def of(cls, model: Model, settings: DecisionSettings, profile: Profile, source: Draws, steps: Iterable[Last]) -> ProfileNets:
        """For one profile, and the last steps of those who have it."""
        outcomes = compile_outcomes(model.priors, model.network.space, profile, source=source)
        every = np.arange(len(outcomes.actions))
        first = net_benefits(outcomes, settings, every, 0.0, cared=False, eased=False)
        first[:, outcomes.actions.index("waiting")] = 0.0
        which: dict[tuple[float, bool, bool], set[int]] = {}
        for one in steps:
            which.setdefault(step(one.after, 0)[:3], set()).update(one.chosen[one.chosen >= 0].tolist())
        last: dict[Step, Array] = {}
        for (time, cared, eased), chosen in which.items():
            if chosen:
                nets = net_benefits(outcomes, settings, sorted(chosen), time, cared=cared, eased=eased)
                last |= {(time, cared, eased, a): np.ascontiguousarray(nets[:, i]) for i, a in enumerate(sorted(chosen))}
        return cls(first, last)


def among(steps: Iterable[Last], people: npt.NDArray[np.bool_]) -> Iterator[Last]:
    """The last steps of some people; `people` (N,)."""
    for one in steps:
        mine = people[one.who]
        if mine.any():
            yield replace(one, who=one.who[mine], chosen=one.chosen[mine])


def by_person(steps: Sequence[Last], count: int) -> list[list[tuple[int, int, Step]]]:
    """Each person's last steps: action, number of what is seen after it, and the step."""
    found: list[list[tuple[int, int, Step]]] = [[] for _ in range(count)]
    for one in steps:
        for n, chosen in zip(one.who.tolist(), one.chosen.tolist(), strict=True):
            if chosen >= 0:
                found[n].append((one.action, one.turn, step(one.after, chosen)))
    return found


@dataclass(frozen=True)
class Plans:
    """One person's plans over the states kept for them.

    Attributes
    ----------
    share : ndarray, shape (S', L + 1)
    last : tuple of (Step, actions, P(the plan of each comes to the step | state), shape (actions, S'))
    """

    share: Array
    last: tuple[tuple[Step, Ints, Array], ...]

    @classmethod
    def of(cls, ahead: Ahead, steps: Iterable[tuple[int, int, Step]], n: int, keep: Ints) -> Plans:
        """From what the person's plans do last."""
        reached: dict[Step, dict[int, Array]] = {}
        seen: dict[int, Array] = {}
        for action, turn, last in steps:
            if action not in seen:
                seen[action] = ahead.likelihoods(action, n)[:, keep]
            before = reached.setdefault(last, {}).get(action, 0.0)
            reached[last][action] = before + seen[action][turn]
        together = ((last, np.array(list(chance)), np.stack(list(chance.values()))) for last, chance in reached.items())
        return cls(ahead.outcomes.share[keep], tuple(together))

    def values(self, nets: ProfileNets, draws: slice, belief: Array) -> Array:
        """Values of the plans that begin with each action under some draws, (K, A); `belief` (S', K)."""
        value: Array = np.matmul(nets.first[draws], (self.share.T @ belief).T[:, :, None])[:, :, 0]
        for last, actions, reached in self.last:
            worth = (self.share @ nets.last[last][draws].T) * belief
            value[:, actions] += (reached @ worth).T
        return value
