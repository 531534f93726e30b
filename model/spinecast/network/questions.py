"""Ask the network a published question about its own population and get the published measure back."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.network.model import Block, Network
from spinecast.parameters.scales import Array
from spinecast.priors import grammar
from spinecast.priors.records import Context, Row

PAIN_FREE = "pain_free"
"""Setting of a row that studied people without pain: no generator is active."""

DEFAULT_SETTING = "spine_clinic"
MEASURES = frozenset({"sens", "spec", "lr_pos", "lr_neg", "or", "dor", "rr", "prevalence", "proportion", "ppv", "npv"})
MOST_CELLS = 4_000_000

_COMPARISONS: dict[str, Callable[..., npt.NDArray[np.bool_]]] = {
    "==": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A compiled question.

    Attributes
    ----------
    measure : str
    setting : int
        Setting whose prevalence and context bases apply.
    states : ndarray of int, shape (s,)
        States that can occur in the population asked about.
    leaves : tuple of str
        Leaves that are enumerated, one grid axis each.
    cell : ndarray of int, shape (s, values of every leaf ...)
        0 target and test, 1 target only, 2 test only, 3 neither, 4 outside the population.
    """

    measure: str
    setting: int
    pain_free: bool
    states: npt.NDArray[np.int64]
    leaves: tuple[str, ...]
    cell: npt.NDArray[np.int8]

    def prior_parameters(self, network: Network) -> tuple[int, ...]:
        """Indices of the parameters behind the weights of the states."""
        if self.pain_free:
            return ()
        return tuple(sorted({*network.prevalence[self.setting].tolist(), *network.co_occurrence[self.setting].tolist()}))

    def leaf_parameters(self, network: Network) -> tuple[int, ...]:
        """Indices of the parameters behind the tables of the leaves."""
        blocks = dict.fromkeys(network.block_of[name] for name in self.leaves)
        return tuple(sorted({i for key in blocks for i in self.block_parameters(network, network.blocks[key])}))

    def block_parameters(self, network: Network, block: Block) -> tuple[int, ...]:
        """Indices of the parameters behind the block's leaves that the question mentions."""
        found = set() if block.loading is None else {block.loading}
        for name in block.leaves:
            if name in self.leaves:
                leaf = network.leaves[name]
                found |= {int(i) for i in leaf.base[self.setting if len(leaf.base) > 1 else 0].ravel()}
                found |= set() if self.pain_free else {int(i) for i in leaf.strength.ravel()}
        return tuple(sorted(found))


def compile_question(network: Network, row: Row, contexts: Mapping[str, Context]) -> Question:
    """Turn a row's expressions into a grid over states and the values of the leaves that it mentions.

    Raises
    ------
    PriorsError
        An id, value, measure or setting is unknown, or the grid would be too large.
    """
    where = f"evidence/{row.file}:{row.line}: {row.id}"
    if row.measure not in MEASURES:
        raise PriorsError(f"{where}: measure {row.measure!r} is not one that the network can be asked")
    setting = row.setting or DEFAULT_SETTING
    pain_free = setting == PAIN_FREE
    if not pain_free and setting not in network.settings:
        raise PriorsError(f"{where}: unknown setting {setting!r}; allowed: {', '.join([*network.settings, PAIN_FREE])}")
    index = network.settings.index("primary_care" if pain_free else setting)
    try:
        nodes = {k: grammar.parse(text) for k in ("target", "test", "given") if (text := getattr(row, k))}
        leaves = _leaves(network, nodes.values())
        states = np.array([0]) if pain_free else np.arange(len(network.space))
        shape = (len(states), *(len(network.leaves[n].values) for n in leaves))
        if np.prod(shape, dtype=float) > MOST_CELLS:
            raise PriorsError(f"mentions too many findings at once ({', '.join(leaves)})")
        walk = _Walk(network, states, leaves, contexts)
        masks = {k: walk.mask(node) for k, node in nodes.items()}
    except PriorsError as error:
        raise PriorsError(f"{where}: {error}") from None
    inside = np.where(masks.get("target", True), 0, 2) + np.where(masks.get("test", True), 0, 1)
    cell = np.where(masks.get("given", True), inside, 4).astype(np.int8)
    return Question(row.measure, index, pain_free, states, leaves, np.broadcast_to(cell, shape))


