"""Every number behind one patient's answer as something that can be moved, and the answer wherever numbers are moved to.

Three kinds: a *published* figure that the fit was drawn to moves all fitted parameters as a refit would, to first order (see
`laplace`); an *assumed* number moves its default in the same way; an *outcome* number (effect, natural course, harm, cost, utility)
moves in its own distribution. One step is one spread (standard error on the number's own scale).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from spinecast.analysis.laplace import Figure, laplace
from spinecast.analysis.outcome_numbers import MovedDraws, RememberedDraws, quantities_behind, rows_behind
from spinecast.analysis.problem import Problem
from spinecast.analysis.result import sources_of
from spinecast.assessment.model import Model
from spinecast.errors import UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Z95, Array, Scale, from_scale, to_scale
from spinecast.priors.bibliography import Source, read_sources

PUBLISHED, ASSUMED, OUTCOME = "published", "assumed", "outcome"
LEAST = 1e-3
"""A figure whose move by one spread changes no parameter of this patient by more than this (log-odds) is left out."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number.

    Attributes
    ----------
    value, low, high : float or None
        Itself and its published interval (95 % of its distribution where none is published); None where one name moves several
        figures together (an effect at five times).
    step_low, step_high : float
        The ends of that interval, in spreads from the value.
    scale, spread : str, float
        On which a step is one spread.
    """

    id: str
    label: str
    kind: str
    value: float | None
    low: float | None
    high: float | None
    step_low: float
    step_high: float
    rows: tuple[str, ...]
    sources: tuple[str, ...]
    scale: Scale = "log"
    spread: float = 0.0

    def unit(self, currency: str) -> str:
        """What the number is counted in: money, lost quality-adjusted years, a probability (on the log-odds scale), or a ratio."""
        if self.id.endswith("/cost"):
            return currency
        if self.id.endswith("/loss"):
            return "quality-adjusted years"
        return {"logit": "probability", "log": "ratio"}.get(self.scale, "")

    def at(self, steps: float) -> float | None:
        """The number so many spreads away; None where one name moves several figures."""
        return None if self.value is None else from_scale(to_scale(self.value, self.scale) + steps * self.spread, self.scale)


@dataclass(frozen=True, slots=True)
class Movable:
    """All numbers of a patient.

    Attributes
    ----------
    numbers : tuple of Number, length M
    touched : ndarray of int, shape (T,)
        Parameters that the beliefs depend on.
    shifts : ndarray, shape (M, T)
        Change of those for one step of each number; zero for outcome numbers.
    """

    problem: Problem
    numbers: tuple[Number, ...]
    touched: np.ndarray
    shifts: Array
    state_values: Array

    def index(self, name: str) -> int:
        """Place of a number by its id.

        Raises
        ------
        UnknownIdError
        """
        names = [n.id for n in self.numbers]
        if name not in names:
            raise UnknownIdError("number", name, names)
        return names.index(name)

    def theta(self, steps: Array) -> Array:
        """Parameters at each of D points; steps (D, M), of which few of a point are not 0, to (D, P)."""
        from scipy.sparse import csr_array

        moved = np.tile(self.problem.model.network.theta, (len(steps), 1))
        moved[:, self.touched] += np.asarray(csr_array(steps) @ self.shifts)
        return moved

    def answers(self, steps: Array) -> Answers:
        """Beliefs and values at D points.

        Parameters
        ----------
        steps : ndarray, shape (D, M)
            How far each number is moved, in its spreads.
        """
        outcome = np.array([n.kind == OUTCOME for n in self.numbers])
        network_moves, outcome_moves = (steps[:, ~outcome] != 0).any(axis=1), (steps[:, outcome] != 0).any(axis=1)
        today = self.problem.beliefs(self.problem.model.network.theta)
        beliefs = np.tile(today, (len(steps), 1))
        alone = np.flatnonzero(outcome_moves & ~network_moves)
        together = np.flatnonzero(outcome_moves & network_moves)
        with ThreadPoolExecutor(1) as beside:
            # What moves outcomes only needs no new belief: it is worked out while the beliefs are.
            waiting = beside.submit(self._outcome_values, steps[np.ix_(alone, outcome)], today[None]) if len(alone) else None
            if network_moves.any():
                beliefs[network_moves] = self.problem.beliefs(self.theta(steps[network_moves]))
            values = beliefs @ self.state_values
            if waiting is not None:
                values[alone] = waiting.result()
        if len(together):
            values[together] = self._outcome_values(steps[np.ix_(together, outcome)], beliefs[together])
        return Answers(beliefs @ self._masks(), values)

    def at(self, theta: Array) -> Answers:
        """Answers at D parameter vectors (D, P), outcome numbers as they are."""
        beliefs = self.problem.beliefs(theta)
        return Answers(beliefs @ self._masks(), beliefs @ self.state_values)

    def _masks(self) -> Array:
        return np.stack(list(self.problem.masks().values()), axis=1)

    def _outcome_values(self, steps: Array, beliefs: Array) -> Array:
        """Values with outcome numbers moved; where all beliefs are one, (1, S) is enough."""
        names = [n.id for n in self.numbers if n.kind == OUTCOME]
        moved = {name: np.concatenate([[0.0], steps[:, i]]) for i, name in enumerate(names) if steps[:, i].any()}
        outcomes = self.problem.outcomes(MovedDraws(self.problem.model.priors.rows, len(steps), 0, moved))
        first = beliefs if len(beliefs) == 1 else np.concatenate([beliefs[:1], beliefs])
        return self.problem.values(first, outcomes)[1:]


@dataclass(frozen=True, slots=True)
class Answers:
    """Posterior of each generator (D, G), and value of the plan that begins with each action (D, A)."""

    generators: Array
    values: Array


def movable(problem: Problem) -> Movable:
    """Collect every number that can change this patient's answer."""
    touched = np.array(problem.touched(), dtype=np.int64)
    found = [*_published(problem, touched), *_assumed(problem, touched), *_outcome(problem, len(touched))]
    numbers = tuple(number for number, _ in found)
    shifts = np.stack([shift for _, shift in found])
    everyone = np.eye(len(problem.near.space))
    state_values = problem.values(everyone, problem.outcomes(MovedDraws(problem.model.priors.rows, 0, 0)))
    return Movable(problem, numbers, touched, shifts, state_values)


