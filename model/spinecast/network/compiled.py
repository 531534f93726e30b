"""The network as arrays, stored beside the fit, so that a start does not build it from three hundred files anew.

What is stored is what `build_network` made of the same priors: a test says so. It is used where the hash of the priors'
network part is that of the fit; otherwise the network is built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, overload

import numpy as np

from spinecast.frozen import dataclass
from spinecast.network.model import Block, Leaf, Network, grouped
from spinecast.network.parameters import Parameter
from spinecast.network.states import Ints, StateSpace
from spinecast.parameters.scales import Array
from spinecast.priors.deferred import Deferred
from spinecast.priors.records import Priors, Quantity

FORM = 2
"""Version of this form; a file of another is built anew."""

_LEAF_ARRAYS = ("base", "strength", "acting", "config_of_state", "sedation")
_BLOCK_ARRAYS = ("config_of_state", "leaf_config")
_SPACE_ARRAYS = ("level_of", "active", "parent", "added", "count")
_NETWORK_ARRAYS = ("setting_weight", "prevalence", "co_occurrence")
Step = str | int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A stored network.

    Attributes
    ----------
    layout : dict
        Names, values and the place of every array.
    integers : ndarray of int16
        All arrays one after the other; everything in them is a small index.
    spread : ndarray, shape (P,)
        Spread of each parameter's default.
    points : ndarray or None
        `Network.points` of every finding one after the other; None where they are of other parameters.
    """

    layout: dict[str, Any]
    integers: np.ndarray
    spread: Array
    points: Array | None = None


