"""`spinecast next`, `explain` and `what-if`, on a quick fit."""

from __future__ import annotations

import json

import pytest

from spinecast.analysis.next_test import DECIMALS
from spinecast.resources import examples_folder

SUITCASE = examples_folder() / "suitcase.toml"


def wide(done):
    return max(map(len, done.out.splitlines())) <= 100


def test_next_for_people_and_programs(command):
    done = command("next", SUITCASE)
    assert (done.code, wide(done)) == (0, True)
    assert "comes first" in done.out
    data = json.loads(command("next", SUITCASE, "--by", "bits", "--json").out)
    assert data["name"] == "next_tests"
    bits = [round(r["bits"], DECIMALS) for r in data["rows"]]  # beyond these two are equal, and value decides
    assert bits == sorted(bits, reverse=True)


def test_next_together(command):
    done = command("next", SUITCASE, "--together", 2, "--depth", 1)
    assert "all pairs" in done.out
    command("next", SUITCASE, "--together", 9, "--depth", 1).refused("together", "1 to 6")


def test_explain(command, tmp_path):
    done = command("explain", SUITCASE, "--figure", tmp_path / "why.svg")
    assert (done.code, wide(done)) == (0, True)
    for text in ("decibans in all", "most relevant", "Conflict"):
        assert text in done.out
    assert (tmp_path / "why.svg").stat().st_size > 5000
    data = json.loads(command("explain", SUITCASE, "--json").out)
    assert {"weight", "explanations", "conflict", "sources"} == set(data)
    assert json.loads(command("explain", SUITCASE, "--only", "conflict", "--json").out)["name"] == "conflict"


def test_what_if(command, tmp_path):
    done = command("what-if", SUITCASE, "straight_leg_raise=negative", "--draws", 4, "--figure", tmp_path / "if.png")
    assert (done.code, wide(done)) == (0, True)
    assert (tmp_path / "if.png").exists()
    data = json.loads(command("what-if", SUITCASE, "age=70", "--draws", 4, "--json").out)
    assert {"causes", "options", "sources"} == set(data)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", SUITCASE, "--for", "radiculopaty"), ("did you mean 'radiculopathy'",)),
        (("explain", SUITCASE, "--only", "weights"), ("did you mean 'weight'",)),
        (("next", SUITCASE, "--by", "bit"), ("did you mean 'bits'",)),
        (("what-if", SUITCASE, "slr=negative"), ("what-if", "slr")),
        (("what-if", "nobody.toml", "age=70"), ("nobody.toml", "no such file")),
    ],
)
def test_wrong_input_is_refused(command, arguments, said):
    command(*arguments).refused(*said)
