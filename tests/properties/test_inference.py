"""What has to hold of any inference, whatever the findings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinecast.engines import exact
from spinecast.engines.batch import BatchEngine, encode
from spinecast.errors import ImpossibleFindingsError
from spinecast.network.build import build_network
from spinecast.network.evidence import Evidence, one_hot
from spinecast.priors.reader import read_priors

SMALL = Path(__file__).parents[1] / "engines" / "small_priors"


@cache
def network():
    return build_network(read_priors(SMALL))


@cache
def batch():
    return BatchEngine(network())


@st.composite
def people(draw, least=0):
    """Values of some leaves, and perhaps a setting; no person that the model says cannot be."""
    leaves = draw(st.lists(st.sampled_from(sorted(network().leaves)), unique=True, min_size=least))
    values = {name: draw(st.sampled_from(network().leaves[name].values)) for name in leaves}
    assume(not (values.get("sex") == "male" and values.get("pregnancy") == "pregnant"))
    known = draw(st.sampled_from([None, *range(len(network().settings))]))
    setting = None if known is None else np.eye(len(network().settings))[known]
    return Evidence({name: one_hot(network(), name, value) for name, value in values.items()}, setting)


def posterior(evidence):
    return exact.posterior(network(), network().theta, evidence)


def same(a, b, *, shift=0.0):
    np.testing.assert_allclose(a.states, b.states, rtol=1e-9, atol=1e-13)
    assert float(a.log_evidence) == pytest.approx(float(b.log_evidence) + shift, abs=1e-10)


@given(people())
def test_a_posterior_is_a_distribution(evidence):
    found = posterior(evidence)
    assert found.states.min() >= 0
    assert found.states.sum() == pytest.approx(1)
    assert float(found.log_evidence) <= 1e-12


@given(people(least=2), st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(evidence, random):
    names = list(evidence.likelihood)
    random.shuffle(names)
    shuffled = Evidence({name: evidence.likelihood[name] for name in names}, evidence.setting)
    same(posterior(shuffled), posterior(evidence))


@given(people(), st.sampled_from(sorted(network().leaves)))
def test_an_uninformative_likelihood_is_no_observation(evidence, name):
    assume(name not in evidence.likelihood)
    flat = np.ones(len(network().leaves[name].values))
    same(posterior(evidence.with_leaf(name, flat)), posterior(evidence))


@given(people(), st.sampled_from(sorted(network().leaves)))
def test_what_is_unobserved_is_the_mean_over_its_values(evidence, name):
    """The evidence of each value of an unobserved leaf adds up to the evidence without it."""
    assume(name not in evidence.likelihood)
    parts = []
    for value in network().leaves[name].values:
        try:
            parts.append(posterior(evidence.with_leaf(name, one_hot(network(), name, value))))
        except ImpossibleFindingsError:
            continue
    chances = np.exp([float(p.log_evidence) for p in parts])
    without = posterior(evidence)
    assert chances.sum() == pytest.approx(np.exp(float(without.log_evidence)), rel=1e-10)
    np.testing.assert_allclose(chances @ np.stack([p.states for p in parts]) / chances.sum(), without.states, atol=1e-12)


@given(people(least=1), st.floats(1e-12, 1e12))
def test_the_scale_of_a_likelihood_does_not_matter(evidence, scale):
    name = next(iter(evidence.likelihood))
    scaled = evidence.with_leaf(name, evidence.likelihood[name] * scale)
    same(posterior(scaled), posterior(evidence), shift=float(np.log(scale)))


@given(people(least=1))
def test_soft_evidence_at_certainty_is_hard_evidence(evidence):
    """As all but one value become impossible, the answer becomes that of the value itself."""
    name = next(iter(evidence.likelihood))
    almost = np.maximum(evidence.likelihood[name], 1e-14)
    np.testing.assert_allclose(posterior(evidence.with_leaf(name, almost)).states, posterior(evidence).states, atol=1e-9)


@given(people(least=1), st.floats(0, 1))
def test_soft_evidence_lies_between_its_values(evidence, share):
    name = next(iter(evidence.likelihood))
    sure, unsure = posterior(evidence), posterior(evidence.with_leaf(name, np.ones(len(evidence.likelihood[name]))))
    mixed = posterior(evidence.with_leaf(name, np.maximum(evidence.likelihood[name], share)))
    low, high = np.minimum(sure.states, unsure.states), np.maximum(sure.states, unsure.states)
    assert (mixed.states >= low - 1e-12).all()
    assert (mixed.states <= high + 1e-12).all()


@given(people())
def test_without_forgets(evidence):
    names = tuple(evidence.likelihood)
    same(posterior(evidence.without(*names)), posterior(Evidence(setting=evidence.setting)))


@settings(max_examples=30)
@given(st.lists(people(), min_size=1, max_size=40))
def test_the_batch_gives_everybody_their_own_answer(everybody):
    scores = batch().score(encode(network(), everybody))
    for n, evidence in enumerate(everybody):
        alone = posterior(evidence)
        np.testing.assert_allclose(scores.levels[n], alone.states @ network().space.active, atol=1e-12)
        assert scores.log_evidence[n] == pytest.approx(float(alone.log_evidence), abs=1e-10)
