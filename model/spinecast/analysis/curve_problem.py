"""What outcome curves are fitted to: time points of trials, and numbers stated where no trial speaks, in one form.

    share       logit of  expit( logit( b + c k (1 - b) ) + u ) + d + v
    difference            c k (1 - b) + d + v

b settling with time (a mixture over what causes the pain and how long it has lasted), k the contextual effect (c = 1 for
active care), d the procedure's own effect in these people, u and v what sets the trial apart from others. A stated number
is the same thing without u and v. All times of one statement are the same imagined patients: together they are worth
its like_n.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from spinecast.analysis.trials import Population, population
from spinecast.assessment.model import Model
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import modifier_factors
from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.parameters.curves import RELIEF, RELIEF_SCALES, SETTLING, SETTLING_SCALES
from spinecast.parameters.outcome_curves import CONTEXT, course_name, effect_name
from spinecast.parameters.pooling import Estimate, estimate
from spinecast.parameters.scales import Array, Scale
from spinecast.priors.records import WEEKS, Arm, Effect, Priors, Procedure, Quantity, Trial

SHAM, USUAL_CARE = "sham", "usual_care"
STAGES = ("acute", "subacute", "chronic")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Point:
    """One published or stated figure, and what the model has to say about it.

    Attributes
    ----------
    id : str
        Trial and place, or the name of the curve and week.
    share : bool
        A share of an arm (compared on the logit), or a difference of shares.
    week : float
    courses, effects : mapping of curve index to weight
    context : bool
        The contextual effect counts.
    trial, arm : str
        "" for a stated number.
    deviates : bool
        The arm of a single trial has a deviation of its own, and the trial's controls have theirs; a stated number and a
        review (whose interval already holds how much its trials differ) have none.
    published : Estimate
        On the logit (share) or as it is (difference).
    """

    id: str
    share: bool
    week: float
    courses: Mapping[int, float]
    effects: Mapping[int, float]
    context: bool
    published: Estimate
    trial: str = ""
    arm: str = ""
    deviates: bool = False


@dataclass(frozen=True, slots=True)
class CurveProblem:
    """Curves by name, the points that they are held to, and what they are drawn to where these are silent.

    Attributes
    ----------
    courses, effects : tuple of str
        Names of the settling and relief curves; the last relief curve is the contextual effect.
    points : tuple of Point
    centre, sd : ndarray, shape (3 C + 6 E,)
        Declared shape of every curve; a parameter with sd 0 is not free.
    spread : mapping of "control" and "effect" to (standard deviation between trials as declared, its worth in trials)
    """

    courses: tuple[str, ...]
    effects: tuple[str, ...]
    points: tuple[Point, ...]
    centre: Array
    sd: Array
    spread: Mapping[str, tuple[float, float]]

    def places(self) -> Iterator[tuple[str, range]]:
        """Every curve by its place in the priors with the indices of its parameters: natural courses, context, then effects."""
        split, procedures = len(self.courses) * len(SETTLING), [name.split("/")[0] for name in self.effects]
        for i, name in enumerate(self.courses):
            yield f"natural_course/{name}", range(i * len(SETTLING), (i + 1) * len(SETTLING))
        last = len(self.effects) - 1
        for i in (last, *range(last)):
            start = split + i * len(RELIEF)
            number = procedures[:i].count(procedures[i])
            yield CONTEXT if i == last else f"procedures/{procedures[i]}/{number}", range(start, start + len(RELIEF))

    @property
    def trials(self) -> tuple[str, ...]:
        """Trials with a deviation of their control arms."""
        return tuple(dict.fromkeys(p.trial for p in self.points if p.deviates and p.share))

    @property
    def arms(self) -> tuple[tuple[str, str], ...]:
        """Trial and arm of every deviation of an effect."""
        return tuple(dict.fromkeys((p.trial, p.arm) for p in self.points if p.deviates and p.effects))


@dataclass(slots=True)
class CurveNames:
    """Index of every curve of the priors."""

    courses: dict[str, int] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, priors: Priors) -> CurveNames:
        """Settling curves by generator and stage, relief curves by procedure and effect, the contextual effect last."""
        courses = [course_name(c.generator, stage) for c in priors.natural_course.values() for stage in STAGES]
        effects = [effect_name(p.id, e.generator, e.levels) for p in priors.procedures.values() for e in p.effects]
        every = [*effects, CONTEXT]
        return cls({name: i for i, name in enumerate(courses)}, {name: i for i, name in enumerate(every)})


def curve_problem(model: Model) -> CurveProblem:
    """The whole problem: stated numbers and the fitted time points of all trials."""
    priors = model.priors
    names = CurveNames.of(priors)
    asked = TrialQuestions(model, names)
    published = [asked.point(t, i) for t in priors.trials.values() for i, arm in enumerate(t.arms) if arm.fitted]
    points = (*_statements(priors, names), *published, *_alike(priors, names, published))
    centre, sd = _shapes(priors, names)
    return CurveProblem(tuple(names.courses), tuple(names.effects), points, centre, sd, _spread(priors))


# ── stated numbers ───────────────────────────────────────────────────────────────────────────────


def _statements(priors: Priors, names: CurveNames) -> Iterator[Point]:
    for course in priors.natural_course.values():
        for stage, stated in course.courses.items():
            name = course_name(course.generator, stage)
            yield from _stated(name, stated, priors, share=True, courses={names.courses[name]: 1.0})
    for procedure in priors.procedures.values():
        for effect in procedure.effects:
            name = effect_name(procedure.id, effect.generator, effect.levels)
            yield from _stated(name, effect.difference, priors, share=False, effects={names.effects[name]: 1.0})
    table = cast("Mapping[str, Quantity]", priors.economics[CONTEXT])
    context = {int(week.removeprefix("week_")): quantity for week, quantity in table.items()}
    yield from _stated(CONTEXT, context, priors, share=False, effects={names.effects[CONTEXT]: 1.0})


def _stated(
    name: str,
    stated: Mapping[int, Quantity],
    priors: Priors,
    *,
    share: bool,
    courses: Mapping[int, float] | None = None,
    effects: Mapping[int, float] | None = None,
) -> Iterator[Point]:
    scale: Scale = "logit" if share else "identity"
    wider = math.sqrt(len(stated))
    for week, quantity in stated.items():
        made = estimate(quantity, priors.rows, scale)
        one = Estimate(scale, made.centre, made.sd * wider)
        yield Point(f"{name}, week {week}", share, float(week), courses or {}, effects or {}, context=False, published=one)


# ── trials ───────────────────────────────────────────────────────────────────────────────────────


class TrialQuestions:
    """Turns time points of trials into points of the problem; each trial's people are looked at once."""

    def __init__(self, model: Model, names: CurveNames) -> None:
        self.model, self.names = model, names
        self.population = lru_cache(maxsize=None)(self._population)

    def _population(self, trial: str) -> Population:
        return population(self.model.priors.trials[trial], self.model)

    def point(self, trial: Trial, index: int) -> Point:
        """The question that a time point asks of the model.

        Raises
        ------
        PriorsError
            Its arm is neither a procedure nor a control, or its figure does not fit.
        """
        arm, people = trial.arms[index], self.population(trial.id)
        share = not arm.over
        effects = self._effects(arm, people, trial)
        return Point(
            id=f"{trial.id} {index + 1}",
            share=share,
            week=arm.week,
            courses=self._courses(people),
            effects=effects,
            context=self._in_care(arm),
            published=estimate(arm.published, self.model.priors.rows, "logit" if share else "identity"),
            trial=trial.id,
            arm=" ".join(arm.arm),
            deviates=not trial.review,
        )

    def _in_care(self, arm: Arm) -> bool:
        """Does the contextual effect count? In an arm, for all that is done to people; in a difference, over usual care."""
        return arm.over != SHAM if arm.over else arm.arm != (USUAL_CARE,)

    def _courses(self, people: Population) -> dict[int, float]:
        found: dict[int, float] = {}
        for (generator, _), pain in people.pain.items():
            for stage, weight in people.stages.items():
                index = self.names.courses[course_name(generator, stage)]
                found[index] = found.get(index, 0.0) + pain * weight
        return found

    def _effects(self, arm: Arm, people: Population, trial: Trial) -> dict[int, float]:
        found: dict[int, float] = {}
        for name in arm.arm:
            if name in (SHAM, USUAL_CARE):
                continue
            if name not in self.model.priors.procedures:
                raise PriorsError(f"trials/{trial.id}.toml: arm {name!r} is neither a procedure nor a control")
            procedure = self.model.priors.procedures[name]
            for index, weight in self._own_effects(procedure, people):
                found[index] = found.get(index, 0.0) + weight / len(arm.arm)
        return found

    def _own_effects(self, procedure: Procedure, people: Population) -> Iterator[tuple[int, float]]:
        """Index of each effect curve, with the share of pain that it reaches times these people's modifiers."""
        factors = modifier_factors(procedure, self.model.priors, people.profile, Draws(self.model.priors.rows, 0, 0))
        for effect in procedure.effects:
            reached = sum(
                s
                for (g, level), s in people.pain.items()
                if g == effect.generator and (not effect.levels or level in effect.levels)
            )
            if reached:
                yield (
                    self.names.effects[effect_name(procedure.id, effect.generator, effect.levels)],
                    reached * float(factors[effect.generator][0]),
                )


