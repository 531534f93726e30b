"""What a test, block or question could show, given everything known and what a plan has already shown."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from spinecast.decision.gates import already_made
from spinecast.decision.plan import Seen
from spinecast.engines import exact
from spinecast.network.evidence import Evidence, main_setting
from spinecast.network.model import Block, Network
from spinecast.network.states import Ints
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
    tables : dict, optional
        Tables of leaves, made as they are asked for; observers of several people under the same parameters can share them.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        priors: Priors,
        evidence: Evidence,
        belief: Array,
        tables: dict[tuple[object, ...], Array] | None = None,
    ) -> None:
        self.network, self.theta, self.priors = network, theta, priors
        self.evidence, self.belief = evidence, belief
        self.setting = main_setting(network, theta, evidence)
        self._shown: dict[tuple[object, ...], tuple[tuple[Seen, ...], Array]] = {}
        self._tables = {} if tables is None else tables
        self._groups: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._contexts: dict[str, Array] = {}
        self._seen = {network.block_of[n] for n in evidence.likelihood if n not in network.modulators}

    def __call__(self, action: str, seen: tuple[Seen, ...]) -> tuple[tuple[Seen, ...], Array] | None:
        """Outcomes of the action's next look; None where it has nothing (more) to show."""
        group = self._next_group(action, seen)
        if group is None:
            return None
        supposed, counts = self._supposed(seen)
        known = replace(self.evidence, counts={**self.evidence.counts, **counts})
        for name, (_, vector) in supposed.items():
            known = known.with_leaf(name, vector)
        known = _related(self.network, known, group)
        # What shares neither a family nor an unknown context with the group changes nothing: one answer serves all.
        told = [(name, index) for name, (index, _) in supposed.items() if name in known.likelihood]
        told += [(family, number) for family, (_, number) in counts.items() if family in known.counts]
        key = (action, group, *sorted(told))
        if key not in self._shown:
            shown = self._counted if self.priors.procedures[action].counted else self._outcomes
            self._shown[key] = shown(action, group, known)
        return self._shown[key]

    def _counted(self, action: str, group: tuple[str, ...], known: Evidence) -> tuple[tuple[Seen, ...], Array]:
        """How many of the tests of one family are positive: as good as which ones, and few enough to plan for."""
        family = self.network.block_of[group[0]]
        before = exact.log_likelihood(self.network, self.theta, known, self.setting)
        rows = []
        for number in range(len(group) + 1):
            told = replace(known, counts={**known.counts, family: (group, number)})
            after = exact.log_likelihood(self.network, self.theta, told, self.setting)
            rows.append(_log_quotient(after, before))
        name = self.priors.dependencies[family].label if family in self.priors.dependencies else family
        seen = [Seen(action, f"{k} of {len(group)} positive ({name.lower()})", count=k) for k in range(len(group) + 1)]
        return tuple(seen), np.stack(rows)

    def _outcomes(self, action: str, group: tuple[str, ...], known: Evidence) -> tuple[tuple[Seen, ...], Array]:
        """What a look can show, the rarest taken together."""
        outcomes, vectors = self._apart(action, group)
        rows = self.likelihoods(known, vectors)
        if len(outcomes) <= MOST_OUTCOMES:
            return tuple(outcomes), rows
        top, rest = commonest(rows @ self.belief)
        return merged(action, outcomes, top), np.concatenate([rows[top], rows[rest].sum(axis=0, keepdims=True)])

    def _apart(self, action: str, group: tuple[str, ...]) -> tuple[list[Seen], list[dict[str, Array]]]:
        """Everything that a look can show, and what each outcome says of its findings."""
        outcomes, vectors = [], []
        for combination in product(*(self._split(name, len(group) > 1) for name in group)):
            label = ", ".join(text for text, _, _ in combination)
            outcomes.append(Seen(action, label, combination[0][2] if len(group) == 1 else None))
            vectors.append(dict(zip(group, (vector for _, vector, _ in combination), strict=True)))
        return outcomes, vectors

    def outline(self, action: str, seen: tuple[Seen, ...]) -> tuple[tuple[Seen, ...], Array] | None:
        """The same as calling it, with ones of shape (O, 1) in place of the probabilities."""
        group = self._next_group(action, seen)
        if group is None:
            return None
        outcomes, _ = self._apart(action, group)
        shown = tuple(outcomes) if len(outcomes) <= MOST_OUTCOMES else merged(action, outcomes, range(MOST_OUTCOMES - 1))
        return shown, np.ones((len(shown), 1))

    def all_outcomes(self, action: str) -> Array:
        """P(each outcome of the action's first look | state), none taken together; shape (O, S)."""
        group = self._next_group(action, ())
        assert group is not None  # the caller has asked `looks`
        return self.likelihoods(_related(self.network, self.evidence, group), self._apart(action, group)[1])

    def looks(self, action: str) -> tuple[tuple[str, ...], ...]:
        """Groups of findings that the action has still to show, look by look."""
        if already_made(self.priors.procedures[action], self.evidence.likelihood):
            return ()
        return self._open_groups(action)

    def answers(self, name: str) -> Array:
        """P(each value | state, what is known now) of something that is not known; shape (V, S)."""
        block = self.network.block_of[name]
        general = block in self._seen or block in self.evidence.counts or self.theta is not self.network.theta
        shown = None if general else self.network.shown(name)
        if shown is None:
            values = len(self.network.leaves[name].values)
            return self.likelihoods(self.evidence, [{name: one_hot} for one_hot in np.eye(values)])
        context = self.network.context_of.get(block, "")
        row = exact.known_value(self.evidence, context) if len(shown) > 1 else 0
        answers: Array = np.einsum("bs,bvs->vs", self._given(context), shown) if row is None else shown[row]
        return answers

    def _given(self, context: str) -> Array:
        """P(value of a context | state, what is known now); shape (B, S)."""
        if context not in self._contexts:
            weight = self._own(context)
            if context in self.evidence.likelihood:
                weight = weight * self.evidence.likelihood[context][:, None]
            for name in self.network.blocks_by[context]:
                if name in self._seen:
                    block = self.network.blocks[name]
                    weight = weight * self._looked(block, self.evidence, ({},))[0].take(block.config_of_state, axis=1)
            self._contexts[context] = _quotient(weight, weight.sum(axis=0))
        return self._contexts[context]

    def likelihoods(self, known: Evidence, outcomes: Sequence[Mapping[str, Array]]) -> Array:
        """P(each outcome | state, what is known); shape (O, S). `conditional` is the same, one outcome at a time."""
        network = self.network
        if any(name in network.modulators or network.block_of[name] in known.counts for name in outcomes[0]):
            return np.stack([conditional(network, self.theta, known, one, self.setting) for one in outcomes])
        result = np.ones((len(outcomes), len(self.network.space)))
        for context, blocks in self._coupled(known, outcomes[0]).items():
            distinct, place = _distinct(outcomes, [n for n in outcomes[0] if network.block_of[n] in {b.id for b in blocks}])
            looked = [self._looked(block, known, distinct) for block in blocks]
            if context in network.modulators:
                own = self._own(context)
                if context in known.likelihood:
                    own = own * known.likelihood[context][:, None]
                before = math.prod(
                    (part.take(block.config_of_state, axis=1) for block, (part, _) in zip(blocks, looked, strict=True)), start=own
                )
                after = math.prod(
                    (part.take(block.config_of_state, axis=2) for block, (_, part) in zip(blocks, looked, strict=True)),
                    start=own[:, None],
                )
                result *= _quotient(after.sum(axis=0), before.sum(axis=0))[place]
            else:
                row = exact.known_value(known, blocks[0].by) or 0
                before, after = (part[row if len(part) > 1 else 0] for part in looked[0])
                result *= _quotient(after, before)[place].take(blocks[0].config_of_state, axis=1)
        return result

    def _looked(self, block: Block, known: Evidence, outcomes: Sequence[Mapping[str, Array]]) -> tuple[Array, Array]:
        """P(what is known in a block | context value, configuration), (B, C); and with each outcome's part, (B, O, C)."""
        nodes = self.network.frailty_weights(block)
        before: Array = np.ones((1, len(nodes), block.leaf_config.shape[1], 1))
        added: Array = before
        for name, configs in zip(block.leaves, block.leaf_config, strict=True):
            if name in known.likelihood:
                before = before * (self._table(name, block) @ known.likelihood[name][:, None]).take(configs, axis=2)
            if name in outcomes[0]:
                vectors = np.stack([one[name] for one in outcomes], axis=1)
                added = added * (self._table(name, block) @ vectors).take(configs, axis=2)
        settled: Array = np.einsum("bzco,z->bc", before, nodes)
        after = np.einsum("bzco,z->boc", before * added, nodes)
        return settled, np.broadcast_to(after, (len(after), len(outcomes), after.shape[2]))

    def _coupled(self, known: Evidence, added: Mapping[str, Array]) -> dict[str, list[Block]]:
        """Blocks of the outcome and those tied to them by a context that is not certain, by that context; a block
        tied to no other stands under its own id."""
        network = self.network
        own = {network.block_of[name] for name in added}
        seen = own | {network.block_of[n] for n in known.likelihood if n not in network.modulators}
        found: dict[str, list[Block]] = {}
        for name in sorted(own):
            block = network.blocks[name]
            if not block.by or exact.known_value(known, block.by) is not None:
                found[name] = [block]
            elif block.by not in found:
                found[block.by] = [network.blocks[b] for b in sorted(seen) if network.blocks[b].by == block.by]
        return found

    def _own(self, context: str) -> Array:
        """P(value of a context | state); shape (B, S)."""
        key = (context, self.setting, "spread")
        if key not in self._tables:
            leaf = self.network.leaves[context]
            table = self.network.table(self.theta, leaf, self.setting)[0, 0]
            self._tables[key] = np.ascontiguousarray(table.T).take(leaf.config_of_state, axis=1)
        return self._tables[key]

    def _table(self, name: str, block: Block) -> Array:
        """P(value | configuration, context value, frailty node) of a leaf; shape (B, Z, C, V)."""
        leaf = self.network.leaves[name]
        if (name, self.setting) not in self._tables:
            if (block.id,) not in self._tables:
                self._tables[block.id,] = self.network.frailty(self.theta, block)
            self._tables[name, self.setting] = self.network.table(self.theta, leaf, self.setting, self._tables[block.id,])
        table = self._tables[name, self.setting]
        return table if leaf.sedation is None else table[..., self.evidence.sedation.get(name, 2), :, :, :]

    def _next_group(self, action: str, seen: tuple[Seen, ...]) -> tuple[str, ...] | None:
        looked = sum(s.action == action for s in seen)
        open_groups = self.looks(action)
        return open_groups[looked] if looked < len(open_groups) else None

    def _open_groups(self, action: str) -> tuple[tuple[str, ...], ...]:
        """What the action has still to show, look by look; a count takes what is not recorded, of families not yet counted."""
        if action not in self._groups:
            procedure, seen = self.priors.procedures[action], self.evidence.likelihood
            groups = [g for g in procedure.observes if all(name in self.network.leaves for name in g)]
            if procedure.counted:
                left = [
                    tuple(n for n in g if n not in seen)
                    for g in groups
                    if self.network.block_of[g[0]] not in self.evidence.counts
                ]
                groups = [g for g in left if g]
            self._groups[action] = tuple(g for g in groups if not all(name in seen for name in g))
        return self._groups[action]

    def _supposed(self, seen: tuple[Seen, ...]) -> tuple[dict[str, tuple[int, Array]], dict[str, tuple[tuple[str, ...], int]]]:
        """What the plan has already shown: of single findings the index of the value and its likelihood, and counts by family."""
        supposed: dict[str, tuple[int, Array]] = {}
        counts: dict[str, tuple[tuple[str, ...], int]] = {}
        for i, one in enumerate(seen):
            group = self._next_group(one.action, seen[:i])
            if group is not None and one.count is not None:
                counts[self.network.block_of[group[0]]] = (group, one.count)
            elif group is not None and len(group) == 1 and one.relief_percent is not None:
                leaf = self.network.leaves[group[0]]
                index = relief_thresholds(leaf.values).index(one.relief_percent)
                supposed[group[0]] = (index, np.eye(len(leaf.values))[index])
        return supposed, counts

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