def answer(network: Network, theta: Array, question: Question) -> float:
    """The network's own value of the question's measure; shape of `theta` (P,)."""
    return measure(question, state_weights(network, theta, question), cell_masses(network, theta, question))


def measure(question: Question, weights: Array, masses: Array) -> float:
    """The measure from state weights (s,) and the cells' probabilities in each state (s, 4)."""
    return _measure(question.measure, *(max(float(m), 1e-300) for m in weights @ masses))


def state_weights(network: Network, theta: Array, question: Question) -> Array:
    """P(state) in the question's setting; shape (s,)."""
    return np.ones(1) if question.pain_free else np.exp(network.log_prior(theta, question.setting))


def cell_masses(network: Network, theta: Array, question: Question) -> Array:
    """P(cell | state) for target and test, target only, test only, neither; shape (s, 4)."""
    table = np.broadcast_to(leaf_table(network, theta, question), question.cell.shape)
    size = len(question.states)
    index = question.cell.reshape(size, -1) + 5 * np.arange(size)[:, None]
    counted: Array = np.asarray(np.bincount(index.ravel(), weights=table.ravel(), minlength=5 * size), dtype=float)
    return counted.reshape(size, 5)[:, :4]


def leaf_table(network: Network, theta: Array, question: Question) -> Array:
    """P(values of the question's leaves | state); broadcasts to the shape of `question.cell`."""
    axes = {name: i + 1 for i, name in enumerate(question.leaves)}
    joint: Array = np.ones([1] * (len(axes) + 1))
    for key in dict.fromkeys(network.block_of[name] for name in question.leaves):
        block = network.blocks[key]
        joint = joint * _block_factor(network, theta, block, question, axes)
    return joint


def gradient(network: Network, theta: Array, question: Question, to_scale: Callable[[float], float]) -> Gradient:
    """Slopes of the answer, on the scale of `to_scale`, in its state weights and in each block's local table.

    The answer depends on masses that are linear in every block's table, so one pass a block gives the slopes in
    all of that block's entries; a parameter then needs only its own small table.
    """
    weights = state_weights(network, theta, question)
    axes = {name: i + 1 for i, name in enumerate(question.leaves)}
    keys = tuple(dict.fromkeys(network.block_of[name] for name in question.leaves))
    placed = {key: _block_factor(network, theta, network.blocks[key], question, axes) for key in keys}
    full = np.broadcast_to(math.prod(placed.values(), start=np.ones([1] * (len(axes) + 1))), question.cell.shape)
    masses: Array = np.asarray(
        np.bincount(question.cell.ravel(), (full * weights.reshape(-1, *([1] * len(axes)))).ravel(), 5)[:4], dtype=float
    )
    here = to_scale(_measure(question.measure, *_floored(masses)))
    by_mass = np.zeros(5)
    for i in range(4):
        moved = masses.copy()
        step = max(masses[i], 1e-12) * 1e-6
        moved[i] += step
        by_mass[i] = (to_scale(_measure(question.measure, *_floored(moved))) - here) / step
    pull = by_mass[question.cell]
    by_weight = (pull * full).reshape(len(weights), -1).sum(axis=1)
    pull = pull * weights.reshape(-1, *([1] * len(axes)))
    by_block = {}
    for key in keys:
        others = math.prod((v for k, v in placed.items() if k != key), start=pull)
        by_block[key] = _to_block(network, network.blocks[key], question, axes, others)
    return Gradient(here, by_weight, by_block)


