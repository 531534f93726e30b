"""`spinecast what-if`: change findings or numbers, and see the answer before and after."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.results import deliver_several, open_model, outputs, patient_options, save


@click.command("what-if")
@click.argument("file", type=click.Path(path_type=Path), metavar="PATIENT")
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
@patient_options
@click.option("--draws", type=click.IntRange(2), metavar="K", help="Parameter draws behind the intervals. [default: 200]")
@outputs
def what_if(
    file: Path,
    changes: tuple[str, ...],
    rule_set: str | None,
    wtp: float | None,
    depth: int | None,
    draws: int | None,
    as_json: bool,
    figure: Path | None,
    table: Path | None,
    priors: Path | None,
) -> None:
    """The answer for PATIENT as recorded and with some values changed, side by side.

    NAME is a finding, context, input, setting, rule_set or reliability; an empty VALUE takes it away. A NAME with strokes is a
    number of the model (`spinecast priors show` lists them), VALUE a probability or ratio, or a number of spreads such as +2sd.
    """
    from spinecast.analysis.what_if import what_if as compare
    from spinecast.assessment.files import read_patient_file

    given = {"rule_set": rule_set, "willingness_to_pay": wtp, "draws": draws, "depth": depth}
    settings = {k: v for k, v in given.items() if v is not None}
    found = compare(read_patient_file(file), changes, model=open_model(priors), **settings)
    save(found.picture, figure=figure, table=None)
    save(found.causes, figure=None, table=table)
    deliver_several({"causes": found.causes, "options": found.options}, as_json=as_json)
