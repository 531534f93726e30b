"""Tables to files, a batch at a time: the same bytes for the same batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spinecast.extras import need


def write(path: Path, format_: str, schema: Any, batches: Iterable[Any]) -> None:
    """Write record batches to a file of a format of `sources.FORMATS`; nothing is said of a file half written."""
    {"csv": _csv, "parquet": _parquet, "arrow": _arrow, "jsonl": _json_lines}[format_](path, schema, batches)


def _csv(path: Path, schema: Any, batches: Iterable[Any]) -> None:
    csv = need("pyarrow.csv", "tables")
    with csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="needed")) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _parquet(path: Path, schema: Any, batches: Iterable[Any]) -> None:
    with need("pyarrow.parquet", "tables").ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _arrow(path: Path, schema: Any, batches: Iterable[Any]) -> None:
    with need("pyarrow.ipc", "tables").new_file(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _json_lines(path: Path, _: Any, batches: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        for batch in batches:
            for row in batch.to_pylist():
                handle.write(json.dumps(_shown(row), ensure_ascii=False) + "\n")


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int | float | None) else str(value) for name, value in row.items()}
