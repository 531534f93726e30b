"""The Forecaster: any kind of table in, the same answers as for one patient out, and reasons for what cannot be scored."""

from __future__ import annotations

import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

import spinecast
from spinecast import Forecaster
from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.patient import parse_patient
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.extras import need

SEED = 20_240_229


def to_polars(table):
    return pytest.importorskip("polars").from_arrow(table)


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster.load()


@pytest.fixture(scope="module")
def cohort(forecaster):
    shares = recorded_shares(forecaster.network, forecaster.priors, 25)
    return simulate(forecaster.network, 400, "spine_clinic", SEED, observed=shares)


@pytest.fixture(scope="module")
def table(cohort):
    return pa.table({"id": np.arange(400), **to_table(cohort)})


@pytest.fixture(scope="module")
def scored(forecaster, table):
    return forecaster.score(table)


def answer(forecaster, patient):
    """(levels, nonspecific, log evidence) by the exact engine."""
    network = forecaster.network
    found = exact.posterior(network, network.theta, to_evidence(parse_patient(patient, forecaster.priors), network))
    return found.states @ network.space.active, found.states[0], found.log_evidence


def difference(left, right):
    """Largest difference of any number of two scored tables."""
    names = [n for n in left.schema.names if n.startswith("p_") or n == "log_evidence"]
    return max(np.abs(left.column(n).to_numpy() - right.column(n).to_numpy()).max() for n in names)


def test_a_list_of_patients_is_answered_as_each_alone(forecaster):
    files = sorted(spinecast.examples_folder().glob("*.toml"))
    patients = [read_patient_file(path) for path in files]
    rows = forecaster.score(patients).to_pylist()
    assert [row["id"] for row in rows] == [p["label"] for p in patients]
    for patient, row in zip(patients, rows, strict=True):
        levels, nonspecific, log_evidence = answer(forecaster, patient)
        assert row["reason"] is None
        assert row["p_nonspecific"] == pytest.approx(nonspecific, abs=1e-12)
        assert row["log_evidence"] == pytest.approx(log_evidence, abs=1e-10)
        for (generator, level), p in zip(forecaster.network.space.levels, levels, strict=True):
            assert row[f"p_{generator}_{level}" if level else f"p_{generator}"] == pytest.approx(p, abs=1e-12)


def test_a_generator_is_the_sum_of_its_levels(scored):
    levels = [n for n in scored.schema.names if n.startswith("p_radiculopathy_")]
    total = sum(scored.column(n).to_numpy() for n in levels)
    assert len(levels) == 3
    assert np.abs(total - scored.column("p_radiculopathy").to_numpy()).max() < 1e-15


@pytest.mark.parametrize("change", [{"chunk": 7}, {"chunk": 50, "threads": 2}])
def test_chunks_and_threads_change_nothing(forecaster, table, scored, change):
    assert difference(forecaster.score(table, **change), scored) <= 1e-12


def test_order_changes_nothing(forecaster, table, scored, rng):
    order = rng.permutation(table.num_rows)
    assert difference(forecaster.score(table.take(order)), scored.take(order)) <= 1e-12


@pytest.mark.parametrize("convert", [pa.Table.to_pandas, to_polars, pa.Table.to_pydict, lambda t: t.to_batches()[0]])
def test_every_kind_of_table_is_the_same_table(forecaster, table, scored, convert):
    again = forecaster.score(convert(table))
    assert again.schema.names == scored.schema.names
    assert difference(again, scored) == 0.0


def test_dictionary_columns_are_read(forecaster, table, scored):
    coded = pa.table({n: c.combine_chunks().dictionary_encode() for n, c in zip(table.schema.names, table.columns, strict=True)})
    assert difference(forecaster.score(coded), scored) == 0.0


def test_a_stream_of_batches_gives_one_for_each(forecaster, table, scored):
    found = list(forecaster.score_batches(iter(table.to_batches(max_chunksize=150))))
    assert [b.num_rows for b in found] == [150, 150, 100]
    assert difference(pa.Table.from_batches(found), scored) <= 1e-12
    assert found[0].schema.equals(scored.schema)


def test_what_comes_out_is_as_described(forecaster, scored):
    out = forecaster.schema_out()
    assert scored.schema.names == ["id", *out.names]
    assert scored.schema.field("p_facet_joint").metadata[b"unit"] == b"probability"
    assert all(field.metadata[b"meaning"] for field in out)
    assert forecaster.score(pa.table({"id": pa.array([], pa.int64())})).schema.names == scored.schema.names
    assert forecaster.score([]).schema.equals(out)


def test_what_goes_in_is_as_described(forecaster):
    into = forecaster.schema_in()
    named = {record["id"] for record in forecaster.vocabulary()}
    assert named <= set(into.names)
    assert into.field("age").metadata[b"unit"] == b"years"
    assert into.field("age").metadata[b"minimum"] == b"18"
    assert b"present" in into.field("leg_pain_below_knee").metadata[b"values"]
    empty = into.empty_table()
    assert forecaster.score(empty).num_rows == 0


