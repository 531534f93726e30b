"""`spinecast learn`, `evaluate` and `new records`, on the shipped fit; nothing of a row is ever printed."""

from __future__ import annotations

import csv
import json

import pytest

from helpers.command import Command
from spinecast.analysis.simulate import simulate, to_table
from spinecast.assessment.model import load_model
from spinecast.errors import InputError
from spinecast.resources import examples_folder

MANY = 150
FEW = ("age", "straight_leg_raise", "thigh_thrust", "leg_pain_below_knee", "improves_sitting", "mri_disc_herniation")
SECRET = "Mrs-Unmistakable"
"""Stands in every row's id; it must never come out again."""


@pytest.fixture
def shipped(capfdbinary):
    return Command(capfdbinary)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Simulated people with their truth, in two files: as they are, and with one column's values exchanged."""
    network = load_model().network
    drawn = to_table(simulate(network, MANY, "spine_clinic", 3, observed=dict.fromkeys(FEW, 0.8)))
    kept = {"id": [SECRET] * MANY} | {k: v for k, v in drawn.items() if k in (*FEW, "setting") or k.startswith("truth_")}
    exchange = {"positive": "negative", "negative": "positive", "": ""}
    wrong = {**kept, "straight_leg_raise": [exchange[v] for v in kept["straight_leg_raise"]]}
    places = []
    for name, table in (("clinic.csv", kept), ("wrong.csv", wrong)):
        path = tmp_path_factory.mktemp("people") / name
        with path.open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
        places.append(path)
    return places


@pytest.mark.slow
def test_learn_then_assess(shipped, people, tmp_path, caplog):
    fit = tmp_path / "ours.npz"
    only = ("--only", "findings/straight_leg_raise", "--only", "settings/spine_clinic")
    done = shipped("learn", people[0], *only, "--out", fit, "--figure", tmp_path / "moved.png")
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 100
    for text in ("What the records moved", "How common each cause is", "As a whole: mean log score"):
        assert text in done.out
    assert SECRET not in done.out + done.err + caplog.text
    assert (tmp_path / "moved.png").exists()
    suitcase = examples_folder() / "suitcase.toml"
    answers = [
        json.loads(shipped("assess", suitcase, "--draws", 2, "--depth", 1, "--json", *more).out) for more in ((), ("--fit", fit))
    ]
    assert [a["provenance"]["learned"] for a in answers] == ["", "learned from 150 records of 6 findings, 14 labels"]
    assert answers[0]["model"]["fit_hash"] != answers[1]["model"]["fit_hash"]
    assert answers[0]["differential"] != answers[1]["differential"]
    shipped("learn", people[0], "--out", fit).refused("ours.npz", "nothing is overwritten")
    shipped("learn", people[0], "--fit", fit).refused("learn from all records together")


def test_learn_refuses_what_contradicts_the_model(shipped, people):
    done = shipped("learn", people[1])
    done.refused("straight_leg_raise = positive", "--without")
    assert SECRET not in done.err


def test_learn_takes_relief_as_evidence(shipped, people, tmp_path, monkeypatch):
    with people[0].open(newline="") as handle:
        rows = list(csv.reader(handle))
    path = tmp_path / "treated.csv"
    with path.open("w", newline="") as handle:
        header, *persons = rows
        told = [("transforaminal_epidural", "yes" if i % 2 else "no") if i < 40 else ("", "") for i in range(len(persons))]
        csv.writer(handle).writerows(
            [[*header, "treated_with", "relief_4w"], *([*p, *t] for p, t in zip(persons, told, strict=True))]
        )
    seen = []

    def learn(_model, cohort, **_):
        seen.append(cohort.states)
        raise InputError("stopped here")

    monkeypatch.setattr("spinecast.analysis.learning.learn", learn)
    shipped("learn", path).refused("stopped here")
    (states,) = seen
    weighed = ((states > 0) & (states < 1)).any(axis=1)
    assert weighed[:40].any()
    assert not weighed[40:].any()


def test_new_records(shipped, tmp_path):
    done = shipped("new", "records", tmp_path / "clinic.csv")
    assert "spinecast learn" in done.out
    assert (tmp_path / "clinic.columns.csv").exists()
    shipped("new", "records", tmp_path / "clinic.csv").refused("nothing is overwritten")


def test_a_fit_that_is_not_there_is_refused(shipped):
    shipped("assess", examples_folder() / "suitcase.toml", "--fit", "none.npz").refused("none.npz", "no such file")


def test_evaluate(shipped, people, tmp_path):
    done = shipped("evaluate", people[0], "--figure", tmp_path / "auc.png")
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 100
    assert SECRET not in done.out + done.err
    assert "Root pain from a disc herniation" in done.out
    data = json.loads(shipped("evaluate", people[0], "--for", "radiculopathy", "--without", "straight_leg_raise", "--json").out)
    assert {"summary", "calibration", "decision", "sources"} == set(data)
    assert [r["id"] for r in data["summary"]["rows"]] == ["radiculopathy"]
    shipped("evaluate", people[0], "--view", "curve").refused("--view", "decision")
