"""The answer for one person: frozen records, and the same as plain data for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from typing import Any

from spinecast.assessment.steroid import SteroidYear
from spinecast.decision.gates import Gate
from spinecast.decision.plan import Plan
from spinecast.decision.ranking import RankedAction
from spinecast.frozen import dataclass


@dataclass(frozen=True, slots=True)
class GeneratorProbability:
    """How likely one generator is active, with a 95 % interval from parameter uncertainty.

    `levels` gives the probability of each level (root, kind of serious pathology); `sides` and `sites` are
    conditional on the generator being active. `other_side` names findings that it would mostly have produced itself
    and that were recorded on the other side than the rest.
    """

    id: str
    label: str
    probability: float
    low: float
    high: float
    levels: Mapping[str, float]
    sides: Mapping[str, float]
    sites: Mapping[str, float]
    other_side: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """One joint configuration of generators and its probability; empty generators: nonspecific."""

    generators: tuple[str, ...]
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Weight:
    """Weight of evidence of one finding, or of one family of correlated findings as a block, in decibans.

    10 log10 of how much more probable it is if the generator is active than if not, given everything else
    that is known; positive speaks for, negative against.
    """

    generator: str
    name: str
    label: str
    members: tuple[str, ...]
    decibans: float


@dataclass(frozen=True, slots=True)
class NextFinding:
    """What asking or testing one more thing would be worth.

    Attributes
    ----------
    value : float
        Expected gain in net benefit from choosing the best plan after it is known, less its cost.
    bits : float
        Expected fall of the entropy of the generators' joint distribution.
    cost : float
    """

    id: str
    label: str
    kind: str
    value: float
    bits: float
    cost: float


@dataclass(frozen=True, slots=True)
class Surprise:
    """How well the model understands this person.

    Attributes
    ----------
    log_evidence : float
        Natural log probability of everything observed together.
    conflict_bits : float
        log2 of the product of the findings' own probabilities over their joint probability: below 0 they
        support each other.
    not_understood : bool
        So far above 0 that they contradict each other under every explanation that the model has.
    message : str
    """

    log_evidence: float
    conflict_bits: float
    not_understood: bool
    message: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices behind the numbers."""

    rule_set: str
    horizon_weeks: float
    willingness_to_pay: float
    discount: float
    depth: int
    draws: int
    seed: int
    currency: str
    year: int
    value_in: str
    value_unit: str
    unit: str
    control: str
    setting: str
    perspective: str = "payer"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from.

    Attributes
    ----------
    share_from_evidence : float
        Share of this answer's sensitivity that rests on published rows.
    assumed : tuple of (parameter, share of the sensitivity)
        The assumed numbers that this answer leans on most.
    unfitted : int
        Parameters newer than the fit, at their defaults.
    stale : bool
        What the network is built from has changed since the fit.
    sources : tuple of str
        Keys of the sources behind the findings observed and the procedures ranked.
    learned : str
        What records the numbers were updated by; "" for the published fit.
    """

    version: str
    priors_hash: str
    fit_hash: str
    share_from_evidence: float
    assumed: tuple[tuple[str, float], ...]
    unfitted: int
    stale: bool
    sources: tuple[str, ...]
    learned: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that spinecast says of one person."""

    label: str
    differential: tuple[GeneratorProbability, ...]
    nonspecific: float
    explanations: tuple[Explanation, ...]
    ranking: tuple[RankedAction, ...]
    settings: Settings
    flags: tuple[Gate, ...]
    plan: Plan
    plan_notes: Mapping[str, str]
    why: tuple[Weight, ...]
    next_findings: tuple[NextFinding, ...]
    surprise: Surprise
    provenance: Provenance
    observed: tuple[tuple[str, str], ...]
    goals: tuple[str, ...]
    disclaimer: str
    labels: Mapping[str, str]
    patient: Mapping[str, Any] = field(default_factory=dict, repr=False)
    steroid: SteroidYear | None = None

    @property
    def first(self) -> RankedAction:
        """The first row of the ranking."""
        return self.ranking[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the published schema is `schema/assessment.json` in the package."""
        p = self.provenance
        return {
            "model": {"version": p.version, "priors_hash": p.priors_hash, "fit_hash": p.fit_hash},
            "label": self.label,
            "differential": plain_data(self.differential),
            "nonspecific": self.nonspecific,
            "explanations": plain_data(self.explanations),
            "ranking": [{**plain_data(r), "gates": plain_data(r.gates)} for r in self.ranking],
            "settings": plain_data(self.settings),
            "flags": plain_data(self.flags),
            "plan": plan_dict(self.plan),
            "plan_notes": dict(self.plan_notes),
            "why": plain_data(self.why),
            "next_findings": plain_data(self.next_findings),
            "surprise": plain_data(self.surprise),
            "provenance": plain_data(self.provenance),
            "observed": [{"id": k, "value": v} for k, v in self.observed],
            "goals": list(self.goals),
            "steroid_year": plain_data(self.steroid),
            "patient": plain_data(self.patient),
            "disclaimer": self.disclaimer,
        }

    def figure(self) -> Any:
        """One sheet: what it is likely to be, what each option adds, what to do first; a matplotlib figure."""
        from spinecast.report.figure import sheet
        from spinecast.report.style import styled

        with styled():
            return sheet(self)

    def __repr__(self) -> str:
        likeliest = self.differential[0]
        return f"<Assessment {self.label!r}: {likeliest.label} {likeliest.probability:.0%}; first {self.first.label}>"

    def _repr_html_(self) -> str:
        from spinecast.report.html import notebook_html

        return notebook_html(self)


def plan_dict(plan: Plan | None) -> dict[str, Any] | None:
    """A plan as nested plain data; None where the plan stops."""
    if plan is None:
        return None
    branches = [
        {"if": b.label, "probability": b.probability, "relief": b.relieved, "then": plan_dict(b.then)} for b in plan.branches
    ]
    return {"action": plan.action, "start_week": plan.start, "value": plan.value, "branches": branches}


def plain_data(value: Any) -> Any:
    """Records as plain data for JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain_data(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {k: plain_data(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(v) for v in value]
    return value
