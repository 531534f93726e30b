"""The ranking of many people: every action's value with one decision ahead, as `assess` has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spinecast.assessment.assess import prepare
from spinecast.assessment.crowd import Crowd, Standing
from spinecast.assessment.model import Model
from spinecast.assessment.patient import Patient
from spinecast.decision.outcomes import offered
from spinecast.decision.settings import DEFAULT_RULE_SET, DecisionSettings, decision_settings
from spinecast.engines.batch import BatchEngine
from spinecast.errors import ImpossibleFindingsError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Procedure
from spinecast.scoring.coded import Coded
from spinecast.scoring.patients import patient_of, recorded
from spinecast.scoring.schema import described

DEPTH = 1
"""Decisions ahead: the action now, then the best single treatment after what is seen."""


@dataclass(frozen=True, slots=True)
class DecisionChoices:
    """Whose rules, what a quality-adjusted life year is worth, and how many weeks of benefit count; None for the default."""

    rule_set: str | None = None
    willingness_to_pay: float | None = None
    horizon_weeks: float | None = None

    def settings(self, priors: Priors) -> DecisionSettings:
        """The same with the defaults of the knowledge base.

        Raises
        ------
        UnknownIdError, InvalidValueError
        """
        return decision_settings(
            priors,
            rule_set=self.rule_set or DEFAULT_RULE_SET,
            willingness_to_pay=self.willingness_to_pay,
            horizon_weeks=self.horizon_weeks,
            depth=DEPTH,
        )


@dataclass(frozen=True, slots=True)
class Rankings:
    """Of N people and A actions.

    Attributes
    ----------
    value : ndarray, shape (N, A)
        Net benefit over waiting of the best plan that begins with the action.
    permitted : ndarray of bool, shape (N, A)
    best : list of str
        What stands first in each person's ranking.
    """

    value: Array
    permitted: np.ndarray
    best: list[str]


def ranked(priors: Priors, choices: DecisionChoices) -> tuple[Procedure, ...]:
    """The actions of a ranking, in the order of their columns."""
    return offered(priors, sequences=choices.settings(priors).sequences)


def rank_people(
    model: Model,
    engine: BatchEngine,
    coded: Coded,
    choices: DecisionChoices,
    standing_of: Callable[[DecisionChoices], Standing],
    without: Collection[int] = (),
) -> tuple[Rankings, dict[int, str]]:
    """Rankings of everybody but `without`, and why some have none.

    All are ranked at once, as arrays. Those whose evidence is more than what is recorded of each leaf (`one_by_one`) are
    assessed each alone, and so is everybody where plans follow whole sequences.
    """
    actions = tuple(p.id for p in ranked(model.priors, choices))
    count = len(coded)
    found = Rankings(np.full((count, len(actions)), np.nan), np.zeros((count, len(actions)), dtype=bool), [""] * count)
    reasons: dict[int, str] = {}
    rule_sets: dict[str, list[int]] = {}
    for n in sorted(set(range(count)) - set(without)):
        own = coded.patients[n].rule_set if coded.patients else ""
        rule_sets.setdefault(choices.rule_set or own or DEFAULT_RULE_SET, []).append(n)
    alone = one_by_one(coded)
    for rule_set, who in rule_sets.items():
        try:
            standing = standing_of(replace(choices, rule_set=rule_set))
        except UnknownIdError as error:
            reasons |= dict.fromkeys(who, str(error))
            continue
        apart = set(who) if standing.settings.sequences else alone & set(who)
        _rank_together(model, engine, coded, sorted(set(who) - apart), standing, found)
        for n in sorted(apart):
            try:
                _rank_one(model, patient_of(coded, n, model.network), n, standing.settings, found)
            except ImpossibleFindingsError as error:
                reasons[n] = str(error)
    return found, reasons


def one_by_one(coded: Coded) -> set[int]:
    """Whose evidence has no form as arrays: counted tests, and what a follow-up found or changed."""
    followed = {n for n, p in coded.procedures.items() if any(done.reviewed for done in p.procedures)}
    moved = {n for n, p in enumerate(coded.patients) if p.elapsed_weeks or p.now}
    return {*coded.counts, *followed, *moved}


TOGETHER = 512
"""People ranked at once: bounds the memory at about 150 MB, and what is the same for all counts no more."""


def _rank_together(
    model: Model, engine: BatchEngine, coded: Coded, who: Sequence[int], standing: Standing, found: Rankings
) -> None:
    names = [p.id for p in standing.published.procedures]
    for first in range(0, len(who), TOGETHER):
        some = np.array(who[first : first + TOGETHER])
        known = recorded(coded, some, model.network)
        beliefs = np.concatenate([belief for _, belief in engine.beliefs(known.people)])
        ahead = Crowd.of(model, known, beliefs).ahead(standing)
        value, blocked, place = ahead.values(), ahead.rulings.blocked, ahead.rulings.place
        found.value[some], found.permitted[some] = value, ~blocked
        for i, n in enumerate(some.tolist()):
            found.best[n] = min(zip(place[i].tolist(), blocked[i].tolist(), (-value[i]).tolist(), names, strict=True))[-1]


def _rank_one(model: Model, patient: Patient, n: int, settings: DecisionSettings, found: Rankings) -> None:
    case = prepare(
        patient,
        rule_set=settings.rule_set,
        willingness_to_pay=settings.willingness_to_pay,
        horizon_weeks=settings.horizon_weeks,
        depth=DEPTH,
        draws=0,
        model=model,
    )
    options = case.options()
    order = {name: i for i, name in enumerate(options.gates.first)}
    rows = []
    for a, (name, plan) in enumerate(options.plans.items()):
        found.value[n, a], found.permitted[n, a] = plan.value, not options.gates.blocked(name)
        rows.append((order.get(name, len(order)), options.gates.blocked(name), -plan.value, name))
    found.best[n] = min(rows)[-1]


def ranking_fields(priors: Priors, choices: DecisionChoices, dtype: str) -> list[Any]:
    """Fields of a ranking: value and whether it is permitted for each action, then the first choice."""
    pa = need("pyarrow", "tables")
    settings = choices.settings(priors)
    number = pa.float32() if dtype == "float32" else pa.float64()
    unit = f"{settings.currency} of {settings.year}"
    meaning = (
        f"net benefit over waiting of the best plan that begins with it, one decision ahead, at {settings.currency} "
        f"{settings.willingness_to_pay:,.0f} a quality-adjusted life year over {settings.horizon_weeks:g} weeks"
    )
    fields = []
    for procedure in ranked(priors, choices):
        name = procedure.id
        fields.append(described(f"value_{name}", number, f"{procedure.label}: {meaning}", unit))
        fields.append(
            described(
                f"permitted_{name}", pa.bool_(), f"{procedure.label}: no rule of {settings.rule_set} blocks or defers it now", ""
            )
        )
    first = "first choice: what a rule puts first, else the permitted action of highest value"
    return [*fields, described("best_action", pa.string(), first, "", values=", ".join(p.id for p in ranked(priors, choices)))]


def ranking_columns(rankings: Rankings, fields: list[Any], bad: np.ndarray) -> list[Any]:
    """Arrow arrays in the order of the fields."""
    pa = need("pyarrow", "tables")
    columns: Mapping[str, np.ndarray] = {"value_": rankings.value, "permitted_": rankings.permitted}
    arrays = []
    for i, field in enumerate(fields[:-1]):
        prefix = "value_" if i % 2 == 0 else "permitted_"
        arrays.append(pa.array(columns[prefix][:, i // 2].astype(field.type.to_pandas_dtype()), type=field.type, mask=bad))
    best = [None if wrong else name for name, wrong in zip(rankings.best, bad.tolist(), strict=True)]
    return [*arrays, pa.array(best, pa.string())]
