"""One row an action, on one scale: the value of the best plan that begins with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spinecast.decision.gates import Gate, Gates
from spinecast.decision.net import POINT, areas, net_benefits
from spinecast.decision.outcomes import PER_10000, Outcomes, at_week
from spinecast.decision.plan import Plan, plan_values
from spinecast.decision.settings import DecisionSettings
from spinecast.frozen import dataclass
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
    values = np.stack([plan_values(plans[n], beliefs, outcomes, settings) for n in names], axis=1)
    pain = beliefs @ outcomes.share
    alone = net_benefits(outcomes, settings, np.arange(len(names)), 0.0, cared=False, eased=False, draws=POINT)[0] @ pain[0]
    ranks = 1 + (values[:, None, :] > values[:, :, None]).sum(axis=2)
    rows = [
        _row(priors, outcomes, name, a, values[:, a], ranks[:, a], float(alone[a]), pain, gates, settings, places)
        for a, name in enumerate(names)
    ]
    order = {action: i for i, action in enumerate(gates.first)}
    return tuple(sorted(rows, key=lambda r: (order.get(r.id, len(order)), not r.permitted, -r.value, r.id)))


def _row(
    priors: Priors,
    outcomes: Outcomes,
    name: str,
    a: int,
    values: Array,
    ranks: Array,
    alone: float,
    pain: Array,
    gates: Gates,
    settings: DecisionSettings,
    places: Mapping[str, tuple[str, str]],
) -> RankedAction:
    draws = slice(1, None) if len(values) > 1 else slice(None)
    weeks = extra_weeks(outcomes, a, pain, settings)
    low, high = np.quantile(values[draws], [0.025, 0.975])
    weeks_low, weeks_high = np.quantile(weeks[draws], [0.025, 0.975])
    rank_low, rank_high = np.quantile(ranks[draws], [0.025, 0.975])
    level, side = places.get(name, ("", ""))
    control, active = outcomes.control(a)[0], outcomes.active(a)[0]
    waiting = priors.procedures[name].kind == "waiting"
    return RankedAction(
        id=name,
        label=priors.procedures[name].label,
        value=float(values[0]),
        low=float(low),
        high=float(high),
        level=level,
        side=side,
        p_relief_4w=float(pain[0] @ at_week(active, FOUR_WEEKS)),
        p_relief_4w_control=float(pain[0] @ at_week(control, FOUR_WEEKS)),
        p_relief_6m=float(pain[0] @ at_week(active, SIX_MONTHS)),
        p_relief_6m_control=float(pain[0] @ at_week(control, SIX_MONTHS)),
        relief_weeks=float(weeks[0]),
        relief_weeks_low=float(weeks_low),
        relief_weeks_high=float(weeks_high),
        rank_low=int(rank_low),
        rank_high=int(np.ceil(rank_high)),
        serious_harm_per_10000=0.0 if waiting else float(outcomes.serious[0, a] * PER_10000),
        cost=0.0 if waiting else float(outcomes.cost[0, a]),
        net_benefit=0.0 if waiting else alone,
        p_best=float((ranks[draws] == 1).mean()),
        permitted=not gates.blocked(name),
        gates=gates.by_action.get(name, ()),
        **_by_comparison(outcomes, a, pain[:1], settings),
    )


def _by_comparison(outcomes: Outcomes, a: int, pain: Array, settings: DecisionSettings) -> dict[str, float]:
    """The action's effect over sham and over usual care, at the point estimate; both are named wherever they are printed."""
    arms = {"usual": outcomes.natural[0], "sham": outcomes.control(a)[0], "active": outcomes.active(a)[0]}
    at = {(arm, week): float(pain[0] @ at_week(curve, week)) for arm, curve in arms.items() for week in (FOUR_WEEKS, SIX_MONTHS)}
    found = {"relief_weeks_over_sham": _weeks_over_sham(outcomes, a, pain, settings)}
    for name, week in (("4w", FOUR_WEEKS), ("6m", SIX_MONTHS)):
        found[f"p_relief_{name}_usual_care"] = at["usual", week]
        found[f"over_sham_{name}"] = at["active", week] - at["sham", week]
        found[f"over_usual_care_{name}"] = at["active", week] - at["usual", week]
    return found


def _weeks_over_sham(outcomes: Outcomes, a: int, pain: Array, settings: DecisionSettings) -> float:
    which, point = np.array([a]), slice(0, 1)
    gained = (outcomes.active(a) - outcomes.control(a))[:1, None]
    area = areas(outcomes, replace(settings, discount=0.0), which, outcomes.wait[which], gained, point)[:, 0]
    return float((pain * area).sum(axis=1)[0])


def extra_weeks(outcomes: Outcomes, a: int, pain: Array, settings: DecisionSettings) -> Array:
    """Weeks of >= 50 % relief that the action itself adds over waiting within the horizon; shape (D,)."""
    gained = (outcomes.active(a) - outcomes.natural)[:, None]
    which = np.array([a])
    area = areas(outcomes, replace(settings, discount=0.0), which, outcomes.wait[which], gained, slice(None))[:, 0]
    weeks: Array = (pain * area).sum(axis=1)
    return weeks
