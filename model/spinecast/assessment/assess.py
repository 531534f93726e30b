"""One patient in, a cited differential and a ranked plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import spinecast
from spinecast.assessment import influence, reasons
from spinecast.assessment.assessment import Assessment, Explanation, GeneratorProbability, Provenance, Settings
from spinecast.assessment.covering import covered
from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.localisation import Localisation, crediting, localise
from spinecast.assessment.model import Model, load_model
from spinecast.assessment.observing import Observer
from spinecast.assessment.outcome_evidence import informs, outcome_states, part_name
from spinecast.assessment.patient import Patient, parse_patient
from spinecast.assessment.profiling import profile_of
from spinecast.assessment.steroid import steroid_year
from spinecast.decision.costs import PAYER
from spinecast.decision.gates import Gates, evaluate_gates, permission
from spinecast.decision.outcomes import Outcomes, compile_outcomes
from spinecast.decision.plan import Observe, Plan, state_values
from spinecast.decision.planner import Planner
from spinecast.decision.profile import Profile
from spinecast.decision.ranking import RankedAction, rank
from spinecast.decision.settings import (
    DEFAULT_DEPTH,
    DEFAULT_RULE_SET,
    MONEY,
    RELIEF_WEEKS,
    DecisionSettings,
    decision_settings,
)
from spinecast.engines import exact
from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.parameters.quantiles import quantiles
from spinecast.parameters.scales import Array
from spinecast.priors.deferred import Deferred
from spinecast.wording import value_words, words

DEFAULT_DRAWS = 200
DEFAULT_SEED = 20260101

MOST_EXPLANATIONS = 5
REASONED = 3
"""Generators for which the weight of evidence is worked out."""

UNITS = {
    MONEY: "net benefit over waiting, in money at the stated willingness to pay for a quality-adjusted life year",
    RELIEF_WEEKS: "discounted weeks of at least half relief over waiting, harm counted in them, cost left out",
}
CONTROL = "sham (specific effect) plus one contextual effect common to all active care; zero is waiting with the natural course"


def assess(
    patient: Mapping[str, Any] | Patient | str | Path,
    *,
    rule_set: str | None = None,
    willingness_to_pay: float | None = None,
    horizon_weeks: float | None = None,
    value_in: str = MONEY,
    perspective: str = PAYER,
    depth: int = DEFAULT_DEPTH,
    draws: int = DEFAULT_DRAWS,
    seed: int = DEFAULT_SEED,
    model: Model | None = None,
) -> Assessment:
    """Assess one patient.

    Parameters
    ----------
    patient : mapping, Patient, or path of a TOML, YAML or JSON file
        Sections label, setting, context, findings, inputs, procedures, goals; what is absent is unobserved.
    rule_set : str, optional
        Whose rules gate the plan; the patient file's own, else "guideline".
    willingness_to_pay : float, optional
        Money per quality-adjusted life year.
    horizon_weeks : float, optional
        At most 104; beyond 52 plans follow whole sequences, with pain that comes back and repeats.
    value_in : str
        "money", or "relief_weeks" to leave cost out.
    perspective : str
        Whose cost counts: "payer", "payer_office", "payer_facility" or "patient".
    depth : int
        Decisions that a plan looks ahead.
    draws : int
        Parameter draws behind the intervals (at most those that the fit stored).
    seed : int
        Of the outcome draws; the network's draws are those of the fit.
    model : Model, optional
        From `load_model`; the installed priors by default.

    Returns
    -------
    Assessment

    Raises
    ------
    InputError
        The patient is not lawful; the message names field, value, what is allowed and the nearest match.
    ImpossibleFindingsError
        The findings cannot all be true; the error names an irreducible conflicting set.
    """
    return prepare(
        patient,
        rule_set=rule_set,
        willingness_to_pay=willingness_to_pay,
        horizon_weeks=horizon_weeks,
        value_in=value_in,
        perspective=perspective,
        depth=depth,
        draws=draws,
        seed=seed,
        model=model,
    ).assessment()


def prepare(
    patient: Mapping[str, Any] | Patient | str | Path,
    *,
    rule_set: str | None = None,
    willingness_to_pay: float | None = None,
    horizon_weeks: float | None = None,
    value_in: str = MONEY,
    perspective: str = PAYER,
    depth: int = DEFAULT_DEPTH,
    draws: int = DEFAULT_DRAWS,
    seed: int = DEFAULT_SEED,
    model: Model | None = None,
    sequences: bool | None = None,
) -> Case:
    """What `assess` answers from: evidence, beliefs and draws of one patient; arguments and errors are those of `assess`.

    `sequences`: whole sequences, with relief that ends and repeats; by default where the horizon is more than a year.
    """
    model = model or load_model()
    if isinstance(patient, str | Path):
        patient = read_patient_file(Path(patient))
    known = patient if isinstance(patient, Patient) else parse_patient(patient, model.priors)
    settings = decision_settings(
        model.priors,
        rule_set=rule_set or known.rule_set or DEFAULT_RULE_SET,
        horizon_weeks=horizon_weeks,
        value_in=value_in,
        perspective=perspective,
        willingness_to_pay=willingness_to_pay,
        depth=depth,
        sequences=sequences,
    )
    return Case.of(model, known, settings, min(draws, len(model.draws)), seed)


@dataclass(frozen=True, slots=True)
class Case:
    """One patient under one model, with what every part of the answer needs."""

    model: Model
    patient: Patient
    settings: DecisionSettings
    evidence: Evidence
    belief: Array
    near: Network
    draws: Array
    places: Mapping[str, Localisation]
    profile: Profile
    seed: int

    @classmethod
    def of(cls, model: Model, patient: Patient, settings: DecisionSettings, draws: int, seed: int) -> Case:
        network = model.network
        evidence = to_evidence(patient, network)
        belief = exact.posterior(network, network.theta, evidence).states
        credit = crediting(network, evidence, belief)
        places = Deferred(lambda: {g: g for g in network.space.generators}, partial(localise, patient, model.priors, credit))
        theta = np.concatenate([network.theta[None], model.draws[:draws]])
        outcomes: dict[str, Array] = {}
        if any(p.reviewed for p in patient.procedures):
            before = profile_of(model, replace(patient, elapsed_weeks=0.0, now={}), evidence, belief)
            outcomes = outcome_states(model, patient, before, places, draws=len(theta) - 1, seed=seed)
            evidence = replace(evidence, states={k: v[0] for k, v in outcomes.items()})
            belief = exact.posterior(network, network.theta, evidence).states
        near = network.restricted(np.flatnonzero(covered(belief)))
        drawn = exact.posterior(near, theta, replace(evidence, states=outcomes)).states
        return cls(
            model, patient, settings, evidence, belief, near, drawn, places, profile_of(model, patient, evidence, belief), seed
        )

    def assessment(self) -> Assessment:
        """Differential from all states; intervals, plans and ranking from those that carry nearly all of the belief."""
        model, network = self.model, self.model.network
        differential = _differential(self)
        options = self.options()
        gates, observer, plans = options.gates, options.observer, options.plans
        rows = self.ranking(options)
        parts = reasons.joint_parts(network, network.theta, self.evidence)
        leaders = [g.id for g in differential[:REASONED]]
        labels, said = _labels(model) | outcome_labels(self), observed(self)
        naming = reasons.Naming(labels, dict(said))
        return Assessment(
            label=self.patient.label,
            differential=differential,
            nonspecific=float(self.belief[0]),
            explanations=_explanations(self, labels),
            ranking=rows,
            settings=_printed(self),
            flags=gates.flags,
            plan=plans[rows[0].id],
            plan_notes=_notes(self, plan_actions(plans[rows[0].id])),
            why=reasons.weights_of_evidence(network, self.evidence, parts, leaders, naming),
            next_findings=reasons.next_findings(observer, options.values(self.settings)),
            surprise=reasons.surprise(network, self.evidence, parts, naming),
            provenance=_provenance(self, leaders[0]),
            observed=said,
            goals=tuple(_goal_text(g.goal, g.baseline, g.target, g.unit) for g in self.patient.goals),
            disclaimer=spinecast.DISCLAIMER,
            labels=labels,
            patient=self.patient.table,
            steroid=steroid_year(self.patient.procedures, model.priors),
        )

    def probabilities(self) -> dict[tuple[str, str], float]:
        """Probability of each generator ("" as level) and of each of its levels."""
        space = self.model.network.space
        found = {level: float(self.belief @ space.active[:, i]) for i, level in enumerate(space.levels)}
        return found | {(g, ""): float(self.belief @ space.mask(g)) for g in space.generators}

    def planner(self, outcomes: Outcomes, gates: Gates, observer: Observe, rule_set: str | None = None) -> Planner:
        """Plans for this person under a rule set; that of the settings by default."""
        priors = self.model.priors
        kinds = tuple(priors.procedures[a].kind for a in outcomes.actions)
        rules, sequences = rule_set or self.settings.rule_set, self.settings.sequences
        permitted = permission(priors, self.profile, gates, rules, sequences=sequences)
        return Planner(outcomes, self.settings, kinds, observer, permitted)

    def tools(self) -> tuple[Gates, Outcomes, Observer]:
        """What the rules say, what every action does, and what it shows."""
        priors = self.model.priors
        gates = evaluate_gates(priors, self.profile, self.probabilities(), self.settings.rule_set)
        outcomes = compile_outcomes(
            priors,
            self.near.space,
            self.profile,
            source=self.model.outcome_source(len(self.draws) - 1, self.seed),
            sequences=self.settings.sequences,
            perspective=self.settings.perspective,
        )
        return gates, outcomes, Observer(self.near, self.near.theta, priors, self.evidence, self.draws[0])

    def options(self) -> Options:
        """Every action, what it does and shows, and the best plan that begins with it."""
        gates, outcomes, observer = self.tools()
        return Options(outcomes, gates, observer, self.planner(outcomes, gates, observer).best_plans(self.draws[0]))

    def ranking(self, options: Options) -> tuple[RankedAction, ...]:
        """Every action, best first, as the answer has it."""
        places = _targets(self)
        return rank(self.model.priors, options.outcomes, options.plans, self.draws, options.gates, self.settings, places)

    def printed(self) -> Settings:
        """The choices behind the numbers, as they are printed."""
        return _printed(self)

    def names(self, actions: Iterable[str]) -> dict[str, str]:
        """Each action in words, with where it is aimed."""
        targets, procedures = _targets(self), self.model.priors.procedures
        return {a: ", ".join(p for p in (procedures[a].label, " ".join(targets[a]).strip()) if p) for a in sorted(actions)}

    def notes(self, actions: Iterable[str]) -> dict[str, str]:
        """What is done alongside each action, and how it repeats."""
        return _notes(self, actions)


@dataclass(frozen=True, slots=True)
class Options:
    """What can be done for one person, and the best plan that begins with each action."""

    outcomes: Outcomes
    gates: Gates
    observer: Observer
    plans: Mapping[str, Plan]

    @property
    def allowed(self) -> tuple[str, ...]:
        """Actions that no rule blocks."""
        return tuple(name for name in self.plans if not self.gates.blocked(name))

    def values(self, settings: DecisionSettings) -> Array:
        """Value in each state of the plan that begins with each allowed action; shape (plans, S)."""
        return np.stack([state_values(self.plans[name], self.outcomes, settings) for name in self.allowed])


def _differential(case: Case) -> tuple[GeneratorProbability, ...]:
    network, near = case.model.network, case.near.space
    draws = case.draws[1:] if len(case.draws) > 1 else case.draws
    masks = np.stack([near.mask(g) for g in network.space.generators], axis=1)
    lows, highs = quantiles(draws @ masks.astype(float)).tolist()
    rows = []
    for generator, low, high in zip(network.space.generators, lows, highs, strict=True):
        mask = network.space.mask(generator)
        place = case.places[generator]
        rows.append(
            GeneratorProbability(
                generator, network.generator_labels[generator], float(case.belief @ mask), low, high,
                _levels(case, generator), place.sides, place.sites, place.other_side,
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (-r.probability, r.id)))


def _levels(case: Case, generator: str) -> dict[str, float]:
    space = case.model.network.space
    return {
        level: float(case.belief @ space.active[:, i]) for i, (g, level) in enumerate(space.levels) if g == generator and level
    }


def _explanations(case: Case, labels: Mapping[str, str]) -> tuple[Explanation, ...]:
    space, belief = case.model.network.space, case.belief
    likely = belief @ space.active
    found = []
    for s in np.argsort(-belief, kind="stable")[:MOST_EXPLANATIONS]:
        levels = [space.levels[i] for i in sorted(np.flatnonzero(space.active[s]), key=lambda i: -likely[i])]
        said = [labels[g] + (f" ({words(level)})" if level else "") for g, level in levels]
        text = " with ".join(p for p in (" ".join(said[:1]), " and ".join(said[1:])) if p) or "Nonspecific pain"
        found.append(Explanation(tuple(g for g, _ in levels), text, float(belief[s])))
    return tuple(found)


def _targets(case: Case) -> dict[str, tuple[str, str]]:
    """(level, side) of each action from what it aims at."""
    return {name: _target(case, p.aim, [e.generator for e in p.effects]) for name, p in case.model.priors.procedures.items()}


def _target(case: Case, aim: str, generators: list[str]) -> tuple[str, str]:
    aimed = [g for g in generators if g in case.places]
    if aim == "none" or not aimed:
        return "", ""
    probability = {g: float(case.belief @ case.model.network.space.mask(g)) for g in aimed}
    generator = max(aimed, key=lambda g: probability[g])
    place = case.places[generator]
    levels, side = _levels(case, generator), "" if place.side == MIDLINE else place.side
    if aim == "root" and levels:
        return words(max(levels, key=lambda k: levels[k])), side
    if aim == "facet_levels" and place.sites:
        top = sorted(place.sites, key=lambda k: -place.sites[k])[:2]
        return " and ".join(words(s) for s in sorted(top)), side
    return words(place.site), side


MIDLINE = "midline"
"""No side at which an action is aimed: a vertebra, a disc or the canal is reached as it lies."""


def _notes(case: Case, actions: Iterable[str]) -> dict[str, str]:
    """What is done alongside each action, and how it repeats."""
    notes = {}
    for action in actions:
        procedure = case.model.priors.procedures[action]
        parts = [procedure.with_it and f"with {procedure.with_it}", procedure.repeats and f"repeats: {procedure.repeats}"]
        notes[action] = "; ".join(p for p in parts if p)
    return notes


def plan_actions(plan: Plan | None) -> tuple[str, ...]:
    """Every action that a plan mentions, in order of appearance."""
    if plan is None:
        return ()
    later = [a for branch in plan.branches for a in plan_actions(branch.then)]
    return tuple(dict.fromkeys([plan.action, *later]))


def _printed(case: Case) -> Settings:
    s = case.settings
    return Settings(
        rule_set=s.rule_set, horizon_weeks=s.horizon_weeks, willingness_to_pay=s.willingness_to_pay, discount=s.discount, depth=s.depth,
        draws=len(case.draws) - 1, seed=case.seed, currency=s.currency, year=s.year, perspective=s.perspective, value_in=s.value_in,
        value_unit=s.value_unit, unit=UNITS[s.value_in], control=CONTROL,
        setting=case.patient.setting or "unknown",
    )  # fmt: skip


def _provenance(case: Case, leader: str) -> Provenance:
    model = case.model
    near = reasons.joint_parts(case.near, case.near.theta, case.evidence)
    slopes = influence.influences(case.near, case.evidence, near, leader)
    share, assumed = influence.share_from_evidence(model, slopes)
    rows = {r for i in slopes for q in [model.network.parameters[i].quantity] if q is not None for r in q.rows}
    sources = sorted({model.priors.rows[r].source for r in rows if r in model.priors.rows})
    return Provenance(
        version=spinecast.__version__, priors_hash=model.priors.content_hash, fit_hash=model.fit_hash, share_from_evidence=share,
        assumed=assumed, unfitted=len(model.unfitted),
        stale=model.stale, sources=tuple(sources), learned=model.learned,
    )  # fmt: skip


def _labels(model: Model) -> dict[str, str]:
    priors = model.priors
    tables: tuple[Mapping[str, Any], ...] = (
        priors.generators, priors.findings, priors.contexts, priors.dependencies, priors.procedures,
    )  # fmt: skip
    return {k: v.label for table in tables for k, v in table.items()}


def outcome_labels(case: Case) -> dict[str, str]:
    """Names of the outcomes that count as evidence."""
    procedures = case.model.priors.procedures
    return {
        part_name(i): f"Outcome of {procedures[p.procedure].label.lower()} at week {p.reviewed_weeks:g}"
        for i, p in enumerate(case.patient.procedures, start=1)
        if informs(p, procedures[p.procedure])
    }


def observed(case: Case) -> tuple[tuple[str, str], ...]:
    """What was recorded, as it was recorded: value (or the values left open), level and side; what a side tells says so."""
    leaves = case.model.network.leaves
    given, findings = case.patient.table.get("findings", {}), case.model.priors.findings
    shown = {}
    for name, seen in {**case.patient.contexts, **case.patient.findings}.items():
        values = leaves[name].values if name in leaves else ()
        text = value_words(name, seen.value) if seen.value else _left_open(name, values, seen.likelihood)
        told = "by the side recorded" if name in findings and findings[name].from_side and name not in given else ""
        shown[name] = ", ".join(p for p in (text, words(seen.level), seen.side, told) if p)
    shown |= {c.family: f"{c.positive} of {len(c.tests)} positive" for c in case.patient.counts}
    shown |= {
        name: f"{case.patient.procedures[i - 1].reviewed_relief_percent:g} % relief"
        for i in range(1, len(case.patient.procedures) + 1)
        if (name := part_name(i)) in case.evidence.states
    }
    return tuple(shown.items())


def _left_open(name: str, values: Sequence[str], likelihood: Sequence[float]) -> str:
    """Soft evidence in words: the values that remain, or the likeliest where all do."""
    said = [value_words(name, v) for v in values]
    remain = [v for v, weight in zip(said, likelihood, strict=False) if weight > 0]
    if len(remain) < len(values):
        return " or ".join(remain)
    return f"uncertain and likelier {said[int(np.argmax(likelihood))]}"


def _goal_text(goal: str, baseline: str, target: str, unit: str) -> str:
    span = f": from {baseline} to {target} {unit}".rstrip() if baseline or target else ""
    return goal + span
