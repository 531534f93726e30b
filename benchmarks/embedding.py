"""The same scoring in this process, in Dask's and in Spark's workers, on one machine: what they cost and how they scale.

Workers are warm: each has loaded the model before anything is timed, as in a job that goes on. What is timed is Parquet
to Parquet. `ours` is Dask or Spark, `other` this process on one thread.
"""

from __future__ import annotations

import os

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before numpy is imported, and inherited by the workers

import multiprocessing
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import pyarrow as pa
import pyarrow.parquet as pq
import results

from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.scoring.dask import score_dask
from spinecast.scoring.forecaster import Forecaster
from spinecast.scoring.spark import score_spark, use_packaged_java

PEOPLE = 20_000
PARTS = 8
WORKERS = (1, 2)
REPEATS = 3
SEED = 20_240_229

Job = Callable[[Path, Path], Any]


def people(forecaster: Forecaster, folder: Path) -> Path:
    """A Parquet data set of several files."""
    shares = recorded_shares(forecaster.network, forecaster.priors, 25)
    cohort = simulate(forecaster.network, PEOPLE, "spine_clinic", SEED, observed=shares)
    table = pa.table({name: values for name, values in to_table(cohort).items() if not name.startswith("truth_")})
    source = folder / "people"
    source.mkdir()
    size = -(-PEOPLE // PARTS)
    for part in range(PARTS):
        pq.write_table(table.slice(part * size, size), source / f"{part:02}.parquet")
    return source


def here(forecaster: Forecaster) -> Job:
    def job(source: Path, target: Path) -> None:
        target.mkdir()
        pq.write_table(forecaster.score(pq.read_table(source)), target / "scored.parquet")

    return job


def in_dask(forecaster: Forecaster, pool: ProcessPoolExecutor) -> Job:
    def job(source: Path, target: Path) -> None:
        scored = score_dask(dd.read_parquet(source), forecaster)
        scored.to_parquet(target, write_index=False, compute_kwargs={"scheduler": "processes", "pool": pool})

    return job


def in_spark(forecaster: Forecaster, session: Any) -> Job:
    def job(source: Path, target: Path) -> None:
        score_spark(session.read.parquet(str(source)), forecaster).write.parquet(str(target))

    return job


def seconds(job: Job, source: Path, folder: Path) -> float:
    target = folder / "scored"
    start = time.perf_counter()
    job(source, target)
    taken = time.perf_counter() - start
    shutil.rmtree(target)
    return taken


def compared(word: str, job: Job, alone: Job, source: Path, folder: Path) -> dict[str, object]:
    """One row, both sides interleaved."""
    ours, other = [], []
    seconds(job, source, folder)
    for _ in range(REPEATS):
        other.append(seconds(alone, source, folder) / PEOPLE)
        ours.append(seconds(job, source, folder) / PEOPLE)
    return results.row(f"embedding: {word} / one thread of one process, {PEOPLE:,} people", ours, other, "seconds per patient")


def spark_session(workers: int) -> Any:
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "8192", "spark.log.level": "ERROR",
        "spark.sql.files.openCostInBytes": "0", "spark.sql.files.maxPartitionBytes": "200000",
    }  # fmt: skip
    return SparkSession.builder.master(f"local[{workers}]").config(map=settings).getOrCreate()


def main() -> None:
    warnings.simplefilter("ignore")
    forecaster = Forecaster.load()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = people(forecaster, folder)
        alone = here(forecaster)
        for workers in WORKERS:
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                rows.append(compared(f"Dask, {workers} process(es)", in_dask(forecaster, pool), alone, source, folder))
        use_packaged_java()
        for workers in WORKERS:
            session = spark_session(workers)
            rows.append(compared(f"Spark, local[{workers}]", in_spark(forecaster, session), alone, source, folder))
            session.stop()
    results.merge(rows, "embedding: ")


if __name__ == "__main__":
    main()
