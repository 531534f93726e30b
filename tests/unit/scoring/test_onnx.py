"""The ONNX model against the exact engine: families, unknown contexts and settings, soft evidence, sedation, conflicts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest

from spinecast import Forecaster
from spinecast.analysis.simulate import recorded_shares, simulate
from spinecast.engines import exact
from spinecast.engines.batch import encode
from spinecast.errors import ImpossibleFindingsError, InvalidValueError, UnknownIdError
from spinecast.network.build import build_network
from spinecast.network.evidence import Evidence
from spinecast.priors.reader import read_priors
from spinecast.scoring import onnx_export
from spinecast.scoring.layout import evidence_matrix, layout_of, people_matrix

SMALL = Path(__file__).parents[2] / "engines" / "small_priors"
WITHIN = {"float64": 1e-12, "float32": 1e-5}


@pytest.fixture(scope="module")
def small():
    priors = read_priors(SMALL)
    return Forecaster._of(priors, build_network(priors), "")


@pytest.fixture(scope="module")
def real():
    return Forecaster.load()


def session(forecaster, dtype):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    model = onnx_export.to_onnx(forecaster, dtype).SerializeToString()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module", params=["float64", "float32"])
def ask_small(request, small):
    return request.param, session(small, request.param)


def anybody(network, rng):
    """Evidence of any kind, in any combination; an impossible one now and then."""
    likelihood, sedation = {}, {}
    for name, leaf in network.leaves.items():
        if rng.random() < 0.5:
            continue
        certain = np.eye(len(leaf.values))[rng.integers(len(leaf.values))]
        likelihood[name] = certain if rng.random() < 0.7 else rng.random(len(leaf.values))
        if leaf.sedation is not None:
            sedation[name] = int(rng.integers(3))
    setting = [None, np.eye(len(network.settings))[0], rng.random(len(network.settings))][rng.integers(3)]
    return Evidence(likelihood, setting, sedation)


def expected(network, evidence):
    try:
        found = exact.posterior(network, network.theta, evidence)
    except ImpossibleFindingsError:
        return np.full(len(network.space.levels), np.nan), np.nan, -np.inf
    return found.states @ network.space.active, found.states[0], found.log_evidence


def assert_same(network, ask, dtype, people):
    matrix = people_matrix(network, encode(network, people), dtype)
    levels, generators, nonspecific, log_evidence = ask.run(None, {"evidence": matrix})
    assert {a.dtype for a in (levels, generators, nonspecific, log_evidence)} == {np.dtype(dtype)}
    wanted = [expected(network, one) for one in people]
    within = WITHIN[dtype]
    np.testing.assert_allclose(levels, [w[0] for w in wanted], rtol=0, atol=within)
    np.testing.assert_allclose(nonspecific[:, 0], [w[1] for w in wanted], rtol=0, atol=within)
    np.testing.assert_allclose(log_evidence[:, 0], [w[2] for w in wanted], rtol=10 * within, atol=10 * within)
    owner = [[float(g == mine) for mine, _ in network.space.levels] for g in network.space.generators]
    np.testing.assert_allclose(generators, levels @ np.transpose(owner), rtol=0, atol=within)


def test_it_gives_the_engines_answers(ask_small, small, rng):
    dtype, ask = ask_small
    people = [anybody(small.network, rng) for _ in range(200)]
    assert sum(not np.isfinite(expected(small.network, p)[2]) for p in people) > 0  # conflicts are among them
    assert_same(small.network, ask, dtype, people)


def test_of_nothing_known_it_gives_the_prevalence(ask_small, small):
    dtype, ask = ask_small
    assert_same(small.network, ask, dtype, [Evidence()])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_gives_the_engines_answers_on_the_real_network(dtype, real):
    cohort = simulate(real.network, 60, "spine_clinic", 7, observed=recorded_shares(real.network, real.priors, 25))
    people = cohort.people()
    people.setting[::3] = -1
    ask = session(real, dtype)
    levels, _, nonspecific, log_evidence = ask.run(None, {"evidence": people_matrix(real.network, people, dtype)})
    scores = real._engine.score(people)
    np.testing.assert_allclose(levels, scores.levels, rtol=0, atol=WITHIN[dtype])
    np.testing.assert_allclose(nonspecific[:, 0], scores.nonspecific, rtol=0, atol=WITHIN[dtype])
    np.testing.assert_allclose(log_evidence[:, 0], scores.log_evidence, rtol=0, atol=10 * WITHIN[dtype])


def test_the_file_describes_itself(small):
    meta = {p.key: p.value for p in onnx_export.to_onnx(small).metadata_props}
    columns = json.loads(meta["columns"])
    layout = layout_of(small.network)
    assert len(columns) == layout.width
    assert columns[0] == {"id": "setting", "value": small.network.settings[0]}
    assert {"id": "medial_branch_block_1", "value": "below_50", "sedation": "no"} in columns
    assert [(r["generator"], r["level"]) for r in json.loads(meta["levels"])] == list(small.network.space.levels)
    assert json.loads(meta["generators"]) == list(small.network.space.generators)
    assert meta["priors_hash"] == small.priors.content_hash
    assert "not a medical device" in meta["disclaimer"]


def test_a_table_becomes_the_matrix_by_the_documented_columns(small):
    table = pa.table(
        {
            "straight_leg_raise": ["positive", None],
            "age": [70.0, None],
            "thigh_thrust:positive": [0.8, None],
            "thigh_thrust:negative": [0.3, None],
        }
    )
    matrix = evidence_matrix(small, table)
    named = {(c["id"], c["value"]): matrix[0, i] for i, c in enumerate(layout_of(small.network).records()) if matrix[0, i] != 0}
    assert {k: v for k, v in named.items() if k[0] != "age"} == {
        ("straight_leg_raise", "positive"): 1.0, ("thigh_thrust", "positive"): 0.8, ("thigh_thrust", "negative"): 0.3,
    }  # fmt: skip
    assert [k[0] for k in named].count("age") == 1
    assert not matrix[1].any()


def test_what_has_no_column_is_an_error(real):
    with pytest.raises(InvalidValueError, match=r"row 1 .*counts of a family have no column"):
        evidence_matrix(real, pa.table({"sacroiliac_provocation": [3]}))
    with pytest.raises(InvalidValueError, match="row 2"):
        evidence_matrix(real, pa.table({"straight_leg_raise": ["positive", "perhaps"]}))


def test_a_file_is_written_whole_or_not_at_all(small, tmp_path, monkeypatch):
    path = onnx_export.write_onnx(small, tmp_path / "small.onnx", "float64")
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        onnx_export.write_onnx(small, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_errors_name_what_is_allowed(small, tmp_path):
    with pytest.raises(UnknownIdError, match="float32"):
        onnx_export.to_onnx(small, "float16")
    with pytest.raises(InvalidValueError, match="a folder that exists"):
        onnx_export.write_onnx(small, tmp_path / "no" / "small.onnx")
