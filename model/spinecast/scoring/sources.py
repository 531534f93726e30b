"""Tables in files, read a block of rows at a time: CSV, Parquet, Arrow IPC and JSON lines.

Rows count from 1, without a header. A line that is no row (a CSV line of another length, a line that is not JSON) is a
reject with its number, and the next one is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from spinecast.errors import MalformedFileError, MissingFileError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass

FORMATS: Mapping[str, tuple[str, ...]] = {
    "csv": (".csv",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "jsonl": (".jsonl", ".ndjson"),
}
MOST_LINE = 1_000_000
"""Longest JSON line, in characters."""

READ = 1 << 20
"""Bytes read at once where only a fingerprint is wanted."""

Rejected = tuple[int, str]
"""Row, and why it is none."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a file.

    Attributes
    ----------
    rows : tuple of int
        Number of each row.
    table : pyarrow.RecordBatch or list of dict
        Dicts where the file has JSON lines.
    rejected : tuple of Rejected
        Lines among them that are no rows.
    """

    rows: tuple[int, ...]
    table: Any
    rejected: tuple[Rejected, ...] = ()


def format_of(path: Path, given: str | None = None) -> str:
    """Format of a file by its suffix, or the one given.

    Raises
    ------
    UnknownIdError
    """
    if given is not None:
        if given not in FORMATS:
            raise UnknownIdError("format", given, FORMATS)
        return given
    for name, suffixes in FORMATS.items():
        if path.suffix.lower() in suffixes:
            return name
    raise UnknownIdError(f"{path}: suffix", path.suffix, [s for suffixes in FORMATS.values() for s in suffixes])


def fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 of a file, and how many lines it has.

    Raises
    ------
    MalformedFileError
        There is no such file.
    """
    if not path.is_file():
        raise MissingFileError(path)
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as handle:
        while part := handle.read(READ):
            digest.update(part)
            lines += part.count(b"\n")
    return digest.hexdigest(), lines


def rows_of(path: Path, format_: str, lines: int) -> int:
    """Number of rows: exact where the file says it, else the number of lines."""
    with _readable(path, format_):
        if format_ == "parquet":
            rows: int = need("pyarrow.parquet", "tables").ParquetFile(path).metadata.num_rows
            return rows
        if format_ == "arrow":
            reader = need("pyarrow.ipc", "tables").open_file(path)
            return sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
    return max(lines - (format_ == "csv"), 0)


def blocks(path: Path, format_: str, size: int) -> Iterator[Block]:
    """Blocks of at most `size` rows, in order.

    Raises
    ------
    MalformedFileError
        The file is not what its format says, or ends early.
    """
    readers: dict[str, Callable[[Path, int], Iterator[Block]]] = {
        "csv": _csv, "parquet": _parquet, "arrow": _arrow, "jsonl": _json_lines,
    }  # fmt: skip
    with _readable(path, format_):
        yield from readers[format_](path, size)


@contextmanager
def _readable(path: Path, format_: str) -> Iterator[None]:
    """Whatever a reader throws is the file's fault, and said so."""
    pa = need("pyarrow", "tables")
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())[:300]
        raise MalformedFileError(f"{path}: truncated or corrupt, or not {format_}: {what}") from None


def _parquet(path: Path, size: int) -> Iterator[Block]:
    yield from _numbered(need("pyarrow.parquet", "tables").ParquetFile(path).iter_batches(batch_size=size))


def _arrow(path: Path, size: int) -> Iterator[Block]:
    reader = need("pyarrow.ipc", "tables").open_file(path)

    def parts() -> Iterator[Any]:
        for i in range(reader.num_record_batches):
            batch = reader.get_batch(i)
            for first in range(0, batch.num_rows, size):
                yield batch.slice(first, size)

    yield from _numbered(parts())


def _numbered(batches: Iterator[Any]) -> Iterator[Block]:
    row = 1
    for batch in batches:
        if batch.num_rows:
            yield Block(tuple(range(row, row + batch.num_rows)), batch)
        row += batch.num_rows


def _csv(path: Path, size: int) -> Iterator[Block]:
    """Every cell as text, so that what a column means does not hang on what its first rows happen to hold."""
    pa, csv = need("pyarrow", "tables"), need("pyarrow.csv", "tables")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header = handle.readline()
    if not header.strip():
        raise MalformedFileError(f"{path}: the file is empty; the first line has to name the columns")
    names = csv.read_csv(pa.BufferReader(header.encode()), parse_options=csv.ParseOptions()).schema.names
    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "skip"

    reader = csv.open_csv(
        path,
        read_options=csv.ReadOptions(use_threads=False, block_size=1 << 22),
        parse_options=csv.ParseOptions(invalid_row_handler=note),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    yield from _around(_of_size(reader, size), wrong)


def _around(batches: Iterator[Any], wrong: list[Any]) -> Iterator[Block]:
    """Number the rows around the lines that are none; a line before a row has been met when the row is."""
    row, met = 1, 0
    for batch in batches:
        rows: list[int] = []
        rejected: list[Rejected] = []
        while len(rows) < batch.num_rows:
            if met < len(wrong) and wrong[met].number - 1 == row:
                rejected.append((row, _cells(wrong[met])))
                met += 1
            else:
                rows.append(row)
            row += 1
        yield Block(tuple(rows), batch, tuple(rejected))
    if met < len(wrong):
        yield Block((), None, tuple((line.number - 1, _cells(line)) for line in wrong[met:]))


def _cells(line: Any) -> str:
    return f"the line has {line.actual_columns} cells where the header has {line.expected_columns}"


def _of_size(reader: Any, size: int) -> Iterator[Any]:
    """Batches of a fixed number of rows, however the file was read."""
    pa = need("pyarrow", "tables")
    waiting: list[Any] = []
    count = 0
    for batch in reader:
        waiting.append(batch)
        count += batch.num_rows
        while count >= size:
            table = pa.Table.from_batches(waiting)
            yield _one(table.slice(0, size))
            rest = table.slice(size)
            waiting, count = rest.to_batches(), rest.num_rows
    if count:
        yield _one(pa.Table.from_batches(waiting))


def _one(table: Any) -> Any:
    return table.combine_chunks().to_batches()[0]


def _json_lines(path: Path, size: int) -> Iterator[Block]:
    with path.open(encoding="utf-8-sig") as handle:
        numbered = enumerate((line for line in handle if line.strip()), start=1)
        while lines := list(islice(numbered, size)):
            yield _parsed(lines)


def _parsed(lines: Sequence[tuple[int, str]]) -> Block:
    rows: list[int] = []
    found: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    for row, line in lines:
        try:
            record = json.loads(line) if len(line) <= MOST_LINE else None
        except (ValueError, RecursionError) as error:
            rejected.append((row, f"not JSON: {error}"))
            continue
        if isinstance(record, dict):
            rows.append(row)
            found.append(record)
        else:
            rejected.append(
                (row, "not a JSON object" if record is not None else f"no JSON object of at most {MOST_LINE:,} characters")
            )
    return Block(tuple(rows), found, tuple(rejected))
