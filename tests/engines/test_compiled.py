"""The compiled loops give the bits that numpy gives, and are there only where they pay."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from spinecast.analysis.simulate import recorded_shares, simulate
from spinecast.assessment.model import load_model
from spinecast.engines.batch import BatchEngine, People, compiled, products
from spinecast.engines.batch.compiled import WhenRepaid, multiply_rows
from spinecast.engines.batch.products import Lists, blocks

NEVER = WhenRepaid(np.inf)


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


@pytest.fixture(scope="module")
def everybody():
    """A network, and people from every setting and from none, some of whose findings are likelihoods."""
    model = load_model()
    network, generator = model.network, np.random.default_rng(5)
    people = simulate(network, 300, "spine_clinic", 7, observed=recorded_shares(network, model.priors, 25)).people()
    setting = generator.integers(-1, len(network.settings), 300).astype(people.setting.dtype)
    codes, soft = people.codes.copy(), []
    for n in range(0, 300, 4):
        for j, leaf in enumerate(network.leaves.values()):
            if codes[n, j] >= 0 and leaf.sedation is None and generator.random() < 0.2:
                soft.append((n, j, 0.1 + generator.random(len(leaf.values))))
                codes[n, j] = -1
    return network, People(codes, setting, tuple(soft))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scores_are_the_same_bits_with_and_without_them(dtype, everybody, monkeypatch):
    network, people = everybody
    called = Counted(WhenRepaid(0))
    monkeypatch.setattr(products, "LOOPS", called)
    engine = BatchEngine(network, dtype=dtype)
    with_them = engine.score(people)
    assert called.names == set(compiled.Loops._fields)
    monkeypatch.setattr(products, "LOOPS", NEVER)
    without = engine.score(people)
    np.testing.assert_array_equal(with_them.levels, without.levels)
    np.testing.assert_array_equal(with_them.log_evidence, without.log_evidence)


class Counted:
    """Compiled loops that remember which of them were called."""

    def __init__(self, loops):
        assert loops.compile()
        self.loops, self.names = loops.after(0), set()

    def after(self, entries):
        def counted(name):
            def call(*arguments):
                self.names.add(name)
                getattr(self.loops, name)(*arguments)

            return call

        return compiled.Loops(*(counted(name) for name in compiled.Loops._fields))


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
