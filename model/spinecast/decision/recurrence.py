"""Pain that comes back after relief: how probable, when, and by which state.

People are relieved by time (for good) or by care. Of those whom time has not relieved, care relieves

    R(t) = e(t) / (1 - n(t)),      e = active - natural

at week t. Where R falls, their relief has ended; those whom time has reached by then stay well. So between two weeks

    P(pain again between t and t')  =  (R(t) - R(t')) (1 - n(middle))

which uses nothing but the curves that value relief anyway: what a plan loses to relapse it has not counted as relief.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spinecast.decision.net import LAST
from spinecast.decision.outcomes import at_week
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array
from spinecast.priors.records import WEEKS


@dataclass(frozen=True, slots=True)
class Relapse:
    """Relief at review, and pain again later.

    Attributes
    ----------
    relief : ndarray, shape (S,)
        P(>= 50 % relief at review | state).
    weeks : tuple of float, length J
        When pain is back, in weeks from the procedure: the middle of each stretch of the curve.
    again : ndarray, shape (J, S)
        P(relief at review, and pain again in that stretch | state); sums to `relief` at most.
    """

    relief: Array
    weeks: tuple[float, ...]
    again: Array


def relief_at(active: Array, share: Array, week: float) -> Array:
    """P(>= 50 % relief at a week | state); `active` has shape (T, L + 1), the result (S,)."""
    relief: Array = np.clip(share @ at_week(active[None], week)[0], 0.0, 1.0)
    return relief


def relapse(active: Array, natural: Array, share: Array, *, review: float, until: float, half_life: float) -> Relapse:
    """Relief at review and its end, stretch by stretch.

    Parameters
    ----------
    active, natural : ndarray, shape (T, L + 1)
        P(>= 50 % relief) with the action and without, by week and level.
    share : ndarray, shape (S, L + 1)
        Share of the pain by level.
    review : float
        Weeks from the procedure until its result is known.
    until : float
        Weeks from the procedure after which nothing is followed.
    half_life : float
        Weeks in which what is left of the effect after week 52 halves.
    """
    relief = relief_at(active, share, review)
    knots = [review, *(float(w) for w in WEEKS if w > review)]
    if until > knots[-1]:
        knots.append(until)
    by_care = [_held(active, natural, t, half_life) for t in knots]
    held = np.minimum.accumulate(np.stack(by_care))  # relief that begins after the review is not followed
    middles = [(a + b) / 2 for a, b in pairwise(knots)]
    weeks, again = [], []
    for i, middle in enumerate(middles):
        if middle >= until:
            break
        unrecovered = 1 - np.maximum(_natural(natural, middle), _natural(natural, review))
        ended = share @ ((held[i] - held[i + 1]) * unrecovered)
        if (ended > 0).any():
            weeks.append(middle)
            again.append(ended)
    rows = np.stack(again) if again else np.zeros((0, len(share)))
    return Relapse(relief, tuple(weeks), rows * _fitting(rows, relief))


def _fitting(rows: Array, relief: Array) -> Array:
    """At most all of those relieved relapse (the two differ only where relief was cut to at most 1)."""
    total = rows.sum(axis=0)
    kept: Array = np.minimum(1.0, np.divide(relief, total, out=np.ones_like(total), where=total > 0))
    return kept


def _held(active: Array, natural: Array, week: float, half_life: float) -> Array:
    """R(t): relieved by care among those whom time has not relieved; shape (L + 1,)."""
    n = _natural(natural, week)
    effect = np.maximum(at_week((active - natural)[None], week)[0], 0.0)
    if week > LAST:
        effect = effect * 0.5 ** ((week - LAST) / half_life)
    held: Array = np.divide(effect, 1 - n, out=np.zeros_like(n), where=n < 1)
    return held


def _natural(natural: Array, week: float) -> Array:
    course: Array = at_week(natural[None], week)[0]
    return course
