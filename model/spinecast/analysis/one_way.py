"""One-way sensitivity over each number's published interval, as a table and a tornado, for any output."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spinecast.analysis.monte_carlo import ranks
from spinecast.analysis.movable import Answers, Movable, Number, one_at_a_time
from spinecast.analysis.problem import Problem
from spinecast.analysis.result import Chart, Column, Result
from spinecast.errors import UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

TOP = 20
FIRST_ORDER = (
    "A published figure moves all fitted parameters as a refit would, to first order; an assumed one likewise; an outcome number moves "
    "in its own distribution. Plans of the point estimate are kept."
)
PREVALENCE = (
    "Of a prevalence, the response of the tests' tables to it is not in the first order; `--confirm N` refits the largest."
)


@dataclass(frozen=True, slots=True)
class Output:
    """What is looked at: a name, its unit, and how it is read off answers (D points)."""

    name: str
    label: str
    unit: str
    of: Callable[[Answers], Array]


def outputs(problem: Problem) -> Mapping[str, Output]:
    """Every output by name: `posterior:GENERATOR`, `value:ACTION`, `rank:ACTION`, and `lead` (first choice over second)."""
    found: dict[str, Output] = {}
    labels = problem.model.network.generator_labels
    for g, name in enumerate(problem.near.space.generators):
        found[f"posterior:{name}"] = Output(
            f"posterior:{name}",
            f"posterior of {labels[name]}",
            "probability",
            lambda a, g=g: a.generators[:, g],  # type: ignore[misc]
        )
    for i, name in enumerate(problem.actions):
        label = problem.labels[i]
        found[f"value:{name}"] = Output(
            f"value:{name}",
            f"value of {label}",
            problem.settings.value_unit,
            lambda a, i=i: a.values[:, i],  # type: ignore[misc]
        )
        found[f"rank:{name}"] = Output(f"rank:{name}", f"rank of {label}", "", lambda a, i=i: ranks(a.values)[:, i])  # type: ignore[misc]
    found["lead"] = Output(
        "lead", "value of today's first choice over the best other", problem.settings.value_unit, lead(problem)
    )
    return found


def lead(problem: Problem) -> Callable[[Answers], Array]:
    """Value of the first choice of the first point over the best other permitted choice; negative where it has lost its place."""
    permitted = np.flatnonzero(problem.permitted)

    def read(answers: Answers) -> Array:
        values = answers.values[:, permitted]
        first = int(values[0].argmax())
        gap: Array = values[:, first] - np.delete(values, first, axis=1).max(axis=1)
        return gap

    return read


def output(problem: Problem, name: str) -> Output:
    """One output.

    Raises
    ------
    UnknownIdError
        The message carries the nearest name.
    """
    found = outputs(problem)
    if name not in found:
        raise UnknownIdError("output", name, found)
    return found[name]


@dataclass(frozen=True, slots=True)
class OneWay:
    """Answers with each number at each end of its interval.

    Attributes
    ----------
    answers : Answers
        Point estimate first, then low and high of each number in turn.
    """

    movable: Movable
    answers: Answers

    def swing(self, chosen: Output) -> tuple[float, Array, Array]:
        """The output today, and with each number at its low and at its high end; each of shape (M,)."""
        found = chosen.of(self.answers)
        return float(found[0]), found[1::2], found[2::2]


def evaluate(numbers: Movable) -> OneWay:
    """Move every number to both ends of its interval, one at a time."""
    count = len(numbers.numbers)
    steps = one_at_a_time(count, [(n.step_low, n.step_high) for n in numbers.numbers])
    return OneWay(numbers, numbers.answers(np.concatenate([np.zeros((1, count)), steps])))


def one_way(found: OneWay, name: str = "lead") -> Result:
    """Every number's effect on one output, largest first; the chart is the tornado of the first twenty.

    Parameters
    ----------
    found : OneWay
    name : str
        One of `outputs`.
    """
    problem, chosen = found.movable.problem, output(found.movable.problem, name)
    base, low, high = found.swing(chosen)
    order = np.argsort(-np.abs(high - low), kind="stable")
    kept = [int(i) for i in order if abs(high[i] - low[i]) > 0]
    numbers = [found.movable.numbers[i] for i in kept]
    columns = (
        *number_columns(numbers),
        Column("output", np.full(len(kept), base), chosen.unit, chosen.label, detail=True),
        Column("output_low", low[kept], chosen.unit, "output at low end"),
        Column("output_high", high[kept], chosen.unit, "output at high end"),
        Column("swing", np.abs(high - low)[kept], chosen.unit),
        Column("sources", [", ".join(n.sources) for n in numbers], detail=True),
    )
    return Result(
        "one_way",
        f"One number at a time over its published interval: {chosen.label} (today {_plainly(base, chosen.unit)})",
        columns,
        problem.basis(output=name),
        tuple(s for n in numbers for s in n.sources),
        (Chart("tornado", "output", "number", "output_low", "output_high", top=TOP),),
        (FIRST_ORDER, PREVALENCE, f"{len(kept):,} of {len(found.movable.numbers):,} numbers move it at all."),
    )


def number_columns(numbers: list[Number]) -> tuple[Column, ...]:
    """Columns that name numbers and their intervals."""
    return (
        Column("number", [n.label for n in numbers]),
        Column("id", [n.id for n in numbers], detail=True),
        Column("kind", [n.kind for n in numbers]),
        Column("value", [n.value for n in numbers]),
        Column("low", [n.low for n in numbers]),
        Column("high", [n.high for n in numbers]),
    )


def _plainly(value: float, unit: str) -> str:
    return f"{value:.3f}" if unit in ("probability", "") else f"{value:,.0f} {unit}"
