"""Why: weight of evidence, what to ask or test next, and how well the model understands the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spinecast.assessment.asking import Asking
from spinecast.assessment.assessment import NextFinding, Surprise, Weight
from spinecast.assessment.observing import Observer
from spinecast.engines import exact
from spinecast.network.evidence import Evidence
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


def weights_of_evidence(
    network: Network,
    evidence: Evidence,
    parts: Sequence[tuple[Array, dict[str, Array]]],
    generators: Sequence[str],
    labels: Mapping[str, str],
) -> tuple[Weight, ...]:
    """Decibans of every part for each generator, largest first within a generator."""
    full, _ = _posterior_without(parts)
    found = []
    for part in parts[0][1]:
        rest, _ = _posterior_without(parts, part)
        members = _members(network, evidence, part)
        for generator in generators:
            mask = network.space.mask(generator)
            decibans = DECIBAN * (_log_odds(full, mask) - _log_odds(rest, mask))
            found.append(Weight(generator, part, _label(part, members, labels), members, float(decibans)))
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


def _label(part: str, members: Sequence[str], labels: Mapping[str, str]) -> str:
    if len(members) == 1:
        return labels.get(members[0], members[0])
    return f"{labels.get(part, part)} ({', '.join(labels.get(m, m) for m in members)})"


def _log_odds(states: Array, mask: np.ndarray) -> float:
    p, q = float(states[mask].sum()), float(states[~mask].sum())
    return float(np.log(max(p, 1e-300)) - np.log(max(q, 1e-300)))


def surprise(parts: Sequence[tuple[Array, dict[str, Array]]]) -> Surprise:
    """Jensen's conflict measure over the independent parts of the evidence.

    References
    ----------
    jensen1990conflict (Jensen FV, Chamberlain B, Nordahl T, Jensen F. Analysis in HUGIN of data conflict. UAI 1990).
    """
    _, log_evidence = _posterior_without(parts)
    alone = 0.0
    for part in parts[0][1]:
        alone += float(np.logaddexp.reduce([_total(prior + found[part]) for prior, found in parts]))
    conflict = (alone - log_evidence) / np.log(2)
    odd = len(parts[0][1]) > 1 and conflict > 0
    message = (
        "These findings contradict each other under every explanation that the model has: check them, and distrust the ranking."
        if odd
        else "The findings hang together under the model."
    )
    return Surprise(log_evidence, float(conflict), bool(odd), message)


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
