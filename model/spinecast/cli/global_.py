"""`spinecast global`: which groups of numbers an answer varies with."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.results import deliver, open_model, outputs, patient_options, progress


@click.command(name="global")
@click.argument("file", type=click.Path(path_type=Path), metavar="PATIENT")
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
@patient_options
@outputs
def global_(
    file: Path,
    name: str,
    method: str,
    base: int | None,
    seed: int,
    rule_set: str | None,
    wtp: float | None,
    depth: int | None,
    as_json: bool,
    figure: Path | None,
    table: Path | None,
    priors: Path | None,
) -> None:
    """Move all numbers behind the answer for PATIENT at once: which groups of them does it vary with (Sobol, Morris)?"""
    from spinecast.analysis.global_sensitivity import global_sensitivity
    from spinecast.analysis.problem import problem
    from spinecast.extras import need

    need("SALib", "analysis")
    one = problem(file, rule_set=rule_set, willingness_to_pay=wtp, depth=depth, model=open_model(priors))
    with progress("evaluations") as tell:
        found = global_sensitivity(one, name, method, base or 0, seed, tell=tell)
    deliver(found, as_json=as_json, figure=figure, table=table)
