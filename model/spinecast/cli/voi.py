"""`spinecast voi`: what would be worth knowing, for a patient's decision or for everybody of a simulated cohort."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.options import PROCEDURE
from spinecast.cli.results import (
    check_subject,
    cohort_options,
    cohort_run,
    deliver,
    open_model,
    outputs,
    patient_options,
    progress,
)


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="[PATIENT]", required=False)
@cohort_options
@click.option("--by", "kind", default="group", show_default=True, metavar="KIND", help="EVPPI by group, parameter or source.")
@click.option(
    "--trial",
    "action",
    type=PROCEDURE,
    metavar="ACTION",
    help="Instead: what a two-arm trial of ACTION would be worth, by its size (EVSI).",
)
@click.option(
    "--n", "sizes", default="25,50,100,200,400,800", show_default=True, metavar="N,…", help="With --trial: people an arm."
)
@click.option("--generator", default="", metavar="G", help="With --trial: whom it takes in. [default: the likeliest]")
@click.option("--week", type=int, default=13, show_default=True, help="With --trial: week of its outcome, 2, 4, 13, 26 or 52.")
@click.option("--per-year", type=float, metavar="N", help="Decisions like this a year, to scale the values to a population.")
@click.option("--years", type=float, default=5.0, show_default=True, help="With --per-year: for how long the knowledge serves.")
@click.option("--draws", type=click.IntRange(100, 100_000), default=2000, show_default=True, help="Parameter draws.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="Of the draws.")
@patient_options
@outputs
def voi(
    file: Path | None,
    cohort: int | None,
    setting: str | None,
    kind: str,
    action: str | None,
    sizes: str,
    generator: str,
    week: int,
    per_year: float | None,
    years: float,
    draws: int,
    seed: int,
    rule_set: str | None,
    wtp: float | None,
    depth: int | None,
    as_json: bool,
    figure: Path | None,
    table: Path | None,
    priors: Path | None,
) -> None:
    """Value of information: what knowing more would add to the decision for PATIENT, and which study would tell.

    With --cohort N instead: by group, averaged over N simulated people, each option valued alone.
    """
    from spinecast.analysis.information import KINDS, trial, value_of_information
    from spinecast.analysis.problem import problem
    from spinecast.analysis.psa import psa
    from spinecast.errors import UnknownIdError

    if kind not in KINDS:
        raise UnknownIdError("--by", kind, KINDS)
    numbers = numbers_of(sizes)
    check_subject(file, cohort, setting)
    if file is None:
        from spinecast.analysis.population import cohort_information

        run_of_all = cohort_run(cohort, setting, draws, seed, rule_set, wtp, priors)
        with progress("value of information") as tell:
            found = cohort_information(run_of_all, tell=tell)
        deliver(found, as_json=as_json, figure=figure, table=table)
        return
    one = problem(file, rule_set=rule_set, willingness_to_pay=wtp, depth=depth, model=open_model(priors))
    with progress(f"{draws:,} draws") as tell:
        run = psa(one, draws, seed, tell=tell)
    if action:
        found = trial(run, action, numbers, generator=generator, week=week, per_year=per_year, years=years)
    else:
        with progress("value of information") as tell:
            found = value_of_information(run, kind, per_year=per_year, years=years, tell=tell)
    deliver(found, as_json=as_json, figure=figure, table=table)


def numbers_of(text: str) -> list[int]:
    """Whole numbers from a list with commas.

    Raises
    ------
    InvalidValueError
    """
    from spinecast.errors import InvalidValueError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InvalidValueError("--n", text, "whole numbers above 0 with commas between them")
    return [int(part) for part in parts]
