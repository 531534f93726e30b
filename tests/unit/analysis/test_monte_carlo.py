"""Monte Carlo errors against what repeated sampling shows."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.analysis import monte_carlo as mc


@pytest.fixture
def repeated(rng):
    return rng.normal(3.0, 2.0, size=(2000, 400))  # 400 runs of 2,000 draws


def test_the_error_of_the_mean_is_the_spread_of_means(repeated):
    assert mc.mean_se(repeated).mean() == pytest.approx(repeated.mean(axis=0).std(), rel=0.1)


def test_the_error_of_a_quantile_is_the_spread_of_quantiles(repeated):
    spread = np.quantile(repeated, 0.975, axis=0).std()
    assert mc.quantile_se(repeated, 0.975).mean() == pytest.approx(spread, rel=0.15)


def test_the_error_of_a_share_is_the_spread_of_shares(repeated):
    shares = (repeated > 4).mean(axis=0)
    assert mc.share_se(shares, 2000).mean() == pytest.approx(shares.std(), rel=0.1)


def test_a_share_of_none_is_not_known_without_error():
    assert mc.share_se(np.array(0.0), 100) > 0


def test_batches_see_dependence_that_the_plain_error_does_not(rng):
    walk = np.zeros(4000)
    for i in range(1, 4000):
        walk[i] = 0.95 * walk[i - 1] + rng.standard_normal()
    assert mc.batch_se(walk) > 3 * mc.mean_se(walk)


def test_halves_of_a_drift_differ_and_of_noise_do_not(rng):
    noise = rng.standard_normal(1000)
    assert abs(mc.halves_z(noise)) < 3
    assert abs(mc.halves_z(noise + np.linspace(0, 1, 1000))) > 3


def test_ranks_share_the_better_place():
    assert mc.ranks(np.array([[3.0, 1.0, 3.0]])).tolist() == [[1.0, 3.0, 1.0]]


def test_one_draw_has_no_error():
    assert np.isnan(mc.mean_se(np.ones((1, 2)))).all()
    assert np.isnan(mc.batch_se(np.ones((10, 2)))).all()
