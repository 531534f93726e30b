"""`spinecast validate`, `simulate` and `priors report`, on a quick fit."""

from __future__ import annotations

import csv
import json

import pytest

COLUMNS = (
    "id", "source", "target", "test", "given", "setting", "measure", "value", "low", "high", "n", "seen_in", "confidence", "use",
    "reference_standard", "population", "finding", "note",
)  # fmt: skip


def rows_file(path, **row):
    """An evidence file of one row."""
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerow({"id": "mine", "setting": "spine_clinic", "measure": "sens", "n": 100, **row})
    return path


@pytest.fixture
def own(tmp_path):
    return rows_file(tmp_path / "own.csv", target="radiculopathy", test="straight_leg_raise", value=0.9, low=0.8, high=0.95)


def test_rows_that_nobody_fitted(command, own):
    answer = json.loads(command("validate", "--rows", own, "--json").out)
    (row,) = answer["rows"]
    assert {"id", "published", "low", "high", "model", "inside"} <= set(row)
    assert (row["id"], answer["total"], answer["inside"]) == ("mine", 1, int(row["inside"]))
    assert row["inside"] is (row["low"] <= row["model"] <= row["high"])


def test_rows_for_people(command, own):
    done = command("validate", "--rows", own)
    assert "Held out:" in done.out
    assert max(map(len, done.out.splitlines())) <= 100


def test_only_what_lies_outside(command, tmp_path):
    far = rows_file(tmp_path / "far.csv", target="radiculopathy", test="straight_leg_raise", value=0.01, low=0.005, high=0.02)
    done = command("validate", "--rows", far, "--outside")
    assert "Why outside:" in done.out
    assert "0 of 1 inside" in done.out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ("no rows", "measure")),
        ("id,value\na,1\n", ("'measure' is missing",)),
    ],
)
def test_a_wrong_row_file_is_refused(command, tmp_path, content, said):
    (tmp_path / "bad.csv").write_text(content)
    command("validate", "--rows", tmp_path / "bad.csv").refused("bad.csv", *said)


def test_a_row_without_a_value_is_refused(command, tmp_path):
    path = rows_file(tmp_path / "own.csv", target="radiculopathy", test="straight_leg_raise", value="")
    command("validate", "--rows", path).refused("own.csv:2", "value")


def test_a_missing_row_file_is_refused(command, tmp_path):
    command("validate", "--rows", tmp_path / "none.csv").refused("none.csv", "no such file")


def test_people_are_drawn_with_their_truth(command, tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    for path in (one, two):
        assert command("simulate", 30, "--out", path, "--seed", 4, "--findings", 20).code == 0
    assert one.read_bytes() == two.read_bytes()
    rows = list(csv.DictReader(one.read_text().splitlines()))
    assert len(rows) == 30
    assert "truth_radiculopathy" in rows[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("5", "--out", "a.txt"), (".csv", ".parquet")),
        (("5", "--out", "nowhere/a.csv"), ("folder that exists",)),
        (("5", "--setting", "spine_clinc"), ("setting", "did you mean 'spine_clinic'")),
        (("0",), ("N", "0")),
    ],
)
def test_a_wrong_simulation_is_refused(command, given, said):
    command("simulate", *given).refused(*said)


def test_how_much_rests_on_evidence(command):
    answer = json.loads(command("priors", "report", "--json").out)
    assert {"parameters", "from_evidence", "assumed", "share_of_influence_from_evidence"} <= set(answer)
    assert answer["from_evidence"] + answer["assumed"] == answer["parameters"]
    assert "rest on published figures" in command("priors", "report").out


def test_fit_refuses_a_folder_that_is_not_there(command):
    command("fit", "--priors", "nowhere").refused("nowhere", "no such folder")
