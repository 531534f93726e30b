"""Adding a finding is one file and its evidence rows, and no Python.

In a copy of the priors: one made-up examination sign of the sacroiliac joint, two made-up rows and their source.
It has to be lawful, listed, on the form, asked about, used at its default until the next fit, and fitted then.
"""

from __future__ import annotations

import csv
import json
import tomllib

import pytest

from helpers.command import Command
from helpers.fitted import fitted_priors
from spinecast.analysis.validate import validate
from spinecast.assessment.assess import assess
from spinecast.assessment.model import REGION, load_model
from spinecast.network.build import build_network
from spinecast.network.questions import answer, compile_question
from spinecast.priors.reader import read_priors
from spinecast.report.letter import letter

SIGN = "seesaw_sign"

FINDING = """id = "seesaw_sign"
label = "Seesaw sign"
region = "lumbosacral"
kind = "exam"
description = "Made up: one-sided buttock pain when the weight is shifted from leg to leg on a seesaw."
form = "noisy_or"
values = ["negative", "positive"]
burden = "exam"

[leak]
positive = { rows = ["seesaw-spec"], combine = "complement" }

[[causes]]
generator = "sacroiliac_joint"
positive = { rows = ["seesaw-sens"] }
"""

SOURCE = "\n@article{seesaw2026,\n  title = {A sign made up for a test},\n  author = {Nobody, N.},\n  year = {2026},\n}\n"

ROW = {
    "source": "seesaw2026", "target": "sacroiliac_joint", "test": SIGN, "setting": "interventional_clinic", "n": 120,
    "seen_in": "abstract", "confidence": "moderate", "use": "fit", "reference_standard": "none: made up",
    "population": "nobody", "finding": "seesaw sign", "note": "made up for a test",
}  # fmt: skip
ROWS = (
    {"id": "seesaw-sens", "measure": "sens", "value": 0.8, **ROW},
    {"id": "seesaw-spec", "measure": "spec", "value": 0.9, **ROW},
)

PATIENT = {"setting": "interventional_clinic", "findings": {"fortin_finger": "positive"}}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A fitted copy without the sign."""
    return fitted_priors(tmp_path_factory.mktemp("before"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fitted copy to which the sign was added after the fit."""
    copy = fitted_priors(tmp_path_factory.mktemp("after"))
    (copy / "findings" / f"{SIGN}.toml").write_text(FINDING, encoding="utf-8")
    header = next(csv.reader((copy / "evidence" / "sacroiliac.csv").read_text(encoding="utf-8").splitlines()))
    with (copy / "evidence" / "seesaw.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(ROWS)
    with (copy / "sources.bib").open("a", encoding="utf-8") as handle:
        handle.write(SOURCE)
    return copy


@pytest.fixture
def command(folder, monkeypatch, capfdbinary):
    monkeypatch.setenv("SPINECAST_PRIORS", str(folder))
    return Command(capfdbinary)


def seen(value):
    return {**PATIENT, "findings": {**PATIENT["findings"], SIGN: value}}


def sacroiliac(assessment):
    return next(g.probability for g in assessment.differential if g.id == "sacroiliac_joint")


def test_it_is_lawful(command):
    done = command("priors", "check")
    assert (done.code, done.err) == (0, ""), done


def test_it_is_listed(command):
    (record,) = json.loads(command("findings", "--json", "--search", "seesaw").out)
    assert (record["id"], record["kind"], record["values"]) == (SIGN, "exam", ["negative", "positive"])


def test_it_can_be_looked_up_with_its_rows(command):
    text = command("priors", "show", SIGN).out
    assert "seesaw-sens" in text
    assert "0.8" in text


def test_it_is_on_the_form(command, tmp_path):
    form = tmp_path / "form.toml"
    assert command("new", "patient", form).code == 0
    assert SIGN in form.read_text(encoding="utf-8")
    tomllib.loads(form.read_text(encoding="utf-8"))


def test_it_stands_at_its_default_and_the_fit_is_said_to_be_stale(before, folder):
    assert not load_model(before).stale
    model = load_model(folder)
    assert model.stale
    assert {name.split("/")[1] for name in model.unfitted} == {SIGN}
    net = model.network
    for row in ROWS:
        asked = compile_question(net, model.priors.rows[row["id"]], model.priors.contexts)
        assert answer(net, net.theta, asked) == pytest.approx(row["value"], abs=0.08)
    said = letter(assess(seen("positive"), model=model))
    assert "have changed since they were fitted" in said
    assert "newer than the fit" in said


def test_nothing_else_has_changed(before, folder):
    one, two = (assess(PATIENT, model=load_model(f)) for f in (before, folder))
    assert sacroiliac(two) == pytest.approx(sacroiliac(one))
    assert [r.id for r in one.ranking] == [r.id for r in two.ranking]


def test_it_is_asked_about(folder):
    asked = {f.id: f.bits for f in assess(PATIENT, model=load_model(folder)).next_findings}
    assert asked[SIGN] > 0.01
    assert SIGN not in {f.id for f in assess(seen("negative"), model=load_model(folder)).next_findings}


def test_it_moves_the_posterior_both_ways(folder):
    model = load_model(folder)
    positive, unknown, negative = (sacroiliac(assess(p, model=model)) for p in (seen("positive"), PATIENT, seen("negative")))
    assert negative < unknown < positive
    odds = positive / (1 - positive) / (unknown / (1 - unknown))
    assert 3 < odds < 12, "the published ratio is 8"


def test_it_speaks_in_the_weights_of_evidence(folder):
    weights = assess(seen("positive"), model=load_model(folder)).why
    assert {w.generator for w in weights if w.name == SIGN and w.decibans > 3} == {"sacroiliac_joint"}


def test_a_patient_file_may_hold_it(command, tmp_path):
    file = tmp_path / "patient.toml"
    file.write_text(f'setting = "interventional_clinic"\n[findings]\n{SIGN} = "positive"\n', encoding="utf-8")
    found = json.loads(command("assess", file, "--json").out)
    assert {"id": SIGN, "value": "positive"} in found["observed"]
    file.write_text('[findings]\nseesaw_sing = "positive"\n', encoding="utf-8")
    command("assess", file).refused("seesaw_sing", f"did you mean '{SIGN}'")


def test_its_questions_are_validated(folder):
    model = load_model(folder)
    found = validate(model.network, model.priors, [model.priors.rows[r["id"]] for r in ROWS])
    assert [r.id for r in found.rows] == ["seesaw-sens", "seesaw-spec"]


def test_a_network_built_anew_has_it(folder):
    net = build_network(read_priors(folder), REGION)
    assert net.leaves[SIGN].values == ("negative", "positive")
