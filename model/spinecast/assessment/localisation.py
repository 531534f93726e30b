"""Level and side given that a generator is active: a small conditional posterior, not extra joint states.

A finding tells where a generator is as far as the generator produced it. What a likelier cause explains (a herniation seen
at L5-S1, with root pain all but certain) says little of where another (a stenosis) would be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from spinecast.assessment.patient import Patient
from spinecast.engines.exact import known_value
from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence, main_setting
from spinecast.network.model import Network
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Quantity


@dataclass(frozen=True, slots=True)
class Localisation:
    """Where a generator is, if it is active.

    Attributes
    ----------
    sides, sites : mapping of side or spinal level to probability; empty where there is no such question
    other_side : tuple of str
        Findings that it would mostly have produced itself, and that were recorded on the other side.
    """

    sides: Mapping[str, float]
    sites: Mapping[str, float]
    other_side: tuple[str, ...] = ()

    @property
    def side(self) -> str:
        """The side, where one stands out; else ""."""
        return next((k for k, share in self.sides.items() if share >= SIDE_NAMED), "")

    @property
    def site(self) -> str:
        """The spinal level, where one stands out; else ""."""
        return next((k for k, share in self.sites.items() if share >= SITE_NAMED), "")


SIDE_NAMED, SITE_NAMED = 0.6, 0.5
"""Shares from which a side and a level are named: an action is aimed at no side that is little better than a guess."""


def localise(patient: Patient, priors: Priors, credit: Callable[[str, str], float], generator: str) -> Localisation:
    """Posterior of side and level from findings that this generator causes and that were recorded with one.

    `credit` gives how far a generator, if active, produced a finding (0 to 1); see `crediting`.
    """
    record = priors.generators[generator]
    sides = _shares(record.sides, priors)
    sites = _shares(record.sites, priors)
    recorded: dict[str, str] = {}
    for name, seen in patient.findings.items():
        finding = priors.findings[name]
        if finding.concordance is None or seen.value == finding.values[0] or not (seen.side or seen.level):
            continue
        if generator not in {c.generator for c in finding.causes}:
            continue
        agree = estimate(finding.concordance, priors.rows, "logit").value
        own = credit(generator, name)
        if seen.side:
            sides = _updated(sides, seen.side, agree, own)
            recorded[name] = seen.side if own > MOSTLY and agree >= TELLING else ""
        if seen.level in sites:
            sites = _updated(sites, seen.level, agree, own)
    place = Localisation(sides, sites)
    other = OPPOSITE.get(place.side)
    return replace(place, other_side=tuple(name for name, side in recorded.items() if side == other))


OPPOSITE = {"left": "right", "right": "left"}
MOSTLY = 0.5

TELLING = 0.7
"""Concordance from which a finding on the other side is remarkable."""


def crediting(network: Network, evidence: Evidence, belief: Array) -> Callable[[str, str], float]:
    """Of a generator and a finding: the probability that the generator produced it, if it is active.

    Shared among the generators that are active with it, averaged over the belief; where it is active alone it is 1. People
    without any cause (the leak) are left out: how far their scans agree is in the finding's concordance already.
    """
    setting = main_setting(network, network.theta, evidence)
    produced: dict[str, Array] = {}

    def credit(generator: str, finding: str) -> float:
        if finding not in produced:
            produced[finding] = _produced(network, evidence, setting, finding)
        any_cause, space = produced[finding], network.space
        share, weight = 0.0, 0.0
        for i, (owner, _) in enumerate(space.levels):
            if owner == generator:
                alone = any_cause[space.active[:, i] & (space.count == 1)][0]
                here = space.active[:, i]
                own = np.divide(alone, any_cause[here], out=np.ones(int(here.sum())), where=any_cause[here] > alone)
                share += float(belief[here] @ own)
                weight += float(belief[here].sum())
        return share / weight if weight > 0 else 1.0

    return credit


def _produced(network: Network, evidence: Evidence, setting: int, finding: str) -> Array:
    """Probability that some active generator, and not the leak alone, brings the finding to the grade recorded; shape (S,)."""
    leaf = network.leaves[finding]
    table = network.table(network.theta, leaf, setting)
    known = known_value(evidence, leaf.by) if leaf.by else 0
    table = table.mean(axis=0) if known is None else table[known if len(table) > 1 else 0]
    if leaf.sedation is not None:
        table = table[evidence.sedation.get(finding, 2)]
    grade = max(1, int(np.flatnonzero(evidence.likelihood[finding])[0]))
    reached = table[0, :, grade:].sum(axis=1)[leaf.config_of_state]
    found: Array = np.clip(1 - (1 - reached) / max(1 - reached[0], LEAST), 0.0, 1.0)
    return found


LEAST = 1e-12


def _shares(table: Mapping[str, Quantity], priors: Priors) -> dict[str, float]:
    raw = {k: estimate(q, priors.rows, "logit").value for k, q in table.items()}
    total = sum(raw.values())
    return {k: v / total for k, v in raw.items()} if total > 0 else {}


def _updated(shares: dict[str, float], recorded: str, agree: float, own: float) -> dict[str, float]:
    """Bayes with P(recorded | true) = agree where they match, the rest spread evenly; what another produced lies anywhere."""
    if recorded not in shares:
        return shares
    others, anywhere = max(len(shares) - 1, 1), (1 - own) / len(shares)
    weight = {k: v * (own * (agree if k == recorded else (1 - agree) / others) + anywhere) for k, v in shares.items()}
    total = sum(weight.values())
    return {k: v / total for k, v in weight.items()}