def test_float32_is_close_and_half_as_wide(forecaster, table, scored):
    narrow = forecaster.score(table, dtype="float32")
    assert narrow.schema.field("p_crps").type == pa.float32()
    assert 0 < difference(narrow, scored) < 1e-5  # some twenty products, each rounded to 6e-8


@pytest.mark.parametrize("age", [45, 45.0, "45", "age_40_49"])
def test_an_age_can_be_a_number_its_text_or_a_band(forecaster, age):
    found = forecaster.score({"age": [age]})
    assert difference(found, forecaster.score([{"context": {"age": "age_40_49"}}])) == 0.0


@pytest.mark.parametrize("yes", [True, "True", "true", "present"])
def test_a_finding_of_two_values_can_be_a_truth_value(forecaster, yes):
    found = forecaster.score({"leg_pain_below_knee": [yes, None]})
    assert difference(found, forecaster.score([{"findings": {"leg_pain_below_knee": "present"}}, {}])) == 0.0


@pytest.mark.parametrize("nothing", [None, "", "unknown", float("nan")])
def test_nothing_is_not_observed(forecaster, nothing):
    column = pa.array([nothing]) if not isinstance(nothing, str) else [nothing]
    assert difference(forecaster.score({"leg_pain_below_knee": column}), forecaster.score([{}])) == 0.0


def test_likelihoods_as_columns_as_a_struct_and_as_a_map(forecaster):
    likelihood = {"absent": 0.3, "present": 0.9}
    one = forecaster.score([{"findings": {"leg_pain_below_knee": {"likelihood": likelihood}}}])
    map_ = pa.array([list(likelihood.items())], pa.map_(pa.string(), pa.float64()))
    for columns in (
        {f"leg_pain_below_knee:{k}": [v] for k, v in likelihood.items()},
        {"leg_pain_below_knee": [likelihood]},
        {"leg_pain_below_knee": map_},
    ):
        assert difference(forecaster.score(columns), one) <= 1e-15


def test_sedation_beside_a_block_counts(forecaster):
    finding = next(f for f in forecaster.priors.findings.values() if f.sedation is not None)
    block = finding.id
    *_, value = finding.values
    rows = forecaster.score({block: [value] * 3, f"{block}_sedation": ["yes", "no", None]})
    alone = [{"findings": {block: {"value": value, "sedation": s}}} for s in ("yes", "no", "unknown")]
    assert difference(rows, forecaster.score(alone)) == 0.0
    assert len(set(rows.column("log_evidence").to_pylist())) == 3
    assert difference(forecaster.score({block: [value]}), rows.slice(2)) <= 1e-14


def test_sedation_of_a_dated_block_is_its_own(forecaster):
    """An empty sedation column speaks of the finding, not of the record."""
    record = {"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": 3, "sedation": "no"}
    beside = {"procedures": [[record]], "medial_branch_block_1": [None], "medial_branch_block_1_sedation": [None]}
    assert difference(forecaster.score(beside), forecaster.score([{"procedures": [record]}])) == 0.0


def test_the_number_of_positive_tests_of_a_family(forecaster):
    tests = sum(f.family == "sacroiliac_provocation" and len(f.values) == 2 for f in forecaster.priors.findings.values())
    found = forecaster.score({"sacroiliac_provocation": [3, None]})
    patient = {"findings": {"sacroiliac_provocation": {"positive": 3, "of": tests}}}
    assert difference(found, forecaster.score([patient, {}])) <= 1e-15
    levels, _, _ = answer(forecaster, patient)
    assert np.abs(found.column("p_sacroiliac_joint")[0].as_py() - levels[_column(forecaster, "sacroiliac_joint")]) < 1e-12


def _column(forecaster, generator):
    return [g for g, _ in forecaster.network.space.levels].index(generator)


def test_earlier_procedures_are_records_or_json(forecaster):
    record = {"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": 3, "sedation": "no"}
    one = forecaster.score([{"procedures": [record]}, {}])
    assert difference(forecaster.score({"procedures": [[record], None]}), one) == 0.0
    text = '[{"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": 3, "sedation": "no"}]'
    assert difference(forecaster.score({"procedures": [text, None]}), one) == 0.0


BAD = {
    "a value that does not exist": ({"leg_pain_below_knee": "presnt"}, "did you mean 'present'?"),
    "a setting that does not exist": ({"setting": "clinic"}, "setting: unknown 'clinic'"),
    "an age out of range": ({"age": 7.0}, "context.age = 7.0 is not allowed: expected a number from 18 to 120 years"),
    "an age that is text": ({"age": "old"}, "context.age: unknown 'old'"),
    "a number for a word": ({"leg_pain_below_knee": 2.0}, "findings.leg_pain_below_knee: unknown"),
    "an input out of range": ({"pain_severity": 11.0}, "inputs.pain_severity"),
    "an input that does not exist": ({"anticoagulant": "aspirine"}, "inputs.anticoagulant: unknown 'aspirine'"),
    "a side that does not exist": ({"leg_pain_below_knee_side": "lft"}, "leg_pain_below_knee.side: unknown 'lft'"),
    "half a likelihood": ({"leg_pain_below_knee": {"absent": 0.5, "present": None}}, "a number from 0 to 1 for each of"),
    "a likelihood of nothing": ({"leg_pain_below_knee": {"absent": 0.0, "present": 0.0}}, "at least one above 0"),
    "too many positive tests": ({"sacroiliac_provocation": 99}, "findings.sacroiliac_provocation.positive"),
    "procedures that are not JSON": ({"procedures": "[{"}, "procedures: not JSON"),
    "a procedure that does not exist": ({"procedures": '[{"procedure": "massage"}]'}, "procedures[1].procedure: unknown"),
}


