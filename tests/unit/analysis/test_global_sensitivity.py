"""Sobol and Morris against functions whose indices are known, and on a patient."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinecast.analysis.dependent_indices import kucherenko
from spinecast.analysis.global_sensitivity import Inputs, global_sensitivity, morris, sobol
from spinecast.analysis.laplace import laplace
from spinecast.cli.main import run
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.resources import examples_folder


def test_sobol_of_a_sum_is_the_shares_of_variance():
    """2 a + (b + c) with b and c in one group: 4 and 2 of 6, no interaction."""
    found = sobol(lambda z: 2 * z[:, 0] + z[:, 1] + z[:, 2], {"a": 1, "bc": 2}, 1024, 1)
    assert found.first == pytest.approx([4 / 6, 2 / 6], abs=0.05)
    assert found.total == pytest.approx([4 / 6, 2 / 6], abs=0.05)
    assert found.evaluations == 1024 * 4


def test_sobol_sees_an_interaction_that_is_nothing_alone():
    found = sobol(lambda z: z[:, 0] * z[:, 1], {"a": 1, "b": 1}, 2048, 1)
    assert found.first == pytest.approx([0, 0], abs=0.1)
    assert found.total == pytest.approx([1, 1], abs=0.15)


def test_morris_orders_what_matters_and_finds_what_does_not():
    found = morris(lambda z: 3 * z[:, 0] + z[:, 1], {"a": 1, "b": 1, "c": 1}, 30, 1)
    assert found.first[0] == pytest.approx(3 * found.first[1], rel=1e-6)
    assert found.first[2] == pytest.approx(0, abs=1e-9)


def test_an_output_that_never_moves_varies_with_nothing():
    assert sobol(lambda z: np.ones(len(z)), {"a": 1, "b": 1}, 4, 1).total.tolist() == [0, 0]


@pytest.mark.parametrize(("sizes", "base"), [({"a": 1}, 8), ({"a": 1, "b": 1}, 12)])
def test_what_makes_no_sense_is_refused(sizes, base):
    with pytest.raises(InvalidValueError):
        sobol(lambda z: z[:, 0], sizes, base, 1)


def linear_gaussian(weights, covariance, own):
    """Closed form for y = w'x: V[E(y | group)] and V - V[E(y | others)], as shares of V."""

    def explained(kept):
        pull = covariance[:, kept] @ np.linalg.inv(covariance[np.ix_(kept, kept)])
        return float(weights @ pull @ covariance[kept] @ weights)

    others = [i for i in range(len(weights)) if i not in own]
    whole = float(weights @ covariance @ weights)
    return explained(own) / whole, 1 - explained(others) / whole


def test_kucherenko_of_a_tied_linear_gaussian_is_its_closed_form(rng):
    """Groups of one, two and one, tied across groups: first shares count what is shared, totals do not."""
    covariance = np.cov(rng.standard_normal((40, 4)) @ rng.standard_normal((4, 4)), rowvar=False)
    weights, groups = np.array([1.0, -0.5, 2.0, 0.7]), {"a": [0], "b": [1, 2], "c": [3]}
    found = kucherenko(lambda x: x @ weights, {g: len(own) for g, own in groups.items()}, covariance, 4096, 1)
    for i, own in enumerate(groups.values()):
        first, total = linear_gaussian(weights, covariance, own)
        assert found.first[i] == pytest.approx(first, abs=0.04)
        assert found.total[i] == pytest.approx(total, abs=0.04)
        assert abs(found.first[i] - first) <= 2 * found.first_error[i] + 0.01
    assert (found.first > found.total + 0.1).any()


def test_kucherenko_without_ties_is_sobol():
    found = kucherenko(lambda x: x[:, 0] * x[:, 1] + x[:, 2], {"a": 1, "b": 1, "c": 1}, np.eye(3), 4096, 1)
    assert found.first == pytest.approx([0, 0, 0.5], abs=0.06)
    assert found.total == pytest.approx([0.5, 0.5, 0.5], abs=0.06)


@pytest.mark.parametrize(("sizes", "base"), [({"a": 3}, 8), ({"a": 1, "b": 1}, 8), ({"a": 1, "b": 2}, 12)])
def test_ties_that_make_no_sense_are_refused(sizes, base):
    with pytest.raises(InvalidValueError):
        kucherenko(lambda x: x[:, 0], sizes, np.eye(3), base, 1)


def test_the_covariance_is_that_of_the_joint_draws(suitcase):
    """And groups are tied in it, which is why there are two kinds of share."""
    inputs = Inputs.of(suitcase)
    chosen = np.concatenate(list(inputs.network.values()))
    drawn = laplace(suitcase.model).draws(4000, 1)[:, chosen]
    covariance = inputs.covariance[: len(chosen), : len(chosen)]
    spread = np.sqrt(np.diag(covariance))
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.06)
    correlation = covariance / np.outer(spread, spread)
    assert np.abs(np.corrcoef(drawn, rowvar=False) - correlation).max() < 0.1
    owner = np.repeat(np.arange(len(inputs.network)), [len(own) for own in inputs.network.values()])
    assert np.abs(correlation[owner[:, None] != owner[None, :]]).max() > 0.2


def test_at_zero_normals_a_patient_is_the_point_estimate(suitcase):
    inputs = Inputs.of(suitcase)
    answers = inputs.answers(np.zeros((2, sum(inputs.sizes.values()))))
    masks = np.stack(list(suitcase.masks().values()), axis=1)
    assert answers.generators[0] == pytest.approx(suitcase.beliefs(suitcase.model.network.theta) @ masks, abs=1e-9)


def test_a_posterior_varies_with_nothing_of_the_outcome_model(suitcase):
    found = global_sensitivity(suitcase, "posterior:radiculopathy", "morris", 4)
    effect = dict(zip(found["group"], found["effect"], strict=True))
    assert effect["costs"] == 0
    assert effect["who has which source of pain"] > 0


def test_outputs_and_methods_that_do_not_exist_are_refused(suitcase):
    with pytest.raises(UnknownIdError):
        global_sensitivity(suitcase, "posterior:nothing")
    with pytest.raises(UnknownIdError):
        global_sensitivity(suitcase, "", "fast")
    with pytest.raises(InvalidValueError, match="smoothly"):
        global_sensitivity(suitcase, "rank:waiting")


@pytest.mark.parametrize(("method", "base", "note"), [("morris", "3", "left out here"), ("kucherenko", "2", "across groups too")])
def test_the_command_gives_json_and_says_how_groups_are_tied(capsys, method, base, note):
    assert run(["global", str(examples_folder() / "suitcase.toml"), "--method", method, "--base", base, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == f"global_{method}"
    assert note in shown["notes"][0]
