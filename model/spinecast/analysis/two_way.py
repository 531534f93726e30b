"""Two numbers at once over their intervals: one output, and which option comes first where."""

from __future__ import annotations

import numpy as np

from spinecast.analysis.movable import Movable, Number
from spinecast.analysis.one_way import FIRST_ORDER, output
from spinecast.analysis.result import Chart, Column, Result
from spinecast.errors import InvalidValueError
from spinecast.parameters.scales import Array

POINTS = 15


def two_way(numbers: Movable, first: str, second: str, name: str = "lead", points: int = POINTS) -> Result:
    """An output over the grid of two numbers' intervals.

    Parameters
    ----------
    numbers : Movable
    first, second : str
        Ids of two different numbers, as `sensitivity --one-way --table` lists them.
    name : str
        One of `one_way.outputs`.
    points : int
        On each axis, at least 2.

    Raises
    ------
    UnknownIdError, InvalidValueError
    """
    i, j = numbers.index(first), numbers.index(second)
    if i == j:
        raise InvalidValueError("two-way", second, "two different numbers")
    if points < 2:
        raise InvalidValueError("points", points, "at least 2")
    problem, chosen = numbers.problem, output(numbers.problem, name)
    one, other = numbers.numbers[i], numbers.numbers[j]
    x, y = (a.ravel() for a in np.meshgrid(_axis(one, points), _axis(other, points)))
    steps = np.zeros((1 + len(x), len(numbers.numbers)))
    steps[1:, i], steps[1:, j] = x, y
    answers = numbers.answers(steps)
    permitted = np.flatnonzero(problem.permitted)
    best = permitted[answers.values[1:, permitted].argmax(axis=1)]
    columns = (
        _column("first_number", one, x, problem.settings.currency),
        _column("second_number", other, y, problem.settings.currency),
        Column("output", chosen.of(answers)[1:], chosen.unit, chosen.label),
        Column("first_choice", [problem.labels[a] for a in best]),
    )
    return Result(
        "two_way",
        f"Two numbers at once: {chosen.label}",
        columns,
        problem.basis(output=name, first=first, second=second),
        (*one.sources, *other.sources),
        (
            Chart("heat", "first_number", "second_number", z="first_choice", title="First choice"),
            Chart("heat", "first_number", "second_number", z="output", title=chosen.label),
        ),
        (FIRST_ORDER, "A number that moves several figures at once is shown in spreads from today's value."),
    )


def _axis(number: Number, points: int) -> Array:
    return np.linspace(number.step_low, number.step_high, points)


def _column(name: str, number: Number, steps: Array, currency: str) -> Column:
    """In the number's own terms where it is one figure, else in spreads."""
    own = [number.at(float(z)) for z in steps]
    if any(v is None for v in own):
        return Column(name, steps, "spreads", number.label)
    return Column(name, own, number.unit(currency), number.label)
