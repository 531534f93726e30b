"""Is first order good enough? The largest one-way effects again, by moving the published figure and refitting.

The refit is Newton's with the curvature of the stored fit held: residuals are those of the moved problem at every step, so that where it
stands still the gradient of the moved problem is zero (but for the change of the Jacobian). Beliefs are then worked out anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from spinecast.analysis import fitting
from spinecast.analysis.fit_problem import Problem, compile_problem
from spinecast.analysis.laplace import Laplace, laplace
from spinecast.analysis.one_way import OneWay, output
from spinecast.analysis.result import Chart, Column, Result
from spinecast.analysis.targets import targets
from spinecast.assessment.model import Model
from spinecast.frozen import dataclass
from spinecast.network.build import build_network
from spinecast.parameters.scales import Array

MOST_STEPS = 6
ENOUGH = 1e-3
"""A step that moves no parameter by more than this (log-odds) is the last."""


@dataclass(frozen=True, slots=True)
class Refitter:
    """The fit, ready to be asked again with one figure moved.

    Attributes
    ----------
    problem : Problem
        As `spinecast fit` compiles it.
    rest : ndarray, shape (F,)
        Gradient at the stored optimum: not quite zero, since the fit stops when little is gained and cuts feedback.
    """

    problem: Problem
    fit: Laplace
    rest: Array

    @classmethod
    def of(cls, model: Model) -> Refitter:
        """For the model's own priors."""
        network, fit = build_network(model.priors), laplace(model)
        problem = compile_problem(network, model.priors, [t for t in targets(network, model.priors) if t.fitted])
        return cls(problem, fit, _gradient(problem, fit, fit.theta, np.zeros(len(fit.figures))))

    def refit(self, figure: int, steps: float) -> tuple[Array, float]:
        """Parameters (P,) with one figure moved by so many of its spreads, from the first-order answer; and by how much (log-odds)
        the last step still moved the one that it moved most.
        """
        moved = np.zeros(len(self.fit.figures))
        moved[figure] = steps
        theta = self.fit.theta + steps * self.fit.figure_shifts()[figure]
        largest = np.inf
        for _ in range(MOST_STEPS):
            change = -self.fit.covariance() @ (_gradient(self.problem, self.fit, theta, moved) - self.rest)
            theta = self.fit.moves.applied(theta, change)
            largest = float(np.abs(change).max())
            if largest < ENOUGH:
                break
        return theta, largest


WHY = (
    "They differ for three reasons: tables answer a figure along a curve, of which first order takes the slope; the fit cuts feedback on prevalence, so that "
    "of a moved prevalence first order leaves the tests' tables where they are and a refit does not; and the refit keeps the curvature of the stored fit."
)


def _difference(first: Array, again: Array, unit: str) -> str:
    """How far the two swings are apart, in words."""
    apart = np.abs(again - first)
    worst, size = float(apart.max(initial=0.0)), float(np.abs(first).max(initial=0.0))
    share = f", {worst / size:.0%} of the largest swing" if size > 0 else ""
    return f"First order and refit differ in the swing by at most {worst:.3g} {unit}".rstrip() + f"{share}."


def _settled(last: Sequence[float]) -> str:
    """How many refits stood still, and how far the others were from it; from the largest change of each one's last step."""
    moving = [change for change in last if change >= ENOUGH]
    if not moving:
        return f"All {len(last)} refits stood still: their last step moved no parameter by more than {ENOUGH:g} log-odds."
    return (
        f"{len(moving)} of {len(last)} refits still moved after {MOST_STEPS} steps: by at most {max(moving):.2g} log-odds in the last "
        "step, of the parameter that moved most."
    )


def _gradient(problem: Problem, fit: Laplace, theta: Array, moved: Array) -> Array:
    lead, size = fit.moves.lead, fit.moves.lead_size
    sd = fit.sd[lead] / size
    held = np.where(np.isfinite(sd), sd, np.inf) ** -2.0 * (theta - fit.default)[lead] / size
    found: Array = fit.jacobian.T @ (_residuals(problem, theta) - moved) + held
    return found


def _residuals(problem: Problem, theta: Array) -> Array:
    """Weighted residuals of every figure, in the order of `Laplace.figures`."""
    own = [fitting.target_residuals(problem, theta)]
    own += [fitting._marginals(problem.network, theta, k, centre, sd)[0] for k, _, centre, sd in problem.prevalence]
    return np.concatenate(own)


def confirmed(found: OneWay, name: str, count: int, *, tell: Callable[[int, int], None] = lambda *_: None) -> Result:
    """The largest one-way effects of published figures on an output: to first order, and after a refit.

    Parameters
    ----------
    count : int
        How many figures; each is refitted at both ends of its interval.
    """
    problem, chosen = found.movable.problem, output(found.movable.problem, name)
    refitter = Refitter.of(problem.model)
    places = {f.id: i for i, f in enumerate(refitter.fit.figures)}
    _, low, high = found.swing(chosen)
    order = [i for i in np.argsort(-np.abs(high - low), kind="stable") if found.movable.numbers[i].id in places][:count]
    numbers = [found.movable.numbers[i] for i in order]
    thetas, last = [refitter.fit.theta], []
    for number in numbers:
        for steps in (number.step_low, number.step_high):
            theta, largest = refitter.refit(places[number.id], steps)
            thetas.append(theta)
            last.append(largest)
            tell(len(thetas) - 1, 2 * len(numbers))
    again = chosen.of(found.movable.at(np.stack(thetas)))
    columns = (
        Column("number", [n.label for n in numbers]),
        Column("id", [n.id for n in numbers], detail=True),
        Column("output_low", low[order], chosen.unit, "low end, first order"),
        Column("refit_low", again[1::2], chosen.unit, "low end, refit"),
        Column("output_high", high[order], chosen.unit, "high end, first order"),
        Column("refit_high", again[2::2], chosen.unit, "high end, refit"),
        Column("swing", high[order] - low[order], chosen.unit, "swing, first order", detail=True),
        Column("refit_swing", again[2::2] - again[1::2], chosen.unit, "swing, refit", detail=True),
    )
    return Result(
        "one_way_confirmed",
        f"First order against a refit: {chosen.label}",
        columns,
        problem.basis(output=name),
        tuple(s for n in numbers for s in n.sources),
        (Chart("points", "swing", "refit_swing", diagonal=True),),
        (
            _difference(high[order] - low[order], again[2::2] - again[1::2], chosen.unit),
            WHY,
            _settled(last),
        ),
    )