def _published(problem: Problem, touched: np.ndarray) -> Iterator[tuple[Number, Array]]:
    fit = laplace(problem.model)
    shifts = fit.figure_shifts()[:, touched]
    for figure, shift in zip(fit.figures, shifts, strict=True):
        if np.abs(shift).max() > LEAST:
            # The fit is drawn to the centre; where a published end lies on its other side, the centre is that end.
            ends = sorted(_bounded(figure.steps(x)) for x in (figure.low, figure.high))
            low, high = min(ends[0], 0.0), max(ends[1], 0.0)
            yield (
                Number(
                    id=figure.id,
                    label=figure_label(problem.model, figure),
                    kind=PUBLISHED if figure.rows else ASSUMED,
                    value=figure.value,
                    low=figure.at(low),
                    high=figure.at(high),
                    step_low=low,
                    step_high=high,
                    rows=figure.rows,
                    sources=sources_of(problem.model, figure.rows),
                    scale=figure.scale,
                    spread=figure.spread,
                ),
                shift,
            )


FURTHEST = 10.0


def _bounded(step: float) -> float:
    """An end at 0 or 1 is infinitely far on the log-odds scale."""
    return float(np.clip(step, -FURTHEST, FURTHEST))


def _assumed(problem: Problem, touched: np.ndarray) -> Iterator[tuple[Number, Array]]:
    """Parameters that no fitted figure stands for: those whose quantity is assumed or derived, or cites rows of its own."""
    fit, network = laplace(problem.model), problem.model.network
    chosen = [int(p) for p in touched if np.isfinite(fit.sd[p]) and fit.sd[p] > 0]
    shifts = fit.default_shifts(chosen)[:, touched]
    asked = {row for figure in fit.figures for row in figure.rows}
    for p, shift in zip(chosen, shifts, strict=True):
        parameter = network.parameters[p]
        rows = () if parameter.quantity is None else parameter.quantity.rows
        if not set(rows) & asked:
            scale = _scale_of(parameter.name)
            value, low, high = (from_scale(fit.default[p] + z * fit.sd[p], scale) for z in (0.0, -Z95, Z95))
            kind = PUBLISHED if rows else ASSUMED
            yield (
                Number(
                    parameter.name,
                    words_of_path(parameter.name),
                    kind,
                    value,
                    low,
                    high,
                    -Z95,
                    Z95,
                    rows,
                    sources_of(problem.model, rows),
                    scale,
                    fit.sd[p],
                ),
                shift,
            )


