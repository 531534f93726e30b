"""The joint states: how many by formula, and what each says of the generators."""

from __future__ import annotations

from math import comb, prod

import numpy as np
import pytest

from spinecast.network.states import enumerate_states
from spinecast.priors.records import Generator


def generators(*sizes):
    """One generator a size: 1 for active or not, more for so many levels."""
    levels = [() if n == 1 else tuple(f"level_{k}" for k in range(n)) for n in sizes]
    return [Generator(f"g{i}", f"G{i}", "lumbosacral", "", lv) for i, lv in enumerate(levels)]


def counted(sizes, most):
    """Choosing k generators and a level of each: the k-th coefficient of the product of (1 + size x)."""
    polynomial = [1]
    for size in sizes:
        polynomial = [a + size * b for a, b in zip([*polynomial, 0], [0, *polynomial], strict=True)]
    return polynomial[: most + 1]


SIZES = [(1,) * 8 + (3,) * 4, (1, 1, 1), (4,), (3, 1, 2, 5)]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_as_many_as_the_formula_says(sizes, most):
    space = enumerate_states(generators(*sizes), most)
    assert np.bincount(space.count).tolist() == counted(sizes, min(most, len(sizes)))


def test_the_numbers_of_the_design():
    """Eight generators that are there or not and four with three levels: 199, 1,131 and 4,330 states."""
    assert [len(enumerate_states(generators(*SIZES[0]), k)) for k in (2, 3, 4)] == [199, 1131, 4330]


def test_without_levels_it_is_choosing():
    space = enumerate_states(generators(*[1] * 6), 3)
    assert len(space) == sum(comb(6, k) for k in range(4))


def test_nothing_is_active_first_and_no_state_comes_twice():
    space = enumerate_states(generators(3, 1, 2), 3)
    assert not space.active[0].any()
    assert len({tuple(row) for row in space.level_of.tolist()}) == len(space) == prod((4, 2, 3))
    assert (np.diff(space.count) >= 0).all()


def test_levels_of_one_generator_exclude_each_other():
    space = enumerate_states(generators(3, 1, 2), 3)
    for g in space.generators:
        columns = [i for i, (owner, _) in enumerate(space.levels) if owner == g]
        assert (space.active[:, columns].sum(axis=1) <= 1).all()


def test_each_state_is_its_parent_with_one_level_more():
    space = enumerate_states(generators(3, 1, 2), 3)
    for s in range(1, len(space)):
        expected = space.active[space.parent[s]].copy()
        assert not expected[space.added[s]]
        expected[space.added[s]] = True
        assert (expected == space.active[s]).all()


def test_masks():
    space = enumerate_states(generators(3, 1), 2)
    any_level = space.mask("g0")
    assert (any_level == (space.level_of[:, 0] > 0)).all()
    assert (space.mask("g0", ["level_2"]) == (space.level_of[:, 0] == 3)).all()
    assert any_level.sum() == 3 * 2


def test_some_of_the_states():
    space = enumerate_states(generators(3, 1, 2), 3)
    keep = np.array([0, 3, 7])
    part = space.only(keep)
    assert len(part) == 3
    assert (part.active == space.active[keep]).all()
    assert (part.mask("g0") == space.mask("g0")[keep]).all()
