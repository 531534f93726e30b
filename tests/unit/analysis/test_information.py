"""Value of information of a patient's decision: what bounds it, what it cites, and the definition itself."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from spinecast.analysis import information, voi
from spinecast.analysis.evppi_nested import evppi_nested
from spinecast.analysis.evppi_spline import evppi_spline
from spinecast.analysis.information import trial, value_of_information
from spinecast.analysis.known import KINDS, groups
from spinecast.analysis.outcome_numbers import MovedDraws
from spinecast.analysis.psa import psa
from spinecast.cli.main import run as command
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.resources import examples_folder

SUITCASE = str(examples_folder() / "suitcase.toml")


@pytest.fixture(scope="module")
def run(suitcase):
    return psa(suitcase, 400, 5)


@pytest.fixture(scope="module")
def tables(run):
    """Of each kind the first thirty: the suite need not ask all six hundred."""
    few = {kind: dict(list(groups(run, kind).items())[:30]) for kind in KINDS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(information, "groups", lambda _, kind: few[kind])
        return {kind: value_of_information(run, kind, per_year=100) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_worth_more_than_everything(run, tables, kind):
    found = tables[kind]
    total, *parts = found["value"]
    assert total == pytest.approx(voi.evpi(run.allowed).value)
    for value, se in zip(parts, found["se"][1:], strict=True):
        assert 0 <= value <= total + 3 * se


def test_every_group_cites_rows_of_its_own(run, model):
    sources = {row.source for row in model.priors.rows.values()}
    for inputs, cited in groups(run, "source").values():
        assert len(cited) == 1
        assert set(cited) <= sources
        assert inputs.shape[0] == run.draws


def test_a_study_that_is_asked_about_has_its_citation(run):
    names = list(groups(run, "source"))
    assert any("doi:" in name for name in names)


def test_every_outcome_number_and_reached_question_is_asked_alone(run):
    alone = groups(run, "parameter")
    wholes = {name.partition("[")[0] for name in run.normal}
    assert len(alone) > len(wholes)
    assert sum(inputs.shape[1] for inputs, _ in alone.values()) > len(run.normal)


def test_regression_and_nested_monte_carlo_agree_on_an_outcome_number(run, suitcase):
    """The effect of the first choice, known or not: outcome numbers are independent, so the inner draws are simple."""
    numbers = list(run.normal)
    names = [n for n in numbers if n.partition("[")[0] == "procedures/transforaminal_epidural/0"]
    rows = suitcase.model.priors.rows
    fitted = evppi_spline(run.allowed, np.stack([run.normal[n][1:] for n in names], axis=1))

    def conditional(rng, inner):
        steps = {n: np.concatenate([[0.0], rng.standard_normal(inner)]) for n in numbers}
        steps |= {n: np.concatenate([[0.0], np.full(inner, rng.standard_normal())]) for n in names}
        outcomes = suitcase.outcomes(MovedDraws(rows, inner, 0, steps))
        beliefs = run.beliefs[rng.integers(0, len(run.beliefs), inner + 1)]
        return suitcase.values(beliefs, outcomes)[1:, suitcase.permitted]

    nested = evppi_nested(conditional, 30, 40, seed=2)
    assert abs(nested.value - fitted.value) < 4 * math.hypot(nested.se, fitted.se)


def test_a_larger_trial_is_worth_more_and_less_than_no_limit(run):
    found = trial(run, "transforaminal_epidural", [20, 100, 500, 2500], per_year=1000)
    values = list(found["value"])
    assert values == sorted(values)
    assert values[-1] <= found["limit"][-1] * 1.02
    assert list(found["explained"]) == sorted(found["explained"])
    assert found["population"][0] > found["value"][0]
    assert found.sources


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nothing", [10]), UnknownIdError),
        (("mri", [10]), InvalidValueError),
        (("transforaminal_epidural", [0]), InvalidValueError),
    ],
)
def test_trials_that_make_no_sense_are_refused(run, arguments, error):
    with pytest.raises(error):
        trial(run, *arguments)


def test_a_generator_that_the_action_has_no_effect_on_is_refused(run):
    with pytest.raises(UnknownIdError, match="generator"):
        trial(run, "facet_injection", [10], generator="radiculopathy")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_table_with_a_figure(tables, kind, tmp_path):
    found = tables[kind]
    assert list(found["value"][1:]) == sorted(found["value"][1:], reverse=True)
    found.save_figure(tmp_path / "voi.svg")
    assert found["population"][0] > found["value"][0]


def test_the_command_gives_json_that_can_be_cited(tmp_path, capsys):
    assert command(["voi", SUITCASE, "--draws", "100", "--by", "source", "--json"]) == 0
    path = tmp_path / "voi.json"
    path.write_text(capsys.readouterr().out)
    assert json.loads(path.read_text())["name"] == "voi_source"
    assert command(["cite", str(path)]) == 0
    assert capsys.readouterr().out.startswith("@")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--by", "studies"],
        ["--n", "ten"],
        ["--trial", "nothing"],
        ["--trial", "mri"],
        ["--trial", "facet_injection", "--generator", "radiculopathy"],
        ["--trial", "rehabilitation", "--week", "3"],
        ["--per-year", "0"],
        ["--per-year", "nan"],
        ["--per-year", "10", "--years", "-1"],
    ],
)
def test_the_command_refuses_before_anything_is_drawn(arguments, capsys, monkeypatch):
    monkeypatch.setattr("spinecast.analysis.psa.psa", lambda *_, **__: pytest.fail("it drew first"))
    assert command(["voi", SUITCASE, *arguments]) == 2
    assert "allowed" in capsys.readouterr().err.lower()
