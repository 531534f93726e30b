"""The network with its noisy-OR and noisy-MAX findings kept as such, for formats that can say so.

A finding is the highest of independent contributions, one a cause (Henrion 1989, Díez 1993): one link for each
parent, and a leak. What a link depends on besides its cause (the latent of a family), and what a leak depends on (a
context, the setting, the latent), goes into a node of its own that the finding takes as it is. Log-linear leaves, and
findings whose causes act differently in company, have no such form and stay tables.

References
----------
diez1993 (Díez FJ. Parameter adjustment in Bayes networks: the generalized noisy OR-gate. UAI 1993).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace

import numpy as np

from spinecast.frozen import dataclass
from spinecast.network.export import Export, Node
from spinecast.network.model import CERTAIN, Block, Leaf, Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array, expit


@dataclass(frozen=True, slots=True)
class NoisyMax:
    """A node that is the highest of its parents' contributions and a leak.

    Attributes
    ----------
    links : tuple of ndarray, each of shape (values, values of that parent)
        Distribution of the contribution of each value of a parent.
    leak : ndarray, shape (values,)
    """

    name: str
    values: tuple[str, ...]
    parents: tuple[str, ...]
    links: tuple[Array, ...]
    leak: Array


def noisy_max_nodes(network: Network, theta: Array | None = None, setting: str | None = None) -> tuple[Node | NoisyMax, ...]:
    """Every node, parents before children; as `export.nodes`, with the same arguments."""
    theta = network.theta if theta is None else theta
    settings = tuple(range(len(network.settings))) if setting is None else (network.settings.index(setting),)
    build = _NoisyMaxExport(network, theta, settings, with_setting=setting is None)
    tables = {node.name: node for node in build.build()}
    return tuple(build.gates.get(name, node) for name, node in tables.items())


def strongest_first(nodes: Sequence[Node | NoisyMax]) -> tuple[Node | NoisyMax, ...]:
    """The same nodes with the values of each in the opposite order: ours begin with absent, SMILE's end with it."""
    return tuple(_turned(node) for node in nodes)


def _turned(node: Node | NoisyMax) -> Node | NoisyMax:
    if isinstance(node, Node):
        return replace(node, values=node.values[::-1], table=np.flip(node.table))
    return replace(node, values=node.values[::-1], links=tuple(np.flip(link) for link in node.links), leak=node.leak[::-1])


@dataclass
class _NoisyMaxExport(Export):
    """The export with another form for the leaves that have one.

    `gates` hold what a node really is; among the tables an empty one keeps its place.
    """

    gates: dict[str, NoisyMax] = field(default_factory=dict)

    def leaf(self, leaf: Leaf) -> None:
        if leaf.form != "noisy" or not leaf.is_additive(self.network.space):
            super().leaf(leaf)
            return
        block = self.network.blocks[self.network.block_of[leaf.id]]
        parents, links = [], []
        for cause, hazard in self._causes(leaf):
            parent, link = self._link(leaf, block, cause, hazard)
            parents.append(parent)
            links.append(link)
        leak = self._leak(leaf, block, parents, links)
        self.add(leaf.id, leaf.values, parents, np.zeros((len(leaf.values), 0)))
        self.gates[leaf.id] = NoisyMax(leaf.id, leaf.values, tuple(parents), tuple(links), leak)

    def _causes(self, leaf: Leaf) -> Iterator[tuple[str, Array]]:
        """Each parent that acts, with the hazard of each of its values; shape (values of the parent, V - 1)."""
        space = self.network.space
        strength = hazards(self.theta, leaf.strength)
        alone = leaf.activity[leaf.config_of_state[1 : len(space.levels) + 1]] @ strength
        for generator in space.generators:
            hazard = alone[self.levels_of(generator)]
            if hazard.any():
                yield generator, np.concatenate([np.zeros_like(hazard[:1]), hazard])
        if leaf.sedation is not None:
            self.sedation(leaf)
            added = hazards(self.theta, leaf.sedation[1:])
            yield f"sedation_{leaf.id}", np.stack([np.zeros_like(added), added])

    def _link(self, leaf: Leaf, block: Block, cause: str, hazard: Array) -> tuple[str, Array]:
        """A parent of the gate and its link: the cause itself, or a node of its own where the family's latent scales it."""
        frailty = self.network.frailty(self.theta, block)
        table = np.moveaxis(mass(hazard[None], frailty)[0], -1, 0)  # (V, frailty, values of the cause)
        if block.loading is None:
            return cause, table[:, 0]
        name = f"{leaf.id}_by_{cause}"
        self.add(name, leaf.values, (f"frailty_{block.id}", cause), table)
        return name, np.eye(len(leaf.values))

    def _leak(self, leaf: Leaf, block: Block, parents: list[str], links: list[Array]) -> Array:
        """The gate's own leak; or none, and one more parent, where the leak depends on something."""
        frailty = self.network.frailty(self.theta, block)
        bases = [leaf.base[k if len(leaf.base) > 1 else 0] for k in self.settings]
        # hazards (B, V - 1) as one configuration each; (B, frailty, 1, V) becomes (V, frailty, B)
        tables = [mass(hazards(self.theta, base)[:, None], frailty)[:, :, 0].transpose(2, 1, 0) for base in bases]
        given = [f"frailty_{block.id}"] if block.loading is not None else []
        given += [leaf.by] if leaf.by else []
        shape = [n for n, there in zip(tables[0].shape[1:], (block.loading is not None, bool(leaf.by)), strict=True) if there]
        setting, table = self.by_setting([t.reshape(len(leaf.values), *shape) for t in tables])
        if not given and not setting:
            return table
        name = f"{leaf.id}_leak"
        self.add(name, leaf.values, (*setting, *given), table)
        parents.append(name)
        links.append(np.eye(len(leaf.values)))
        nothing: Array = np.eye(len(leaf.values))[0]
        return nothing


def hazards(theta: Array, indices: Ints) -> Array:
    """Hazards -log(1 - exceedance) of parameters, kept finite; shape (..., *indices.shape)."""
    exceedance = np.cumprod(expit(theta[..., indices]), axis=-1)
    hazard: Array = -np.log1p(-np.minimum(exceedance, CERTAIN))
    return hazard


def mass(hazard: Array, frailty: Array) -> Array:
    """Value probabilities (..., B, Z, C, V) from exceedance hazards (..., B, C, V - 1) and nodes (..., Z)."""
    scaled = hazard[..., :, None, :, :] * frailty[..., None, :, None, None]
    exceed = -np.expm1(-scaled)
    below = np.exp(-scaled)
    middle = exceed[..., :-1] - exceed[..., 1:]
    found: Array = np.concatenate([below[..., :1], middle, exceed[..., -1:]], axis=-1)
    return found
