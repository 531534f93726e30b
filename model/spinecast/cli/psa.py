"""`spinecast psa`: draw every number at once, for a patient or for a simulated cohort."""

from __future__ import annotations

import click

from spinecast.cli.options import OneOf
from spinecast.cli.results import Asked, Destination, analysis

VIEWS = {
    "actions": "value, rank, chance of being best, expected loss",
    "generators": "how sure the differential is",
    "ceac": "chance of being best by willingness to pay, and the frontier",
    "convergence": "have the draws settled",
}


@click.command
@click.option(
    "--show", type=OneOf(VIEWS), default="actions", metavar="VIEW", help="; ".join(f"{k}: {v}" for k, v in VIEWS.items()) + "."
)
@click.option("--draws", type=click.IntRange(2, 100_000), default=1000, show_default=True, help="Parameter draws.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="Of the draws.")
@analysis(cohort=True)
def psa(
    asked: Asked,
    show: str,
    draws: int,
    seed: int,
    to: Destination,
) -> None:
    """Draw every number of the model at once for PATIENT: intervals, ranks, chances, each with its Monte Carlo error.

    With --cohort N instead: for how many of N simulated people each option would come first, each with the best single step after it.
    """
    from spinecast.analysis import psa as views
    from spinecast.analysis.population import offered

    if asked.cohort is not None:
        to.deliver(offered(asked.population(draws, seed)))
        return
    shown = {
        "actions": views.actions,
        "generators": views.generators,
        "ceac": views.acceptability,
        "convergence": views.convergence,
    }
    to.deliver(shown[show](asked.psa(draws, seed)))
