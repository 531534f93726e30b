"""`spinecast what-if`: change findings or numbers, and see the answer before and after."""

from __future__ import annotations

import click

from spinecast.cli.results import Asked, Destination, analysis


@click.command("what-if")
@click.option("--draws", type=click.IntRange(2), metavar="K", help="Parameter draws behind the intervals. [default: 200]")
@analysis()
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
def what_if(
    asked: Asked,
    changes: tuple[str, ...],
    draws: int | None,
    to: Destination,
) -> None:
    """The answer for PATIENT as recorded and with some values changed, side by side.

    NAME is a finding, context, input, setting, rule_set or reliability; an empty VALUE takes it away. A NAME with strokes is a
    number of the model (`spinecast priors show` lists them), VALUE a probability or ratio, or a number of spreads such as +2sd.
    """
    from spinecast.analysis.what_if import what_if as compare
    from spinecast.assessment.files import read_patient_file
    from spinecast.assessment.model import load_model

    given = {"rule_set": asked.rule_set, "willingness_to_pay": asked.wtp, "draws": draws, "depth": asked.depth}
    settings = {k: v for k, v in given.items() if v is not None}
    found = compare(read_patient_file(asked.patient), changes, model=load_model(), **settings)
    to.save(found.picture, found.causes)
    to.deliver_several({"causes": found.causes, "options": found.options})
