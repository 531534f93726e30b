"""Sobol and Morris against functions whose indices are known, and on a patient."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinecast.analysis.global_sensitivity import Inputs, global_sensitivity, morris, sobol
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


def test_at_zero_normals_a_patient_is_the_point_estimate(suitcase):
    inputs = Inputs.of(suitcase, 1)
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


def test_the_command_gives_json(capsys):
    assert run(["global", str(examples_folder() / "suitcase.toml"), "--method", "morris", "--base", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "global_morris"