class _Writer:
    """Appends arrays and remembers where they are."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, array: np.ndarray | None) -> list[Any] | None:
        if array is None:
            return None
        narrow = np.asarray(array).astype(np.int16)
        if not np.array_equal(narrow, array):
            raise ValueError("an index does not fit into 16 bits")
        self.parts.append(narrow.ravel())
        self.size += narrow.size
        return [self.size - narrow.size, list(narrow.shape)]


def pack(network: Network, priors: Priors) -> Compiled:
    """The network in its stored form.

    Parameters
    ----------
    network : Network
        As built, over all its states, at the parameters that it is stored with.
    priors : Priors
        What it was built from: parameters point into it.
    """
    write = _Writer()
    places = {id(quantity): path for path, quantity in _quantities(priors)}
    layout: dict[str, Any] = {
        "form": FORM,
        "region": network.region,
        "settings": network.settings,
        "generators": network.space.generators,
        "levels": network.space.levels,
        "labels": dict(network.generator_labels),
        "space": {name: write.add(getattr(network.space, name)) for name in _SPACE_ARRAYS},
        "network": {name: write.add(getattr(network, name)) for name in _NETWORK_ARRAYS},
        "leaves": {name: _packed(leaf, _LEAF_ARRAYS, write) for name, leaf in network.leaves.items()},
        "blocks": {name: _packed(block, _BLOCK_ARRAYS, write) for name, block in network.blocks.items()},
        "quantities": [None if p.quantity is None else places[id(p.quantity)] for p in network.parameters],
    }
    spread = np.array([p.sd for p in network.parameters])
    points = dict(network.points)
    ends = np.cumsum([table.size for table in points.values()]).tolist()
    layout["points"] = {
        name: [end - table.size, list(table.shape)] for (name, table), end in zip(points.items(), ends, strict=True)
    }
    return Compiled(layout, np.concatenate(write.parts), spread, np.concatenate([table.ravel() for table in points.values()]))


def _packed(record: Leaf | Block, arrays: Sequence[str], write: _Writer) -> dict[str, Any]:
    stored = [f.name for f in fields(record) if f.init]
    return {name: write.add(getattr(record, name)) if name in arrays else getattr(record, name) for name in stored}


def unpack(compiled: Compiled, names: Sequence[str], theta: Array, priors: Priors) -> Network:
    """The network again, at the parameters `theta` (P,) with these names; leaves are made when they are asked for."""
    layout, integers = compiled.layout, compiled.integers

    def array(place: list[Any]) -> Ints:
        return _placed(integers, place).astype(np.int64)

    def record(kind: type, arrays: Sequence[str], raw: Mapping[str, Any]) -> Any:
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if name in arrays and value is not None:
                values[name] = array(value)
            else:
                values[name] = tuple(value) if isinstance(value, list) else value
        return kind(**values)

    stored = {name: array(place) for name, place in {**layout["space"], **layout["network"]}.items()}
    network = Network(
        region=layout["region"],
        space=StateSpace(
            generators=tuple(layout["generators"]), levels=tuple((g, level) for g, level in layout["levels"]),
            level_of=stored["level_of"], active=stored["active"].astype(bool), parent=stored["parent"], added=stored["added"],
            count=stored["count"],
        ),
        settings=tuple(layout["settings"]), setting_weight=stored["setting_weight"], prevalence=stored["prevalence"],
        co_occurrence=stored["co_occurrence"],
        leaves=Deferred(lambda: layout["leaves"], lambda raw: record(Leaf, _LEAF_ARRAYS, raw)),
        blocks=Deferred(lambda: layout["blocks"], lambda raw: record(Block, _BLOCK_ARRAYS, raw)),
        parameters=StoredParameters(names, theta, compiled.spread, layout["quantities"], priors),
        theta=theta,
        generator_labels=layout["labels"],
    )  # fmt: skip
    blocks = layout["blocks"]
    block_of = {name: block for block, raw in blocks.items() for name in raw["leaves"]}
    contexts = tuple(name for name, raw in layout["leaves"].items() if raw["is_context"])
    by = grouped((name, raw["by"]) for name, raw in blocks.items())
    network.knowing(block_of=block_of, blocks_by=by, contexts=contexts, free=compiled.spread > 0)
    points = compiled.points
    if points is not None:
        network.knowing(points=Deferred(lambda: layout["points"], lambda place: _placed(points, place)))
    return network


def _placed(flat: np.ndarray, place: Sequence[Any]) -> np.ndarray:
    """One of the arrays that lie one after the other."""
    start, shape = place
    return flat[start : start + math.prod(shape)].reshape(shape)


class StoredParameters(Sequence[Parameter]):
    """The parameters of a stored network; each is made, with the quantity that set it, when it is asked for."""

    __slots__ = ("_names", "_places", "_priors", "_spread", "_theta")

    def __init__(
        self, names: Sequence[str], theta: Array, spread: Array, places: Sequence[Sequence[Step] | None], priors: Priors
    ) -> None:
        self._names, self._theta, self._spread, self._places, self._priors = names, theta, spread, places, priors

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Parameter, ...]: ...
    def __getitem__(self, index: int | slice) -> Parameter | tuple[Parameter, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        place = self._places[index]
        quantity = None if place is None else _follow(self._priors, place)
        return Parameter(self._names[index], float(self._theta[index]), float(self._spread[index]), quantity)


_KINDS = ("findings", "contexts", "settings", "dependencies")


def _quantities(priors: Priors) -> Iterator[tuple[tuple[Step, ...], Quantity]]:
    """Every quantity that the network may use, with the steps that lead to it."""
    for kind in _KINDS:
        for key, record in getattr(priors, kind).items():
            yield from _walk((kind, key), record)


def _walk(path: tuple[Step, ...], part: object) -> Iterator[tuple[tuple[Step, ...], Quantity]]:
    if isinstance(part, Quantity):
        yield path, part
    elif isinstance(part, Mapping):
        for key, value in part.items():
            yield from _walk((*path, key), value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for index, value in enumerate(part):
            yield from _walk((*path, index), value)
    elif is_dataclass(part):
        for field in fields(part):
            yield from _walk((*path, field.name), getattr(part, field.name))


def _follow(part: Any, path: Sequence[Step]) -> Any:
    for step in path:
        part = getattr(part, str(step)) if is_dataclass(part) else part[step]
    return part