def _alike(priors: Priors, names: CurveNames, published: Iterable[Point]) -> Iterator[Point]:
    """Procedures that reviews pool, or that say `like`, differ in their effect by no more than is declared.

    Otherwise a pooled figure would fix only their average, and any two of them could be as far apart as one likes.
    """
    table = cast("Mapping[str, Mapping[str, Quantity]]", priors.economics["curves"])["between_procedures"]
    sd = estimate(table["effect"], priors.rows, "log").value
    groups = {tuple(sorted(p.effects)): p.week for p in published if len(p.arm.split()) > 1 and len(p.effects) > 1}
    for procedure in priors.procedures.values():
        for effect in procedure.effects:
            if effect.like:
                pair = [names.effects[effect_name(name, effect.generator, effect.levels)] for name in (procedure.id, effect.like)]
                groups.setdefault(tuple(sorted(pair)), float(WEEKS[2]))
    every = list(names.effects)
    for group, week in groups.items():
        for one in group:
            weights = {other: (1.0 if other == one else 0.0) - 1.0 / len(group) for other in group}
            yield Point(
                f"{every[one]} like the others", False, week, {}, weights, context=False, published=Estimate("identity", 0.0, sd)
            )


# ── shapes where the points are silent ───────────────────────────────────────────────────────────


