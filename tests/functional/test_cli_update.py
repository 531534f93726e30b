"""`spinecast update`: from an assessment and an outcome to a letter or JSON; it chains, and refuses what is wrong."""

from __future__ import annotations

import json

import jsonschema
import pytest

from spinecast.report.published import assessment_schema, follow_up_schema
from spinecast.resources import examples_folder

CARPENTER = examples_folder() / "carpenter.toml"


@pytest.fixture
def outcome(tmp_path):
    path = tmp_path / "outcome.toml"
    path.write_text(
        'procedure = "transforaminal_epidural"\nweeks = 4\nrelief_percent = 60\n[inputs]\nsleep_awakenings = 1\n'
        '[medications]\nopioids = "reduced"\n'
    )
    return path


def test_assess_update_update(command, tmp_path, outcome):
    made, updated = tmp_path / "assessment.json", tmp_path / "updated.json"
    made.write_text(command("assess", CARPENTER, "--json", "--draws", 3, "--depth", 1).out)
    done = command("update", made, outcome)
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 100
    assert "Relief now: 60 %" in done.out
    updated.write_text(command("update", made, outcome, "--json").out)
    answer = json.loads(updated.read_text())
    jsonschema.Draft202012Validator(assessment_schema()).validate(answer["assessment"])
    strict = follow_up_schema() | {"additionalProperties": False}
    jsonschema.Draft202012Validator(strict).validate(answer)
    assert set(answer["outcome"]) == set(strict["properties"]["outcome"]["properties"])
    assert answer["resumed"]["same"] is True
    again = json.loads(command("update", updated, outcome, "--json").out)
    assert [p["weeks_ago"] for p in again["assessment"]["patient"]["procedures"]] == [8, 4]


def test_a_patient_file_will_do(command, outcome):
    done = command("update", CARPENTER, outcome, "--draws", 2, "--whole-letter")
    assert done.code == 0
    assert "What this rests on" in done.out


def test_the_template_is_an_outcome(command, tmp_path):
    path = tmp_path / "new.toml"
    assert command("new", "outcome", path).code == 0
    assert command("update", CARPENTER, path, "--draws", 2).code == 0
    command("new", "outcome", path).refused("nothing is overwritten")


def test_what_is_wrong_is_refused(command, tmp_path, outcome):
    command("update", tmp_path / "none.json", outcome).refused("none.json", "no such file")
    command("update", CARPENTER, tmp_path / "none.toml").refused("none.toml", "no such file")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('procedure = "transforaminal_epidual"\nweeks = 4\nrelief_percent = 60\n')
    command("update", CARPENTER, wrong).refused("did you mean 'transforaminal_epidural'?")
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    command("update", CARPENTER, empty).refused("spinecast new outcome")
