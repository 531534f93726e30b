"""Probabilistic analysis: the same answer as `assess` on the same draws, and honest about its own error."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spinecast
from spinecast.analysis import psa
from spinecast.analysis.outcome_numbers import MovedDraws, RememberedDraws, rows_behind
from spinecast.cli.main import run
from spinecast.errors import InvalidValueError
from spinecast.resources import examples_folder

SUITCASE = examples_folder() / "suitcase.toml"


@pytest.fixture(scope="module")
def drawn(suitcase):
    return psa.psa(suitcase, 200, 20260101)


def test_the_draws_are_those_behind_the_printed_intervals(drawn, model):
    answer = spinecast.assess(SUITCASE, model=model)
    found = {row["id"]: row for row in psa.actions(drawn).rows()}
    for row in answer.ranking:
        assert found[row.id]["low"] == pytest.approx(row.low)
        assert found[row.id]["high"] == pytest.approx(row.high)
        assert (found[row.id]["rank_low"], found[row.id]["rank_high"]) == (row.rank_low, row.rank_high)
        assert found[row.id]["permitted"] == row.permitted
    sure = {row["id"]: row for row in psa.generators(drawn).rows()}
    for generator in answer.differential:
        assert sure[generator.id]["low"] == pytest.approx(generator.low)
        assert sure[generator.id]["point"] == pytest.approx(generator.probability, abs=2e-3)


def test_chances_of_being_best_sum_to_one_over_what_is_permitted(drawn):
    rows = list(psa.actions(drawn).rows())
    assert sum(r["p_best"] for r in rows) == pytest.approx(1)
    assert all(r["p_best"] == 0 for r in rows if not r["permitted"])
    assert min(r["expected_loss"] for r in rows if r["permitted"]) >= 0


def test_net_benefit_is_linear_in_the_willingness_to_pay(drawn, suitcase):
    """The frontier at the patient's own willingness to pay is the analysis itself, and at zero only money counts."""
    found = psa.acceptability(drawn, [0.0, 100_000.0])
    frontier = [r for r in found.rows() if r["label"] == psa.FRONTIER]
    assert frontier[0]["option"] == "Watchful waiting"
    best = max(r["mean"] for r in psa.actions(drawn).rows() if r["permitted"])
    assert frontier[1]["expected_net_benefit"] == pytest.approx(best)


def test_acceptability_sums_to_one_at_every_amount(drawn):
    found = psa.acceptability(drawn, [50_000.0, 100_000.0])
    for amount in (50_000.0, 100_000.0):
        shares = [r["p_best"] for r in found.rows() if r["willingness_to_pay"] == amount and r["label"] != psa.FRONTIER]
        assert 0.9 <= sum(shares) <= 1 + 1e-9  # rarely best ones are left out


def test_running_means_end_at_the_mean(drawn):
    found = psa.convergence(drawn)
    means = {r["label"]: r["mean"] for r in psa.actions(drawn).rows()}
    last = {r["label"]: r["mean"] for r in found.rows() if r["draws"] == drawn.draws}
    assert all(means[k] == pytest.approx(v) for k, v in last.items())
    assert "halves" in found.notes[0]


def test_more_draws_than_are_stored_come_from_the_same_fit(suitcase):
    few, many = psa.psa(suitcase, 256, 3), psa.psa(suitcase, 600, 3)
    assert few.network_draws == psa.STORED
    assert many.network_draws == psa.ANEW
    found, wide = psa.actions(few), psa.actions(many)
    for one, other in zip(sorted(found.rows(), key=lambda r: r["id"]), sorted(wide.rows(), key=lambda r: r["id"]), strict=True):
        error = np.hypot(one["mean_se"], other["mean_se"])
        assert abs(one["mean"] - other["mean"]) <= 4.5 * error


def test_one_draw_is_refused(suitcase):
    with pytest.raises(InvalidValueError, match="at least 2"):
        psa.psa(suitcase, 1)


def test_sources_behind_it_are_those_of_findings_and_procedures(drawn, model):
    known = {row.source for row in model.priors.rows.values()}
    assert set(drawn.sources) <= known
    assert len(drawn.sources) > 50


def test_remembered_draws_are_the_same_draws(model, suitcase):
    rows = model.priors.rows
    remembered = RememberedDraws(rows, 5, 11)
    from spinecast.decision.numbers import Draws

    first, again = suitcase.outcomes(remembered), suitcase.outcomes(remembered)
    plain = suitcase.outcomes(Draws(rows, 5, 11))
    for name in ("specific", "natural", "cost", "harm", "worth"):
        assert np.array_equal(getattr(first, name), getattr(plain, name))
        assert np.array_equal(getattr(first, name), getattr(again, name))


def test_moved_draws_move_one_number_at_a_time(model, suitcase):
    name = "procedures/transforaminal_epidural/cost"
    steps = {name: np.array([0.0, -1, 1, 0, 0]), "contextual_effect[0]": np.array([0.0, 0, 0, -1, 1])}
    moved = suitcase.outcomes(MovedDraws(model.priors.rows, 4, 0, steps))
    a = moved.actions.index("transforaminal_epidural")
    assert moved.cost[1, a] < moved.cost[0, a] < moved.cost[2, a]
    assert np.array_equal(moved.cost[3:], np.broadcast_to(moved.cost[0], moved.cost[3:].shape))
    assert (moved.contextual[3] < moved.contextual[0]).any()


def test_rows_behind_an_outcome_number(model):
    priors = model.priors
    effect = priors.procedures["transforaminal_epidural"].effects[0]
    expected = {r for q in effect.difference.values() for r in q.rows}
    arms = [(t, a) for t in priors.trials.values() for a in t.arms if a.fitted and "transforaminal_epidural" in a.arm]
    expected |= {r for t, a in arms if t.generator == "radiculopathy" for r in a.published.rows}
    assert set(rows_behind(priors, "procedures/transforaminal_epidural/0")) == expected
    assert rows_behind(priors, "no/such/thing") == ()


def test_the_command_prints_json_and_writes_files(tmp_path, capsys):
    figure, table = tmp_path / "psa.svg", tmp_path / "psa.csv"
    assert run(["psa", str(SUITCASE), "--draws", "20", "--json", "--figure", str(figure), "--table", str(table)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["basis"]["draws"] == 20
    assert figure.exists()
    assert table.read_text().startswith("label,mean")


@pytest.mark.parametrize("view", ["actions", "generators", "ceac", "convergence"])
def test_every_view_fits_the_terminal(view, capsys):
    assert run(["psa", str(SUITCASE), "--draws", "40", "--show", view]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


@pytest.mark.parametrize("arguments", [["--show", "curves"], ["--figure", "x.gif"], ["--table", "/no/such/folder/x.csv"]])
def test_what_cannot_be_done_is_refused_before_the_work(arguments, capsys):
    assert run(["psa", str(SUITCASE), *arguments]) == 2
    assert "allowed" in capsys.readouterr().err.lower()
