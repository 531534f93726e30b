"""Quantiles of draws are numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.parameters.quantiles import quantiles


@pytest.mark.parametrize("shape", [(1,), (2,), (200,), (201, 3), (40, 2, 5)])
def test_the_same_as_numpy_to_the_last_bit(shape):
    draws = np.random.default_rng(3).normal(size=shape)
    for at in ([0.025, 0.975], [0.0, 0.31, 0.5, 1.0]):
        assert np.array_equal(quantiles(draws, at), np.quantile(draws, at, axis=0))


def test_whole_numbers_and_ties():
    ranks = np.array([3, 1, 1, 2, 2, 2])
    assert quantiles(ranks).tolist() == np.quantile(ranks, [0.025, 0.975]).tolist()
