"""A clinic's records: read as they are, wrong ones refused with row and column, the template lawful."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from spinecast.analysis.records import allowed, read_records, template, write_template
from spinecast.cli.main import run
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError

ROWS = [
    {"id": "a", "setting": "spine_clinic", "age": "53", "straight_leg_raise": "positive", "truth_radiculopathy": "L5",
     "truth_facet_joint": "no", "treated_with": "transforaminal_epidural", "relief_4w": "yes"},
    {"id": "b", "setting": "", "age": "", "straight_leg_raise": "", "truth_radiculopathy": "yes", "truth_facet_joint": "",
     "treated_with": "", "relief_4w": ""},
    {"id": "c", "setting": "primary_care", "age": "age_75_plus", "straight_leg_raise": "negative", "truth_radiculopathy": "",
     "truth_facet_joint": "yes", "treated_with": "rehabilitation", "relief_4w": "no"},
]  # fmt: skip


def written(path, rows):
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def read(model, tmp_path):
    def of(rows, **more):
        return read_records(written(tmp_path / "clinic.csv", rows), model.priors, model.network, **more)

    return of


def test_values_numbers_labels_and_outcomes(model, read):
    found = read(ROWS)
    network = model.network
    column = {name: found.cohort.codes[:, j].tolist() for j, name in enumerate(network.leaves)}
    assert column["straight_leg_raise"] == [1, -1, 0]
    assert [network.leaves["age"].values[c] if c >= 0 else "" for c in column["age"]] == ["age_50_59", "", "age_75_plus"]
    assert found.cohort.setting.tolist() == [network.settings.index("spine_clinic"), -1, network.settings.index("primary_care")]
    assert set(found.observed) == {"age", "straight_leg_raise"}
    assert [found.procedures[i] if i >= 0 else "" for i in found.treated] == ["transforaminal_epidural", "", "rehabilitation"]
    assert found.relief[4].tolist() == [1, -1, 0]


def test_labels_leave_their_states(model, read):
    network, found = model.network, read(ROWS)
    states = allowed(network, found.labels, 3) > 0
    root, facet = network.space.mask("radiculopathy"), network.space.mask("facet_joint")
    assert (states[0] == (network.space.mask("radiculopathy", ("L5",)) & ~facet)).all()
    assert (states[1] == root).all()
    assert (states[2] == facet).all()


def test_the_setting_can_be_said_for_all(model, read):
    known = read(ROWS, setting="emergency").cohort.setting
    assert known.tolist()[1] == model.network.settings.index("emergency")
    with pytest.raises(UnknownIdError, match="emergency"):
        read(ROWS, setting="emergncy")


def test_parquet_is_read_the_same(model, read, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({k: [r[k] or None for r in ROWS] for k in ROWS[0]}), tmp_path / "clinic.parquet")
    other = read_records(tmp_path / "clinic.parquet", model.priors, model.network)
    assert (other.cohort.codes == read(ROWS).cohort.codes).all()


def test_findings_can_be_left_out(model, read):
    found = read(ROWS).without(model.network, ("age",))
    assert found.observed == ("straight_leg_raise",)
    with pytest.raises(UnknownIdError, match="did you mean 'age'"):
        found.without(model.network, ("agee",))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"straight_leg_raise": "maybe"}, MalformedFileError, "row 1: findings.straight_leg_raise"),
        ({"truth_radiculopathy": "L9"}, UnknownIdError, "truth_radiculopathy"),
        ({"truth_facets": "yes"}, UnknownIdError, "did you mean 'truth_facet_joint'"),
        ({"straight_leg_rise": "yes"}, UnknownIdError, "did you mean 'straight_leg_raise'"),
        ({"treated_with": "surgery"}, UnknownIdError, "treated_with"),
        ({"relief_4w": "some"}, UnknownIdError, "relief_4w"),
        ({"relief_6w": "yes"}, UnknownIdError, "relief_"),
    ],
)
def test_what_is_not_lawful_is_refused(read, change, error, said):
    with pytest.raises(error) as caught:
        read([{**ROWS[0], **change}])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "no such file"), ("r.xlsx", b"x", ".csv or .parquet"), ("r.csv", b"", "empty; needs a header"),
        ("r.csv", b"age\n", "no rows"), ("r.csv", b"age,straight_leg_raise\n,\n", "nothing is recorded"),
        ("r.parquet", b"not parquet", "cannot be read"), ("r.csv", b"\xff\xfe\xff", "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(model, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MalformedFileError, match=said):
        read_records(tmp_path / name, model.priors, model.network)


def test_the_template_holds_every_column_and_is_read(model, tmp_path):
    names = [name for name, _ in template(model.priors, model.network)]
    assert {"id", "setting", "age", "straight_leg_raise", "truth_radiculopathy", "treated_with", "relief_4w"} <= set(names)
    meaning = write_template(tmp_path / "clinic.csv", model.priors, model.network)
    assert (tmp_path / "clinic.csv").read_text().strip().split(",") == names
    assert "sacroiliac_block_1_sedation" in meaning.read_text()
    with pytest.raises(MalformedFileError, match="no rows"):
        read_records(tmp_path / "clinic.csv", model.priors, model.network)
    with pytest.raises(InvalidValueError, match="nothing is overwritten"):
        write_template(tmp_path / "clinic.csv", model.priors, model.network)


def test_no_label_is_no_restriction(model):
    assert (allowed(model.network, {"facet_joint": np.array([-1, -1])}, 2) == 1).all()


@pytest.mark.parametrize("verb", ["learn", "evaluate"])
@pytest.mark.parametrize(("text", "said"), [("", "empty; needs a header"), ("age,straight_leg_raise\n", "no rows")])
def test_a_file_without_people_is_refused_with_the_way_out(tmp_path, capsys, verb, text, said):
    path = tmp_path / "records.csv"
    path.write_text(text)
    assert run([verb, str(path), "--setting", "primary_care"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "spinecast new records" in shown
