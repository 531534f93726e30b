"""`spinecast simulate`: patients drawn from the model, with their truth."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command
@click.argument("count", type=click.IntRange(1, 10_000_000), metavar="N")
@click.option("--setting", default="spine_clinic", show_default=True, help="Where they present.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="The same seed draws the same people.")
@click.option(
    "--findings", type=click.FloatRange(0), metavar="N", help="Record about N findings a person. [default: all of them]"
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=".csv or .parquet. [default: CSV on screen]"
)
@click.option(
    "--priors", type=click.Path(path_type=Path), metavar="DIR", help="Another knowledge base, fitted with `spinecast fit`."
)
def simulate(count: int, setting: str, seed: int, findings: float | None, out: Path | None, priors: Path | None) -> None:
    """Draw N patients from the model, the truth in columns truth_…"""
    from spinecast.analysis import simulate as drawing
    from spinecast.assessment.model import load_model
    from spinecast.errors import InvalidValueError, MalformedFileError

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise InvalidValueError("--out", str(out), "a name that ends in .csv or .parquet")
    if out is not None and not out.absolute().parent.is_dir():
        raise InvalidValueError("--out", str(out), "a file in a folder that exists")
    if priors is not None and not priors.is_dir():
        raise MalformedFileError(f"--priors {priors}: there is no such folder")
    model = load_model(priors)
    observed = 1.0 if findings is None else drawing.recorded_shares(model.network, model.priors, findings)
    cohort = drawing.simulate(model.network, count, setting, seed, observed=observed)
    if out is None:
        drawing.write_csv(cohort, sys.stdout)
        return
    drawing.write(cohort, out)
    click.echo(f"wrote {count:,} people to {out}", err=True)