def _scale_of(name: str) -> Scale:
    """As a reader would say the parameter: odds (or an odds ratio) in contexts and weights, else a conditional chance."""
    return "log" if any(part in name for part in ("contexts/", "co_occurrence", "weight", "loading")) else "logit"


def _outcome(problem: Problem, width: int) -> Iterator[tuple[Number, Array]]:
    priors = problem.model.priors
    source = RememberedDraws(priors.rows, 1, 0)
    problem.outcomes(source)
    for name in source.normal:
        rows, quantities = rows_behind(priors, name), quantities_behind(priors, name)
        value = low = high = None
        scale: Scale = "log"
        spread = 0.0
        if len(quantities) == 1 and (own := source.scale_of(name)) is not None:
            made = estimate(quantities[0], priors.rows, own)
            scale, spread = own, made.sd
            value, (low, high) = made.value, made.interval
        yield (
            Number(
                name,
                outcome_label(problem.model, name),
                OUTCOME,
                value,
                low,
                high,
                -Z95,
                Z95,
                rows,
                sources_of(problem.model, rows),
                scale,
                spread,
            ),
            np.zeros(width),
        )


def figure_label(model: Model, figure: Figure) -> str:
    """What the published question was: measure of the test for the target, and the study."""
    rows = [model.priors.rows[r] for r in figure.rows if r in model.priors.rows]
    if not rows or figure.id.startswith("settings/"):
        return words_of_path(figure.id)
    row, more = rows[0], f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    cited = _bibliography(model.priors.folder)
    study = cited[row.source].author_year if row.source in cited else row.source
    asked = " of ".join(part for part in (row.measure.replace("_", " "), row.test, row.target) if part)
    return f"{asked.replace('_', ' ')} ({study}{more})"


@lru_cache(maxsize=4)
def _bibliography(folder: Path) -> Mapping[str, Source]:
    """Sources by key; read once a folder, for hundreds of labels."""
    return read_sources(folder / "sources.bib")


def words_of_path(name: str) -> str:
    """A path of the priors in words: its last parts first matter least."""
    return ", ".join(part.replace("_", " ") for part in name.split("/"))


def outcome_label(model: Model, name: str) -> str:
    """An outcome number in words: effect of a procedure on a generator, its cost, a harm, a modifier; else its path.

    A curve has several normals, which are told apart by the number of the part.
    """
    whole, _, part = name.partition("[")
    return _outcome_label(model, whole) + (f" (curve, part {int(part.rstrip(']')) + 1})" if part else "")


def _outcome_label(model: Model, name: str) -> str:
    priors, network = model.priors, model.network
    head, _, rest = name.partition("/")
    key, _, tail = rest.partition("/")
    if head == "natural_course":
        stage = f", {tail.replace('_', ' ')}" if tail else ""
        return f"natural course: {network.generator_labels.get(key, key.replace('_', ' '))}{stage}"
    procedure = priors.procedures.get(key) if head == "procedures" else None
    if procedure is None:
        return words_of_path(name)
    part, _, last = tail.partition("/")
    if part.isdigit() and int(part) < len(procedure.effects):
        effect = procedure.effects[int(part)]
        what = network.generator_labels.get(effect.generator, effect.generator.replace("_", " "))
        return (
            f"effect of {procedure.label} on {what}{': ' + ', '.join(effect.levels).replace('_', '-') if effect.levels else ''}"
        )
    if part == "modifier" and last.isdigit() and int(last) < len(procedure.modifiers):
        return f"{procedure.label}: modifier, {procedure.modifiers[int(last)].label}"
    harm = next((h.label for h in procedure.harms if h.id == part), part.replace("_", " "))
    return f"{procedure.label}: {harm}{', ' + last.replace('_', ' ') if last else ''}"


def one_at_a_time(count: int, ends: Sequence[tuple[float, float]]) -> Array:
    """Steps that move each number to its low end, then to its high end; shape (2 * count, count)."""
    steps = np.zeros((2 * count, count))
    for i, (low, high) in enumerate(ends):
        steps[2 * i, i], steps[2 * i + 1, i] = low, high
    return steps
