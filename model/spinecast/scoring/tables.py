"""Whatever holds a table, as an Arrow table: pyarrow, pandas, polars, anything with the Arrow stream interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spinecast.errors import MalformedFileError
from spinecast.extras import need


def to_arrow(table: Any) -> Any:
    """An Arrow table of the same rows.

    Parameters
    ----------
    table : pyarrow Table or RecordBatch, pandas or polars DataFrame, mapping of column to values, or Arrow stream

    Raises
    ------
    MalformedFileError
        It is none of these.
    """
    pa = need("pyarrow", "tables")
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    if type(table).__module__.partition(".")[0] == "pandas":
        return pa.table({str(name): column_of(table[name]) for name in table.columns})
    if hasattr(table, "to_arrow"):
        return table.to_arrow()
    if hasattr(table, "__arrow_c_stream__"):
        return pa.table(table)
    if isinstance(table, Mapping):
        return pa.table({str(name): column_of(values) for name, values in table.items()})
    raise MalformedFileError(
        f"cannot score a {type(table).__name__}: give an Arrow, pandas or polars table, or a list of patients"
    )


def column_of(values: Any) -> Any:
    """A column of mixed kinds (texts, numbers, truth values) is read as texts, as a CSV file would have it."""
    pa = need("pyarrow", "tables")
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        missing = [v is None or v != v for v in values]  # noqa: PLR0124  NaN is what differs from itself
        return pa.array([None if gone else str(v) for v, gone in zip(values, missing, strict=True)])
