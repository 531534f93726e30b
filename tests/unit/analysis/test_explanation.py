"""Most probable and most relevant explanations, against the definitions asked of the engine directly."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import network
from spinecast.analysis.coalitions import Coalitions
from spinecast.analysis.explanation import RELEVANT_FROM, most_probable, most_relevant
from spinecast.engines import exact
from spinecast.network.evidence import Evidence, one_hot


@pytest.fixture(scope="module")
def small():
    return network()[0]


@pytest.fixture(scope="module")
def known(small):
    said = {"straight_leg_raise": "positive", "slump_test": "positive", "thigh_thrust": "positive"}
    return Evidence({k: one_hot(small, k, v) for k, v in said.items()}, np.eye(len(small.settings))[0])


@pytest.fixture(scope="module")
def taken(small, known):
    return Coalitions.of(small, small.theta, known)


def test_the_most_probable_states_are_those_of_the_posterior(small, known, taken):
    states = exact.posterior(small, small.theta, known).states
    found = most_probable(taken, most=4)
    assert [p.posterior for p in found] == pytest.approx(sorted(states, reverse=True)[:4])
    best = small.space.active[int(states.argmax())]
    assert found[0].active == tuple(small.space.levels[i] for i in np.flatnonzero(best))


def holds(small, active):
    mask = np.ones(len(small.space), dtype=bool)
    for generator, level in active:
        mask &= small.space.mask(generator, (level,) if level else ())
    return mask


def test_the_factor_is_the_ratio_of_likelihoods(small, known, taken):
    prior = np.exp(small.log_prior(small.theta, 0))
    likelihood = np.exp(exact.log_likelihood(small, small.theta, known, 0))
    for found in most_relevant(taken):
        mask = holds(small, found.active)
        given, otherwise = (float(prior[m] @ likelihood[m] / prior[m].sum()) for m in (mask, ~mask))
        assert found.factor == pytest.approx(given / otherwise)
        assert found.prior == pytest.approx(float(prior[mask].sum()))


def test_nothing_of_up_to_three_generators_is_more_relevant(small, known, taken):
    prior = np.exp(small.log_prior(small.theta, 0))
    posterior = exact.posterior(small, small.theta, known).states
    best = most_relevant(taken)[0]
    for state in range(1, len(small.space)):
        active = [small.space.levels[i] for i in np.flatnonzero(small.space.active[state])]
        mask = holds(small, active)
        p, q = float(prior[mask].sum()), float(posterior[mask].sum())
        if q >= RELEVANT_FROM:
            assert q / (1 - q) / (p / (1 - p)) <= best.factor * (1 + 1e-9)


def test_none_says_more_or_less_than_a_better_one(taken):
    found = most_relevant(taken, most=20)
    for i, worse in enumerate(found):
        for better in found[:i]:
            assert not set(better.active) <= set(worse.active)
            assert worse.factor <= better.factor
            assert worse.factor > 1
