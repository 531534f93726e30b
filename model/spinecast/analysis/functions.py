"""Exact sensitivity functions: posterior and value as ratios of linear functions of one entry of a probability table.

Let x be one entry, P(value | parents), the other entries of its row scaled in proportion. The probability of the evidence and that of
the evidence with any joint state are linear in x, so with the two propagations at x = 0 and x = 1

    P(h | e)(x) = ((1 - x) P0(h, e) + x P1(h, e)) / ((1 - x) P0(e) + x P1(e)),

exact at every x. Values are expectations over states, so they are ratios of the same kind, and the x at which the first choice changes is
the root of a linear equation.

References
----------
coupe2002 (Coupé VMH, van der Gaag LC. Ann Math Artif Intell 2002;36:323-356).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from spinecast.analysis.outcome_numbers import MovedDraws
from spinecast.analysis.problem import Problem
from spinecast.analysis.result import Chart, Column, Result, sources_of
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.network.model import Leaf, Network
from spinecast.parameters.scales import Array, expit

NODES = ("low", "middle", "high")
"""The three nodes of a family's frailty."""

POINTS = 51
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a finding's or context's probability table.

    Attributes
    ----------
    leaf, value : str
    given : tuple of (generator, level), level "" where it has none
        The active generators; empty for none.
    by : str
        Value of the context that the leaf depends on; "" if it depends on none.
    node : str
        Node of the family's frailty; only for members of a family.
    """

    leaf: str
    value: str
    given: tuple[tuple[str, str], ...] = ()
    by: str = ""
    node: str = "middle"


@dataclass(frozen=True)
class EditedNetwork(Network):
    """A network with one entry set to `level`, the rest of its row in proportion."""

    entry: Entry = Entry("", "")
    level: float = 0.0

    def table_draws_last(self, theta: Array, leaf: Leaf, setting: int, frailty: Array, row: int | None = None) -> Array:
        tables = self._edited(theta, leaf, setting, frailty)
        return tables if row is None else tables[row : row + 1]

    def _edited(self, theta: Array, leaf: Leaf, setting: int, frailty: Array) -> Array:
        tables = Network.table_draws_last(self, theta, leaf, setting, frailty)
        if leaf.id != self.entry.leaf:
            return tables
        state = state_of(self, self.entry.given)
        if state is None:
            return tables
        edited = tables.copy()
        rows = edited if leaf.sedation is None else edited[:, 0]
        place = _place(self, leaf, self.entry, rows.shape[1])
        row = rows[(*place, leaf.config_of_state[state])]
        v = leaf.values.index(self.entry.value)
        rest = np.delete(row, v, axis=0)
        scaled = rest / rest.sum(axis=0) * (1 - self.level)
        rows[(*place, leaf.config_of_state[state])] = np.insert(scaled, v, self.level, axis=0)
        if leaf.sedation is not None:
            share = expit(theta[leaf.sedation[0]])
            edited[:, 2] = (1 - share) * edited[:, 0] + share * edited[:, 1]
        return edited


def state_of(network: Network, given: Sequence[tuple[str, str]]) -> int | None:
    """The joint state with exactly these generators active; None where it is not among the network's."""
    wanted = np.array([level in set(given) for level in network.space.levels])
    found = np.flatnonzero((network.space.active == wanted).all(axis=1))
    return int(found[0]) if len(found) else None


def _place(network: Network, leaf: Leaf, entry: Entry, nodes: int) -> tuple[int, int]:
    """Index of the context's value and of the frailty node."""
    by = network.leaves[leaf.by].values.index(entry.by) if leaf.by and entry.by else 0
    return by, NODES.index(entry.node) if nodes > 1 else 0


def edited(network: Network, entry: Entry, level: float) -> EditedNetwork:
    """The network with the entry at another level.

    Raises
    ------
    UnknownIdError, InvalidValueError
        The entry does not exist, or its row has no other value to give to or take from.
    """
    _check(network, entry)
    own = {f.name: getattr(network, f.name) for f in fields(Network)}
    return EditedNetwork(**own, entry=entry, level=level)


def _check(network: Network, entry: Entry) -> None:
    if entry.leaf not in network.leaves:
        raise UnknownIdError("finding", entry.leaf, network.leaves)
    leaf = network.leaves[entry.leaf]
    if entry.value not in leaf.values:
        raise UnknownIdError(entry.leaf, entry.value, leaf.values)
    known = {f"{g}:{level}" if level else g: (g, level) for g, level in network.space.levels}
    for generator, level in entry.given:
        if (generator, level) not in known.values():
            raise UnknownIdError("given", f"{generator}:{level}" if level else generator, known)
    if leaf.by and entry.by not in network.leaves[leaf.by].values:
        raise UnknownIdError(f"by {leaf.by}", entry.by, network.leaves[leaf.by].values)
    if entry.node not in NODES:
        raise UnknownIdError("node", entry.node, NODES)
    if network.whole is None and state_of(network, entry.given) is None:
        raise InvalidValueError("given", ", ".join(g for g, _ in entry.given), "at most three generators, one level each")


def today(network: Network, entry: Entry) -> float:
    """The entry as it stands (in the first setting, where settings differ)."""
    _check(network, entry)
    leaf = network.leaves[entry.leaf]
    block = network.blocks[network.block_of[leaf.id]]
    table = Network.table_draws_last(network, network.theta, leaf, 0, network.frailty(network.theta, block))
    table = table if leaf.sedation is None else table[:, 0]
    state = state_of(network, entry.given)
    assert state is not None  # checked
    level = float(
        table[(*_place(network, leaf, entry, table.shape[1]), leaf.config_of_state[state], leaf.values.index(entry.value))]
    )
    if level >= 1:
        raise InvalidValueError("entry", f"{entry.leaf} = {entry.value}", "an entry below 1: its row has nothing else to scale")
    return level


