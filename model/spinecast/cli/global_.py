"""`spinecast global`: which groups of numbers an answer varies with."""

from __future__ import annotations

import click

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
    "--method", default="sobol", show_default=True, metavar="M", help="sobol: shares of variance; morris: a cheaper screening."
)
@click.option(
    "--base",
    type=click.IntRange(2),
    metavar="N",
    help="Base sample of Sobol, a power of two, or trajectories of Morris. [default: 128, 20]",
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
    """Move all numbers behind the answer for PATIENT at once: which groups of them does it vary with (Sobol, Morris)?"""
    from spinecast.analysis.global_sensitivity import global_sensitivity
    from spinecast.extras import need

    need("SALib", "analysis")
    one = asked.problem()
    with progress("evaluations") as tell:
        found = global_sensitivity(one, name, method, base or 0, seed, tell=tell)
    to.deliver(found)
