"""`spinecast global`: which groups of numbers an answer varies with."""

from __future__ import annotations

import click

from spinecast.cli.options import OneOf
from spinecast.cli.results import Asked, Destination, analysis, progress


@click.command(name="global")
@click.option(
    "--output",
    "name",
    default="",
    metavar="OUTPUT",
    help="posterior:GENERATOR or value:ACTION. [default: value of the first choice]",
)
@click.option(
    "--method",
    type=OneOf(("sobol", "kucherenko", "morris")),
    default="sobol",
    show_default=True,
    metavar="M",
    help="sobol: shares of variance, groups taken as independent; kucherenko: as the fit ties them; morris: a cheaper screening.",
)
@click.option(
    "--base",
    type=click.IntRange(2),
    metavar="N",
    help="Base sample, a power of two, or trajectories of Morris. [default: sobol 128, kucherenko 256, morris 20]",
)
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="Of the draws.")
@analysis()
def global_(
    asked: Asked,
    name: str,
    method: str,
    base: int | None,
    seed: int,
    to: Destination,
) -> None:
    """Move all numbers behind the answer for PATIENT at once: which groups of them does it vary with?"""
    from spinecast.analysis.global_sensitivity import global_sensitivity
    from spinecast.extras import need

    if method != "kucherenko":
        need("SALib", "analysis")
    one = asked.problem()
    with progress("evaluations") as tell:
        found = global_sensitivity(one, name, method, base or 0, seed, tell=tell)
    to.deliver(found)
