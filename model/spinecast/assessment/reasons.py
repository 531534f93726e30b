"""Why: weight of evidence, what to ask or test next, and how well the model understands the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spinecast.assessment.asking import Asking
from spinecast.assessment.assessment import NextFinding, Surprise, Weight
from spinecast.assessment.observing import Observer
from spinecast.engines import exact
from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence, main_setting
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

DECIBAN = 10 / np.log(10)


def joint_parts(network: Network, theta: Array, evidence: Evidence) -> list[tuple[Array, dict[str, Array]]]:
    """Per possible setting: log weight of the states (S,), and the log factor of each part of the evidence."""
    share = network.setting_prior(theta)
    likelihood = share if evidence.setting is None else evidence.setting
    parts = []
    shared: dict[tuple[str, bytes], Array] = {}
    with np.errstate(divide="ignore"):
        for k in np.flatnonzero(likelihood):
            prior = np.log(likelihood[k]) + network.log_prior(theta, int(k))
            parts.append((prior, exact.factors(network, theta, evidence, int(k), shared)))
    return parts


def _posterior_without(parts: Sequence[tuple[Array, dict[str, Array]]], left_out: str = "") -> tuple[Array, float]:
    """Posterior over states with one part left out, and the log probability of the rest."""
    logs = [prior + sum((v for k, v in found.items() if k != left_out), start=np.zeros_like(prior)) for prior, found in parts]
    joint = logs[0] if len(logs) == 1 else np.logaddexp.reduce(np.stack(logs), axis=0)
    peak = joint.max()
    weight = np.exp(joint - peak)
    return weight / weight.sum(), float(peak + np.log(weight.sum()))


@dataclass(frozen=True, slots=True)
class Naming:
    """What the parts of the evidence are called.

    Attributes
    ----------
    labels : mapping of id to name
        Findings, contexts, families.
    said : mapping of id to what was recorded of it, in words
    """

    labels: Mapping[str, str]
    said: Mapping[str, str]

    def part(self, network: Network, part: str, members: Sequence[str]) -> str:
        """A finding with its value; a family with its members; families tied by an unknown context one after the other."""
        blocks: dict[str, list[str]] = {}
        for member in members:
            blocks.setdefault(network.block_of.get(member, part), []).append(member)
        return "; ".join(self._block(block, inside) for block, inside in blocks.items())

    def _block(self, block: str, members: Sequence[str]) -> str:
        if len(members) == 1:
            return self._named(members[0], self.said.get(members[0], ""))
        values = (self.said.get(m, "").partition(",")[0] for m in members)
        named = (self._named(m, "" if v in FOUND else v) for m, v in zip(members, values, strict=True))
        return f"{self.labels.get(block, block)} ({'; '.join(named)})"

    def _named(self, name: str, value: str) -> str:
        label = self.labels.get(name, name)
        return f"{label}: {value}" if value else label


FOUND = ("present", "positive")
"""Values that go without saying in the list of a family; any other is named, or what is absent would read as found."""


def weights_of_evidence(
    network: Network,
    evidence: Evidence,
    parts: Sequence[tuple[Array, dict[str, Array]]],
    generators: Sequence[str],
    naming: Naming,
) -> tuple[Weight, ...]:
    """Decibans of every part for each generator, largest first within a generator."""
    full, _ = _posterior_without(parts)
    found = []
    for part in parts[0][1]:
        rest, _ = _posterior_without(parts, part)
        members = _members(network, evidence, part)
        label = naming.part(network, part, members)
        for generator in generators:
            mask = network.space.mask(generator)
            decibans = DECIBAN * (_log_odds(full, mask) - _log_odds(rest, mask))
            found.append(Weight(generator, part, label, members, float(decibans)))
    order = {g: i for i, g in enumerate(generators)}
    return tuple(sorted(found, key=lambda w: (order[w.generator], -abs(w.decibans), w.name)))


def _members(network: Network, evidence: Evidence, part: str) -> tuple[str, ...]:
    if part in evidence.states:
        return (part,)
    if part in network.modulators:
        blocks = [] if part in evidence.likelihood else [network.blocks[name] for name in network.blocks_by.get(part, ())]
        inside = [n for b in blocks for n in b.leaves if n in evidence.likelihood]
        return tuple([part] * (part in evidence.likelihood) + inside)
    return tuple(n for n in network.blocks[part].leaves if n in evidence.likelihood) or (part,)


def _log_odds(states: Array, mask: np.ndarray) -> float:
    p, q = float(states[mask].sum()), float(states[~mask].sum())
    return float(np.log(max(p, 1e-300)) - np.log(max(q, 1e-300)))


def surprise(network: Network, evidence: Evidence, parts: Sequence[tuple[Array, dict[str, Array]]], naming: Naming) -> Surprise:
    """Jensen's conflict measure over the independent parts of the evidence, and which parts fit least.

    References
    ----------
    jensen1990conflict (Jensen FV, Chamberlain B, Nordahl T, Jensen F. Analysis in HUGIN of data conflict. UAI 1990).
    """
    _, log_evidence = _posterior_without(parts)
    alone = {part: float(np.logaddexp.reduce([_total(prior + found[part]) for prior, found in parts])) for part in parts[0][1]}
    conflict = (sum(alone.values()) - log_evidence) / np.log(2)
    odd = len(alone) > 1 and conflict >= CONTRADICTION_BITS
    message = verdict_on(conflict if len(alone) > 1 else 0.0)
    rare = _hardly_together(network, evidence)
    if odd:
        falls = {part: (one - log_evidence + _posterior_without(parts, part)[1]) / np.log(2) for part, one in alone.items()}
        least = sorted(falls, key=lambda part: -falls[part])[:NAMED]
        named = "; ".join(naming.part(network, part, _members(network, evidence, part)) for part in least)
        message += f" They fit the rest least: {named}."
    elif rare:
        pairs = " and ".join(" with ".join(naming.part(network, name, (name,)) for name in pair) for pair in rare)
        message = f"Hardly anybody has {pairs}: check them, and distrust the ranking."
    return Surprise(log_evidence, float(conflict), bool(odd or rare), message)


HARDLY_ANYBODY = 0.001
"""Probability of an answer among people with another (and no named cause of pain) below which one of them is probably a slip."""


def _hardly_together(network: Network, evidence: Evidence) -> list[tuple[str, str]]:
    """Answers about the person of which one all but excludes the other, whatever hurts (a fusion without surgery)."""
    found = []
    setting = main_setting(network, network.theta, evidence)
    for name in network.contexts:
        leaf = network.leaves[name]
        value, other = exact.known_value(evidence, name), exact.known_value(evidence, leaf.by) if leaf.by else None
        if value is not None and other is not None:
            table = network.table(network.theta, leaf, setting)
            if table[other, 0, leaf.config_of_state[0], value] < HARDLY_ANYBODY:
                found.append((name, leaf.by))
    return found


CONTRADICTION_BITS = 1.0
"""Conflict from which findings are said to contradict each other: together half as likely as apart.

