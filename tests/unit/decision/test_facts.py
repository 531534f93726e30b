"""People who are alike in what is asked of them, and nothing else of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinecast.decision.facts import Fact, Facts
from spinecast.decision.profile import Done

BLOCK, OTHER = Done("block", 3.0, 80.0), Done("other", 5.0)


def facts(**more):
    """Four people: age in bands with a number for some, an answer, and a history."""
    age = Fact(np.array([0, 1, 1, -1]), ("young", "old", "old"), (None, 66.0, 71.0))
    answer = Fact(np.array([0, 0, -1, 1]), ("no", "yes"))
    given_ = {
        "history": ((), (BLOCK,), (BLOCK, OTHER)),
        "history_of": np.array([0, 1, 2, 1]),
        "told": np.array([False, True, True, True]),
    }
    return Facts(4, {"age": age, "answer": answer}, **given_ | more)


def test_only_what_is_asked_tells_people_apart():
    found = {tuple(who): dict(one.values) for who, one in facts().patterns(["answer"])}
    assert found == {(0, 1): {"answer": "no"}, (2,): {}, (3,): {"answer": "yes"}}
    (everybody,) = facts().patterns(["unheard_of"])
    assert list(everybody[0]) == [0, 1, 2, 3]


def test_a_number_behind_a_band_comes_with_it():
    found = {tuple(who): dict(one.numbers) for who, one in facts().patterns(["age"])}
    assert found == {(0,): {}, (1, 2): {"age": 66.0}, (3,): {}}


def test_a_history_is_looked_at_as_far_as_it_is_asked_about():
    alike = {tuple(who): (one.history, one.history_known) for who, one in facts().patterns([], {"block"})}
    assert alike == {(0,): ((), False), (1, 2, 3): ((BLOCK,), True)}
    whole = {tuple(who): one.history for who, one in facts().patterns([], None)}
    assert whole == {(0,): (), (1, 3): (BLOCK,), (2,): (BLOCK, OTHER)}


@given(st.lists(st.lists(st.integers(-1, 30), min_size=12, max_size=12), min_size=1, max_size=20))
def test_groups_are_those_of_equal_rows_however_many_names(rows):
    """Many wide columns: joint codes are numbered anew before they overflow."""
    table = np.array(rows)
    columns = {f"c{j}": Fact(column, tuple(range(31))) for j, column in enumerate(table.T)}
    one = Facts(len(table), columns, ((),), np.zeros(len(table), dtype=int), np.zeros(len(table), dtype=bool))
    groups = [sorted(who.tolist()) for who, _ in one.patterns(list(columns))]
    expected: dict[tuple[int, ...], list[int]] = {}
    for n, row in enumerate(rows):
        expected.setdefault(tuple(row), []).append(n)
    assert sorted(groups) == sorted(expected.values())
    for who, profile in one.patterns(list(columns)):
        row = table[who[0]]
        assert profile.values == pytest.approx({f"c{j}": v for j, v in enumerate(row.tolist()) if v >= 0})