@dataclass(frozen=True, slots=True)
class Gradient:
    """Slopes of one answer: `value` itself, in the state weights (s,), and in each block's table (B, C, V ...)."""

    value: float
    by_weight: Array
    by_block: Mapping[str, Array]


def _floored(masses: Array) -> tuple[float, float, float, float]:
    a, b, c, d = (max(float(m), 1e-300) for m in masses)
    return a, b, c, d


def mentioned(block: Block, question: Question) -> list[str]:
    """Leaves of the block that the question enumerates, in the block's order."""
    return [name for name in block.leaves if name in question.leaves]


def block_table(network: Network, theta: Array, block: Block, question: Question) -> Array:
    """P(values of the block's mentioned leaves | context, configuration); shape (B, C, V of each)."""
    frailty = network.frailty(theta, block)
    factor: Array = network.frailty_weights(block)[None, :, None]
    for i, name in enumerate(mentioned(block, question)):
        leaf = network.leaves[name]
        table = network.table(theta, leaf, question.setting, frailty)
        if leaf.sedation is not None:
            table = table[:, 0]
        spread = table[:, :, block.leaf_config[block.leaves.index(name)], :]
        factor = factor[..., None] * spread.reshape(*spread.shape[:3], *([1] * i), spread.shape[3])
    summed: Array = factor.sum(axis=1)
    return summed


def _layout(network: Network, block: Block, question: Question, axes: Mapping[str, int]) -> tuple[list[str], list[int]]:
    """Axes that the block's factor has besides the state, and their order along the question's axes."""
    members = mentioned(block, question)
    present = [*members, block.by] if any(network.leaves[name].by for name in members) else members
    return present, sorted(range(len(present)), key=lambda i: axes[present[i]])


def _block_factor(network: Network, theta: Array, block: Block, question: Question, axes: Mapping[str, int]) -> Array:
    """The block's table laid along the question's axes, by state."""
    present, order = _layout(network, block, question, axes)
    spread = np.moveaxis(block_table(network, theta, block, question)[:, block.config_of_state[question.states]], 0, -1)
    if block.by not in present:
        spread = spread[..., 0]
    spread = np.transpose(spread, [0, *(i + 1 for i in order)])
    shape = [spread.shape[0]] + [1] * len(axes)
    for name in present:
        shape[axes[name]] = len(network.leaves[name].values)
    return spread.reshape(shape)


def _to_block(network: Network, block: Block, question: Question, axes: Mapping[str, int], slopes: Array) -> Array:
    """Slopes by state and grid gathered onto the block's own table; the transpose of `_block_factor`."""
    present, order = _layout(network, block, question, axes)
    kept = {axes[name] for name in present}
    slopes = np.broadcast_to(slopes, question.cell.shape)
    slopes = slopes.sum(axis=tuple(i for i in range(1, slopes.ndim) if i not in kept))
    back = [order.index(i) + 1 for i in range(len(present))]
    slopes = np.transpose(slopes, [0, *back])
    gathered = np.zeros((block.leaf_config.shape[1], *slopes.shape[1:]))
    np.add.at(gathered, block.config_of_state[question.states], slopes)
    return np.moveaxis(gathered, -1, 0) if block.by in present else gathered[None]


def _measure(measure: str, a: float, b: float, c: float, d: float) -> float:
    """From the masses of target and test, target only, test only, neither."""
    match measure:
        case "sens" | "proportion":
            return a / (a + b)
        case "spec":
            return d / (c + d)
        case "ppv":
            return a / (a + c)
        case "npv":
            return d / (b + d)
        case "prevalence":
            return (a + b) / (a + b + c + d)
        case "lr_pos" | "rr":
            return (a / (a + b)) / (c / (c + d))
        case "lr_neg":
            return (b / (a + b)) / (d / (c + d))
        case _:
            return (a / b) / (c / d)


