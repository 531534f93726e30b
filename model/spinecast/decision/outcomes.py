"""What each action adds, by generator level, week and draw.

Everything here is linear in one vector: the share of the person's pain that each generator level carries
(levels active in a state share the pain equally; no generator active is the level "nonspecific").

    natural course   n(l, t)      P(>= 50 % relief) with time and usual care
    control          c = n + k(t) (1 - n), k the one contextual effect of all active care
    active           a = c + d(action, l, t), d the specific effect over sham, 0 off target
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

import numpy as np

from spinecast.decision.costs import PAYER, cost_of
from spinecast.decision.curves import CurveTable
from spinecast.decision.numbers import Draws
from spinecast.decision.profile import Profile, Vocabulary, chance
from spinecast.frozen import dataclass
from spinecast.network.states import StateSpace
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array
from spinecast.priors.records import WEEKS, Modifier, Priors, Procedure, Quantity

NONSPECIFIC = "nonspecific"
ACTIVE_CARE = ("injection", "ablation", "surgery", "conservative", "urgent")
"""Kinds that carry the contextual effect. Medication does not: who waits has pills too, so another one adds no context."""

FINE_STEPS = ("medication", "examination")
"""Kinds that go along with everything else: they are weighed as steps of whole sequences, not ranked beside procedures."""

COURSES = {"weeks_0_6": "acute", "weeks_6_12": "subacute", "weeks_13_52": "chronic", "weeks_52_plus": "chronic"}
WEEKS_A_YEAR = 52.0
REHABILITATION = "rehabilitation"
PER_10000 = 10_000
GAUSS = (0.5 - 0.5 / math.sqrt(3.0), 0.5 + 0.5 / math.sqrt(3.0))
"""Nodes of the two-point Gauss-Legendre rule on 0 to 1; exact for cubics."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One person's outcome model; axis D is the point estimate followed by K draws.

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
    procedures = offered(priors, sequences=sequences)
    vocabulary = Vocabulary.of(priors)
    curves = CurveTable.of(priors, source)
    natural = _natural(space, profile, curves)
    contextual = curves.context()
    cared = np.array([is_cared(p) for p in procedures])
    raw = np.stack([_specific(p, space, profile, vocabulary, curves) for p in procedures], axis=1)
    control = natural[:, None] + (contextual[:, None, :, None] * (1 - natural[:, None])) * cared[None, :, None, None]
    bounded = np.clip(raw, -control, 1 - control)
    therapy = _therapy(priors, profile, source)
    index = [p.id for p in procedures].index(REHABILITATION)
    reached = therapy.share(at_week(control + bounded, THERAPY_WEEK))
    specific, relieved = bounded.copy(), bounded.copy()
    specific[:, index] *= therapy.share(at_week(control[:, index], THERAPY_WEEK))[:, None]
    relieved[:, index] *= therapy.share(np.ones(1))[:, None, None]
    serious = np.stack([_harm(p, source, serious=True, weighted=False) for p in procedures], axis=1)
    harm = np.stack([_harm(p, source, serious=False, weighted=True) for p in procedures], axis=1)
    cost = np.stack([cost_of(p, perspective, priors, source) for p in procedures], axis=1)
    cost[:, index] *= therapy.willing
    with_it = np.array([p.with_procedure == REHABILITATION for p in procedures])
    partner_effect = bounded[:, index, None] * reached[:, :, None] * with_it[None, :, None, None]
    return Outcomes(
        actions=tuple(p.id for p in procedures),
        share=pain_shares(space),
        natural=natural,
        contextual=contextual,
        specific=specific,
        eased=relieved,
        cared=cared,
        partner=tuple(p.with_procedure for p in procedures),
        partner_effect=np.minimum(partner_effect, 1 - control - specific),
        partner_cost=cost[:, index, None] * with_it,
        cost=cost,
        harm=harm,
        serious=serious,
        wait=_points(procedures, "wait_weeks", source),
        review=_points(procedures, "review_weeks", source),
        worth=_worth(priors, profile, source),
        half_life=_half_lives(priors, procedures, source),
        repeat_ratio=np.stack([_repeat_ratio(p, source) for p in procedures], axis=1),
        includes=tuple(p.includes for p in procedures),
    )


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


def _natural(space: StateSpace, profile: Profile, curves: CurveTable) -> Array:
    """Natural course by level (D, T, L + 1), averaged over how long the pain may have lasted."""
    weights = course_weights(profile)
    columns = []
    for generator in [g for g, _ in space.levels] + [NONSPECIFIC]:
        stages = [weight * curves.course(generator, stage) for stage, weight in weights.items()]
        columns.append(np.sum(stages, axis=0))
    return np.stack(columns, axis=2)


def course_weights(profile: Profile) -> dict[str, float]:
    """Probability of each stage (acute, subacute, chronic) from the duration of the pain, known or not."""
    value = profile.values.get("duration")
    chances = {value: 1.0} if isinstance(value, str) else profile.chances.get("duration", {"weeks_13_52": 1.0})
    weights: dict[str, float] = {}
    for band, probability in chances.items():
        weights[COURSES[band]] = weights.get(COURSES[band], 0.0) + probability
    return weights


def _specific(procedure: Procedure, space: StateSpace, profile: Profile, vocabulary: Vocabulary, curves: CurveTable) -> Array:
    """Specific effect by level (D, T, L + 1) with the person's modifiers."""
    labels = [*space.levels, (NONSPECIFIC, "")]
    effect = np.zeros((curves.source.count + 1, len(WEEKS), len(labels)))
    factors = modifier_factors(procedure, profile, vocabulary, curves.source)
    for one in procedure.effects:
        value = curves.effect(procedure, one) * factors[one.generator][:, None]
        for column, (generator, level) in enumerate(labels):
            if generator == one.generator and (not one.levels or level in one.levels):
                effect[:, :, column] = value
    return effect


