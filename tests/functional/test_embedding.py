"""Where one machine ends: the same scores in Dask, in Spark and from MLflow, and the examples as anybody runs them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql.pandas import types as pandas_types

from spinecast import Forecaster
from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.errors import UnknownIdError
from spinecast.scoring.dask import score_dask
from spinecast.scoring.ranking import DecisionChoices
from spinecast.scoring.spark import score_spark, use_packaged_java

EXAMPLES = Path(__file__).parents[2] / "examples" / "embedding"
PEOPLE = 240


@pytest.fixture(scope="module")
def forecaster(priors):
    return Forecaster.load(priors)


@pytest.fixture(scope="module")
def table(forecaster):
    """People with an id, of whom the fifth has a value that does not exist."""
    network = forecaster.network
    cohort = simulate(network, PEOPLE, "spine_clinic", 11, observed=recorded_shares(network, forecaster.priors, 25))
    columns = {name: list(values) for name, values in to_table(cohort).items() if not name.startswith("truth_")}
    columns["straight_leg_raise"][4] = "perhaps"
    return pa.table({"id": np.arange(PEOPLE), **columns})


@pytest.fixture(scope="module")
def alone(forecaster, table):
    scored = forecaster.score(table)
    assert scored["reason"].null_count == PEOPLE - 1
    return scored


def assert_same(scored, alone):
    """The same answers to the last digits, by id; 1e-12 since parts may be multiplied in other blocks."""
    scored = scored.sort_by("id")
    assert scored.column_names == alone.column_names
    for name in alone.column_names:
        theirs, ours = scored[name].to_pylist(), alone[name].to_pylist()
        if name.startswith("p_") or name == "log_evidence":
            np.testing.assert_allclose(np.array(theirs, dtype=float), np.array(ours, dtype=float), rtol=0, atol=1e-12)
        else:
            assert theirs == ours


# ── Dask ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def frame(table):
    return dd.from_pandas(table.to_pandas().set_index(np.arange(PEOPLE)[::-1]), npartitions=3, sort=False)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_dask_gives_the_same_scores(scheduler, frame, forecaster, alone):
    found = score_dask(frame, forecaster).compute(scheduler=scheduler)
    assert found.index.tolist() == list(range(PEOPLE))[::-1]
    assert found["id"].tolist() == list(range(PEOPLE))
    assert_same(pa.Table.from_pandas(found, preserve_index=False), alone)


def test_dask_ranks_by_the_rules_that_are_asked_for(frame, forecaster, table):
    payer = {"outputs": ("ranking",), "choices": DecisionChoices(rule_set="payer", horizon_weeks=26)}
    found = score_dask(frame, forecaster, **payer).compute(scheduler="synchronous").sort_values("id")
    alone = forecaster.score(table, **payer).to_pandas()
    assert not alone["best_action"].equals(forecaster.score(table, outputs=("ranking",)).to_pandas()["best_action"])
    pd.testing.assert_frame_equal(found.reset_index(drop=True), alone, check_dtype=False, rtol=0, atol=1e-9)


def test_dask_knows_what_comes_out_before_anything_runs(frame, forecaster, alone):
    lazy = score_dask(frame, forecaster, dtype="float32")
    assert list(lazy.columns) == alone.column_names
    assert lazy["p_radiculopathy"].dtype == np.float32
    assert lazy.npartitions == frame.npartitions
    with pytest.raises(UnknownIdError, match="did you mean 'thigh_thrust'"):
        score_dask(frame.rename(columns={"thigh_thrust": "thigh_trust"}), forecaster)


def test_dask_carries_the_model_once_as_bytes(frame, forecaster):
    """One task holds the pickle, whatever the number of partitions; the others name it."""
    graph = dict(score_dask(frame.repartition(npartitions=12), forecaster).__dask_graph__())
    state = pickle.dumps(forecaster)
    sizes = [len(pickle.dumps(task)) for task in graph.values() if "from_pandas" not in str(task)]
    assert sum(size >= len(state) for size in sizes) == 1


# ── Spark ────────────────────────────────────────────────────────────────────────────────────────


def test_spark_refuses_what_it_does_not_know_before_anything_runs(table, forecaster):
    """From the schema alone: there is no session here."""
    fields = pandas_types.from_arrow_schema(
        table.rename_columns([n.replace("thrust", "trust") for n in table.column_names]).schema
    )
    frame = SimpleNamespace(schema=fields, columns=fields.names)
    with pytest.raises(UnknownIdError, match="did you mean"):
        score_spark(frame, forecaster)


def test_spark_workers_rank_by_the_rules_that_are_asked_for(table, forecaster):
    """What runs in a worker, on batches handed over as a session would."""
    fields = pandas_types.from_arrow_schema(table.schema)
    context = SimpleNamespace(broadcast=lambda state: SimpleNamespace(value=state))
    frame = SimpleNamespace(
        schema=fields,
        columns=fields.names,
        sparkSession=SimpleNamespace(sparkContext=context),
        mapInArrow=lambda run, schema: (pa.Table.from_batches(run(iter(table.to_batches(max_chunksize=100)))), schema),
    )
    payer = {"outputs": ("ranking",), "choices": DecisionChoices(rule_set="payer")}
    found, schema = score_spark(frame, forecaster, **payer)
    assert found.column_names == [field.name for field in schema]
    pd.testing.assert_frame_equal(found.to_pandas(), forecaster.score(table, **payer).to_pandas(), rtol=0, atol=1e-9)


def test_the_packaged_java_runs_without_what_it_lacks(monkeypatch):
    monkeypatch.setenv("JAVA_HOME", "nowhere")
    home = use_packaged_java()
    assert os.environ["JAVA_HOME"] == str(home)
    java = home / "bin" / "java"
    done = subprocess.run([java, "--add-modules=jdk.incubator.vector", "-version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    spaced = subprocess.run(
        [java, "-Dname=two words", "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=True
    )
    assert "name = two words" in spaced.stderr


# ── the examples ─────────────────────────────────────────────────────────────────────────────────


QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A short run is mostly start-up: no second compiler, no parallel collector."""


def run(name, *arguments, priors):
    environment = {**os.environ, "SPINECAST_PRIORS": str(priors), "PYTHONWARNINGS": "default", "JDK_JAVA_OPTIONS": QUICK_JAVA}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=240, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dask_frame.py", "spark_frame.py"])
def test_the_examples_score_a_parquet_file(name, priors, table, alone, tmp_path):
    source, target = tmp_path / "people.parquet", tmp_path / "scored"
    pq.write_table(table, source)
    said = run(name, source, target, priors=priors)
    assert f"wrote {target}: {PEOPLE} people" in said
    assert_same(pq.read_table(target), alone)


@pytest.mark.slow
def test_the_mlflow_example_packages_a_model_that_holds_its_knowledge(priors, forecaster, tmp_path):
    said = run("mlflow_pyfunc.py", tmp_path / "model", priors=priors)
    people = pd.DataFrame({"straight_leg_raise": ["positive", None], "worse_walking": [None, "present"]})
    expected = forecaster.score(people).to_pandas()[["p_radiculopathy", "p_central_stenosis"]].round(2)
    assert said.strip("\n") == expected.to_string()
    assert (tmp_path / "model" / "artifacts" / "priors" / "generators").is_dir()
