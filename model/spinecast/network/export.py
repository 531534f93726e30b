"""The network as pgmpy knows it: every node with its table, for reading, for other tools and as a second opinion.

Nodes: the setting; one root a generator; counters of how many are active; `presents`; contexts; findings; one
latent a family; sedation; and profiles. Generators are independent roots here, so the joint prior (how many are
active, at most three) comes from `presents`, which MUST be observed as "yes" in every query: `EVIDENCE` is that
clamp, and the exported model carries it as `model.graph["evidence"]`.

Wide leaves use profiles (parent divorcing by deterministic nodes, docs/decisions/0007): a profile says which of
its parents are active as far as the leaf can tell, and the leaf has two profiles for parents. What tables hold
for more than three active generators is arbitrary, since `presents` excludes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any

import numpy as np

from spinecast.frozen import dataclass
from spinecast.network.model import FRAILTY_WEIGHTS, Leaf, Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array, expit

EVIDENCE: Mapping[str, str] = MappingProxyType({"presents": "yes"})
"""What has to be observed in every query of an exported network."""

MOST_COMBINATIONS = 512
"""Parents with more joint values than this are divorced by profiles."""

FRAILTY_NAMES = ("low", "middle", "high")


@dataclass(frozen=True, slots=True)
class Node:
    """A discrete node: table of shape (values, values of each parent ...)."""

    name: str
    values: tuple[str, ...]
    parents: tuple[str, ...]
    table: Array


def to_pgmpy(network: Network, theta: Array | None = None, setting: str | None = None) -> Any:
    """A checked `pgmpy.models.DiscreteBayesianNetwork`.

    Parameters
    ----------
    theta : ndarray, shape (P,), optional
        Parameters; the network's own by default.
    setting : str, optional
        Build for one setting, without the node `setting`.

    Returns
    -------
    DiscreteBayesianNetwork
        Right only with `EVIDENCE` observed; `graph["evidence"]` holds it.
    """
    model = to_pgmpy_model(nodes(network, theta, setting))
    model.graph["evidence"] = dict(EVIDENCE)
    return model


def to_pgmpy_model(built: Sequence[Node]) -> Any:
    """Any nodes, parents before children, as a checked `DiscreteBayesianNetwork`."""
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    values = {node.name: list(node.values) for node in built}
    model = DiscreteBayesianNetwork()
    model.add_nodes_from(values)
    model.add_edges_from((parent, node.name) for node in built for parent in node.parents)
    for node in built:
        model.add_cpds(
            TabularCPD(
                node.name, len(node.values), node.table.reshape(len(node.values), -1), evidence=list(node.parents),
                evidence_card=[len(values[p]) for p in node.parents],
                state_names={name: values[name] for name in (node.name, *node.parents)},
            )
        )  # fmt: skip
    model.check_model()
    return model


def nodes(network: Network, theta: Array | None = None, setting: str | None = None) -> tuple[Node, ...]:
    """Every node of the export, parents before children; what `to_pgmpy` hands over, for other tools."""
    theta = network.theta if theta is None else theta
    settings = tuple(range(len(network.settings))) if setting is None else (network.settings.index(setting),)
    return Export(network, theta, settings, with_setting=setting is None).build()


@dataclass
class Export:
    """Builds the nodes of a network one after another; `made` has them in order."""

    network: Network
    theta: Array
    settings: tuple[int, ...]
    with_setting: bool
    made: dict[str, Node] = field(default_factory=dict)

    def build(self) -> tuple[Node, ...]:
        if self.with_setting:
            self.add("setting", self.network.settings, (), self.network.setting_prior(self.theta))
        self._roots()
        self._presents()
        for block in self.network.blocks.values():
            if block.loading is not None:
                self.add(f"frailty_{block.id}", FRAILTY_NAMES, (), FRAILTY_WEIGHTS)
        for leaf in sorted(self.network.leaves.values(), key=lambda one: (not one.is_context, bool(one.by))):
            self.leaf(leaf)
        return tuple(self.made.values())

    def add(self, name: str, values: Sequence[str], parents: Sequence[str], table: Array) -> None:
        if name in self.made:
            raise ValueError(f"two nodes are called {name!r}")
        self.made[name] = Node(name, tuple(values), tuple(parents), np.asarray(table, dtype=float))

    def by_setting(self, tables: Sequence[Array]) -> tuple[tuple[str, ...], Array]:
        """Tables with the setting as a parent where they differ by it; the new axis comes second."""
        same = all(np.array_equal(tables[0], t) for t in tables[1:])
        return ((), tables[0]) if same or not self.with_setting else (("setting",), np.stack(tables, axis=1))

    # ── prior ────────────────────────────────────────────────────────────────────────────────────

    def levels_of(self, generator: str) -> list[int]:
        return [i for i, (g, _) in enumerate(self.network.space.levels) if g == generator]

    def _odds(self, setting: int, generator: str) -> Array:
        """Odds of none and of each level of an independent root; shape (levels + 1,)."""
        weights = self.theta[self.network.prevalence[setting][self.levels_of(generator)]]
        return np.concatenate([[1.0], np.exp(weights)])

    def _roots(self) -> None:
        names = self._counts
        before: str | None = None
        for generator in self.network.space.generators:
            levels = [self.network.space.levels[i][1] or "yes" for i in self.levels_of(generator)]
            odds = [self._odds(k, generator) for k in self.settings]
            parents, table = self.by_setting([o / o.sum() for o in odds])
            self.add(generator, ("no", *levels), parents, table)
            active = np.minimum(np.arange(len(levels) + 1), 1)
            earlier = np.arange(len(names)) if before else np.array([0])
            now = np.minimum(earlier[:, None] + active, len(names) - 1)
            counted = (np.arange(len(names))[:, None, None] == now).astype(float)
            counter = f"count_{generator}"
            if before:
                self.add(counter, names, (before, generator), counted)
            else:
                self.add(counter, names, (generator,), counted[:, 0])
            before = counter

    @property
    def _counts(self) -> tuple[str, ...]:
        return (*(str(i) for i in range(int(self.network.space.count.max()) + 1)), "more")

    @property
    def _counter(self) -> str:
        return f"count_{self.network.space.generators[-1]}"

    def _presents(self) -> None:
        """Weight of how many are active, and of the setting, whose independent roots have a normaliser of their own."""
        yes = []
        for k in self.settings:
            second, third = np.exp(self.theta[self.network.co_occurrence[k]])
            count = np.arange(len(self._counts) - 1)
            weight = np.where(count >= 2, second, 1.0) * np.where(count >= 3, third, 1.0)
            roots = sum(math.log(self._odds(k, g).sum()) for g in self.network.space.generators)
            nothing_active = self.network.log_prior(self.theta, k)[0]
            yes.append(np.append(np.log(weight) + roots + nothing_active, -math.inf))
        chance = np.exp(np.array(yes) - np.max(yes))
        parents, table = self.by_setting([np.stack([1 - row, row]) for row in chance])
        self.add("presents", ("no", "yes"), (*parents, self._counter), table)

    # ── leaves ───────────────────────────────────────────────────────────────────────────────────

    def leaf(self, leaf: Leaf) -> None:
        block = self.network.blocks[self.network.block_of[leaf.id]]
        frailty = self.network.frailty(self.theta, block)
        tables = [self.network.table(self.theta, leaf, k, frailty) for k in self.settings]
        extra: list[str] = []
        extra += [leaf.by] if leaf.by else []
        if leaf.sedation is not None:
            self.sedation(leaf)
            tables = [t[:, :2] for t in tables]
            extra.append(f"sedation_{leaf.id}")
        extra += [f"frailty_{block.id}"] if block.loading is not None else []
        generators, configs = self._configurations(leaf)
        setting, table = self.by_setting([self._laid_out(t, leaf, configs, len(extra)) for t in tables])
        self.add(leaf.id, leaf.values, (*setting, *extra, *generators), table)

    def _laid_out(self, table: Array, leaf: Leaf, configs: Ints, extra: int) -> Array:
        """(values, base context, sedation, frailty, generator parents ...), axes of length one dropped where absent."""
        spread = np.moveaxis(table, -1, 0)[..., configs.ravel()]
        present = [n for n, there in zip(spread.shape[1:-1], self._axes(leaf), strict=True) if there]
        if len(present) != extra:
            raise AssertionError(f"{leaf.id}: {extra} parents beside the generators, {len(present)} axes")
        return spread.reshape(len(leaf.values), *present, *configs.shape)

    def _axes(self, leaf: Leaf) -> list[bool]:
        sedation = [True] if leaf.sedation is not None else []
        return [bool(leaf.by), *sedation, bool(leaf.family)]

    def sedation(self, leaf: Leaf) -> None:
        assert leaf.sedation is not None
        yes = float(expit(self.theta[leaf.sedation[0]]))
        self.add(f"sedation_{leaf.id}", ("no", "yes"), (), np.array([1 - yes, yes]))

    def _configurations(self, leaf: Leaf) -> tuple[tuple[str, ...], Ints]:
        """Parents of the leaf among generators, counter and profiles, and its configuration for each of their values."""
        space = self.network.space
        acting = leaf.activity[leaf.config_of_state]
        alone = acting[1 : len(space.levels) + 1]
        owners = [space.generators.index(g) for g, _ in space.levels]
        parents = sorted({owners[i] for i in np.flatnonzero((alone != acting[0]).any(axis=1))})
        columns = [_Column(space.generators[g], space.level_of[:, g], self._classes(leaf, g)) for g in parents]
        if len(columns) > 1 and math.prod(len(c.classes) for c in columns) > MOST_COMBINATIONS:
            half = _balanced([len(c.classes) for c in columns])
            columns = [
                self._profile(f"profile_{leaf.id}_{i}", part) for i, part in enumerate((columns[:half], columns[half:]), 1)
            ]
        if not np.array_equal(acting, space.active @ alone):
            columns.append(_Column(self._counter, space.count, np.arange(len(self._counts))))
        if not columns:
            return (), leaf.config_of_state[0]
        shape = tuple(int(c.classes.max()) + 1 for c in columns)
        merged = np.full(shape, -1, dtype=np.int64)
        where = tuple(c.classes[c.value_of_state] for c in columns)
        merged[where] = leaf.config_of_state
        if not np.array_equal(merged[where], leaf.config_of_state):
            raise AssertionError(f"{leaf.id}: its table is no function of its parents")
        configs = np.maximum(merged, 0)[np.ix_(*(c.classes for c in columns))]
        return tuple(c.name for c in columns), np.asarray(configs)

    def _classes(self, leaf: Leaf, generator: int) -> Ints:
        """Class of each level of a generator (0 inactive): levels of one class cannot be told apart by the leaf."""
        space = self.network.space
        others = space.level_of.copy()
        others[:, generator] = 0
        signatures: dict[bytes, int] = {}
        classes = [0]
        for level in range(1, int(space.level_of[:, generator].max()) + 1):
            here = space.level_of[:, generator] == level
            order = np.lexsort(others[here].T)
            signature = leaf.config_of_state[here][order].tobytes()
            classes.append(signatures.setdefault(signature, len(signatures) + 1))
        return np.array(classes)

    def _profile(self, name: str, columns: Sequence[_Column]) -> _Column:
        """A deterministic node that merges parents; joint values that cannot occur with `presents` share value 0."""
        if len(columns) == 1:
            return columns[0]
        if math.prod(len(c.classes) for c in columns) > MOST_COMBINATIONS:
            half = _balanced([len(c.classes) for c in columns])
            columns = [self._profile(f"{name}_{i}", part) for i, part in enumerate((columns[:half], columns[half:]), 1)]
        merged = np.stack([c.classes[c.value_of_state] for c in columns], axis=1)
        distinct, value_of_state = np.unique(merged, axis=0, return_inverse=True)
        shape = tuple(int(c.classes.max()) + 1 for c in columns)
        index = np.zeros(shape, dtype=np.int64)
        index[tuple(distinct.T)] = np.arange(len(distinct))
        spread = index[np.ix_(*(c.classes for c in columns))]
        table = (np.arange(len(distinct)).reshape(-1, *([1] * len(columns))) == spread).astype(float)
        self.add(name, [f"p{i}" for i in range(len(distinct))], [c.name for c in columns], table)
        return _Column(name, value_of_state.reshape(-1), np.arange(len(distinct)))


@dataclass(frozen=True, slots=True)
class _Column:
    """A parent: its value in every state, and the class of each of its values as far as the leaf can tell."""

    name: str
    value_of_state: Ints
    classes: Ints


def _balanced(sizes: Sequence[int]) -> int:
    """Where to cut a list of cardinalities so that both products are as equal as can be."""
    logs = np.log(sizes)
    return 1 + int(np.argmin(np.abs(np.cumsum(logs)[:-1] - logs.sum() / 2)))
