"""The compiled loop gives the bits that numpy gives, and is there only where it pays."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from spinecast.analysis.simulate import recorded_shares, simulate
from spinecast.assessment.model import load_model
from spinecast.engines.batch import BatchEngine, compiled, products
from spinecast.engines.batch.compiled import WhenRepaid, multiply_rows
from spinecast.engines.batch.products import Lists, blocks

NEVER = WhenRepaid(np.inf)


@pytest.fixture
def ready(monkeypatch):
    """The engine with the loop compiled."""
    loop = WhenRepaid(0)
    assert loop.compile()
    monkeypatch.setattr(products, "LOOPS", loop)


def some_lists(owners=40, rows=30, seed=3):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 12, owners)
    owner = np.repeat(np.arange(owners), count)
    return Lists.of([(owner, rng.integers(0, rows, len(owner)))], owners), rng.random((rows, 17))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_loop_multiplies_in_the_order_that_numpy_does(dtype, monkeypatch):
    monkeypatch.setattr(products, "LOOPS", NEVER)
    lists, table = some_lists()
    table = table.astype(dtype)
    for mine in blocks(lists.count, table[:1].nbytes):
        made = np.empty((len(mine), table.shape[1]), dtype=dtype)
        multiply_rows(table, lists.rows, lists.start[mine], lists.count[mine], made)
        np.testing.assert_array_equal(made, lists.product(table, mine))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scores_are_the_same_bits_with_and_without_it(dtype, ready, monkeypatch):
    model = load_model()
    network = model.network
    cohort = simulate(network, 300, "spine_clinic", 7, observed=recorded_shares(network, model.priors, 25))
    people, engine = cohort.people(), BatchEngine(network, dtype=dtype)
    with_it = engine.score(people)
    monkeypatch.setattr(products, "LOOPS", NEVER)
    without = engine.score(people)
    np.testing.assert_array_equal(with_it.levels, without.levels)
    np.testing.assert_array_equal(with_it.log_evidence, without.log_evidence)


def test_it_is_compiled_when_as_much_work_was_done_as_repays_it():
    loop = WhenRepaid(100)
    assert loop.after(60) is None
    assert loop.after(40) is None
    assert loop.after(1) is not None
    assert loop.after(0) is loop.after(0)


def test_without_numba_numpy_goes_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    loop = WhenRepaid(10)
    assert loop.after(11) is None
    assert loop.after(11) is None
    assert not loop.compile()


def test_a_numba_that_cannot_be_used_is_told(monkeypatch):
    class TooOld(types.ModuleType):
        def __getattr__(self, name):
            raise ImportError("Numba needs NumPy 1.0 or less")

    monkeypatch.setitem(sys.modules, "numba", TooOld("numba"))
    with pytest.warns(RuntimeWarning, match="numpy works instead: Numba needs"):
        assert compiled.WhenRepaid(0).after(1) is None
