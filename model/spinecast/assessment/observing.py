"""What a test, block or question could show, given everything known and what a plan has already shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from spinecast.decision.plan import Seen
from spinecast.engines import exact
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors

MOST_OUTCOMES = 8
"""Outcomes of one action that a plan tells apart; rarer ones are taken together as "anything else"."""


class Observer:
    """P(outcome | state) for the plan search; exact, with the frailty shared by members of one family.

    Parameters
    ----------
    network, theta, priors
    evidence : Evidence
        What is known now.
    belief : ndarray, shape (S,)
        Weights outcomes when the rarest are taken together.
    keep : ndarray of int
        States that the plan search works on.
    """

    def __init__(
        self, network: Network, theta: Array, priors: Priors, evidence: Evidence, belief: Array, keep: np.ndarray
    ) -> None:
        self.network, self.theta, self.priors = network, theta, priors
        self.evidence, self.belief, self.keep = evidence, belief, keep
        self.setting = 0 if evidence.setting is None else int(np.argmax(evidence.setting))

    def __call__(self, action: str, seen: tuple[Seen, ...]) -> tuple[tuple[Seen, ...], Array] | None:
        """Outcomes of the action's next look; None where it has nothing (more) to show."""
        group = self._next_group(action, seen)
        if group is None:
            return None
        known = self._supposed(seen)
        parts = [self._split(name, len(group) > 1) for name in group]
        outcomes, rows = [], []
        for combination in product(*parts):
            likelihood = dict(zip(group, (vector for _, vector, _ in combination), strict=True))
            rows.append(conditional(self.network, self.theta, known, likelihood, self.setting)[self.keep])
            label = ", ".join(text for text, _, _ in combination)
            outcomes.append(Seen(action, label, combination[0][2] if len(group) == 1 else None))
        return self._merged(action, outcomes, np.stack(rows))

    def _next_group(self, action: str, seen: tuple[Seen, ...]) -> tuple[str, ...] | None:
        looked = sum(s.action == action for s in seen)
        open_groups = [
            g
            for g in self.priors.procedures[action].observes
            if all(name in self.network.leaves for name in g) and not all(name in self.evidence.likelihood for name in g)
        ]
        return open_groups[looked] if looked < len(open_groups) else None

    def _supposed(self, seen: tuple[Seen, ...]) -> Evidence:
        """Evidence with the single-finding outcomes that the plan has already shown."""
        evidence = self.evidence
        for i, one in enumerate(seen):
            group = self._next_group(one.action, seen[:i])
            if group is not None and len(group) == 1 and one.relief_percent is not None:
                leaf = self.network.leaves[group[0]]
                index = relief_thresholds(leaf.values).index(one.relief_percent)
                evidence = evidence.with_leaf(group[0], np.eye(len(leaf.values))[index])
        return evidence

    def _split(self, name: str, coarse: bool) -> list[tuple[str, Array, float | None]]:
        """(label, likelihood, relief) of each value; several findings seen at once are split at their middle."""
        leaf = self.network.leaves[name]
        size = len(leaf.values)
        if coarse:
            middle = size // 2
            low = (np.arange(size) < middle).astype(float)
            return [(f"no {leaf.label}", low, None), (f"{leaf.label}", 1 - low, None)]
        if leaf.id in self.priors.findings and self.priors.findings[leaf.id].kind == "block":
            reliefs = relief_thresholds(leaf.values)
            return [(relief_label(reliefs, i), np.eye(size)[i], reliefs[i]) for i in range(size)]
        return [(v.replace("_", " "), np.eye(size)[i], None) for i, v in enumerate(leaf.values)]

    def _merged(self, action: str, outcomes: Sequence[Seen], rows: Array) -> tuple[tuple[Seen, ...], Array]:
        """Keep the most probable outcomes apart and add the rest up."""
        if len(outcomes) <= MOST_OUTCOMES:
            return tuple(outcomes), rows
        order = np.argsort(-(rows @ self.belief[self.keep]), kind="stable")
        top, rest = order[: MOST_OUTCOMES - 1], order[MOST_OUTCOMES - 1 :]
        kept = tuple(outcomes[i] for i in top) + (Seen(action, "anything else"),)
        return kept, np.concatenate([rows[top], rows[rest].sum(axis=0, keepdims=True)])


def relief_thresholds(values: Sequence[str]) -> list[float]:
    """Lower end, in percent, of each grade of relief; the first grade is 0."""
    return [0.0] + [float(v.rsplit("_", 1)[1]) for v in values[1:]]


def relief_label(reliefs: Sequence[float], index: int) -> str:
    """A grade of relief in words."""
    if index == 0:
        return f"relief below {reliefs[1]:.0f} %"
    if index == len(reliefs) - 1:
        return f"relief {reliefs[index]:.0f} % or more"
    return f"relief {reliefs[index]:.0f} to {reliefs[index + 1]:.0f} %"


def conditional(
    network: Network, theta: Array, evidence: Evidence, added: Mapping[str, Array], setting: int
) -> Array:
    """P(added | state, evidence), shape (S,): only what shares a family or a context with it is looked at."""
    related = _related(network, evidence, added)
    before = exact.log_likelihood(network, theta, related, setting)
    after = related
    for name, vector in added.items():
        after = after.with_leaf(name, vector)
    ratio = exact.log_likelihood(network, theta, after, setting) - before
    return np.where(np.isfinite(before), np.exp(np.where(np.isfinite(before), ratio, 0.0)), 0.0)


def _related(network: Network, evidence: Evidence, added: Mapping[str, Array]) -> Evidence:
    blocks = {network.block_of[name] for name in added}
    contexts = {network.blocks[b].by for b in blocks if network.blocks[b].by} | {n for n in added if n in network.modulators}
    unknown = {c for c in contexts if c not in evidence.likelihood}
    blocks |= {b.id for b in network.blocks.values() if b.by in unknown}
    keep = {n for n in evidence.likelihood if network.block_of[n] in blocks or n in contexts}
    dropped = [n for n in evidence.likelihood if n not in keep] + [c for c in evidence.counts if c not in blocks]
    return evidence.without(*dropped)
