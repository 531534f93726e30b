"""Score a file into another: larger than memory, in several threads, and resumable after any end of the process."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import spinecast
from spinecast.errors import InvalidValueError, OutputError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.scoring import sinks, sources
from spinecast.scoring.forecaster import CHUNK, DEFAULTS, DIFFERENTIAL, KEPT, Forecaster
from spinecast.scoring.lock import locked
from spinecast.scoring.parts import Parts, whole
from spinecast.scoring.ranking import DecisionChoices
from spinecast.scoring.schema import REASON
from spinecast.scoring.sources import Block, Rejected

ROW = "row"
AHEAD = 2
"""Blocks read ahead for each thread; bounds the memory."""

Progress = Callable[[int, int], None]
"""Rows done so far, and rows in all as far as is known."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a file.

    Attributes
    ----------
    scored, rejected, resumed : int
        Rows written, rows rejected, and rows that an earlier run had done.
    rejects : Path or None
        Where the rejects are; None where there are none and no file was asked for.
    """

    scored: int
    rejected: int
    resumed: int
    rejects: Path | None


def score_file(
    forecaster: Forecaster,
    source: Path,
    out: Path,
    *,
    outputs: Sequence[str] = (DIFFERENTIAL,),
    threads: int = 1,
    chunk: int = CHUNK,
    dtype: str = "float64",
    keep: Sequence[str] = KEPT,
    choices: DecisionChoices = DEFAULTS,
    rejects: Path | None = None,
    resume: bool = False,
    format_in: str | None = None,
    format_out: str | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Done:
    """Score every row of a file.

    Parameters
    ----------
    source, out : Path
        CSV, Parquet, Arrow IPC or JSON lines, by suffix or as given. `out` appears whole or not at all; until then its parts
        stand in a folder beside it.
    rejects : Path, optional
        Rows that could not be scored: row, id and reason; by default beside `out`, and only where there are some.
    resume : bool
        Go on with the parts of an unfinished run of the same work.

    Raises
    ------
    MalformedFileError, UnknownIdError, InvalidValueError
        The file cannot be read, has a column that is not known, or the run to be resumed is another one.
    OutputError
        No room left (what is done is kept), or another process is writing the same file.
    """
    fmt_in, fmt_out = sources.format_of(source, format_in), sources.format_of(out, format_out)
    wanted = rejects or out.with_name(f"{out.stem}.rejects.csv")
    fmt_rejects = sources.format_of(wanted)
    if not out.absolute().parent.is_dir():
        raise InvalidValueError("OUT", str(out), "a file in a folder that exists")
    digest, lines = sources.fingerprint(source)
    manifest = {
        "input": digest, "format": fmt_in, "outputs": list(outputs), "chunk": chunk, "dtype": dtype, "keep": list(keep),
        "model": forecaster.content_hash, "version": spinecast.__version__, "rule_set": choices.rule_set,
        "willingness_to_pay": choices.willingness_to_pay, "horizon_weeks": choices.horizon_weeks,
    }  # fmt: skip
    parts = Parts.beside(out)
    with locked(out), _room(out, parts), parts.unless_empty():
        done = parts.begin(manifest, resume=resume)
        blocks = sources.blocks(source, fmt_in, chunk)
        before = sum(len(b.rows) + len(b.rejected) for b in islice(blocks, done))
        total = sources.rows_of(source, fmt_in, lines)
        work = _Work(forecaster, tuple(outputs), dtype, tuple(keep), choices)
        rows = before
        number = done
        for block, (scored, rejected) in _in_order(work, blocks, threads):
            parts.add(number, scored, rejected)
            number += 1
            rows += len(block.rows) + len(block.rejected)
            progress(rows, max(total, rows))
        return _assemble(parts, number, out, fmt_out, wanted, fmt_rejects, always=rejects is not None, resumed=before, work=work)


@dataclass(frozen=True, slots=True)
class _Work:
    """How one block is scored."""

    forecaster: Forecaster
    outputs: tuple[str, ...]
    dtype: str
    keep: tuple[str, ...]
    choices: DecisionChoices

    def __call__(self, block: Block) -> tuple[Any, list[Rejected]]:
        """Its scored rows, and its rejects in order of row."""
        pa, pc = need("pyarrow", "tables"), need("pyarrow.compute", "tables")
        if not block.rows:
            return self.nothing(), list(block.rejected)
        table = self._scored(block.table)
        reasons = table.column(REASON)
        table = table.add_column(0, self.row_field(), pa.array(block.rows, pa.int64()))
        bad = pc.is_valid(reasons)
        refused = table.filter(bad)
        rejected = list(zip(refused.column(ROW).to_pylist(), refused.column(REASON).to_pylist(), strict=True))
        good = table.filter(pc.invert(bad)).drop_columns([REASON]).combine_chunks()
        batches = good.to_batches()
        scored = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=good.schema)
        return scored, sorted([*block.rejected, *rejected])

    def _scored(self, table: Any) -> Any:
        options: dict[str, Any] = {"outputs": self.outputs, "dtype": self.dtype, "choices": self.choices}
        if isinstance(table, list):
            return self.forecaster.score_records(table, keep=self.keep, **options)
        return self.forecaster.score(table, keep=self.keep, chunk=max(table.num_rows, 1), **options)

    def row_field(self) -> Any:
        """The number of each row in the input."""
        pa = need("pyarrow", "tables")
        return pa.field(ROW, pa.int64(), metadata={"meaning": "number of the row in the input, from 1", "unit": ""})

    def nothing(self) -> Any:
        """No rows, for a file without any."""
        pa = need("pyarrow", "tables")
        out = self.forecaster.schema_out(self.outputs, self.dtype, self.choices)
        fields = [self.row_field(), *(field for field in out if field.name != REASON)]
        return pa.RecordBatch.from_pylist([], schema=pa.schema(fields))


def _in_order(work: _Work, blocks: Iterator[Block], threads: int) -> Iterator[tuple[Block, tuple[Any, list[Rejected]]]]:
    """Blocks and their results in order, a bounded number of them under way."""
    if threads == 1:
        for block in blocks:
            yield block, work(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Block, Future[tuple[Any, list[Rejected]]]]] = deque()
        for block in blocks:
            waiting.append((block, pool.submit(work, block)))
            if len(waiting) > AHEAD * threads:
                first, result = waiting.popleft()
                yield first, result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, result.result()


def _assemble(
    parts: Parts,
    count: int,
    out: Path,
    format_: str,
    rejects: Path,
    format_rejects: str,
    *,
    always: bool,
    resumed: int,
    work: _Work,
) -> Done:
    """All parts as the files asked for; rejects first, so that a finished output has them beside it."""
    pa = need("pyarrow", "tables")
    rejected = list(parts.rejected(count))
    fields = [work.row_field(), pa.field(REASON, pa.string())]
    if rejected or always:
        batch = pa.RecordBatch.from_arrays(
            [pa.array([row for row, _ in rejected], pa.int64()), pa.array([reason for _, reason in rejected], pa.string())],
            schema=pa.schema(fields),
        )
        whole(rejects, lambda p: sinks.write(p, format_rejects, batch.schema, [batch]))
    schema = next(parts.scored(count), work.nothing()).schema
    scored = 0

    def batches() -> Iterable[Any]:
        nonlocal scored
        for batch in parts.scored(count):
            scored += batch.num_rows
            yield _as(batch, schema)

    whole(out, lambda p: sinks.write(p, format_, schema, batches()))
    parts.clear()
    return Done(scored, len(rejected), resumed, rejects if rejected or always else None)


def _as(batch: Any, schema: Any) -> Any:
    """A batch in the schema of the first: a column of nothing but nulls takes the type that the others have."""
    if batch.schema.equals(schema):
        return batch
    pa = need("pyarrow", "tables")
    missing = [name for name in schema.names if name not in batch.schema.names]
    arrays = [pa.nulls(batch.num_rows, f.type) if f.name in missing else batch.column(f.name).cast(f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@contextmanager
def _room(out: Path, parts: Parts) -> Iterator[None]:
    """Say what is safe when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise
        raise OutputError(
            f"{out}: no room left to write; what is done is kept in {parts.folder}, and --resume goes on from there"
        ) from None
