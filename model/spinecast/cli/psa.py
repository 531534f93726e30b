"""`spinecast psa`: draw every number at once, for a patient or for a simulated cohort."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.options import OneOf
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

VIEWS = {
    "actions": "value, rank, chance of being best, expected loss",
    "generators": "how sure the differential is",
    "ceac": "chance of being best by willingness to pay, and the frontier",
    "convergence": "have the draws settled",
}


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="[PATIENT]", required=False)
@cohort_options
@click.option(
    "--show", type=OneOf(VIEWS), default="actions", metavar="VIEW", help="; ".join(f"{k}: {v}" for k, v in VIEWS.items()) + "."
)
@click.option("--draws", type=click.IntRange(2, 100_000), default=1000, show_default=True, help="Parameter draws.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="Of the draws.")
@patient_options
@outputs
def psa(
    file: Path | None,
    cohort: int | None,
    setting: str | None,
    show: str,
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
    """Draw every number of the model at once for PATIENT: intervals, ranks, chances, each with its Monte Carlo error.

    With --cohort N instead: for how many of N simulated people each option would come first, each option valued alone.
    """
    from spinecast.analysis import psa as analysis
    from spinecast.analysis.problem import problem

    check_subject(file, cohort, setting)
    if file is None:
        from spinecast.analysis.population import offered

        deliver(
            offered(cohort_run(cohort, setting, draws, seed, rule_set, wtp, priors)), as_json=as_json, figure=figure, table=table
        )
        return
    one = problem(file, rule_set=rule_set, willingness_to_pay=wtp, depth=depth, model=open_model(priors))
    with progress(f"{draws:,} draws") as tell:
        run = analysis.psa(one, draws, seed, tell=tell)
    views = {
        "actions": analysis.actions,
        "generators": analysis.generators,
        "ceac": analysis.acceptability,
        "convergence": analysis.convergence,
    }
    deliver(views[show](run), as_json=as_json, figure=figure, table=table)
