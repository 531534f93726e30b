"""The same scoring in Dask: `map_partitions`, with the model one node of the graph."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from spinecast.extras import need
from spinecast.scoring.forecaster import DEFAULTS, DIFFERENTIAL, KEPT, Forecaster
from spinecast.scoring.ranking import DecisionChoices

EXTRA = "dask"


def score_dask(
    frame: Any,
    forecaster: Forecaster,
    *,
    outputs: Sequence[str] = (DIFFERENTIAL,),
    dtype: str = "float64",
    choices: DecisionChoices = DEFAULTS,
    keep: Sequence[str] = KEPT,
) -> Any:
    """Score every row of a Dask DataFrame.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        Columns as in `Forecaster.schema_in`.
    outputs, dtype, choices, keep
        As `Forecaster.score`.

    Returns
    -------
    dask.dataframe.DataFrame
        Lazy, with the partitions and index of `frame`: the columns kept, then those of `Forecaster.schema_out`. The
        forecaster travels as bytes (about 2 MB), once a worker, and is rebuilt there once a process.

    Raises
    ------
    UnknownIdError
        A column that is not known; raised here, before anything runs.
    """
    state = need("dask", EXTRA).delayed(pickle.dumps(forecaster), pure=True)
    options = {"outputs": tuple(outputs), "dtype": dtype, "choices": choices, "keep": tuple(keep)}
    meta = _scored(frame._meta, forecaster, **options)
    return frame.map_partitions(_score_part, state, meta=meta, **options)


def _score_part(part: Any, state: bytes, **options: Any) -> Any:
    forecaster: Forecaster = pickle.loads(state)  # noqa: S301  our own bytes; rebuilt once a process
    return _scored(part, forecaster, **options)


def _scored(part: Any, forecaster: Forecaster, **options: Any) -> Any:
    """A pandas frame's scores, with its own index."""
    scored = forecaster.score(part, **options).to_pandas()
    for name in options["keep"]:
        if name in part.columns:
            scored[name] = part[name].array  # as it was: a round trip through Arrow could change its type
    return scored.set_axis(part.index)
