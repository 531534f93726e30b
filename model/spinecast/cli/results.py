"""What the analysis commands share: where a result goes, which priors, and progress on long work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinecast.cli.options import SETTING, TABLE, figure_option, priors_option, rule_set_option
from spinecast.cli.output import colour, say

if TYPE_CHECKING:
    from spinecast.analysis.population import Population
    from spinecast.analysis.result import Result
    from spinecast.assessment.model import Model


def outputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json, --figure, --table and --priors to a command, as `as_json`, `figure`, `table` and `priors`."""
    for option in (
        priors_option(),
        click.option("--table", type=TABLE, metavar="FILE", help="Also write the whole table: .csv or .parquet."),
        figure_option(),
        click.option(
            "--json", "as_json", is_flag=True, help="Print JSON, with units, notes and sources (`spinecast cite` reads it)."
        ),
    ):
        command = option(command)
    return command


def patient_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what an assessment can be told: `rule_set`, `wtp` and `depth`."""
    for option in (
        click.option("--depth", type=int, metavar="D", help="Decisions that a plan looks ahead, 1 to 4. [default: 3]"),
        click.option(
            "--wtp",
            type=float,
            metavar="X",
            help="Willingness to pay for a quality-adjusted life year. [default: economics.toml]",
        ),
        rule_set_option(),
    ):
        command = option(command)
    return command


def cohort_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a simulated cohort in the place of a patient: `cohort` and `setting`."""
    for option in (
        click.option("--setting", type=SETTING, metavar="S", help="With --cohort: where they present. [default: spine_clinic]"),
        click.option("--cohort", type=click.IntRange(1, 100_000), metavar="N", help="N simulated people instead of a patient."),
    ):
        command = option(command)
    return command


def check_subject(file: Path | None, cohort: int | None, setting: str | None) -> None:
    """One patient or one cohort.

    Raises
    ------
    InputError
    """
    from spinecast.errors import InputError, InvalidValueError

    if file is None and cohort is None:
        raise InputError("PATIENT is missing: give a patient file, or --cohort N for simulated people")
    if file is not None and cohort is not None:
        raise InvalidValueError("--cohort", cohort, "nothing beside a patient file: one of the two")
    if setting is not None and cohort is None:
        raise InvalidValueError("--setting", setting, "--cohort N with it; a patient's file says its own setting")


def open_model(priors: Path | None) -> Model:
    """The model of the priors asked for."""
    from spinecast.assessment.model import load_model

    return load_model(priors)


def cohort_run(
    cohort: int | None, setting: str | None, draws: int, seed: int, rule_set: str | None, wtp: float | None, priors: Path | None
) -> Population:
    """A simulated cohort under all draws, with its progress."""
    from spinecast.analysis.population import population

    with progress(f"{draws:,} draws of {cohort:,} people") as tell:
        return population(
            open_model(priors), cohort or 0, setting or "spine_clinic", draws=draws, seed=seed, rule_set=rule_set or "guideline",
            willingness_to_pay=wtp, tell=tell,
        )  # fmt: skip


def deliver(result: Result, *, as_json: bool, figure: Path | None, table: Path | None, most: int = 25) -> None:
    """Print a result as text or JSON, and write what else was asked for."""
    save(result, figure=figure, table=table)
    if as_json:
        say(result.to_json())
        return
    from spinecast.report.tables import text_of

    say(text_of(result, colour=colour(), most=most), newline=False)


def save(result: Result, *, figure: Path | None, table: Path | None) -> None:
    """Write the figure and the table that were asked for, and say so."""
    for path, write in ((table, result.write), (figure, result.save_figure)):
        if path is not None:
            write(path)
            click.echo(f"wrote {path}", err=True)


def deliver_several(results: Mapping[str, Result], *, as_json: bool) -> None:
    """Print results one below the other, or as one JSON object by name with the sources of all."""
    if as_json:
        sources = sorted({key for r in results.values() for key in r.sources})
        parts = {name: r.to_dict() for name, r in results.items()}
        say(json.dumps({**parts, "sources": sources}, indent=2, ensure_ascii=False, allow_nan=False))
        return
    from spinecast.report.tables import text_of

    say("\n".join(text_of(r, colour=colour()) for r in results.values()), newline=False)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal; call it with (done, total)."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
