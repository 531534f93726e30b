"""Learning from records: the right mode and spread, the truth recovered with intervals that cover, and nothing else moved."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import copied
from spinecast.analysis.cohort_likelihood import Cohort, score
from spinecast.analysis.fit_command import fit_priors
from spinecast.analysis.learn_report import check_out, generators_result, in_words, moved_result, write_fit
from spinecast.analysis.learning import learn, learned_model
from spinecast.analysis.records import Records
from spinecast.analysis.simulate import simulate
from spinecast.assessment.model import load_model
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.network.build import with_theta

LEAK = "findings/thigh_thrust/leak/positive"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = copied(tmp_path_factory.mktemp("learning"))
    fit_priors(folder)
    return load_model(folder)


def clinic(model, theta, count=400, seed=5, observed=0.8, *, labelled=False):
    """People of one setting as a clinic with these numbers would record them."""
    net = with_theta(model.network, theta)
    drawn = simulate(net, count, "spine_clinic", seed, observed=observed)
    setting = np.full(count, net.settings.index("spine_clinic"), dtype=np.int16)
    states = np.eye(len(net.space))[drawn.state] if labelled else None
    return Cohort(drawn.codes, setting, states)


def index(model, name):
    return [p.name for p in model.network.parameters].index(name)


@pytest.mark.parametrize("labelled", [False, True])
def test_one_number_alone_goes_where_its_posterior_is_highest(model, labelled):
    """Against a grid over the posterior itself, prior times likelihood."""
    i = index(model, LEAK)
    truth = model.network.theta.copy()
    truth[i] += 0.8
    cohort = clinic(model, truth, labelled=labelled)
    found = learn(model, cohort, only=[LEAK])
    assert found.touched.tolist() == [i]
    grid = np.linspace(-1.0, 2.0, 121)
    posterior = np.empty(len(grid))
    for n, move in enumerate(grid):
        theta = model.network.theta.copy()
        theta[i] += move
        posterior[n] = score(model.network, theta, cohort, slopes=False).log_evidence.sum() - (move / found.before_sd[0]) ** 2 / 2
    weight = np.exp(posterior - posterior.max())
    weight /= weight.sum()
    mean = weight @ grid
    assert found.theta[i] - model.network.theta[i] == pytest.approx(grid[posterior.argmax()], abs=0.04)
    assert found.after_sd[0] == pytest.approx(np.sqrt(weight @ (grid - mean) ** 2), rel=0.15)


def test_a_labelled_share_is_updated_as_a_beta_would_be(model):
    """With the states known, a finding without causes in them is a binomial; its assumption is worth like_n people."""
    i = index(model, LEAK)
    cohort = clinic(model, model.network.theta, count=600, observed=1.0, labelled=True)
    found = learn(model, cohort, only=[LEAK])
    leaf = model.network.leaves["thigh_thrust"]
    quiet = np.flatnonzero((leaf.activity == 0).all(axis=1)[leaf.config_of_state])
    j = list(model.network.leaves).index("thigh_thrust")
    at = np.isin(cohort.states.argmax(axis=1), quiet)
    positive, count = int((cohort.codes[at, j] == 1).sum()), int(at.sum())
    p = 1 / (1 + np.exp(-model.network.theta[i]))
    worth = 1 / (found.before_sd[0] ** 2 * p * (1 - p))
    beta = (worth * p + positive) / (worth + count)
    assert 1 / (1 + np.exp(-found.theta[i])) == pytest.approx(beta, abs=0.02)


def test_the_truth_is_recovered_and_intervals_cover(model):
    """Truths drawn from the prior: what the records inform comes closer, and 95 % intervals hold about 95 % of them."""
    before, after, inside, spread = [], [], [], []
    for k in (3, 11, 27, 40):
        truth = model.draws[k]
        found = learn(model, clinic(model, truth, seed=k))
        informed = np.flatnonzero(found.after_sd < 0.8 * found.before_sd)
        chosen = found.touched[informed]
        before.append((truth[chosen] - model.network.theta[chosen]) / found.before_sd[informed])
        after.append((truth[chosen] - found.theta[chosen]) / found.before_sd[informed])
        inside.append(np.abs(truth[found.touched] - found.theta[found.touched]) <= 1.96 * found.after_sd)
        spread.append(np.std(found.draws[:, found.touched], axis=0) / found.after_sd)
    rms = [float(np.sqrt(np.mean(np.concatenate(v) ** 2))) for v in (before, after)]
    assert rms[1] < 0.7 * rms[0]
    assert 0.90 <= float(np.mean(np.concatenate(inside))) <= 0.99
    assert float(np.median(np.concatenate(spread))) == pytest.approx(1.0, abs=0.05)


def test_numbers_that_nobody_asks_about_stay(model):
    cohort = clinic(model, model.network.theta, observed={"thigh_thrust": 1.0, "age": 0.5})
    found = learn(model, cohort, only=["findings/thigh_thrust"])
    names = [p.name for p in model.network.parameters]
    assert {names[i].split("/")[1] for i in found.touched} == {"thigh_thrust"}
    scar = index(model, "findings/scar/leak/positive")
    assert found.theta[scar] == pytest.approx(model.network.theta[scar], abs=0.02)
    assert found.draws[:, scar] == pytest.approx(model.draws[:, scar], abs=0.1)


def test_more_people_than_numbers_and_fewer_are_the_same_update(model, monkeypatch):
    """The two ways of solving the same equations agree."""
    from spinecast.analysis import learning

    cohort = clinic(model, model.draws[4], count=60)
    few = learn(model, cohort, only=["findings/"])
    rng = np.random.default_rng(2)
    covariance, jacobian = np.cov(rng.standard_normal((8, 40))), rng.standard_normal((30, 8))
    move = 0.1 * rng.standard_normal(8)
    tall = learning._step(covariance, jacobian, move), learning._posterior(covariance, jacobian)
    half = covariance @ jacobian.T
    weight = jacobian.T @ np.linalg.solve(np.eye(30) + jacobian @ half, 1.0 + jacobian @ move)
    assert tall[0][0] == pytest.approx(covariance @ weight)
    assert tall[0][1] == pytest.approx(weight)
    assert tall[1] == pytest.approx(np.linalg.inv(np.linalg.inv(covariance) + jacobian.T @ jacobian))
    assert few.log_evidence_after > few.log_evidence_before


def test_what_cannot_be_learned_is_refused(model):
    cohort = clinic(model, model.network.theta, count=20)
    with pytest.raises(UnknownIdError, match="only"):
        learn(model, cohort, only=["findings/thigh_thrusts"])
    nowhere = Cohort(cohort.codes, cohort.setting, np.zeros((20, len(model.network.space))))
    with pytest.raises(InvalidValueError, match="true together; the first that cannot is row 1"):
        learn(model, nowhere)


@pytest.fixture(scope="module")
def learned(model):
    return learn(model, clinic(model, model.draws[4], count=80))


@pytest.fixture(scope="module")
def records(model):
    cohort = clinic(model, model.draws[4], count=80)
    return Records(cohort, {}, (), np.full(80, -1), {}, ("thigh_thrust", "age"))


class TestFile:
    def test_what_was_learned_can_be_answered_from(self, model, learned, records, tmp_path):
        path = tmp_path / "ours.npz"
        write_fit(path, model, learned, in_words(records))
        again = load_model(model.priors.folder, fit=path)
        assert again.network.theta == pytest.approx(learned.theta, abs=1e-5)
        assert again.draws == pytest.approx(learned.draws, abs=1e-4)
        afresh = with_theta(model.network, again.network.theta).points["thigh_thrust"]
        assert np.array_equal(again.network.points["thigh_thrust"], afresh)
        assert (again.learned, again.stale) == ("learned from 80 records of 2 findings", model.stale)
        assert again.fit_hash not in ("", model.fit_hash)
        assert load_model(model.priors.folder).learned == ""
        with pytest.raises(InvalidValueError, match="learn from all records together"):
            learn(again, records.cohort)

    def test_the_environment_can_name_it(self, model, learned, tmp_path, monkeypatch):
        path = tmp_path / "ours.npz"
        write_fit(path, model, learned, "learned")
        monkeypatch.setenv("SPINECAST_FIT", str(path))
        assert load_model(model.priors.folder).learned == "learned"
        monkeypatch.setenv("SPINECAST_FIT", str(tmp_path / "none.npz"))
        with pytest.raises(MalformedFileError, match="no such file"):
            load_model(model.priors.folder)

    def test_nothing_published_is_overwritten(self, model, learned, tmp_path):
        path = tmp_path / "ours.npz"
        write_fit(path, model, learned, "learned")
        for wrong, said in (
            (path, "does not exist yet"), (model.priors.folder / "fitted" / "mine.npz", "published fit"),
            (tmp_path / "ours.json", "ends in .npz"), (tmp_path / "nowhere" / "ours.npz", "folder that exists"),
        ):  # fmt: skip
            with pytest.raises(InvalidValueError, match=said):
                check_out(wrong, model)

    def test_tables_say_what_moved(self, model, learned, records):
        moved = moved_result(model, learned, records, seed=1, choices={})
        assert list(np.abs(moved["shift"])) == sorted(np.abs(moved["shift"]), reverse=True)
        assert len(moved) == len(learned.touched)
        assert all(low <= after <= high for low, after, high in zip(moved["low"], moved["after"], moved["high"], strict=True))
        found = generators_result(model, learned, records, seed=1, choices={})
        new = learned_model(model, learned).network
        prior = np.exp(new.log_prior(new.theta, new.settings.index("spine_clinic")))
        expected = [float(prior @ new.space.mask(g)) for g in new.space.generators]
        assert list(found["after"]) == pytest.approx(expected)