@pytest.mark.parametrize(("cells", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_row_has_its_reason_and_the_others_are_scored(forecaster, cells, reason):
    found = forecaster.score({name: [None, value, None] for name, value in cells.items()})
    before, bad, after = found.to_pylist()
    assert reason in bad["reason"]
    assert bad["p_facet_joint"] is None
    assert bad["log_evidence"] is None
    assert before["reason"] is after["reason"] is None
    assert difference(found.take([0, 2]), forecaster.score([{}, {}])) < 1e-14


def test_a_bad_patient_has_the_words_of_assess(forecaster):
    patient = {"findings": {"leg_pain_below_knee": "presnt"}}
    with pytest.raises(UnknownIdError) as error:
        spinecast.assess(patient)
    assert forecaster.score([{}, patient]).column("reason").to_pylist() == [None, str(error.value)]


def test_value_and_likelihood_of_one_finding_contradict_each_other(forecaster):
    soft = {"leg_pain_below_knee:absent": [0.2], "leg_pain_below_knee:present": [0.4]}
    (row,) = forecaster.score({"leg_pain_below_knee": ["present"], **soft}).to_pylist()
    assert row["reason"] == "leg_pain_below_knee: give either a value or likelihoods, not both"


def test_a_misspelt_column_is_refused(forecaster):
    with pytest.raises(UnknownIdError, match="did you mean 'leg_pain_below_knee'"):
        forecaster.score({"leg_pain_below_kne": ["present"]})


def test_a_likelihood_column_for_each_value_is_needed(forecaster):
    with pytest.raises(InvalidValueError, match="absent is missing"):
        forecaster.score({"leg_pain_below_knee:present": [0.2]})


def test_columns_asked_for_pass_through(forecaster):
    found = forecaster.score({"visit": ["a"], "age": [40]}, keep=["visit"])
    assert found.schema.names[0] == "visit"
    with pytest.raises(UnknownIdError, match="visit"):
        forecaster.score({"visit": ["a"], "age": [40]})


@pytest.mark.parametrize("options", [{"outputs": ["plans"]}, {"outputs": []}, {"dtype": "int8"}, {"chunk": 0}, {"threads": 0}])
def test_options_out_of_range_are_refused(forecaster, options):
    with pytest.raises((UnknownIdError, InvalidValueError)):
        forecaster.score({"age": [40]}, **options)


def test_what_is_no_table_is_refused(forecaster):
    with pytest.raises(MalformedFileError, match="cannot score a int"):
        forecaster.score(7)


def test_a_pickle_is_small_and_answers_the_same(forecaster, table, scored):
    pickled = pickle.dumps(forecaster)
    assert len(pickled) < 3_000_000
    again = pickle.loads(pickled)
    assert pickle.loads(pickled) is again, "rebuilt once a process"
    assert difference(again.score(table), scored) == 0.0


def test_threads_can_share_one(forecaster, table, scored):
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(forecaster.score, [table] * 8):
            assert difference(found, scored) == 0.0


def test_it_survives_a_fork(forecaster, table, scored):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if difference(forecaster.score(table), scored) == 0.0 else 2
        finally:
            os.write(writing, bytes([code]))
            os._exit(code)
    assert os.read(reading, 1) == b"\0"
    assert os.waitpid(child, 0)[1] == 0


def test_it_cannot_be_changed(forecaster):
    with pytest.raises(AttributeError):
        forecaster.fit_hash = "another"


def test_a_missing_package_says_what_to_install():
    with pytest.raises(spinecast.MissingExtraError, match=r"pip install 'spinecast\[tables\]'"):
        need("a_package_that_is_not_there.part", "tables")


def test_pandas_columns_of_mixed_kinds_are_read_as_text(forecaster):
    frame = need("pandas", "tables").DataFrame({"age": [45, "age_40_49", None]})
    found = forecaster.score(frame)
    assert found.column("p_crps")[0] == found.column("p_crps")[1] != found.column("p_crps")[2]


def test_no_earlier_injection_and_one_listed_cannot_both_be_true(forecaster):
    """As in a patient file; the others are scored."""
    listed = json.dumps([{"procedure": "transforaminal_epidural", "weeks_ago": 10, "relief_percent": 50}])
    table = pa.table({"earlier_injections": ["none", None, "none"], "procedures": [listed, listed, None]})
    scored = forecaster.score(table)
    assert "inputs.earlier_injections = 'none'" in scored["reason"][0].as_py()
    assert scored["reason"].to_pylist()[1:] == [None, None]
    assert scored["p_radiculopathy"].null_count == 1
