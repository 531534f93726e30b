"""What the decision layer is told of a person: values, chances of what is not known, history, and who usually has the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from spinecast.assessment.history import EarlierProcedure
from spinecast.assessment.model import Model
from spinecast.assessment.observing import relief_thresholds
from spinecast.assessment.patient import Patient
from spinecast.assessment.steroid import equivalent_mg
from spinecast.decision.outcomes import NONSPECIFIC
from spinecast.decision.profile import Done, Profile
from spinecast.network.evidence import Evidence, main_setting
from spinecast.network.model import Leaf, Network
from spinecast.parameters.scales import Array
from spinecast.priors.deferred import Deferred
from spinecast.priors.records import Priors

ASKED, LISTED = "earlier_injections", "listed"
"""The input that says whether earlier procedures were asked about, and its answer where they are listed."""


def profile_of(model: Model, patient: Patient, evidence: Evidence, belief: Array) -> Profile:
    """What the decision layer is told of one person."""
    leaves = model.network.leaves
    values: dict[str, object] = {
        name: seen.value or frozenset(v for v, weight in zip(leaves[name].values, seen.likelihood, strict=True) if weight > 0)
        for name, seen in {**patient.contexts, **patient.findings}.items()
        if name in leaves
    }
    values |= patient.inputs
    if patient.procedures:
        values.setdefault(ASKED, LISTED)
    chances = {}
    setting = main_setting(model.network, model.network.theta, evidence)
    for name in model.network.contexts:
        leaf = leaves[name]
        if not leaf.by and not isinstance(values.get(name), str):
            table = model.network.table(model.network.theta, leaf, setting)[0, 0] * evidence.likelihood.get(name, 1.0)
            chance = belief @ (table / table.sum(axis=1, keepdims=True))[leaf.config_of_state]
            chances[name] = dict(zip(leaf.values, chance.tolist(), strict=True))
    values |= patient.now
    numbers = dict(patient.context_numbers)
    if patient.elapsed_weeks:
        _let_time_pass(model, patient, values, chances, numbers)
    history = history_of(model.priors, patient.procedures, values)
    told = bool(patient.procedures) or ASKED in values
    return Profile(values, chances, history, numbers, told, usual_people(model.network, setting))


def history_of(priors: Priors, procedures: Sequence[EarlierProcedure], values: Mapping[str, object]) -> tuple[Done, ...]:
    """Earlier procedures on record, and blocks whose response is recorded as a finding: whoever has the one had the other.

    Parameters
    ----------
    values : mapping of finding to value; others are not looked at
    """
    return (*(_done(p, priors) for p in procedures), *_implied(priors, procedures, values))


def _implied(priors: Priors, procedures: Sequence[EarlierProcedure], values: Mapping[str, object]) -> Iterator[Done]:
    for finding in priors.findings.values():
        value = values.get(finding.id)
        if finding.from_procedure is None or not isinstance(value, str):
            continue
        kind, order = finding.from_procedure
        shows = any(finding.id in group for group in priors.procedures[kind].observes)
        if shows and sum(p.procedure == kind for p in procedures) < order:
            yield Done(kind, relief_percent=relief_thresholds(finding.values)[finding.values.index(value)])


def _done(record: EarlierProcedure, priors: Priors) -> Done:
    later = record.best_relief_percent if record.best_relief_percent is not None else record.reviewed_relief_percent
    first = record.relief_percent if record.relief_percent is not None else later
    return Done(record.procedure, record.weeks_ago, first, record.duration_weeks, later, equivalent_mg(record, priors))


def _let_time_pass(
    model: Model, patient: Patient, values: dict[str, object], chances: dict[str, dict[str, float]], numbers: dict[str, float]
) -> None:
    """How long the pain has lasted by now: for rules, modifiers and the natural course, not as evidence about the cause.

    Of a band only is known that the person was somewhere in it, evenly: part of it has moved on to the next.
    """
    context, weeks = model.priors.contexts[DURATION], patient.elapsed_weeks
    if DURATION in numbers:
        numbers[DURATION] += weeks
        values[DURATION] = context.values[band_of(numbers[DURATION], context.bounds)]
        return
    known = values.get(DURATION)
    before = {known: 1.0} if isinstance(known, str) else chances.get(DURATION, {})
    after = later_bands(before, context.values, context.bounds, weeks)
    chances[DURATION] = after
    if known is not None:
        possible = [v for v, p in after.items() if p > 0]
        values[DURATION] = possible[0] if len(possible) == 1 else frozenset(possible)


DURATION = "duration"


def band_of(number: float, bounds: Sequence[float]) -> int:
    """Index of the band that holds a number."""
    return min(sum(number >= b for b in bounds[1:]), len(bounds) - 2)


def later_bands(before: Mapping[str, float], values: Sequence[str], bounds: Sequence[float], weeks: float) -> dict[str, float]:
    """Probability of each band so many weeks later, of somebody evenly anywhere in the bands of before."""
    after = dict.fromkeys(values, 0.0)
    for value, probability in before.items():
        i = list(values).index(value)
        low, high = bounds[i] + weeks, bounds[i + 1] + weeks
        for j, name in enumerate(values):
            top = bounds[j + 1] if j + 1 < len(values) else np.inf
            inside = max(0.0, min(high, top) - max(low, bounds[j]))
            after[name] += probability * inside / (high - low)
    return after


def usual_people(network: Network, setting: int) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Distribution of each context among people of the setting with each generator (and with none: nonspecific)."""
    prior = np.exp(network.log_prior(network.theta, setting))
    masks = [*(network.space.mask(g) for g in network.space.generators), network.space.count == 0]
    names = (*network.space.generators, NONSPECIFIC)
    weights = np.stack(masks) * prior
    weights /= weights.sum(axis=1, keepdims=True)

    def of(context: str) -> dict[str, dict[str, float]]:
        leaf = network.leaves[context]
        table = network.table(network.theta, leaf, setting)[0, 0]
        return {g: dict(zip(leaf.values, row, strict=True)) for g, row in zip(names, shares(leaf, table), strict=True)}

    def shares(leaf: Leaf, table: Array) -> list[list[float]]:
        by_config = np.zeros((len(names), len(table)))
        np.add.at(by_config.T, leaf.config_of_state, weights.T)
        found: list[list[float]] = (by_config @ table).tolist()
        return found

    contexts = tuple(name for name in network.contexts if not network.leaves[name].by)
    by_context = Deferred(lambda: {name: name for name in contexts}, of)
    return {g: Deferred(lambda: {name: name for name in contexts}, partial(_of_generator, by_context, g)) for g in names}


def _of_generator(by_context: Mapping[str, Mapping[str, dict[str, float]]], generator: str, context: str) -> dict[str, float]:
    return by_context[context][generator]
