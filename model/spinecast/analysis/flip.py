"""Admissible deviation: how wrong must each number be before the first choice changes?"""

from __future__ import annotations

import numpy as np

from spinecast.analysis.movable import Movable, Number
from spinecast.analysis.one_way import FIRST_ORDER, OneWay
from spinecast.analysis.result import Chart, Column, Result
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

FURTHEST = 8.0
"""Spreads up to which a number is moved; what does not change the choice by then is not held to matter."""

GRID = np.array([0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.5, FURTHEST])
"""Distances looked at, in spreads: close together near the centre, where most crossings are."""

HALVINGS = 9
"""Bisections after the grid: the crossing is known to a thousandth of the grid's widest step."""

MARGIN = 2.0
"""Numbers whose effect, extrapolated from their interval, would need more than this many times `FURTHEST` are not searched."""


@dataclass(frozen=True, slots=True)
class Flip:
    """Where one number changes the first choice.

    Attributes
    ----------
    steps : float
        Spreads, signed; the nearest such point.
    inside : bool
        Within the number's interval.
    to : str
        Action that takes over.
    """

    number: Number
    steps: float
    inside: bool
    to: str


def flips(found: OneWay) -> tuple[Flip, ...]:
    """The nearest point of each number, in either direction, at which another permitted action comes first; nearest first."""
    numbers = found.movable
    permitted = np.flatnonzero(numbers.problem.permitted)
    first = int(found.answers.values[0, permitted].argmax())
    candidates = _within_reach(found, permitted, first)
    made = []
    for sign in (-1.0, 1.0):
        for i, steps in _crossings(numbers, candidates, permitted, first, sign).items():
            made.append(_flip(numbers, i, steps, permitted))
    nearest: dict[str, Flip] = {}
    for flip in sorted(made, key=lambda f: abs(f.steps)):
        nearest.setdefault(flip.number.id, flip)
    return tuple(nearest.values())


def _gaps(values: Array, permitted: np.ndarray, first: int) -> Array:
    """Value of today's first choice over each other permitted one; shape (D, others)."""
    chosen = values[:, permitted]
    gaps: Array = chosen[:, [first]] - np.delete(chosen, first, axis=1)
    return gaps


def _within_reach(found: OneWay, permitted: np.ndarray, first: int) -> list[int]:
    """Numbers that, extrapolated linearly from either end of their interval, close some gap within reach."""
    gaps = _gaps(found.answers.values, permitted, first)
    kept = []
    for i, number in enumerate(found.movable.numbers):
        for row, end in ((1 + 2 * i, number.step_low), (2 + 2 * i, number.step_high)):
            slope = np.abs(gaps[row] - gaps[0]) / abs(end) if end else np.zeros(gaps.shape[1])
            if (slope * FURTHEST * MARGIN >= gaps[0]).any():
                kept.append(i)
                break
    return kept


def _changed(numbers: Movable, chosen: list[int], steps: Array, permitted: np.ndarray, first: int) -> np.ndarray:
    """Has the first choice changed, with each chosen number moved on its own by its own steps?"""
    points = np.zeros((len(chosen), len(numbers.numbers)))
    points[np.arange(len(chosen)), chosen] = steps
    gaps = _gaps(numbers.answers(points).values, permitted, first)
    return np.asarray((gaps < 0).any(axis=1))


def _crossings(numbers: Movable, chosen: list[int], permitted: np.ndarray, first: int, sign: float) -> dict[int, float]:
    """First crossing in one direction: outwards along the grid, then by halving."""
    low, high = np.zeros(len(chosen)), np.full(len(chosen), np.inf)
    open_ones = np.arange(len(chosen))
    for reach in GRID:
        if not len(open_ones):
            break
        changed = _changed(numbers, [chosen[k] for k in open_ones], np.full(len(open_ones), sign * reach), permitted, first)
        high[open_ones[changed]] = reach
        low[open_ones[~changed]] = reach
        open_ones = open_ones[~changed]
    hit = np.flatnonzero(np.isfinite(high))
    for _ in range(HALVINGS if len(hit) else 0):
        middle = (low[hit] + high[hit]) / 2
        changed = _changed(numbers, [chosen[k] for k in hit], sign * middle, permitted, first)
        high[hit] = np.where(changed, middle, high[hit])
        low[hit] = np.where(changed, low[hit], middle)
    return {chosen[k]: sign * float(high[k]) for k in hit}


def _flip(numbers: Movable, i: int, steps: float, permitted: np.ndarray) -> Flip:
    point = np.zeros((1, len(numbers.numbers)))
    point[0, i] = steps
    values = numbers.answers(point).values[0, permitted]
    number = numbers.numbers[i]
    return Flip(number, steps, number.step_low <= steps <= number.step_high, numbers.problem.actions[permitted[values.argmax()]])


def admissible(found: OneWay) -> Result:
    """Every number that can change the first choice, the one that needs to be least wrong first."""
    problem = found.movable.problem
    listed = flips(found)
    labels = dict(zip(problem.actions, problem.labels, strict=True))
    permitted = np.flatnonzero(problem.permitted)
    first = problem.labels[permitted[found.answers.values[0, permitted].argmax()]]
    inside = sum(f.inside for f in listed)
    columns = (
        Column("number", [f.number.label for f in listed]),
        Column("id", [f.number.id for f in listed], detail=True),
        Column("kind", [f.number.kind for f in listed]),
        Column("value", [f.number.value for f in listed]),
        Column("flips_at", [f.number.at(f.steps) for f in listed], label="changes at"),
        Column("spreads", [f.steps for f in listed], label="spreads away"),
        Column("distance", [abs(f.steps) for f in listed], "spreads", "distance to the change", detail=True),
        Column("inside", [f.inside for f in listed], label="inside its interval"),
        Column("then_first", [labels[f.to] for f in listed], label="then first"),
        Column("sources", [", ".join(f.number.sources) for f in listed], detail=True),
    )
    return Result(
        "admissible_deviation",
        f"How wrong must each number be before {first} is no longer first?",
        columns,
        problem.basis(),
        tuple(s for f in listed for s in f.number.sources),
        (Chart("bars", "distance", "number", by="inside", top=25, reference=1.96),) if listed else (),
        (
            f"{inside} numbers change the choice within their own interval.",
            f"{len(listed) - inside} more do within {FURTHEST:.0f} spreads, {len(found.movable.numbers) - len(listed)} do not.",
            FIRST_ORDER,
        ),
    )
