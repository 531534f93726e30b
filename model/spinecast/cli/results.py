"""What the analysis commands share: where a result goes, which priors, and progress on long work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spinecast.cli.options import SETTING, TABLE, figure_option, rule_set_option
from spinecast.cli.output import colour, say
from spinecast.frozen import dataclass

if TYPE_CHECKING:
    from spinecast.analysis.population import Population
    from spinecast.analysis.problem import Problem
    from spinecast.analysis.psa import PSA
    from spinecast.analysis.result import Result
    from spinecast.assessment.assess import Case

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a result goes: to the screen as text or JSON, and to the files that were asked for."""

    as_json: bool
    figure: Path | None
    table: Path | None

    def save(self, picture: Result, table: Result | None = None) -> None:
        """Write the figure and the table that were asked for, and say so; the table of another result where one is given."""
        for path, write in ((self.table, (table or picture).write), (self.figure, picture.save_figure)):
            if path is not None:
                write(path)
                click.echo(f"wrote {path}", err=True)

    def deliver(self, result: Result, *, most: int = 25) -> None:
        """Print a result, and write what else was asked for."""
        self.save(result)
        if self.as_json:
            say(result.to_json())
            return
        from spinecast.report.tables import text_of

        say(text_of(result, colour=colour(), most=most), newline=False)

    def deliver_several(self, results: Mapping[str, Result]) -> None:
        """Print results one below the other, or as one JSON object by name with the sources of all."""
        if self.as_json:
            sources = sorted({key for r in results.values() for key in r.sources})
            parts = {name: r.to_dict() for name, r in results.items()}
            say(json.dumps({**parts, "sources": sources}, indent=2, ensure_ascii=False, allow_nan=False))
            return
        from spinecast.report.tables import text_of

        say("\n".join(text_of(r, colour=colour()) for r in results.values()), newline=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an analysis was asked about: a patient file, or a simulated cohort in its place, and what an assessment can be told."""

    file: Path | None
    rule_set: str | None
    wtp: float | None
    depth: int | None
    cohort: int | None = None
    setting: str | None = None

    def __post_init__(self) -> None:
        from spinecast.errors import InputError, InvalidValueError

        if self.file is None and self.cohort is None:
            raise InputError("PATIENT is missing: give a patient file, or --cohort N for simulated people")
        if self.file is not None and self.cohort is not None:
            raise InvalidValueError("--cohort", self.cohort, "nothing beside a patient file: one of the two")
        if self.setting is not None and self.cohort is None:
            raise InvalidValueError("--setting", self.setting, "--cohort N with it; a patient's file says its own setting")
        if self.depth is not None and self.cohort is not None:
            raise InvalidValueError("--depth", self.depth, "a patient file with it; in a cohort plans look one decision ahead")

    def problem(self) -> Problem:
        """The patient as a decision problem."""
        from spinecast.analysis.problem import problem

        return problem(self.patient, rule_set=self.rule_set, willingness_to_pay=self.wtp, depth=self.depth)

    def case(self, value_in: str = "money") -> Case:
        """The patient as `assess` prepares one, with as few draws as there can be."""
        from spinecast.assessment.assess import prepare
        from spinecast.decision.settings import DEFAULT_DEPTH

        return prepare(
            self.patient, rule_set=self.rule_set, willingness_to_pay=self.wtp, value_in=value_in,
            draws=2, depth=DEFAULT_DEPTH if self.depth is None else self.depth,
        )  # fmt: skip

    def psa(self, draws: int, seed: int) -> PSA:
        """The patient under all draws, with its progress."""
        from spinecast.analysis.psa import psa

        one = self.problem()
        with progress(f"{draws:,} draws") as tell:
            return psa(one, draws, seed, tell=tell)

    def population(self, draws: int, seed: int) -> Population:
        """The cohort under all draws, with its progress."""
        from spinecast.analysis.population import population
        from spinecast.assessment.model import load_model

        with progress(f"{draws:,} draws of {self.cohort:,} people") as tell:
            return population(
                load_model(), self.cohort or 0, self.setting or "spine_clinic", draws=draws, seed=seed,
                rule_set=self.rule_set or "guideline", willingness_to_pay=self.wtp, tell=tell,
            )  # fmt: skip

    @property
    def patient(self) -> Path:
        """The file, where the analysis is of one patient."""
        assert self.file is not None  # asked only where no cohort is
        return self.file


def outputs(command: Command) -> Command:
    """Add --json, --figure, --table, passed together as `to`."""
    return _with_options(_packed(command), *_outputs())


def analysis(*, cohort: bool = False) -> Callable[[Command], Command]:
    """Make a command an analysis of PATIENT or, with `cohort`, of --cohort N in its place, under what an assessment can be told (all
    of it passed as `asked`), with the options of `outputs`.
    """

    def decorated(command: Command) -> Command:
        @wraps(command)
        def asking(**given: Any) -> Any:
            asked = Asked(**{f.name: given.pop(f.name) for f in fields(Asked) if f.name in given})
            return command(asked=asked, **given)

        return _with_options(
            _packed(asking), *_outputs(), *_told(), *(_people() if cohort else ()), _patient(required=not cohort)
        )

    return decorated


def _packed(command: Command) -> Command:
    """The command with its three ways out as one."""

    @wraps(command)
    def packed(*, as_json: bool, figure: Path | None, table: Path | None, **rest: Any) -> Any:
        return command(to=Destination(as_json, figure, table), **rest)

    return packed


def _with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Options in reverse order, as click takes them from decorators."""
    for option in options:
        command = option(command)
    return command


def _outputs() -> tuple[Callable[[Command], Command], ...]:
    return (
        click.option("--table", type=TABLE, metavar="FILE", help="Also write the whole table: .csv or .parquet."),
        figure_option(),
        click.option(
            "--json", "as_json", is_flag=True, help="Print JSON, with units, notes and sources (`spinecast cite` reads it)."
        ),
    )


def _told() -> tuple[Callable[[Command], Command], ...]:
    worth = "Willingness to pay for a quality-adjusted life year. [default: economics.toml]"
    return (
        click.option("--depth", type=int, metavar="D", help="Decisions that a plan looks ahead, 1 to 4. [default: 3]"),
        click.option("--wtp", type=float, metavar="X", help=worth),
        rule_set_option(),
    )


def _people() -> tuple[Callable[[Command], Command], ...]:
    return (
        click.option("--setting", type=SETTING, metavar="S", help="With --cohort: where they present. [default: spine_clinic]"),
        click.option("--cohort", type=click.IntRange(1, 100_000), metavar="N", help="N simulated people instead of a patient."),
    )


def _patient(*, required: bool) -> Callable[[Command], Command]:
    name = "PATIENT" if required else "[PATIENT]"
    return click.argument("file", type=click.Path(path_type=Path), metavar=name, required=required)


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