def commonest(chances: Array) -> tuple[Ints, Ints]:
    """The most probable outcomes, which are kept apart, and the rest; indices into the last axis of `chances` (..., O)."""
    order = np.argsort(-chances, axis=-1, kind="stable")
    return order[..., : MOST_OUTCOMES - 1], order[..., MOST_OUTCOMES - 1 :]


def merged(action: str, outcomes: Sequence[Seen], kept: Iterable[int]) -> tuple[Seen, ...]:
    """Some outcomes, and everything else as one."""
    return (*(outcomes[i] for i in kept), Seen(action, "anything else"))


def _distinct(outcomes: Sequence[Mapping[str, Array]], names: Sequence[str]) -> tuple[list[dict[str, Array]], list[int]]:
    """The different outcomes as far as some of the findings go, and which of them each is."""
    found: dict[tuple[bytes, ...], dict[str, Array]] = {}
    keys = [tuple(one[name].tobytes() for name in names) for one in outcomes]
    for key, one in zip(keys, outcomes, strict=True):
        found.setdefault(key, {name: one[name] for name in names})
    number = {key: i for i, key in enumerate(found)}
    return list(found.values()), [number[key] for key in keys]


def _quotient(after: Array, before: Array) -> Array:
    """Zero where what is known is impossible."""
    shown: Array = np.divide(after, before, out=np.zeros_like(after), where=np.broadcast_to(before > 0, after.shape))
    return shown


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


