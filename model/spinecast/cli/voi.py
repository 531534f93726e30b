"""`spinecast voi`: what would be worth knowing, for a patient's decision or for everybody of a simulated cohort."""

from __future__ import annotations

import math

import click

from spinecast.cli.options import GENERATOR, PROCEDURE, OneOf
from spinecast.cli.results import Asked, Destination, analysis, progress

KINDS = ("group", "parameter", "source")


@click.command
@click.option(
    "--by",
    "kind",
    type=OneOf(KINDS),
    default="group",
    show_default=True,
    metavar="KIND",
    help="EVPPI by group, parameter or source.",
)
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
@click.option("--generator", type=GENERATOR, metavar="G", help="With --trial: whom it takes in. [default: the likeliest]")
@click.option("--week", type=int, default=13, show_default=True, help="With --trial: week of its outcome, 2, 4, 13, 26 or 52.")
@click.option(
    "--per-year", type=float, metavar="N", help="Decisions (or people) like this a year, to scale the values to a population."
)
@click.option("--years", type=float, default=5.0, show_default=True, help="With --per-year: for how long the knowledge serves.")
@click.option("--draws", type=click.IntRange(100, 100_000), default=2000, show_default=True, help="Parameter draws.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="Of the draws.")
@analysis(cohort=True)
def voi(
    asked: Asked,
    kind: str,
    action: str | None,
    sizes: str,
    generator: str | None,
    week: int,
    per_year: float | None,
    years: float,
    draws: int,
    seed: int,
    to: Destination,
) -> None:
    """Value of information: what knowing more would add to the decision for PATIENT, and which study would tell.

    With --cohort N instead: averaged over N simulated people, each given what is best for them, plans look one decision ahead.
    """
    from spinecast.analysis.information import check_trial, trial, value_of_information
    from spinecast.errors import InvalidValueError
    from spinecast.priors.bundle import load_priors

    numbers = numbers_of(sizes)
    for name, number in (("--per-year", per_year), ("--years", years)):
        if number is not None and not 0 < number < math.inf:
            raise InvalidValueError(name, number, "a number above 0")
    if action:
        check_trial(load_priors(), action, generator or "", week)
    run = asked.psa(draws, seed) if asked.cohort is None else asked.population(draws, seed)
    if action:
        to.deliver(trial(run, action, numbers, generator=generator or "", week=week, per_year=per_year, years=years))
        return
    with progress("value of information") as tell:
        found = value_of_information(run, kind, per_year=per_year, years=years, tell=tell)
    to.deliver(found)


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
