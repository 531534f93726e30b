"""`spinecast score`: a file of many patients in, one row of probabilities each out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spinecast.cli.options import FORMAT, OUTPUTS, RULE_SET
from spinecast.cli.output import say

if TYPE_CHECKING:
    from spinecast.scoring.score_file import Progress

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command
@click.argument("source", type=FILE, metavar="IN", required=False)
@click.argument("out", type=FILE, metavar="OUT", required=False)
@click.option(
    "--outputs",
    type=OUTPUTS,
    default="differential",
    show_default=True,
    metavar="NAMES",
    help="differential, ranking, or both with a comma.",
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Threads.")
@click.option(
    "--chunk", type=click.IntRange(1), default=8192, show_default=True, metavar="N", help="Rows at once; bounds the memory."
)
@click.option("--rejects", type=FILE, metavar="FILE", help="Rows that cannot be scored, with why. [default: OUT.rejects.csv]")
@click.option("--resume", is_flag=True, help="Go on where an unfinished run of the same work ended.")
@click.option("--format", "format_", type=FORMAT, metavar="F", help="Of OUT: csv, parquet, arrow, jsonl. [default: by suffix]")
@click.option("--format-in", type=FORMAT, metavar="F", help="Of IN, likewise.")
@click.option("--keep", multiple=True, metavar="NAME", help="Column that passes through (as id does); can be repeated.")
@click.option("--float32", is_flag=True, help="Numbers half as wide, right to six digits.")
@click.option("--rule-set", type=RULE_SET, metavar="NAME", help="Rules of a ranking. [default: guideline]")
@click.option("--wtp", type=float, metavar="MONEY", help="Of a ranking: worth of a quality-adjusted life year.")
@click.option("--horizon", type=float, metavar="WEEKS", help="Of a ranking: weeks of benefit that count.")
@click.option("--schema", is_flag=True, help="Print the columns of OUT with unit and meaning as JSON; scores nothing.")
def score(
    source: Path | None,
    out: Path | None,
    outputs: str,
    threads: int,
    chunk: int,
    rejects: Path | None,
    resume: bool,
    format_: str | None,
    format_in: str | None,
    keep: tuple[str, ...],
    float32: bool,
    rule_set: str | None,
    wtp: float | None,
    horizon: float | None,
    schema: bool,
) -> None:
    """Score every row of IN into OUT: CSV, Parquet, Arrow IPC (.arrow) or JSON lines (.jsonl).

    Columns are the ids of `spinecast findings`; an empty cell is not observed. OUT appears when it is whole. A row that
    cannot be scored goes to the rejects with its number and why, and every other row is scored.
    """
    from spinecast.errors import InputError
    from spinecast.scoring.forecaster import KEPT, Forecaster, outputs_named
    from spinecast.scoring.ranking import DecisionChoices
    from spinecast.scoring.score_file import score_file

    if (source is None or out is None) and not schema:
        raise InputError(f"{'IN' if source is None else 'OUT'} is missing; or give --schema, to see what comes out")
    asked = outputs_named(outputs)
    dtype = "float32" if float32 else "float64"
    choices = DecisionChoices(rule_set, wtp, horizon)
    forecaster = Forecaster.load()
    if schema or source is None or out is None:
        fields = forecaster.schema_out(asked, dtype, choices)
        say(json.dumps([_described(field) for field in fields if field.name != "reason"], indent=2, ensure_ascii=False))
        return
    with _bar() as progress:
        done = score_file(
            forecaster, source, out, outputs=asked, threads=threads, chunk=chunk, dtype=dtype, keep=(*KEPT, *keep), choices=choices,
            rejects=rejects, resume=resume, format_in=format_in, format_out=format_, progress=progress,
        )  # fmt: skip
    before = f" ({done.resumed:,} rows had been done)" if done.resumed else ""
    click.echo(f"scored {_rows(done.scored)} to {out}{before}", err=True)
    if done.rejected:
        click.echo(f"rejected {_rows(done.rejected)}, with reasons in {done.rejects}", err=True)


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


def _described(field: object) -> dict[str, str]:
    about = {k.decode(): v.decode() for k, v in (getattr(field, "metadata", None) or {}).items()}
    return {"name": str(getattr(field, "name", "")), "type": str(getattr(field, "type", "")), **about}


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar with rate and time left on a terminal; nothing anywhere else."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=None, rate="")

        def progress(done: int, everything: int) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, completed=done, total=everything, rate=f"{speed:,.0f} rows/s" if speed else "")

        yield progress
