"""`spinecast simulate`: patients drawn from the model, with their truth."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from spinecast.cli.options import SETTING, TABLE


@click.command
@click.argument("count", type=click.IntRange(1, 10_000_000), metavar="N")
@click.option("--setting", type=SETTING, default="spine_clinic", show_default=True, help="Where they present.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="The same seed draws the same people.")
@click.option(
    "--findings", type=click.FloatRange(0), metavar="N", help="Record about N findings a person. [default: all of them]"
)
@click.option("--out", type=TABLE, metavar="FILE", help=".csv or .parquet. [default: CSV on screen]")
def simulate(count: int, setting: str, seed: int, findings: float | None, out: Path | None) -> None:
    """Draw N patients from the model, the truth in columns truth_…"""
    from spinecast.analysis import simulate as drawing
    from spinecast.assessment.model import load_model

    model = load_model()
    observed = 1.0 if findings is None else drawing.recorded_shares(model.network, model.priors, findings)
    cohort = drawing.simulate(model.network, count, setting, seed, observed=observed)
    if out is None:
        drawing.write_csv(cohort, sys.stdout)
        return
    drawing.write(cohort, out)
    click.echo(f"wrote {count:,} people to {out}", err=True)
