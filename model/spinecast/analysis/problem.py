"""One patient as a decision problem whose numbers can be moved: beliefs, outcomes and plan values for any parameters.

The plan that begins with each action is the best one at the point estimate and is kept while numbers move, as in the
intervals that `assess` prints; what a rule does not permit today keeps a value but cannot come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spinecast.analysis.laplace import Laplace
from spinecast.analysis.outcome_numbers import rows_behind
from spinecast.analysis.result import Basis, sources_of
from spinecast.assessment import assess as assessing
from spinecast.assessment.model import Model
from spinecast.assessment.patient import Patient
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import Outcomes, compile_outcomes
from spinecast.decision.plan import Plan, values_by_draw
from spinecast.decision.profile import Profile
from spinecast.decision.settings import DEFAULT_DEPTH, DecisionSettings
from spinecast.engines import exact
from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

CHUNK = 512
"""Parameter vectors whose beliefs are worked out at once."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What every analysis of one patient needs.

    Attributes
    ----------
    near : Network
        Restricted to the joint states that carry nearly all of the belief.
    actions : tuple of str, length A
    permitted : ndarray of bool, shape (A,)
        No rule in force blocks or defers it.
    plans : mapping of action to Plan
    """

    model: Model
    label: str
    settings: DecisionSettings
    evidence: Evidence
    near: Network
    profile: Profile
    actions: tuple[str, ...]
    permitted: np.ndarray
    plans: Mapping[str, Plan]

    @property
    def labels(self) -> tuple[str, ...]:
        """Actions in words."""
        return tuple(self.model.priors.procedures[a].label for a in self.actions)

    def beliefs(self, theta: Array) -> Array:
        """Belief over the near states for each parameter vector; (P,) or (K, P) to (S,) or (K, S)."""
        if theta.ndim == 1:
            return exact.posterior(self.near, theta, self.evidence).states
        parts = [exact.posterior(self.near, theta[i : i + CHUNK], self.evidence).states for i in range(0, len(theta), CHUNK)]
        return np.concatenate(parts)

    def outcomes(self, source: Draws) -> Outcomes:
        """The patient's outcome model under a source of draws."""
        return compile_outcomes(
            self.model.priors,
            self.near.space,
            self.profile,
            source=source,
            sequences=self.settings.sequences,
            perspective=self.settings.perspective,
        )

    def values(self, beliefs: Array, outcomes: Outcomes, settings: DecisionSettings | None = None) -> Array:
        """Net benefit over waiting of the plan that begins with each action; shape (D, A).

        Parameters
        ----------
        beliefs : ndarray, shape (D, S) or (1, S)
        outcomes : Outcomes
            With D draws, or one.
        """
        return values_by_draw([self.plans[a] for a in self.actions], beliefs, outcomes, settings or self.settings)

    def masks(self) -> dict[str, Array]:
        """Indicator of each generator over the near states; shape (S,)."""
        return {g: self.near.space.mask(g).astype(float) for g in self.near.space.generators}

    def touched(self) -> tuple[int, ...]:
        """Free parameters that the beliefs can depend on, given what is observed."""
        network, evidence = self.model.network, self.evidence
        settings = range(len(network.settings)) if evidence.setting is None else np.flatnonzero(evidence.setting).tolist()
        found = {int(i) for k in settings for i in (*network.prevalence[k], *network.co_occurrence[k])}
        found |= {int(i) for i in network.setting_weight} if len(settings) > 1 else set()
        names = {*evidence.likelihood, *(t for tests, _ in evidence.counts.values() for t in tests)}
        names |= {network.leaves[n].by for n in names if network.leaves[n].by}
        for name in names:
            leaf, loading = network.leaves[name], network.blocks[network.block_of[name]].loading
            bases = leaf.base[list(settings)] if len(leaf.base) > 1 else leaf.base
            found |= {int(i) for i in (*bases.ravel(), *leaf.strength.ravel())}
            found |= set() if leaf.sedation is None else {int(i) for i in leaf.sedation}
            found |= set() if loading is None else {loading}
        spread = self.model.draws.std(axis=0)
        return tuple(sorted(i for i in found if spread[i] > 0))

    def sources(self, fit: Laplace | None = None, outcome_names: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """Sources behind the beliefs (and of the figures that held their parameters), and behind outcome numbers."""
        touched = self.touched()
        quantities = [self.model.network.parameters[i].quantity for i in touched]
        rows = {r for q in quantities if q is not None for r in q.rows}
        if fit is not None:
            rows |= {r for i in fit.holding(touched) for r in fit.figures[i].rows}
        rows |= {r for name in outcome_names or () for r in rows_behind(self.model.priors, name)}
        return sources_of(self.model, rows)

    def basis(self, *, draws: int = 0, seed: int | None = None, **choices: Any) -> Basis:
        """What results on this patient rest on."""
        s = self.settings
        stated: dict[str, Any] = {
            "rule_set": s.rule_set,
            "willingness_to_pay": s.willingness_to_pay,
            "horizon_weeks": s.horizon_weeks,
            "depth": s.depth,
        }
        return Basis.of(self.model, draws=draws, seed=seed, subject=self.label or "One patient", choices={**stated, **choices})

    def at_willingness_to_pay(self, amount: float) -> DecisionSettings:
        """The settings at another willingness to pay; plans are kept."""
        return replace(self.settings, willingness_to_pay=amount)


def problem(
    patient: Mapping[str, Any] | Patient | str | Path,
    *,
    rule_set: str | None = None,
    willingness_to_pay: float | None = None,
    horizon_weeks: float | None = None,
    value_in: str = "money",
    depth: int | None = None,
    model: Model | None = None,
) -> Problem:
    """Set up one patient's decision problem; arguments and errors are those of `spinecast.assess`."""
    case = assessing.prepare(
        patient,
        rule_set=rule_set,
        willingness_to_pay=willingness_to_pay,
        horizon_weeks=horizon_weeks,
        value_in=value_in,
        depth=DEFAULT_DEPTH if depth is None else depth,
        draws=0,
        model=model,
    )
    options = case.options()
    permitted = np.array([not options.gates.blocked(a) for a in options.outcomes.actions])
    return Problem(
        case.model, case.patient.label, case.settings, case.evidence, case.near, case.profile, options.outcomes.actions, permitted,
        options.plans,
    )  # fmt: skip
