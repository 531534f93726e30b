"""The likelihood of records is that of the exact engine, and its scores are its slopes."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import network
from spinecast.analysis.cohort_likelihood import Cohort, score
from spinecast.analysis.simulate import recorded_shares, simulate
from spinecast.assessment.model import load_model
from spinecast.engines import exact
from spinecast.engines.batch import People, decode


@pytest.fixture(scope="module")
def small():
    return network()[0]


def records(net, count, observed, seed=3, *, settings="known"):
    drawn = simulate(net, count, net.settings[0], seed, observed=observed)
    setting = np.full(count, -1 if settings == "unknown" else 0, dtype=np.int16)
    if settings == "mixed":
        setting[::2], setting[1::3] = 1, -1
    return Cohort(drawn.codes, setting)


@pytest.mark.parametrize("settings", ["known", "unknown", "mixed"])
@pytest.mark.parametrize("observed", [0.3, 0.7, 1.0])
def test_everybody_is_as_probable_as_the_exact_engine_says(small, observed, settings):
    cohort = records(small, 40, observed, settings=settings)
    found = score(small, small.theta, cohort, slopes=False)
    people = People(cohort.codes, cohort.setting)
    for n in range(len(cohort)):
        alone = exact.posterior(small, small.theta, decode(small, people, n))
        assert found.log_evidence[n] == pytest.approx(float(alone.log_evidence), abs=1e-10)
        assert found.posterior[n] == pytest.approx(alone.states, abs=1e-10)


@pytest.mark.parametrize("settings", ["known", "mixed"])
@pytest.mark.parametrize("observed", [0.4, 0.9])
def test_scores_are_the_slopes(small, observed, settings):
    cohort = records(small, 8, observed, settings=settings)
    theta = small.theta + 0.1 * np.random.default_rng(1).standard_normal(len(small.theta)) * (small.theta != 0)
    found = score(small, theta, cohort)
    free = [i for i, p in enumerate(small.parameters) if p.sd > 0 and i not in small.setting_weight]
    step = 1e-5
    for i in free:
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] -= step
        slope = (score(small, up, cohort, slopes=False).log_evidence - score(small, down, cohort, slopes=False).log_evidence) / (
            2 * step
        )
        assert found.scores[:, i] == pytest.approx(slope, abs=2e-4), small.parameters[i].name


def test_a_label_leaves_only_its_states(small):
    cohort = records(small, 30, 0.5)
    mask = small.space.mask("facet_joint").astype(float)
    labelled = Cohort(cohort.codes, cohort.setting, np.tile(mask, (len(cohort), 1)))
    free, bound = score(small, small.theta, cohort, slopes=False), score(small, small.theta, labelled, slopes=False)
    p = free.posterior @ mask
    assert bound.log_evidence == pytest.approx(free.log_evidence + np.log(p))
    assert (bound.posterior[:, mask == 0] == 0).all()


def test_an_impossible_record_has_no_probability(small):
    cohort = records(small, 3, 0.5)
    nowhere = Cohort(cohort.codes, cohort.setting, np.zeros((3, len(small.space))))
    found = score(small, small.theta, nowhere)
    assert np.isneginf(found.log_evidence).all()
    assert (found.scores == 0).all()


def test_the_projects_own_network_agrees_too():
    model = load_model()
    shares = recorded_shares(model.network, model.priors, findings=40)
    drawn = simulate(model.network, 12, "spine_clinic", 5, observed=shares)
    setting = np.full(12, model.network.settings.index("spine_clinic"), dtype=np.int16)
    found = score(model.network, model.network.theta, Cohort(drawn.codes, setting))
    for n in range(12):
        alone = exact.posterior(model.network, model.network.theta, decode(model.network, People(drawn.codes, setting), n))
        assert found.log_evidence[n] == pytest.approx(float(alone.log_evidence), abs=1e-9)
    i = int(np.abs(found.scores).sum(axis=0).argmax())
    step = 1e-5
    moved = model.network.theta.copy()
    moved[i] += step
    after = score(model.network, moved, Cohort(drawn.codes, setting), slopes=False)
    assert found.scores[:, i] == pytest.approx((after.log_evidence - found.log_evidence) / step, abs=1e-3)
