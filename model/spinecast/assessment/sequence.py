"""What to do over one or two years: the best policy as a tree, beside waiting, conservative care and fixed pathways."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import spinecast
from spinecast.assessment.assess import DEFAULT_DRAWS, DEFAULT_SEED, Case, prepare
from spinecast.assessment.assessment import Settings, plan_dict
from spinecast.assessment.model import Model
from spinecast.assessment.patient import Patient
from spinecast.decision.gates import evaluate_gates
from spinecast.decision.outcomes import PER_10000, Outcomes
from spinecast.decision.pathways import chooser, pathways_for
from spinecast.decision.plan import Plan, nodes, plan_values
from spinecast.decision.planner import Planner
from spinecast.decision.settings import DEFAULT_DEPTH, LONGEST, MONEY
from spinecast.errors import UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.quantiles import quantiles
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors

BEST, WAIT = "best", "wait"
NEEDLES = ("injection", "block", "ablation")


@dataclass(frozen=True, slots=True)
class Policy:
    """One way of going on, whole: what it is worth and what it takes.

    Attributes
    ----------
    value, low, high : float
        Net benefit over waiting, with its 95 % interval; the tree is that of the point estimate in every draw.
    behind, behind_low, behind_high : float
        What the best policy is worth more, under common draws.
    cost : float
        Expected payer cost, not discounted.
    needles, steroids : float
        Expected number of injections, blocks and ablations, and of steroid injections.
    serious_per_10000 : float
        Expected serious harms per 10,000 people.
    plan : Plan, or None
        None: nothing is done (waiting, or a first step that a rule does not permit).
    note : str
        Why it is not followed, where it is not.
    """

    id: str
    label: str
    description: str
    rule_set: str
    value: float
    low: float
    high: float
    behind: float
    behind_low: float
    behind_high: float
    cost: float
    needles: float
    steroids: float
    serious_per_10000: float
    plan: Plan | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Policies for one person, the best first, and what they rest on."""

    label: str
    leader: str
    policies: tuple[Policy, ...]
    settings: Settings
    names: Mapping[str, str]
    notes: Mapping[str, str]
    version: str
    priors_hash: str
    fit_hash: str
    disclaimer: str

    @property
    def best(self) -> Policy:
        """The policy that the others are compared with."""
        return self.policies[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `plan` is the best policy's tree in the form of `assess --json`."""
        return {
            "model": {"version": self.version, "priors_hash": self.priors_hash, "fit_hash": self.fit_hash},
            "label": self.label,
            "leader": self.leader,
            "settings": {name: getattr(self.settings, name) for name in self.settings.__dataclass_fields__},
            "plan": plan_dict(self.best.plan),
            "policies": [
                {**{n: getattr(p, n) for n in p.__dataclass_fields__ if n != "plan"}, "plan": plan_dict(p.plan)}
                for p in self.policies
            ],
            "names": dict(self.names),
            "disclaimer": self.disclaimer,
        }


def plan_sequence(
    patient: Mapping[str, Any] | Patient | str | Path,
    *,
    rule_set: str | None = None,
    willingness_to_pay: float | None = None,
    horizon_weeks: float = LONGEST,
    value_in: str = MONEY,
    depth: int = DEFAULT_DEPTH,
    begin_with: str | None = None,
    pathways: Collection[str] = (),
    draws: int = DEFAULT_DRAWS,
    seed: int = DEFAULT_SEED,
    model: Model | None = None,
) -> Sequence:
    """The best policy over a stated horizon, and what it is worth more than others.

    Parameters
    ----------
    patient, rule_set, willingness_to_pay, value_in, depth, draws, seed, model
        As in `assess`.
    horizon_weeks : float
        1 to 104.
    begin_with : str, optional
        The procedure that the policy has to begin with.
    pathways : collection of str
        Fixed pathways to compare with, by id; those that fit the most probable source by default.

    Raises
    ------
    UnknownIdError
        No such procedure or pathway.
    """
    case = prepare(
        patient, rule_set=rule_set, willingness_to_pay=willingness_to_pay, horizon_weeks=horizon_weeks, value_in=value_in,
        depth=depth, draws=draws, seed=seed, model=model, sequences=True,
    )  # fmt: skip
    return _Weighing.of(case).sequence(begin_with, pathways)


@dataclass(frozen=True, slots=True)
class _Weighing:
    """One case with its planner."""

    case: Case
    outcomes: Outcomes
    planner: Planner
    first: tuple[str, ...]
    blocked: frozenset[str]

    @classmethod
    def of(cls, case: Case) -> _Weighing:
        gates, outcomes, observer = case.tools()
        blocked = frozenset(name for name in outcomes.actions if gates.blocked(name))
        return cls(case, outcomes, case.planner(outcomes, gates, observer), gates.first, blocked)

    def sequence(self, begin_with: str | None, wanted: Collection[str]) -> Sequence:
        case, priors = self.case, self.case.model.priors
        leader = max(case.model.network.space.generators, key=lambda g: case.probabilities()[g, ""])
        for name in wanted:
            if name not in priors.pathways:
                raise UnknownIdError("pathway", name, priors.pathways)
        chosen = [priors.pathways[n] for n in wanted] if wanted else pathways_for(priors.pathways, leader)
        plan = self._best(begin_with)
        best = plan_values(plan, case.draws, self.outcomes, case.settings) if plan else np.zeros(len(case.draws))
        label = (
            "Best policy" if begin_with is None else f"Best policy that begins with {priors.procedures[begin_with].label.lower()}"
        )
        urgent = priors.procedures[self.first[0]].label if self.first and begin_with is None else ""
        if urgent:
            label = f"{urgent}, first whatever it is worth"
        policies = [
            self._policy(BEST, label, "Chosen at every step by what was seen", case.settings.rule_set, plan, best),
            self._policy(WAIT, "Waiting", "Natural course and usual care: the zero of the scale", "", None, best),
        ]
        for pathway in chosen:
            rules = pathway.rule_set or case.settings.rule_set
            followed = None if urgent else self._under(rules).follow(*chooser(pathway, self.outcomes.actions), case.draws[0])
            barred = f"a warning sign puts {urgent.lower()} first" if urgent else ""
            note = "" if followed else barred or f"its first step is not permitted by the rules of {rules.replace('_', ' ')}"
            policies.append(self._policy(pathway.id, pathway.label, pathway.description, rules, followed, best, note))
        done = {node.action for p in policies if p.plan for node, _ in nodes(p.plan)}
        model = case.model
        return Sequence(
            case.patient.label, model.network.generator_labels[leader], tuple(policies), case.printed(), case.names(done), case.notes(done),
            spinecast.__version__, priors.content_hash, model.fit_hash, spinecast.DISCLAIMER,
        )  # fmt: skip

    def _best(self, begin_with: str | None) -> Plan | None:
        belief, actions = self.case.draws[0], self.outcomes.actions
        if begin_with is not None and begin_with not in actions:
            raise UnknownIdError("begin_with", begin_with, actions)
        if begin_with is None and self.first:
            begin_with = self.first[0]
        if begin_with is not None:
            return self.planner.best_from(begin_with, belief)
        return self.planner.best(belief, without=self.blocked)

    def _under(self, rule_set: str) -> Planner:
        """The planner under another rule set."""
        case = self.case
        if rule_set == case.settings.rule_set:
            return self.planner
        gates = evaluate_gates(case.model.priors, case.profile, case.probabilities(), rule_set)
        return case.planner(self.outcomes, gates, self.planner.observe, rule_set)

    def _policy(
        self, key: str, label: str, description: str, rule_set: str, plan: Plan | None, best: Array, note: str = ""
    ) -> Policy:
        case = self.case
        values = plan_values(plan, case.draws, self.outcomes, case.settings) if plan else np.zeros(len(case.draws))
        low, high = _interval(values)
        behind_low, behind_high = _interval(best - values)
        use = _use(plan, self.outcomes, case.model.priors)
        behind = float(best[0] - values[0])
        return Policy(
            key,
            label,
            description,
            rule_set,
            float(values[0]),
            low,
            high,
            behind,
            behind_low,
            behind_high,
            *use,
            plan=plan,
            note=note,
        )


def _interval(values: Array) -> tuple[float, float]:
    low, high = quantiles(values[1:] if len(values) > 1 else values)
    return float(low), float(high)


def _use(plan: Plan | None, outcomes: Outcomes, priors: Priors) -> tuple[float, float, float, float]:
    """Expected cost, needles, steroid injections and serious harms per 10,000 of a plan."""
    total = np.zeros(4)

    def walk(node: Plan, reached: float, cared: bool) -> None:
        a, procedure = outcomes.actions.index(node.action), priors.procedures[node.action]
        cost = outcomes.cost[0, a] + (0.0 if cared else outcomes.partner_cost[0, a])
        total[:] += reached * np.array([cost, procedure.kind in NEEDLES, procedure.steroid, outcomes.serious[0, a] * PER_10000])
        for branch in node.branches:
            if branch.then is not None:
                walk(branch.then, reached * branch.probability, cared or bool(outcomes.cared[a]))

    if plan is not None:
        walk(plan, 1.0, False)
    cost, needles, steroids, serious = total.tolist()
    return cost, needles, steroids, serious
