"""What each action adds, by generator level, week and draw.

Everything here is linear in one vector: the share of the person's pain that each generator level carries
(levels active in a state share the pain equally; no generator active is the level "nonspecific").

    natural course   n(l, t)      P(>= 50 % relief) with time and usual care
    control          c = n + k(t) (1 - n), k the one contextual effect of all active care
    active           a = c + d(action, l, t), d the specific effect over sham, 0 off target
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from spinecast.decision.circumstances import Circumstances, Number, modifiers_of
from spinecast.decision.costs import PAYER, cost_of
from spinecast.decision.curves import CurveTable
from spinecast.decision.numbers import Draws
from spinecast.decision.profile import Profile
from spinecast.frozen import dataclass
from spinecast.network.states import StateSpace
from spinecast.parameters.scales import Array
from spinecast.priors.records import WEEKS, Priors, Procedure, Quantity

NONSPECIFIC = "nonspecific"
ACTIVE_CARE = ("injection", "ablation", "surgery", "conservative", "urgent")
"""Kinds that carry the contextual effect. Medication does not: who waits has pills too, so another one adds no context."""

FINE_STEPS = ("medication", "examination")
"""Kinds that go along with everything else: they are weighed as steps of whole sequences, not ranked beside procedures."""

WEEKS_A_YEAR = 52.0
REHABILITATION = "rehabilitation"
PER_10000 = 10_000
GAUSS = (0.5 - 0.5 / math.sqrt(3.0), 0.5 + 0.5 / math.sqrt(3.0))
"""Nodes of the two-point Gauss-Legendre rule on 0 to 1; exact for cubics."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One person's outcome model; axis D is the point estimate followed by K draws.

    The same of many people at the point estimate, one after the other along axis D, is their outcome model at once.

    Attributes
    ----------
    actions : tuple of str, length A
    share : ndarray, shape (S, L + 1)
        Share of pain by level; the last column is nonspecific.
    natural : ndarray, shape (D, T, L + 1)
    contextual : ndarray, shape (D, T)
    specific : ndarray, shape (D, A, T, L + 1)
    eased : ndarray, shape (D, A, T, L + 1)
        The same for someone who has just had relief and so tolerates therapy again.
    cared : ndarray of bool, shape (A,)
        Active care, which carries the contextual effect.
    partner : tuple of str, length A
        What is done alongside (rehabilitation with an injection), "" for nothing; it comes once in a plan.
    partner_effect : ndarray, shape (D, A, T, L + 1)
        Its specific effect here, zero where there is none.
    opening : ndarray, shape (D, A, T, L + 1)
        What it adds as the first active care of a plan: the contextual effect, and the partner's.
    partner_cost : ndarray, shape (D, A)
    cost, harm : ndarray, shape (D, A)
        Cost from the perspective chosen (the payer's by default), and expected quality-adjusted years lost to harms.
    serious : ndarray, shape (D, A)
        Expected serious harms per procedure.
    wait, review : ndarray, shape (A,)
        Weeks until it happens, and from then until one knows.
    worth : ndarray, shape (D,)
        Quality-adjusted years per year of >= 50 % relief for this person.
    half_life : ndarray, shape (D, A)
        Weeks in which what is left of an effect at week 52 halves, beyond it; inf: it stays.
    repeat_ratio : ndarray, shape (D, A)
        Effect of a repeat, after relief that has ended, as a multiple of the first; 0: it is not repeated.
    includes : tuple of tuple of str, length A
        Actions that are part of it, and so are not taken after it in a plan.
    """

    actions: tuple[str, ...]
    share: Array
    natural: Array
    contextual: Array
    specific: Array
    eased: Array
    cared: np.ndarray
    partner: tuple[str, ...]
    partner_effect: Array
    opening: Array
    partner_cost: Array
    cost: Array
    harm: Array
    serious: Array
    wait: Array
    review: Array
    worth: Array
    half_life: Array
    repeat_ratio: Array
    includes: tuple[tuple[str, ...], ...]

    def control(self, action: int) -> Array:
        """P(>= 50 % relief) without the specific effect, by level; shape (D, T, L + 1)."""
        added = self.contextual[:, :, None] * (1 - self.natural) if self.cared[action] else 0.0
        return self.natural + added

    def active(self, action: int, *, eased: bool = False) -> Array:
        """P(>= 50 % relief) with the action, by level; shape (D, T, L + 1)."""
        return self.control(action) + (self.eased if eased else self.specific)[:, action]

    def only(self, n: int) -> Outcomes:
        """One draw, or one of the people who are in the place of draws."""
        return self.rows(np.array([n]))

    def rows(self, index: npt.NDArray[np.int64]) -> Outcomes:
        """Some draws, or people in their place; the same one can be there several times."""
        by_draw = ("natural", "contextual", "specific", "eased", "partner_effect", "opening", "partner_cost", "cost", "harm", "serious", "worth",
                   "half_life", "repeat_ratio")  # fmt: skip
        return replace(self, **{name: getattr(self, name)[index] for name in by_draw})


def pain_shares(space: StateSpace) -> Array:
    """Share of the pain by generator level in each state; shape (S, L + 1), rows sum to 1."""
    active = space.active.astype(float)
    share = active / np.maximum(space.count, 1)[:, None]
    return np.concatenate([share, (space.count == 0).astype(float)[:, None]], axis=1)


def offered(priors: Priors, *, sequences: bool = False) -> tuple[Procedure, ...]:
    """The procedures that are ranked: in whole sequences all, else without the fine steps that go along with others."""
    return tuple(p for p in priors.procedures.values() if sequences or p.kind not in FINE_STEPS)


def compile_outcomes(
    priors: Priors,
    space: StateSpace,
    profile: Profile,
    *,
    draws: int = 0,
    seed: int = 0,
    source: Draws | None = None,
    sequences: bool = False,
    perspective: str = PAYER,
) -> Outcomes:
    """The outcome model of one person.

    Parameters
    ----------
    priors : Priors
    space : StateSpace
    profile : Profile
        Known modifiers, severity, tolerance of therapy, willingness, duration of the pain.
    draws, seed : int
        Number of common random draws beyond the point estimate, and their seed.
    source : Draws, optional
        Takes the place of those draws: analyses move chosen numbers, or share one set of draws among many people.
    sequences : bool
        Also the procedures that are steps of whole sequences only.
    perspective : str
        Whose cost counts, one of `costs.PERSPECTIVES`.
    """
    source = Draws(priors.rows, draws, seed) if source is None else source
    published = Published.of(priors, space, source, sequences=sequences, perspective=perspective)
    return published.outcomes(Circumstances.of(priors, published.procedures, profile, source))


@dataclass(frozen=True, slots=True)
class Published:
    """Outcome numbers that are nobody's in particular, from which those of a person, or of many people, are made.

    Axis D as in `Outcomes`; each attribute as there, or as follows.

    Attributes
    ----------
    effect : ndarray, shape (D, A, T, L + 1)
        Specific effect over sham in the people whom trials usually take.
    reaches : ndarray of bool, shape (generators and nonspecific, L + 1)
        Levels of each generator, in the order of `names`.
    ratios : tuple of tuple of ndarray (D,), length A
        Of each action's modifiers.
    """

    procedures: tuple[Procedure, ...]
    share: Array
    curves: CurveTable
    names: tuple[str, ...]
    effect: Array
    ratios: tuple[tuple[Array, ...], ...]
    contextual: Array
    cost: Array
    harm: Array
    serious: Array
    wait: Array
    review: Array
    half_life: Array
    repeat_ratio: Array
    respite: Array
    courses: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls, priors: Priors, space: StateSpace, source: Draws, *, sequences: bool = False, perspective: str = PAYER
    ) -> Published:
        """Everything that can be worked out before anybody is known."""
        procedures = offered(priors, sequences=sequences)
        curves = CurveTable.of(priors, source)
        therapy = cast("Mapping[str, Quantity]", priors.economics["therapy"])
        return cls(
            procedures,
            pain_shares(space),
            curves,
            (*(g for g, _ in space.levels), NONSPECIFIC),
            np.stack([_effect(p, space, curves) for p in procedures], axis=1),
            tuple(tuple(_ratios(p, source)) for p in procedures),
            curves.context(),
            np.stack([cost_of(p, perspective, priors, source) for p in procedures], axis=1),
            np.stack([_harm(p, source, serious=False, weighted=True) for p in procedures], axis=1),
            np.stack([_harm(p, source, serious=True, weighted=False) for p in procedures], axis=1),
            _points(procedures, "wait_weeks", source),
            _points(procedures, "review_weeks", source),
            _half_lives(priors, procedures, source),
            np.stack([_repeat_ratio(p, source) for p in procedures], axis=1),
            source.of(therapy["respite"], "logit", "therapy/respite"),
        )

    def outcomes(self, person: Circumstances) -> Outcomes:
        """The outcome model of one person; or of N people at one set of numbers, with people in the place of axis D."""
        natural: Array = sum(
            (np.asarray(weight)[..., None, None] * self._course(stage) for stage, weight in person.stages.items()),
            start=np.zeros(1),
        )
        length = max(len(natural), len(person.worth))
        cared = np.array([is_cared(p) for p in self.procedures])
        added = self.contextual[:, :, None] * (1 - natural)
        control = natural[:, None] + added[:, None] * cared[:, None, None]
        bounded = np.clip(self.effect * self._factors(person, length)[:, :, None], -control, 1 - control)
        rehabilitation = [p.id for p in self.procedures].index(REHABILITATION)
        reached = self._reached(person, at_week(control + bounded, THERAPY_WEEK))
        therapy = bounded[:, rehabilitation].copy()
        specific, relieved = bounded, bounded.copy()
        alone = self._reached(person, at_week(control[:, rehabilitation], THERAPY_WEEK))
        specific[:, rehabilitation] *= alone[:, None]
        relieved[:, rehabilitation] *= self._reached(person, np.ones(1))[..., None, None]
        cost = np.repeat(self.cost, length // len(self.cost), axis=0)
        cost[:, rehabilitation] *= person.willing
        with_it = np.array([p.with_procedure == REHABILITATION for p in self.procedures])
        partner_effect = np.zeros_like(specific)
        partner_effect[:, with_it] = np.minimum(
            therapy[:, None] * reached[:, with_it, None], 1 - control[:, with_it] - specific[:, with_it]
        )
        opening = partner_effect.copy()
        opening[:, cared] += added[:, None]
        return Outcomes(
            actions=tuple(p.id for p in self.procedures),
            share=self.share,
            natural=natural,
            contextual=self._each(self.contextual, length),
            specific=specific,
            eased=relieved,
            cared=cared,
            partner=tuple(p.with_procedure for p in self.procedures),
            partner_effect=partner_effect,
            opening=opening,
            partner_cost=cost[:, rehabilitation, None] * with_it,
            cost=cost,
            harm=self._each(self.harm, length),
            serious=self._each(self.serious, length),
            wait=self.wait,
            review=self.review,
            worth=person.worth,
            half_life=self._each(self.half_life, length),
            repeat_ratio=self._each(self.repeat_ratio, length),
            includes=tuple(p.includes for p in self.procedures),
        )

    @staticmethod
    def _each(numbers: Array, length: int) -> Array:
        """The same for everybody, where people take the place of draws."""
        return np.broadcast_to(numbers, (length, *numbers.shape[1:]))

    def _course(self, stage: str) -> Array:
        """Natural course by level in one stage; (D, T, L + 1), worked out when it is first asked for."""
        if stage not in self.courses:
            own = {name: self.curves.course(name, stage) for name in dict.fromkeys(self.names)}
            self.courses[stage] = np.stack([own[name] for name in self.names], axis=2)
        return self.courses[stage]

    def _factors(self, person: Circumstances, length: int) -> Array:
        """What multiplies each action's effect at each level; shape (D, A, L + 1)."""
        found = np.ones((length, len(self.procedures), len(self.names)))
        for a, (procedure, ratios) in enumerate(zip(self.procedures, self.ratios, strict=True)):
            for generator, factor in _modified(procedure, ratios, person.chances, person.usual).items():
                for column, name in enumerate(self.names):
                    if name == generator:
                        found[:, a, column] = factor
        return found

    def _reached(self, person: Circumstances, relief: Array) -> Array:
        """Share of rehabilitation's effect that reaches the person, where `relief` is the probability of having relief.

        Relief restores part of what intolerance takes away, whether time, context or a needle brought it.
        """
        shape = (-1, *([1] * (relief.ndim - 1)))
        tolerated, willing, respite = (x.reshape(shape) for x in (person.tolerated, person.willing, self.respite))
        reached: Array = willing * (tolerated + respite * (1 - tolerated) * relief)
        return reached


def _ratios(procedure: Procedure, source: Draws) -> Iterator[Array]:
    for number, modifier in enumerate(procedure.modifiers):
        yield source.of(modifier.ratio, "log", f"procedures/{procedure.id}/modifier/{number}")


def _effect(procedure: Procedure, space: StateSpace, curves: CurveTable) -> Array:
    """Specific effect by level (D, T, L + 1) in the people whom trials usually take."""
    labels = [*space.levels, (NONSPECIFIC, "")]
    effect = np.zeros((curves.source.count + 1, len(WEEKS), len(labels)))
    for one in procedure.effects:
        value = curves.effect(procedure, one)
        for column, (generator, level) in enumerate(labels):
            if generator == one.generator and (not one.levels or level in one.levels):
                effect[:, :, column] = value
    return effect


def modifier_factors(procedure: Procedure, priors: Priors, profile: Profile, source: Draws) -> dict[str, Array]:
    """What multiplies the procedure's effect in this person, by generator that it reaches; each of shape (D,)."""
    return _modified(procedure, tuple(_ratios(procedure, source)), *modifiers_of(priors, [procedure], profile))


def _modified(
    procedure: Procedure, ratios: Sequence[Array], chances: Mapping[str, Number], usually: Mapping[tuple[str, str], Number]
) -> dict[str, Array]:
    """Factors by generator. Every modifier is divided by its average over the people who usually have the generator in this setting."""
    factors: dict[str, Array] = {e.generator: np.ones(1) for e in procedure.effects}
    for modifier, ratio in zip(procedure.modifiers, ratios, strict=True):
        for generator, before in factors.items():
            if modifier.generator in ("", generator):
                here = 1 + chances[modifier.when] * (ratio - 1)
                usual = 1 + usually[generator, modifier.when] * (ratio - 1)
                factors[generator] = before * here / usual
    return factors


def _half_lives(priors: Priors, procedures: Sequence[Procedure], source: Draws) -> Array:
    """Half-life of each procedure's effect after the last stated week: its own, or the one for all."""
    general = cast("Mapping[str, Quantity]", priors.economics["extrapolation"])["half_life_weeks"]
    columns = []
    for procedure in procedures:
        own = procedure.half_life_weeks
        name = f"procedures/{procedure.id}/half_life" if own else "extrapolation/half_life"
        columns.append(source.of(own or general, "log", name))
    return np.stack(columns, axis=1)


def _repeat_ratio(procedure: Procedure, source: Draws) -> Array:
    """Effect of a repeat over the first; 0 where nothing says that it is repeated."""
    if procedure.repeat_ratio is None:
        return np.zeros(source.count + 1)
    return source.of(procedure.repeat_ratio, "log", f"procedures/{procedure.id}/repeat")


def _points(procedures: Sequence[Procedure], name: str, source: Draws) -> Array:
    point = Draws(source.rows, 0, 0)
    return np.array([float(point.of(getattr(p, name), "identity", name)[0]) for p in procedures])


def is_cared(procedure: Procedure) -> bool:
    """Active care, which carries the contextual effect: everything but tests, blocks, medication and waiting."""
    return procedure.kind in ACTIVE_CARE


THERAPY_WEEK = 4.0
"""Week at which relief, from whatever source, is taken to let someone into therapy again (the first review)."""


def _harm(procedure: Procedure, source: Draws, *, serious: bool, weighted: bool) -> Array:
    """Expected harms per procedure: quality-adjusted years lost (`weighted`), or the count of serious ones."""
    total = np.zeros(source.count + 1)
    for harm in procedure.harms:
        if not procedure.counts(harm) or (serious and not harm.serious):
            continue
        name = f"procedures/{procedure.id}/{harm.id}"
        rate = source.of(harm.rate, "logit", name)
        total = total + rate * (source.of(harm.qaly_loss, "log", name + "/loss") if weighted else 1.0)
    return total


@lru_cache(maxsize=10_000)
def relief_weights(start: float, horizon: float, discount: float = 0.0) -> Array:
    """Weights over the five times whose product with a curve is its area from `start` to the horizon, in weeks.

    The curve is piecewise linear through 0 at its own week 0 and its values at weeks 2, 4, 13, 26 and 52
    (flat after), begins at `start`, and is cut at the horizon; discounting is continuous at the yearly rate.

    Returns
    -------
    ndarray, shape (T,)
    """
    room = horizon - start
    weights = np.zeros(len(WEEKS))
    if room <= 0:
        return weights
    knots = (0.0, *map(float, WEEKS))
    for i in range(len(WEEKS)):
        left, right = knots[i], knots[i + 1]
        end = min(right, room)
        if end <= left:
            break
        _add_segment(weights, i, left, right, end, start, discount)
    if room > knots[-1]:
        tail = room - knots[-1]
        weights[-1] += tail * np.exp(-np.log1p(discount) * (start + knots[-1] + tail / 2) / WEEKS_A_YEAR)
    weights.setflags(write=False)
    return weights


def _add_segment(weights: Array, i: int, left: float, right: float, end: float, start: float, discount: float) -> None:
    """Discounted area under one linear piece up to `end`, split between its two ends (two-point Gauss rule)."""
    for node in GAUSS:
        week = left + (end - left) * node
        area = (end - left) / 2 * np.exp(-np.log1p(discount) * (start + week) / WEEKS_A_YEAR)
        later = (week - left) / (right - left)
        weights[i] += later * area
        if i > 0:
            weights[i - 1] += (1 - later) * area


def at_week(curve: Array, week: float) -> Array:
    """Piecewise linear value at a week; `curve` has shape (..., T, X), the result (..., X)."""
    knots = np.array([0.0, *WEEKS])
    week = min(max(week, 0.0), knots[-1])
    right = min(int(np.searchsorted(knots, week, side="right")), len(knots) - 1)
    left = right - 1
    part = (week - knots[left]) / (knots[right] - knots[left])
    value: Array = part * curve[..., right - 1, :]
    if left > 0:
        value += (1 - part) * curve[..., left - 1, :]
    return value
