"""One row an action, on one scale: the value of the best plan that begins with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spinecast.decision.gates import Gate, Gates
from spinecast.decision.net import POINT, areas, net_benefits
from spinecast.decision.outcomes import PER_10000, Outcomes, at_week
from spinecast.decision.plan import Plan, values_by_draw
from spinecast.decision.settings import DecisionSettings
from spinecast.frozen import dataclass
from spinecast.parameters.quantiles import quantiles
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors

FOUR_WEEKS, SIX_MONTHS = 4.0, 26.0


@dataclass(frozen=True, slots=True)
class RankedAction:
    """One action.

    Attributes
    ----------
    value, low, high : float
        Net benefit over waiting of the best plan that begins with it, and its 95 % interval.
    p_relief_4w, p_relief_6m, and the same with `_control` : float
        P(>= 50 % relief) with the action's own effect, and in its control arm (time and, for active care, context).
        Weeks count from the procedure, as in the trials, not from today: what time does before it is left out.
    relief_weeks, relief_weeks_low, relief_weeks_high : float
        Weeks of >= 50 % relief that the action itself adds over waiting within the horizon.
    rank_low, rank_high : int
        95 % interval of its rank by value.
    serious_harm_per_10000 : float
    cost : float
        Payer cost of the action itself.
    net_benefit : float
        Net benefit of the action alone, without what follows.
    p_best : float
        Share of draws in which no action has a higher value.
    permitted : bool
        No rule in force blocks or defers it.
    p_relief_4w_usual_care, p_relief_6m_usual_care : float
        P(>= 50 % relief) with time and usual care alone.
    over_sham_4w, over_sham_6m, relief_weeks_over_sham : float
        What the action itself adds over its sham (specific effect): to P(>= 50 % relief), and in weeks of it within the horizon.
    over_usual_care_4w, over_usual_care_6m : float
        What it adds over usual care, the contextual effect of active care included (total effect).
    steroid : str
        The steroid that the harms are of: particulate, non_particulate, either; "" where none is given.
    """

    id: str
    label: str
    value: float
    low: float
    high: float
    level: str
    side: str
    p_relief_4w: float
    p_relief_4w_control: float
    p_relief_6m: float
    p_relief_6m_control: float
    relief_weeks: float
    relief_weeks_low: float
    relief_weeks_high: float
    rank_low: int
    rank_high: int
    serious_harm_per_10000: float
    cost: float
    net_benefit: float
    p_best: float
    permitted: bool
    gates: tuple[Gate, ...]
    p_relief_4w_usual_care: float = 0.0
    p_relief_6m_usual_care: float = 0.0
    over_sham_4w: float = 0.0
    over_sham_6m: float = 0.0
    over_usual_care_4w: float = 0.0
    over_usual_care_6m: float = 0.0
    relief_weeks_over_sham: float = 0.0
    steroid: str = ""


def rank(
    priors: Priors,
    outcomes: Outcomes,
    plans: Mapping[str, Plan],
    beliefs: Array,
    gates: Gates,
    settings: DecisionSettings,
    places: Mapping[str, tuple[str, str]],
) -> tuple[RankedAction, ...]:
    """Rows sorted for a reader: what goes first whatever its value, then what is permitted, then what is not.

    Within each group the order is by value. A blocked action keeps its value and says what would lift the rule.

    Parameters
    ----------
    beliefs : ndarray, shape (D, S)
        Point estimate, then draws that share their index with those of `outcomes`.
    places : mapping of action to (level, side)
    """
    names = outcomes.actions
    values = values_by_draw([plans[n] for n in names], beliefs, outcomes, settings)
    numbers = _columns(outcomes, values, beliefs @ outcomes.share, settings)
    waiting = [priors.procedures[name].kind == "waiting" for name in names]
    for column in ("serious_harm_per_10000", "cost", "net_benefit"):
        numbers[column] = np.where(waiting, 0.0, numbers[column])
    table = {column: of_action.tolist() for column, of_action in numbers.items()}
    rows = []
    for a, name in enumerate(names):
        level, side = places.get(name, ("", ""))
        permitted, spoken = not gates.blocked(name), gates.by_action.get(name, ())
        own = {column: of_action[a] for column, of_action in table.items()}
        procedure = priors.procedures[name]
        given = (procedure.steroid_kind or "either") if procedure.steroid else ""
        rows.append(
            RankedAction(name, procedure.label, level=level, side=side, permitted=permitted, gates=spoken, steroid=given, **own)
        )
    order = {action: i for i, action in enumerate(gates.first)}
    return tuple(sorted(rows, key=lambda r: (order.get(r.id, len(order)), not r.permitted, -r.value, r.id)))


def _columns(outcomes: Outcomes, values: Array, pain: Array, settings: DecisionSettings) -> dict[str, np.ndarray]:
    """The numbers of every action, by the name of their column; each (A,), from `values` (D, A) and `pain` (D, L + 1)."""
    draws = slice(1, None) if len(values) > 1 else slice(None)
    every = np.arange(len(outcomes.actions))
    alone = net_benefits(outcomes, settings, every, 0.0, cared=False, eased=False, draws=POINT)[0] @ pain[0]
    ranks = 1 + (values[:, None, :] > values[:, :, None]).sum(axis=2)
    weeks = extra_weeks(outcomes, pain, settings)
    low, high = quantiles(values[draws])
    weeks_low, weeks_high = quantiles(weeks[draws])
    rank_low, rank_high = quantiles(ranks[draws])
    return {
        "value": values[0],
        "low": low,
        "high": high,
        "relief_weeks": weeks[0],
        "relief_weeks_low": weeks_low,
        "relief_weeks_high": weeks_high,
        "rank_low": rank_low.astype(int),
        "rank_high": np.ceil(rank_high).astype(int),
        "serious_harm_per_10000": outcomes.serious[0] * PER_10000,
        "cost": outcomes.cost[0],
        "net_benefit": alone,
        "p_best": (ranks[draws] == 1).mean(axis=0),
        **_by_comparison(outcomes, pain[0], settings),
    }


def _by_comparison(outcomes: Outcomes, pain: Array, settings: DecisionSettings) -> dict[str, Array]:
    """P(>= 50 % relief) in each arm, and the effect over sham and over usual care, at the point estimate; each (A,)."""
    natural, specific = outcomes.natural[0], outcomes.specific[0]
    control = natural + outcomes.cared[:, None, None] * (outcomes.contextual[0][:, None] * (1 - natural))
    found = {"relief_weeks_over_sham": _weeks(outcomes, (specific @ pain)[None], settings)[0]}
    for name, week in (("4w", FOUR_WEEKS), ("6m", SIX_MONTHS)):
        usual, sham, active = (at_week(curve, week) @ pain for curve in (natural, control, control + specific))
        found[f"p_relief_{name}"] = active
        found[f"p_relief_{name}_control"] = sham
        found[f"p_relief_{name}_usual_care"] = np.full(len(active), usual)
        found[f"over_sham_{name}"] = active - sham
        found[f"over_usual_care_{name}"] = active - usual
    return found


def extra_weeks(outcomes: Outcomes, pain: Array, settings: DecisionSettings) -> Array:
    """Weeks of >= 50 % relief that each action itself adds over waiting within the horizon; shape (D, A)."""
    gained = np.einsum("datl,dl->dat", outcomes.specific, pain)
    context = outcomes.contextual * np.einsum("dtl,dl->dt", 1 - outcomes.natural, pain)
    return _weeks(outcomes, gained + context[:, None] * outcomes.cared[:, None], settings)


def _weeks(outcomes: Outcomes, gained: Array, settings: DecisionSettings) -> Array:
    """Undiscounted weeks under each action's gain over time, (D, A, T), from when it happens; shape (D, A)."""
    every, undiscounted = np.arange(len(outcomes.actions)), replace(settings, discount=0.0)
    return areas(outcomes, undiscounted, every, outcomes.wait, gained[..., None], slice(len(gained)))[..., 0]
