"""One procedure for people: its curves with bands, published time points, modifiers, harms, costs and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from spinecast.analysis.curve_problem import STAGES
from spinecast.analysis.trials import population
from spinecast.assessment.model import Model
from spinecast.decision.costs import PERSPECTIVES, cost_of
from spinecast.decision.gates import applies
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import is_cared
from spinecast.errors import ArtefactError, UnknownIdError
from spinecast.parameters.curves import relief, settling
from spinecast.parameters.outcome_curves import CONTEXT, OutcomeCurves, course_name, effect_name
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array, Scale
from spinecast.priors.bibliography import read_sources
from spinecast.priors.records import WEEKS, Effect, Harm, Priors, Procedure, Quantity, Trial

DRAWS, SEED = 400, 20260101
SETTING = "spine_clinic"
"""Whose usual people the curves are drawn for."""

ARMS = ("active", "sham", "usual_care")


@dataclass(frozen=True, slots=True)
class Band:
    """A curve at its centre with a 95 % band, each at the sheet's weeks."""

    centre: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """A published time point: a share of an arm, or a difference over sham or usual care."""

    label: str
    arm: str
    over: str
    week: float
    value: float
    low: float
    high: float
    fitted: bool
    citation: str


@dataclass(frozen=True, slots=True)
class EffectCurves:
    """Arms for people who all have one generator, as they usually come to a spine clinic.

    Attributes
    ----------
    weeks : tuple of float
    active, sham, usual_care : Band
        P(>= 50 % relief).
    over_sham, over_usual_care : Band
        Specific effect, and total effect with the contextual one.
    """

    generator: str
    label: str
    weeks: tuple[float, ...]
    active: Band
    sham: Band
    usual_care: Band
    over_sham: Band
    over_usual_care: Band
    published: tuple[Published, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its interval and what it rests on."""

    label: str
    value: float
    low: float
    high: float
    unit: str
    rests_on: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule that speaks about the procedure."""

    label: str
    effect: str
    rule_sets: tuple[str, ...]
    message: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProcedureSheet:
    """Everything that is known of a procedure."""

    id: str
    label: str
    kind: str
    description: str
    repeats: str
    effects: tuple[EffectCurves, ...]
    modifiers: tuple[Figure, ...]
    harms: tuple[Figure, ...]
    harms_elsewhere: tuple[Figure, ...]
    steroid_kind: str
    steroid: tuple[Figure, ...]
    radiation: tuple[Figure, ...]
    costs: tuple[Figure, ...]
    rules: tuple[RuleLine, ...]
    currency: str
    year: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` of `spinecast procedure`."""
        return asdict(self)


def procedure_sheet(model: Model, key: str, weeks: Sequence[float] = WEEKS) -> ProcedureSheet:
    """The sheet of one procedure.

    Parameters
    ----------
    model : Model
    key : str
        Id of a procedure.
    weeks : sequence of float
        Weeks from the procedure at which curves are given.

    Raises
    ------
    UnknownIdError
        No procedure has this id.
    ArtefactError
        The outcome curves have not been fitted.
    """
    priors = model.priors
    if key not in priors.procedures:
        raise UnknownIdError("procedure", key, tuple(priors.procedures))
    procedure = priors.procedures[key]
    curves = priors.curves
    if not isinstance(curves, OutcomeCurves):
        raise ArtefactError("there are no fitted outcome curves; run `spinecast fit --outcomes`")
    currency: Mapping[str, object] = priors.economics["currency"]  # type: ignore[assignment]
    return ProcedureSheet(
        id=key,
        label=procedure.label,
        kind=procedure.kind,
        description=procedure.description,
        repeats=procedure.repeats,
        effects=tuple(_effect(model, curves, procedure, e, np.array(weeks, dtype=float)) for e in procedure.effects),
        modifiers=tuple(
            _number(priors, _reach(priors, m.label, m.generator), m.ratio, "log", "times") for m in procedure.modifiers
        ),
        harms=tuple(_harm(priors, h) for h in procedure.harms if procedure.counts(h)),
        harms_elsewhere=tuple(_harm(priors, h) for h in procedure.harms if not procedure.counts(h)),
        steroid_kind=procedure.steroid_kind,
        steroid=tuple(_steroid(priors, procedure)) if procedure.steroid else (),
        radiation=tuple(_radiation(priors, procedure)),
        costs=tuple(_costs(priors, procedure)),
        rules=tuple(_rules(priors, procedure)),
        currency=str(currency["code"]),
        year=int(str(currency["year"])),
    )


def _reach(priors: Priors, label: str, generator: str) -> str:
    return label + (f" ({priors.generators[generator].label})" if generator in priors.generators else "")


def _effect(model: Model, curves: OutcomeCurves, procedure: Procedure, effect: Effect, weeks: Array) -> EffectCurves:
    source = Draws(model.priors.rows, DRAWS, SEED)
    sampled = curves.sampled(source.normal_columns(curves.columns))
    people = population(_usual(effect), model)
    place = {name: i for i, name in enumerate(curves.courses)}
    usual = sum(
        people.stages.get(stage, 0.0) * settling(sampled.courses[:, place[course_name(effect.generator, stage)], None, :], weeks)
        for stage in STAGES
    )
    usual = np.asarray(usual)
    own = curves.effects.index(effect_name(procedure.id, effect.generator, effect.levels))
    context = relief(sampled.effects[:, curves.effects.index(CONTEXT), None, :], weeks).clip(0, 1) * is_cared(procedure)
    sham = usual + context * (1 - usual)
    specific = relief(sampled.effects[:, own, None, :], weeks).clip(-sham, 1 - sham)
    generator = model.priors.generators.get(effect.generator)
    label = (generator.label if generator else "Nonspecific pain") + (f" ({', '.join(effect.levels)})" if effect.levels else "")
    return EffectCurves(
        generator=effect.generator,
        label=label.replace("_", " "),
        weeks=tuple(weeks.tolist()),
        active=_band(sham + specific),
        sham=_band(sham),
        usual_care=_band(usual),
        over_sham=_band(specific),
        over_usual_care=_band(sham + specific - usual),
        published=tuple(_published(model, procedure.id, effect.generator)),
    )


def _usual(effect: Effect) -> Trial:
    """People who come to a spine clinic with the generator, of whom nothing else is known."""
    return Trial(effect.generator, "", "", SETTING, effect.generator, effect.levels, {}, {}, ())


def _band(draws: Array) -> Band:
    low, high = np.quantile(draws[1:], [0.025, 0.975], axis=0)
    return Band(tuple(draws[0].tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _published(model: Model, procedure: str, generator: str) -> Iterator[Published]:
    """Time points of trials of the procedure in people with the generator (or in whom it may be), their controls included."""
    priors = model.priors
    sources = read_sources(priors.folder / "sources.bib")
    effects = [e.generator for e in priors.procedures[procedure].effects]
    for trial in priors.trials.values():
        own = trial.generator == generator or (not trial.generator and generator == effects[0])
        if not own or not any(procedure in arm.arm for arm in trial.arms):
            continue
        for arm in trial.arms:
            if procedure not in arm.arm and not set(arm.arm) <= set(ARMS):
                continue
            made = estimate(arm.published, priors.rows, "identity" if arm.over else "logit")
            low, high = made.interval
            rows = [priors.rows[r] for r in arm.published.rows if r in priors.rows]
            citation = ", ".join(sorted({sources[r.source].short for r in rows if r.source in sources}))
            name = "active" if procedure in arm.arm else arm.arm[0]
            yield Published(trial.label, name, arm.over, arm.week, made.value, low, high, arm.fitted, citation)


def _number(priors: Priors, label: str, quantity: Quantity, scale: Scale, unit: str) -> Figure:
    made = estimate(quantity, priors.rows, scale)
    low, high = made.interval
    basis = ", ".join(quantity.rows) if quantity.rows else "assumed"
    return Figure(label, made.value, low, high, unit, basis + (f": {quantity.why}" if quantity.why else ""))


def _harm(priors: Priors, harm: Harm) -> Figure:
    where = "in the neck" if harm.region == "cervical" else harm.region
    kind = f"{harm.steroid.replace('_', '-')} steroid" if harm.steroid else ""
    holds = ", ".join(word for word in (where, kind, "serious" if harm.serious else "") if word)
    return _number(priors, harm.label + (f" ({holds})" if holds else ""), harm.rate, "logit", "of those treated")


def _radiation(priors: Priors, procedure: Procedure) -> Iterator[Figure]:
    """Dose of the guidance; said and not valued, since no harm could be put to it."""
    if procedure.radiation_msv is not None:
        yield _number(priors, "Effective dose of the guidance", procedure.radiation_msv, "log", "mSv")


def _steroid(priors: Priors, procedure: Procedure) -> Iterator[Figure]:
    """What a steroid does beside the target, and which kind does more at it."""
    if procedure.particulate_ratio is not None:
        label = "Half relief with a particulate steroid over another, odds"
        yield _number(priors, label, procedure.particulate_ratio, "log", "times")
    table: Mapping[str, Quantity] = priors.economics.get("steroid", {})  # type: ignore[assignment]
    words = {
        "glucose_rise": ("Glucose rise in diabetes", "mg/dL"), "glucose_half_life": ("Half-life of the glucose rise", "days"),
        "suppression_40mg": ("Adrenal suppression after triamcinolone 40 mg", "days"),
        "suppression_20mg": ("Adrenal suppression after triamcinolone 20 mg", "days"),
        "fracture": ("Hazard of vertebral fracture, times per injection", "times"),
        "bone_year_mg": ("Steroid in a year above which bone density fell, as methylprednisolone", "mg"),
    }  # fmt: skip
    for name, (label, unit) in words.items():
        if name in table:
            yield _number(priors, label, table[name], "log", unit)


def _costs(priors: Priors, procedure: Procedure) -> Iterator[Figure]:
    source = Draws(priors.rows, DRAWS, SEED)
    for perspective in PERSPECTIVES:
        drawn = cost_of(procedure, perspective, priors, source)
        low, high = np.quantile(drawn[1:], [0.025, 0.975])
        place = perspective.removeprefix("payer_")
        own = place in procedure.costs
        rests = procedure.costs[place] if own else procedure.cost_usd
        why = rests.why if own or perspective in ("payer", "patient") else "no fee by place is published: the payer's average"
        yield Figure(perspective, float(drawn[0]), float(low), float(high), "", why)


def _rules(priors: Priors, procedure: Procedure) -> Iterator[RuleLine]:
    for rule in priors.rules.values():
        if applies(rule, procedure):
            yield RuleLine(rule.label, rule.effect, rule.rule_sets, rule.message, rule.sources)
