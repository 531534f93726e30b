"""Outcome curves of one person's model at the five weeks: the fitted ones, and what is only declared where none is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from spinecast.decision.numbers import Draws
from spinecast.errors import ArtefactError
from spinecast.frozen import dataclass
from spinecast.parameters.curves import settling
from spinecast.parameters.outcome_curves import CONTEXT, OutcomeCurves, course_name, effect_name, relief_at
from spinecast.parameters.scales import Array, Scale
from spinecast.priors.records import WEEKS, Effect, Priors, Procedure, Quantity


@dataclass(frozen=True, slots=True)
class CurveTable:
    """Curves at the five weeks, each of shape (D, T).

    A curve that the fit does not know (its file is newer) stands at the numbers declared for it.

    Attributes
    ----------
    courses : mapping of name to ndarray, shape (D, 1, 3)
        Parameters of settling curves: one person needs few of them.
    effects : mapping of name to ndarray, shape (D, T)
    """

    priors: Priors
    source: Draws
    courses: Mapping[str, Array]
    effects: Mapping[str, Array]

    @classmethod
    def of(cls, priors: Priors, source: Draws) -> CurveTable:
        """The fitted curves that `load_model` put into the priors, at the point estimate and at each draw."""
        fitted = priors.curves
        if not isinstance(fitted, OutcomeCurves):
            return cls(priors, source, {}, {})
        sampled = fitted.sampled(source.normal_columns(fitted.columns))
        weeks = np.array(WEEKS, dtype=float)
        effects = relief_at(sampled, weeks)
        courses = {name: sampled.courses[:, i, None, :] for i, name in enumerate(fitted.courses)}
        return cls(priors, source, courses, {name: effects[:, i] for i, name in enumerate(fitted.effects)})

    def course(self, generator: str, stage: str) -> Array:
        """P(>= 50 % relief) with time and usual care."""
        name = course_name(generator, stage)
        if name in self.courses:
            return settling(self.courses[name], np.array(WEEKS, dtype=float))
        return self._declared(self.priors.natural_course[generator].courses[stage], "logit", f"natural_course/{generator}")

    def effect(self, procedure: Procedure, effect: Effect) -> Array:
        """Specific effect over sham in the people whom trials usually take."""
        name = effect_name(procedure.id, effect.generator, effect.levels)
        return self.effects[name] if name in self.effects else self._declared(effect.difference, "identity", name)

    def context(self) -> Array:
        """Contextual effect of active care, among those who would not have settled."""
        if CONTEXT in self.effects:
            return np.clip(self.effects[CONTEXT], 0.0, 1.0)
        table = cast("Mapping[str, Quantity]", self.priors.economics[CONTEXT])
        stated = {week: table[f"week_{week}"] for week in WEEKS if f"week_{week}" in table}
        return np.clip(self._declared(stated, "identity", CONTEXT), 0.0, 1.0)

    def _declared(self, stated: Mapping[int, Quantity], scale: Scale, name: str) -> Array:
        missing = [week for week in WEEKS if week not in stated]
        if missing:
            raise ArtefactError(
                f"{name} states nothing at week {missing[0]} and has no fitted curve; run `spinecast fit --outcomes`"
            )
        z = self.source.normals(name)
        return np.stack([self.source.of(stated[week], scale, "", z) for week in WEEKS], axis=1)