@dataclass(frozen=True, slots=True)
class Function:
    """Numerators and denominator at x = 0 and x = 1; everything between is linear.

    Attributes
    ----------
    numerators : ndarray, shape (2, M)
    denominator : ndarray, shape (2,)
    """

    numerators: Array
    denominator: Array

    def at(self, x: Array) -> Array:
        """Values at X points; shape (X, M)."""
        x = np.atleast_1d(x)[:, None]
        top = (1 - x) * self.numerators[0] + x * self.numerators[1]
        bottom = (1 - x) * self.denominator[0] + x * self.denominator[1]
        found: Array = top / bottom
        return found

    @property
    def coefficients(self) -> tuple[Array, Array, float, float]:
        """a, b, c, d of (a x + b) / (c x + d)."""
        slope = self.numerators[1] - self.numerators[0]
        return slope, self.numerators[0], float(self.denominator[1] - self.denominator[0]), float(self.denominator[0])

    def slope(self, x: float) -> Array:
        """Derivative at x; shape (M,)."""
        a, b, c, d = self.coefficients
        found: Array = (a * d - b * c) / (c * x + d) ** 2
        return found


def function(network: Network, problem: Problem, entry: Entry, weights: Array) -> Function:
    """Expectations of `weights` (S, M) over the posterior of `network`, as functions of one entry, from two propagations."""
    logs = [exact.joint_log(edited(network, entry, x), network.theta, problem.evidence) for x in (0.0, 1.0)]
    peak = max(float(one.max()) for one in logs)
    joint = np.exp(np.stack(logs) - peak)
    return Function(joint @ weights, joint.sum(axis=1))


def sensitivity_function(problem: Problem, entry: Entry) -> Result:
    """Posterior of each generator as a function of one entry, with coefficients, and where the first choice changes.

    Raises
    ------
    UnknownIdError, InvalidValueError
        The entry does not exist.
    """
    network = problem.model.network
    level = today(network, entry)
    masks = np.stack([network.space.mask(g) for g in network.space.generators], axis=1).astype(float)
    found = function(network, problem, entry, masks)
    grid = np.append(level, np.linspace(0, 1, POINTS))  # today first, for a reader of the table
    curve, now = found.at(grid), found.at(np.array(level))[0]
    a, b, c, d = found.coefficients
    reach = np.abs(curve[-1] - curve[1])
    shown = sorted(range(len(now)), key=lambda g: -reach[g])[:SHOWN]
    labels = [network.generator_labels[g] for g in network.space.generators]
    place = np.tile(shown, len(grid))
    low, high, to = _choice(problem, entry, level)
    leaf = network.leaves[entry.leaf]
    where = ", ".join(f"{g.replace('_', ' ')} {v.replace('_', '-')}".strip() for g, v in entry.given) or "no generator active"
    columns = (
        Column("generator", [labels[g] for g in place], label="pain source"),
        Column("x", np.repeat(grid, len(shown)), "probability", f"P({leaf.label} = {entry.value.replace('_', ' ')} | {where})"),
        Column("posterior", curve[:, shown].ravel(), "probability"),
        Column("today", now[place], "probability", detail=True),
        Column("slope", found.slope(level)[place], label="slope today", detail=True),
        *(Column(n, v, detail=True) for n, v in (("a", a[place]), ("b", b[place]))),
        *(Column(n, np.full(len(place), v), detail=True) for n, v in (("c", c), ("d", d))),
    )
    rows = {r for i in leaf.parameters for q in [network.parameters[i].quantity] if q is not None for r in q.rows}
    return Result(
        "sensitivity_function",
        f"Posterior as a function of one number: {leaf.label} = {entry.value.replace('_', ' ')}, given {where}",
        columns,
        problem.basis(entry=f"{entry.leaf} = {entry.value}"),
        sources_of(problem.model, rows),
        (Chart("lines", "x", "posterior", by="generator"),),
        (
            f"Today it is {level:.4f}. posterior = (a x + b) / (c x + d), exact; coefficients are in the files.",
            _choice_note(low, high, to),
        ),
    )


def _choice(problem: Problem, entry: Entry, level: float) -> tuple[float, float, tuple[str, str]]:
    """The interval of x in which the first permitted choice stays, and what comes first below and above it."""
    plain = problem.outcomes(MovedDraws(problem.model.priors.rows, 0, 0))
    values = problem.values(np.eye(len(problem.near.space)), plain)[:, problem.permitted]
    found = function(problem.near, problem, entry, values)
    first = int(found.at(np.array(level))[0].argmax())
    gap = found.numerators[:, [first]] - found.numerators
    low, high, below, above = 0.0, 1.0, "", ""
    names = [label for label, allowed in zip(problem.labels, problem.permitted, strict=True) if allowed]
    for a, (at_zero, at_one) in enumerate(gap.T):
        if a == first or at_zero == at_one:
            continue
        root = at_zero / (at_zero - at_one)
        if low < root <= level and at_zero < 0:
            low, below = float(root), names[a]
        if level <= root < high and at_one < 0:
            high, above = float(root), names[a]
    return low, high, (below, above)


def _choice_note(low: float, high: float, to: tuple[str, str]) -> str:
    parts = [f"below {low:.4f} {to[0]}"] * bool(to[0]) + [f"above {high:.4f} {to[1]}"] * bool(to[1])
    return f"First would come {' and '.join(parts)}." if parts else "No level of it changes the first choice."
