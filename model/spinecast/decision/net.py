"""Net benefit over waiting of actions begun at some time: health at the willingness to pay, less harm, less cost.

One formula for every use: one action under all draws, or all actions at the point estimate.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.decision.outcomes import WEEKS_A_YEAR, Outcomes, relief_weights
from spinecast.decision.settings import DecisionSettings
from spinecast.parameters.scales import Array
from spinecast.priors.records import WEEKS

LAST = float(WEEKS[-1])
"""The last week at which outcomes are stated; later an effect halves with its half-life."""

Indices = npt.NDArray[np.int64] | Sequence[int]

POINT = slice(0, 1)
"""The point estimate among the draws."""


def net_benefits(
    outcomes: Outcomes,
    settings: DecisionSettings,
    which: Indices,
    time: float,
    *,
    cared: bool,
    eased: bool,
    again: Collection[int] = (),
    draws: slice = slice(None),
) -> Array:
    """Net benefit of some actions begun at `time`, by level; shape (D, N, L + 1).

    Health (specific effect; and, unless the plan has had active care, the contextual effect and what is done
    alongside) at the willingness to pay, less harm at the same, less cost; everything discounted to today.

    Parameters
    ----------
    which : sequence of int, length N
        Indices of the actions.
    time : float
        Weeks from today at which each is chosen; it happens after its own wait.
    cared, eased : bool
        The plan has had active care; the person has just had relief.
    again : collection of int
        Actions that relieved this person before and whose relief has ended: their effect is that of a repeat.
    draws : slice
    """
    gained, cost = gains(outcomes, which, cared=cared, eased=eased, again=again, draws=draws)
    return worth_at(outcomes, settings, which, time, gained, cost, draws)


def gains(
    outcomes: Outcomes, which: Indices, *, cared: bool, eased: bool, again: Collection[int] = (), draws: slice = slice(None)
) -> tuple[Array, Array]:
    """What some actions add to P(>= 50 % relief), shape (D, N, T, L + 1), and cost, shape (D, N), whenever they are begun."""
    which = np.asarray(which)
    gained = effects(outcomes, which, eased=eased, again=again, draws=draws)
    cost = outcomes.cost[draws, which]
    if not cared:
        gained = gained + outcomes.opening[draws][:, which]
        cost = cost + outcomes.partner_cost[draws, which]
    return gained, cost


def worth_at(
    outcomes: Outcomes, settings: DecisionSettings, which: Indices, time: float, gained: Array, cost: Array, draws: slice
) -> Array:
    """Net benefit of what `gains` gave, begun at `time`; shape (D, N, L + 1)."""
    which = np.asarray(which)
    start = time + outcomes.wait[which]
    later = (1 + settings.discount) ** (-start / WEEKS_A_YEAR)
    years = areas(outcomes, settings, which, start, gained, draws) / WEEKS_A_YEAR
    health = years * outcomes.worth[draws, None, None] - (outcomes.harm[draws, which] * later)[..., None]
    per_year, per_money = settings.exchange(outcomes.worth[draws])
    net: Array = per_year[:, None, None] * health - per_money * (cost * later)[..., None]
    return net


def net_of(
    outcomes: Outcomes,
    settings: DecisionSettings,
    a: int,
    time: float,
    *,
    cared: bool,
    eased: bool,
    again: bool = False,
    draws: slice = slice(None),
) -> Array:
    """`net_benefits` of one action; shape (D, L + 1)."""
    repeats = (a,) if again else ()
    return net_benefits(outcomes, settings, [a], time, cared=cared, eased=eased, again=repeats, draws=draws)[:, 0]


def effects(outcomes: Outcomes, which: Indices, *, eased: bool, again: Collection[int], draws: slice) -> Array:
    """Specific effect of each action as things stand; shape (D, N, T, L + 1).

    A repeat has its own share of the first effect, cut so that no more people are relieved than there are.
    """
    gained: Array = (outcomes.eased if eased else outcomes.specific)[draws][:, which]
    if not again:
        return gained
    gained = gained.copy()
    for i, a in enumerate(map(int, which)):
        if a in again:
            repeat = outcomes.repeat_ratio[draws, a, None, None] * gained[:, i]
            gained[:, i] = np.minimum(repeat, 1 - outcomes.control(a)[draws])
    return gained


def areas(outcomes: Outcomes, settings: DecisionSettings, which: Indices, start: Array, curves: Array, draws: slice) -> Array:
    """Discounted weeks under curves of shape (D, N, T, L + 1) that begin at `start` (N,), up to the horizon; (D, N, L + 1).

    After the last stated week what is left of an effect halves with the half-life of its action.
    """
    horizon, discount = settings.horizon_weeks, settings.discount
    weights = np.stack([relief_weights(u, min(horizon, u + LAST), discount) for u in start.tolist()])
    area: Array = np.einsum("nt,dntl->dnl", weights, curves)
    if horizon > start.min() + LAST:
        area = area + tail_weeks(start, horizon, discount, outcomes.half_life[draws][:, which])[..., None] * curves[:, :, -1]
    return area


def tail_weeks(start: Array, horizon: float, discount: float, half_life: Array) -> Array:
    """Discounted weeks that one unit of effect at week 52 is still worth until the horizon; shape (D, N).

    Parameters
    ----------
    start : ndarray, shape (N,)
        Weeks from today at which the curve begins.
    half_life : ndarray, shape (D, N)
        Weeks; inf where the effect stays as it is.
    """
    room = np.maximum(horizon - start - LAST, 0.0)
    rate = math.log1p(discount) / WEEKS_A_YEAR + math.log(2.0) / half_life
    decayed = -np.expm1(-rate * room) / np.where(rate > 0, rate, 1.0)
    weeks: Array = np.where(rate > 0, decayed, room) * (1 + discount) ** (-(start + LAST) / WEEKS_A_YEAR)
    return weeks


def ceilings(outcomes: Outcomes, settings: DecisionSettings, time: float) -> tuple[Array, Array]:
    """Upper bounds from `time` on, by action and level (A, L + 1): of each action's own net benefit, and of what it
    adds as the first active care of a plan (context, and what is done alongside). Losses of health are dropped, and
    cost and harm are discounted to the horizon."""
    every = np.arange(len(outcomes.actions))
    start = time + outcomes.wait
    per_years, per_money = settings.exchange(outcomes.worth[:1])
    per_year = float(per_years[0])
    scale = per_year * outcomes.worth[0] / WEEKS_A_YEAR
    least = (1 + settings.discount) ** (-settings.horizon_weeks / WEEKS_A_YEAR)
    own = np.maximum(outcomes.specific[POINT], outcomes.eased[POINT])
    best = np.maximum(np.maximum(own, outcomes.repeat_ratio[POINT, :, None, None] * own), 0.0)
    loss = least * (per_year * outcomes.harm[0] + per_money * outcomes.cost[0])
    room = outcomes.contextual[0][:, None] * (1 - outcomes.natural[0])
    first = (room * outcomes.cared[:, None, None] + np.maximum(outcomes.partner_effect[0], 0.0))[None]
    gain = scale * areas(outcomes, settings, every, start, best, POINT)[0] - loss[:, None]
    opening = scale * areas(outcomes, settings, every, start, first, POINT)[0]
    return gain, opening - least * per_money * outcomes.partner_cost[0][:, None]
