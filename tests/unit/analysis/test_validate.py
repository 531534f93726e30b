"""The model's answer beside the published one, and rows of a file that nobody fitted."""

from __future__ import annotations

import csv

import pytest

from helpers.rows import row
from helpers.small import copied, network, with_rows
from spinecast.analysis.fit_command import fit_priors
from spinecast.analysis.validate import read_row_file, to_dict, validate
from spinecast.assessment.model import load_model
from spinecast.errors import InvalidValueError, MalformedFileError, PriorsError
from spinecast.network.questions import answer, compile_question

COLUMNS = ("id", "target", "test", "given", "setting", "measure", "value", "low", "high", "n", "use", "population", "note")


def file(path, *rows, columns=COLUMNS):
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


SLR = {"target": "radiculopathy", "test": "straight_leg_raise", "measure": "sens", "setting": "spine_clinic"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = copied(tmp_path_factory.mktemp("priors"))
    rows = [
        {"id": f"thrust-{m}", "target": "sacroiliac_joint", "test": "thigh_thrust", "measure": m, "value": v, "n": 150}
        for m, v in (("sens", 0.85), ("spec", 0.6))
    ]
    with_rows(folder, *rows)
    fit_priors(folder)
    return load_model(folder)


class TestOwnRows:
    def test_an_answer_is_set_beside_the_published_one(self, tmp_path):
        net, priors = network()
        path = file(tmp_path / "own.csv", {"id": "a", **SLR, "value": 0.6, "low": 0.55, "high": 0.65, "n": 100})
        (one,) = validate(net, priors, read_row_file(path)).rows
        asked = compile_question(net, row(**{**SLR, "value": 0.6}), priors.contexts)
        assert one.model == pytest.approx(answer(net, net.theta, asked))
        assert (one.id, one.published, one.low, one.high, one.group) == ("a", pytest.approx(0.6), 0.55, 0.65, "held out")
        assert one.left_out is None

    @pytest.mark.parametrize(("low", "high", "inside"), [(0.01, 0.99, True), (0.98, 0.99, False)])
    def test_inside_or_outside(self, tmp_path, low, high, inside):
        net, priors = network()
        own = {
            "id": "a",
            **SLR,
            "value": (low + high) / 2,
            "low": low,
            "high": high,
            "population": "sixty people",
            "note": "small",
        }
        (one,) = validate(net, priors, read_row_file(file(tmp_path / "own.csv", own))).rows
        assert one.inside is inside
        assert bool(one.why) is not inside
        if not inside:
            assert "below 0.98; sixty people; small" in one.why

    def test_the_plain_data_names_rows_inside_and_total(self, tmp_path):
        net, priors = network()
        rows = [{"id": "a", **SLR, "value": 0.5, "low": 0.01, "high": 0.99}, {"id": "b", **SLR, "measure": "spec", "value": 0.01}]
        found = to_dict(validate(net, priors, read_row_file(file(tmp_path / "own.csv", *rows))))
        assert {"rows", "inside", "total"} <= set(found)
        assert (found["inside"], found["total"]) == (1, 2)
        assert {"id", "published", "low", "high", "model", "inside"} <= set(found["rows"][0])

    def test_a_byte_order_mark_and_other_columns_do_no_harm(self, tmp_path):
        path = file(tmp_path / "own.csv", {"id": "a", **SLR, "value": 0.5, "mine": "x"}, columns=(*COLUMNS, "mine"))
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert [r.id for r in read_row_file(path)] == ["a"]

    def test_fewest_columns(self, tmp_path):
        """id, measure and value, and a question."""
        path = file(tmp_path / "own.csv", {"id": "a", **SLR, "value": 0.5}, columns=("id", "target", "test", "measure", "value"))
        (one,) = read_row_file(path)
        assert (one.value, one.n, one.setting) == (0.5, None, "")


WRONG = {
    "no file": (None, MalformedFileError, "no such file"),
    "no rows": ("id,measure,value\n", MalformedFileError, "no rows; needed columns are id, measure, value"),
    "no measure": ("id,value\na,1\n", MalformedFileError, "'measure' is missing"),
    "no value": ("id,measure,value\na,sens,\n", InvalidValueError, "own.csv:2: value"),
    "a value that is a word": ("id,measure,value\na,sens,high\n", (PriorsError, InvalidValueError), "high"),
    "not text": (b"\xff\xfe\x00", MalformedFileError, "own.csv"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused_with_its_place(wrong, tmp_path):
    content, error, said = WRONG[wrong]
    path = tmp_path / "own.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error, match=said):
        read_row_file(path)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target": "radiculopthy"}, "own.csv:2: a: unknown id 'radiculopthy'; did you mean 'radiculopathy'"),
        ({"test": "straight_leg_raise =="}, "own.csv:2"),
        ({"setting": "clinic"}, "unknown setting 'clinic'; allowed: "),
    ],
)
def test_a_question_that_cannot_be_asked_names_file_line_and_row(fields, said, tmp_path):
    net, priors = network()
    rows = read_row_file(file(tmp_path / "own.csv", {"id": "a", **SLR, "value": 0.5, **fields}))
    with pytest.raises(PriorsError, match=said):
        validate(net, priors, rows)


class TestAll:
    def test_fitted_and_held_out_are_counted_apart(self, model):
        found = validate(model.network, model.priors)
        assert {r.id: r.group for r in found.rows} == {
            "small-bulge-50": "fitted", "small-slr-sens": "fitted", "small-slr-spec": "fitted", "small-two-lr": "held out",
            "thrust-sens": "fitted", "thrust-spec": "fitted",
        }  # fmt: skip
        assert (found.count("fitted")[1], found.count("held out")[1], found.count_left_out()[1]) == (5, 1, 5)

    def test_every_fitted_question_is_also_answered_without_its_own_studies(self, model):
        found = validate(model.network, model.priors)
        for one in found.rows:
            assert (one.left_out is None) is (one.group == "held out")
        thrust = next(r for r in found.rows if r.id == "thrust-sens")
        assert abs(thrust.left_out - thrust.published) > abs(thrust.model - thrust.published)

    def test_the_price_of_the_fit_is_said(self, model):
        found = to_dict(validate(model.network, model.priors))
        assert found["free_parameters"] > 0
        assert 0 < found["effective_parameters"] < found["free_parameters"]
        assert found["targets_per_free_parameter"] == pytest.approx(5 / found["free_parameters"], abs=1e-3)

    def test_inside_is_what_lies_within_the_published_interval(self, model):
        found = validate(model.network, model.priors)
        assert {r.inside for r in found.rows} == {True, False}
        assert [r.inside for r in found.rows] == [r.low <= r.model <= r.high for r in found.rows]
