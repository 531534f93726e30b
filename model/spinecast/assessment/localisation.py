"""Level and side given that a generator is active: a small conditional posterior, not extra joint states."""

from __future__ import annotations

from collections.abc import Mapping

from spinecast.assessment.patient import Patient
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Priors, Quantity


@dataclass(frozen=True, slots=True)
class Localisation:
    """Where a generator is, if it is active.

    Attributes
    ----------
    sides, sites : mapping of side or spinal level to probability; empty where there is no such question
    """

    sides: Mapping[str, float]
    sites: Mapping[str, float]

    @property
    def side(self) -> str:
        """Most probable side, or ""."""
        return max(self.sides, key=lambda k: self.sides[k]) if self.sides else ""

    @property
    def site(self) -> str:
        """Most probable spinal level, or ""."""
        return max(self.sites, key=lambda k: self.sites[k]) if self.sites else ""


def localise(patient: Patient, priors: Priors, generator: str) -> Localisation:
    """Posterior of side and level from findings that this generator causes and that were recorded with one."""
    record = priors.generators[generator]
    sides = _shares(record.sides, priors)
    sites = _shares(record.sites, priors)
    for name, seen in patient.findings.items():
        finding = priors.findings[name]
        if generator not in {c.generator for c in finding.causes} or finding.concordance is None:
            continue
        if seen.value == finding.values[0]:
            continue
        agree = estimate(finding.concordance, priors.rows, "logit").value
        if seen.side:
            sides = _updated(sides, seen.side, agree)
        if seen.level in sites:
            sites = _updated(sites, seen.level, agree)
    return Localisation(sides, sites)


def _shares(table: Mapping[str, Quantity], priors: Priors) -> dict[str, float]:
    raw = {k: estimate(q, priors.rows, "logit").value for k, q in table.items()}
    total = sum(raw.values())
    return {k: v / total for k, v in raw.items()} if total > 0 else {}


def _updated(shares: dict[str, float], recorded: str, agree: float) -> dict[str, float]:
    """Bayes with P(recorded | true) = agree where they match, the rest spread evenly."""
    if recorded not in shares:
        return shares
    others = max(len(shares) - 1, 1)
    weight = {k: v * (agree if k == recorded else (1 - agree) / others) for k, v in shares.items()}
    total = sum(weight.values())
    return {k: v / total for k, v in weight.items()}
