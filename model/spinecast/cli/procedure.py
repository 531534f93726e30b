"""`spinecast procedure`: what a procedure adds, for how long, for whom, at what risk and cost, and which rules speak."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.options import PROCEDURE, figure_option
from spinecast.cli.output import colour, say

STEP = 0.5
"""Weeks between the points of a drawn curve."""


@click.command
@click.argument("procedure", type=PROCEDURE, metavar="[ID]", required=False)
@figure_option()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def procedure(procedure: str | None, figure: Path | None, as_json: bool) -> None:
    """Curves of ID with its sham and usual care, published time points, modifiers, harms, costs and rules; without ID all ids."""
    from spinecast.analysis.procedure_sheet import procedure_sheet
    from spinecast.assessment.model import load_model
    from spinecast.errors import InvalidValueError

    model = load_model()
    if procedure is None:
        if figure is not None:
            raise InvalidValueError("--figure", str(figure), "the id of a procedure beside it")
        known = model.priors.procedures.values()
        listed = [{"id": p.id, "label": p.label, "kind": p.kind} for p in known]
        say(json.dumps(listed, indent=2, ensure_ascii=False) if as_json else "\n".join(f"{p.id:30} {p.label}" for p in known))
        return
    sheet = procedure_sheet(model, procedure)
    if figure is not None:
        from spinecast.report.procedure_sheet import draw_sheet

        fine = [STEP * i for i in range(1, int(52 / STEP) + 1)]
        draw_sheet(procedure_sheet(model, procedure, fine), figure)
        click.echo(f"wrote {figure}", err=True)
    if as_json:
        say(json.dumps(sheet.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from spinecast.report.procedure_sheet import sheet_text

    say(sheet_text(sheet, colour=colour()), newline=False)