def _leaves(network: Network, nodes: Iterable[grammar.Node]) -> tuple[str, ...]:
    """Leaves that the expressions mention, with the contexts that their bases depend on."""
    found: dict[str, None] = {}
    for node in nodes:
        for name in grammar.names(node):
            if name in network.leaves:
                found[name] = None
                if network.leaves[name].by:
                    found[network.leaves[name].by] = None
            elif name not in network.space.generators:
                known = [*network.leaves, *network.space.generators]
                near = difflib.get_close_matches(name, known, n=1)
                raise PriorsError(f"unknown id {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Evaluates an expression to a mask over (states, leaf values ...)."""

    network: Network
    states: npt.NDArray[np.int64]
    leaves: tuple[str, ...]
    contexts: Mapping[str, Context]

    def mask(self, node: grammar.Node) -> npt.NDArray[np.bool_]:
        match node:
            case grammar.Not(part=part):
                return ~self.mask(part)
            case grammar.Join(every=every, parts=parts):
                masks = [self.mask(p) for p in parts]
                result = masks[0]
                for other in masks[1:]:
                    result = (result & other) if every else (result | other)
                return result
            case grammar.Count(members=members, operator=op, number=number):
                total = sum((self.mask(m).astype(int) for m in members), start=np.zeros(1, dtype=int))
                return _COMPARISONS[op](total, number)
            case grammar.AnyGenerator():
                return self._states(self.network.space.count > 0)
            case grammar.Alone(name=name):
                return self._states(self.network.space.mask(name) & (self.network.space.count == 1))
            case grammar.Compare():
                return self._generator(node) if node.name in self.network.space.generators else self._leaf(node)

    def _states(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return mask[self.states].reshape(-1, *([1] * len(self.leaves)))

    def _generator(self, node: grammar.Compare) -> npt.NDArray[np.bool_]:
        space = self.network.space
        if node.operator == "present":
            return self._states(space.mask(node.name))
        levels = [lv for g, lv in space.levels if g == node.name]
        for value in node.values:
            if value not in levels:
                raise PriorsError(f"{node.name} has no level {value!r}; allowed: {', '.join(filter(None, levels)) or 'none'}")
        found = space.mask(node.name, [str(v) for v in node.values])
        if node.operator in ("==", "in"):
            return self._states(found)
        if node.operator in ("!=", "not_in"):
            return self._states(~found)
        raise PriorsError(f"{node.name} {node.operator}: levels of a generator have no order")

    def _leaf(self, node: grammar.Compare) -> npt.NDArray[np.bool_]:
        leaf = self.network.leaves[node.name]
        keep = np.array([_holds(node, i, leaf.values, self.contexts.get(node.name)) for i in range(len(leaf.values))])
        shape = [1] * (len(self.leaves) + 1)
        shape[self.leaves.index(node.name) + 1] = len(keep)
        return keep.reshape(shape)


def _holds(node: grammar.Compare, index: int, values: tuple[str, ...], context: Context | None) -> bool:
    if node.operator == "present":
        return index > 0
    positions = [_value_index(node, v, values, context) for v in node.values]
    if node.operator == "in":
        return index in positions
    if node.operator == "not_in":
        return index not in positions
    return bool(_COMPARISONS[node.operator](index, positions[0]))


def _value_index(node: grammar.Compare, value: str | float, values: tuple[str, ...], context: Context | None) -> int:
    if isinstance(value, float):
        bounds = context.bounds if context is not None else ()
        if value not in bounds[:-1] or node.operator not in (">=", "<"):
            edges = ", ".join(f"{b:g}" for b in bounds[:-1]) or "none"
            raise PriorsError(f"{node.name} {node.operator} {value:g}: only >= and < at a band edge ({edges}) can be asked")
        return bounds.index(value)
    if value not in values:
        near = difflib.get_close_matches(value, values, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PriorsError(f"{node.name} has no value {value!r}; allowed: {', '.join(values)}{hint}")
    return values.index(value)