def modifier_factors(procedure: Procedure, profile: Profile, vocabulary: Vocabulary, source: Draws) -> dict[str, Array]:
    """What multiplies the procedure's effect in this person, by generator that it reaches; each of shape (D,).

    Every modifier is divided by its average over the people who usually have the generator in this setting.
    """
    factors = {e.generator: np.ones(source.count + 1) for e in procedure.effects}
    for number, modifier in enumerate(procedure.modifiers):
        ratio = source.of(modifier.ratio, "log", f"procedures/{procedure.id}/modifier/{number}")
        here = 1 + chance(modifier.when, profile, vocabulary) * (ratio - 1)
        for generator, before in factors.items():
            if modifier.generator in ("", generator):
                usual = 1 + _usual_share(modifier, generator, profile, vocabulary) * (ratio - 1)
                factors[generator] = before * here / usual
    return factors


def _usual_share(modifier: Modifier, generator: str, profile: Profile, vocabulary: Vocabulary) -> float:
    """How often the modifier is true of people with this generator: a published effect is their average already."""
    usual = profile.usual.get(generator)
    return chance(modifier.when, Profile(chances=usual), vocabulary) if usual else 0.0


THERAPY_WEEK = 4.0
"""Week at which relief, from whatever source, is taken to let someone into therapy again (the first review)."""


@dataclass(frozen=True, slots=True)
class _Therapy:
    """How much of rehabilitation reaches this person; each of shape (D,)."""

    tolerated: Array
    willing: Array
    respite: Array

    def share(self, relief: Array) -> Array:
        """Share of its effect, where `relief` is the probability of having relief; broadcasts over its later axes.

        Relief restores part of what intolerance takes away, whether time, context or a needle brought it.
        """
        shape = (-1, *([1] * (relief.ndim - 1)))
        tolerated, willing, respite = (x.reshape(shape) for x in (self.tolerated, self.willing, self.respite))
        reached: Array = willing * (tolerated + respite * (1 - tolerated) * relief)
        return reached


def _therapy(priors: Priors, profile: Profile, source: Draws) -> _Therapy:
    table = cast("Mapping[str, object]", priors.economics["therapy"])
    return _Therapy(
        _choice(table, "therapy_tolerance", profile, source),
        _choice(table, "rehabilitation_willing", profile, source),
        source.of(cast("Quantity", table["respite"]), "logit", "therapy/respite"),
    )


def _choice(table: Mapping[str, object], name: str, profile: Profile, source: Draws) -> Array:
    """Factor of the recorded answer; 1 where nothing was recorded."""
    value = profile.values.get(name)
    if value is None:
        return np.ones(source.count + 1)
    quantity = cast("Mapping[str, Quantity]", table[name])[str(value)]
    return np.clip(source.of(quantity, "logit", f"therapy/{name}/{value}"), 0, 1)


def _harm(procedure: Procedure, source: Draws, *, serious: bool, weighted: bool) -> Array:
    """Expected harms per procedure: quality-adjusted years lost (`weighted`), or the count of serious ones."""
    total = np.zeros(source.count + 1)
    for harm in procedure.harms:
        if serious and not harm.serious:
            continue
        name = f"procedures/{procedure.id}/{harm.id}"
        rate = source.of(harm.rate, "logit", name)
        total = total + rate * (source.of(harm.qaly_loss, "log", name + "/loss") if weighted else 1.0)
    return total


SEVERITY = (("mild", 0.0, 4.0), ("moderate", 4.0, 7.0), ("severe", 7.0, 10.1))
# Bands of the 0-10 scale as the utility rows group them; a choice of bands, not of numbers.


def _severity_shares(priors: Priors, profile: Profile) -> dict[str, float]:
    """The recorded band, or the declared shares of the bands where severity was not recorded."""
    severity = profile.values.get("pain_severity")
    if isinstance(severity, int | float):
        return {next(band for band, low, high in SEVERITY if low <= severity < high): 1.0}
    table = cast("Mapping[str, Quantity]", priors.economics["unknown_severity"])
    shares = {band: estimate(table[band], priors.rows, "logit").value for band, _, _ in SEVERITY}
    total = sum(shares.values())
    return {band: share / total for band, share in shares.items()}


def _worth(priors: Priors, profile: Profile, source: Draws) -> Array:
    """Quality-adjusted years regained per year of half relief: loss at this severity times the share regained."""
    table = cast("Mapping[str, Quantity]", priors.economics["utility"])
    losses = {band: source.of(table[f"loss_{band}"], "logit", f"utility/{band}") for band, _, _ in SEVERITY}
    loss = sum(share * losses[band] for band, share in _severity_shares(priors, profile).items())
    awakenings = profile.values.get("sleep_awakenings")
    if isinstance(awakenings, int | float):
        loss = loss + awakenings * source.of(table["loss_per_awakening"], "logit", "utility/awakening")
    return np.minimum(loss, 1.0) * source.of(table["share_regained"], "logit", "utility/share")


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
    padded = np.concatenate([np.zeros_like(curve[..., :1, :]), curve], axis=-2)
    week = min(max(week, 0.0), knots[-1])
    right = min(int(np.searchsorted(knots, week, side="right")), len(knots) - 1)
    left = right - 1
    part = (week - knots[left]) / (knots[right] - knots[left])
    value: Array = (1 - part) * padded[..., left, :] + part * padded[..., right, :]
    return value
