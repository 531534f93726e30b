"""The joint states: every configuration of the generators with at most three active, enumerated once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from spinecast.frozen import dataclass
from spinecast.priors.records import MAX_ACTIVE, Generator

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StateSpace:
    """S joint states over L generator levels of G generators.

    State 0 has nothing active. State s > 0 is state `parent[s]` with level `added[s]` switched on, so
    that any product over active levels is one gather and one multiplication (the product form).

    Attributes
    ----------
    generators : tuple of str, length G
    levels : tuple of (generator, level), length L; level is "" where a generator has none
    level_of : ndarray, shape (S, G); 0 inactive, k the k-th level of that generator
    active : ndarray of bool, shape (S, L)
    parent, added, count : ndarray, shape (S,)
    """

    generators: tuple[str, ...]
    levels: tuple[tuple[str, str], ...]
    level_of: Ints
    active: Bools
    parent: Ints
    added: Ints
    count: Ints

    def __len__(self) -> int:
        return len(self.count)

    def only(self, keep: Ints) -> StateSpace:
        """Some of the states, in order; they are no longer each other's parents, so `parent` and `added` are empty."""
        none = np.zeros(0, dtype=np.int64)
        return StateSpace(self.generators, self.levels, self.level_of[keep], self.active[keep], none, none, self.count[keep])

    def mask(self, generator: str, levels: Sequence[str] = ()) -> Bools:
        """States in which the generator is active (at one of `levels`, where given); shape (S,)."""
        columns = [i for i, (g, lv) in enumerate(self.levels) if g == generator and (not levels or lv in levels)]
        return np.asarray(self.active[:, columns].any(axis=1))


def enumerate_states(generators: Sequence[Generator], max_active: int = MAX_ACTIVE) -> StateSpace:
    """All states with at most `max_active` generators active, fewest first."""
    levels = tuple((g.id, lv) for g in generators for lv in (g.levels or ("",)))
    owner = [next(i for i, g in enumerate(generators) if g.id == name) for name, _ in levels]
    sets: list[tuple[int, ...]] = [()]
    for size in range(1, max_active + 1):
        sets += [c for c in combinations(range(len(levels)), size) if len({owner[i] for i in c}) == size]
    index = {c: i for i, c in enumerate(sets)}
    active = np.zeros((len(sets), len(levels)), dtype=bool)
    level_of = np.zeros((len(sets), len(generators)), dtype=np.int64)
    for i, chosen in enumerate(sets):
        for lv in chosen:
            active[i, lv] = True
            level_of[i, owner[lv]] = lv - owner.index(owner[lv]) + 1
    return StateSpace(
        generators=tuple(g.id for g in generators),
        levels=levels,
        level_of=level_of,
        active=active,
        parent=np.array([index[c[:-1]] for c in sets]),
        added=np.array([c[-1] if c else -1 for c in sets]),
        count=active.sum(axis=1),
    )