Of people drawn from the model, about half have a conflict above 0; above 1 bit are 0 to 2 % (6 to 20 findings recorded).
"""

NAMED = 2


def verdict_on(conflict: float) -> str:
    """What a conflict of so many bits means."""
    if conflict >= CONTRADICTION_BITS:
        return "These findings contradict each other under every explanation that the model has: check them, and distrust the ranking."
    if conflict > 0:
        return "The findings support each other little, and contradict each other no more than is usual."
    return "The findings hang together under the model."


def _total(log_weight: Array) -> float:
    peak = log_weight.max()
    return float(peak + np.log(np.exp(log_weight - peak).sum()))


def next_findings(observer: Observer, plan_values: Array) -> tuple[NextFinding, ...]:
    """Everything not yet observed that could be asked or tested, most valuable first.

    Parameters
    ----------
    observer : Observer
        Knows the evidence and the belief.
    plan_values : ndarray, shape (plans, S)
        Value of each candidate plan in each state; the plan is chosen anew after the finding.
    """
    asking = Asking.of(observer, plan_values)
    worths = asking.worths([(name,) for name in asking.questions])
    found = [
        NextFinding(question.id, question.label, question.kind, worth.value, worth.bits, worth.cost)
        for question, worth in zip(asking.questions.values(), worths, strict=True)
    ]
    return tuple(sorted(found, key=lambda f: (-f.value, -f.bits, f.id)))