def _shapes(priors: Priors, names: CurveNames) -> tuple[Array, Array]:
    """Declared centre and spread of every parameter, settling curves first."""
    declared = cast("Mapping[str, Mapping[str, Quantity]]", priors.economics["curves"])
    settling = _row(SETTLING, SETTLING_SCALES, declared["settling"], priors)
    rows = [
        _row(RELIEF, RELIEF_SCALES, _curve_of(declared, procedure, effect), priors)
        for procedure in priors.procedures.values()
        for effect in procedure.effects
    ]
    rows.append(_row(RELIEF, RELIEF_SCALES, {**declared["any"], **declared["context"]}, priors))
    every = [e for row in [*[settling] * len(names.courses), *rows] for e in row]
    return np.array([e.centre for e in every]), np.array([e.sd for e in every])


def _curve_of(declared: Mapping[str, Mapping[str, Quantity]], procedure: Procedure, effect: Effect) -> dict[str, Quantity]:
    """Shape of an effect: what its own table says, else that of the procedure's kind, else that of any."""
    return {**declared["any"], **declared.get(procedure.kind, {}), **effect.curve}


def _row(names: Iterable[str], scales: Iterable[str], table: Mapping[str, Quantity], priors: Priors) -> list[Estimate]:
    """One estimate a column; a column that is not declared (no setback) stands at nothing and is not free."""
    found = []
    for name, scale in zip(names, scales, strict=True):
        known = cast("Scale", scale)
        found.append(estimate(table[name], priors.rows, known) if name in table else Estimate(known, 0.0, 0.0))
    return found


def _spread(priors: Priors) -> dict[str, tuple[float, float]]:
    """Standard deviations between trials as declared, and how many trials that is worth."""
    table = cast("Mapping[str, Mapping[str, Quantity]]", priors.economics["curves"])["between_trials"]
    return {name: (estimate(table[name], priors.rows, "log").value, table[name].like_n or 1.0) for name in ("control", "effect")}
