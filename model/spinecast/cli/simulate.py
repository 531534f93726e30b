"""`spinecast simulate`: patients drawn from the model, with their truth."""

from __future__ import annotations

from pathlib import Path

import click


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--count", type=click.IntRange(1, 10_000_000), default=1000, show_default=True, help="How many people.")
@click.option("--setting", default="spine_clinic", show_default=True, help="Where they present.")
@click.option("--seed", type=click.IntRange(0), default=20260101, show_default=True, help="The same seed draws the same people.")
@click.option(
    "--findings", type=click.FloatRange(0), metavar="N", help="Record about N findings a person. [default: all of them]"
)
@click.option(
    "--priors", type=click.Path(path_type=Path), metavar="DIR", help="Another knowledge base, fitted with `spinecast fit`."
)
def simulate(file: Path, count: int, setting: str, seed: int, findings: float | None, priors: Path | None) -> None:
    """Draw patients from the model and write them to FILE (.csv or .parquet), the truth in columns truth_…"""
    from spinecast.analysis import simulate as drawing
    from spinecast.assessment.model import load_model
    from spinecast.errors import InvalidValueError, MalformedFileError

    if file.suffix not in (".csv", ".parquet"):
        raise InvalidValueError("FILE", str(file), "a name that ends in .csv or .parquet")
    if not file.absolute().parent.is_dir():
        raise InvalidValueError("FILE", str(file), "a file in a folder that exists")
    if priors is not None and not priors.is_dir():
        raise MalformedFileError(f"--priors {priors}: there is no such folder")
    model = load_model(priors)
    observed = 1.0 if findings is None else drawing.recorded_shares(model.network, model.priors, findings)
    drawing.write(drawing.simulate(model.network, count, setting, seed, observed=observed), file)
    click.echo(f"wrote {count:,} people to {file}", err=True)
