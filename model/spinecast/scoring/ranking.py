"""The ranking of many people: every action's value with one decision ahead, from the code that `assess` runs.

Nothing is worked out a second time here, so that a table and a letter cannot disagree: each person's decision problem is
set up by `assessment.assess.prepare` at the point estimate, without parameter draws and without what only a letter needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spinecast.assessment.assess import prepare
from spinecast.assessment.model import Model
from spinecast.assessment.patient import Patient
from spinecast.decision.outcomes import offered
from spinecast.decision.settings import DEFAULT_RULE_SET, DecisionSettings, decision_settings
from spinecast.errors import ImpossibleFindingsError, InvalidValueError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Procedure
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
    model: Model, people: Iterable[tuple[int, Patient]], count: int, choices: DecisionChoices
) -> tuple[Rankings, dict[int, str]]:
    """Rankings of some of `count` people by their number, and why some have none."""
    actions = tuple(p.id for p in ranked(model.priors, choices))
    value, permitted = np.full((count, len(actions)), np.nan), np.zeros((count, len(actions)), dtype=bool)
    best = [""] * count
    reasons: dict[int, str] = {}
    for n, patient in people:
        try:
            case = prepare(
                patient,
                rule_set=choices.rule_set,
                willingness_to_pay=choices.willingness_to_pay,
                horizon_weeks=choices.horizon_weeks,
                depth=DEPTH,
                draws=0,
                model=model,
            )
        except (ImpossibleFindingsError, UnknownIdError, InvalidValueError) as error:
            reasons[n] = str(error)
            continue
        options = case.options()
        value[n] = [options.plans[name].value for name in actions]
        permitted[n] = [not options.gates.blocked(name) for name in actions]
        order = [
            (name not in options.gates.first, not may, -v, name)
            for name, may, v in zip(actions, permitted[n], value[n], strict=True)
        ]
        best[n] = min(order)[-1]
    return Rankings(value, permitted, best), reasons


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