def conditional(network: Network, theta: Array, evidence: Evidence, added: Mapping[str, Array], setting: int) -> Array:
    """P(added | state, evidence), shape (S,): only what shares a family or a context with it is looked at."""
    related = _related(network, evidence, added)
    before = exact.log_likelihood(network, theta, related, setting)
    after = related
    for name, vector in added.items():
        after = after.with_leaf(name, vector)
    return _log_quotient(exact.log_likelihood(network, theta, after, setting), before)


def _log_quotient(after: Array, before: Array) -> Array:
    """exp(after - before), and 0 where what is known is impossible already."""
    known = np.isfinite(before)
    return np.where(known, np.exp(np.where(known, after - np.where(known, before, 0.0), 0.0)), 0.0)


def _related(network: Network, evidence: Evidence, added: Iterable[str]) -> Evidence:
    """The part of the evidence that shares a family or a context with what is added."""
    blocks, contexts = tied_to(network, evidence.likelihood, added)
    keep = {n for n in evidence.likelihood if network.block_of[n] in blocks or n in contexts}
    dropped = [n for n in evidence.likelihood if n not in keep] + [c for c in evidence.counts if c not in blocks]
    return evidence.without(*dropped)


def tied_to(network: Network, known: Container[str], added: Iterable[str]) -> tuple[set[str], set[str]]:
    """Blocks and contexts that share a family or a context with some findings, where these leaves are known."""
    added = tuple(added)
    blocks = {network.block_of[name] for name in added}
    contexts = {network.context_of[b] for b in blocks if b in network.context_of} | {n for n in added if n in network.modulators}
    blocks |= {name for context in contexts if context not in known for name in network.blocks_by.get(context, ())}
    return blocks, contexts
