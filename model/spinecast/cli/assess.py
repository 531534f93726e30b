"""`spinecast assess`: one patient file to a letter, JSON or a figure."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.one_patient import settle_process
from spinecast.cli.options import PERSPECTIVE, VALUE_IN, figure_option, rule_set_option
from spinecast.cli.output import colour, say


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (schema: spinecast/schema/assessment.json) and no letter.")
@figure_option("one sheet")
@rule_set_option()
@click.option(
    "--wtp", type=float, metavar="X", help="Willingness to pay for a quality-adjusted life year. [default: economics.toml]"
)
@click.option(
    "--perspective",
    type=PERSPECTIVE,
    metavar="WHO",
    help="Whose cost counts: payer, payer_office, payer_facility or patient. [default: payer]",
)
@click.option("--value-in", type=VALUE_IN, metavar="UNIT", help="money, or relief_weeks to leave cost out. [default: money]")
@click.option(
    "--horizon", type=float, metavar="WEEKS", help="Weeks looked ahead, at most 104; beyond 52 whole sequences. [default: 52]"
)
@click.option("--depth", type=int, metavar="D", help="Decisions that a plan looks ahead, 1 to 4. [default: 3]")
@click.option("--draws", type=click.IntRange(2), metavar="K", help="Parameter draws behind the intervals. [default: 200]")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Seed of the outcome draws. [default: 20260101]")
def assess(
    file: Path,
    as_json: bool,
    figure: Path | None,
    rule_set: str | None,
    wtp: float | None,
    perspective: str | None,
    value_in: str | None,
    horizon: float | None,
    depth: int | None,
    draws: int | None,
    seed: int | None,
) -> None:
    """Assess the patient in FILE (TOML, YAML or JSON).

    `spinecast new patient FILE.toml` writes a form to fill in. What is not in the file counts as not observed.
    """
    settle_process()
    from spinecast.assessment.assess import assess as assess_one
    from spinecast.assessment.files import read_patient_file
    from spinecast.assessment.model import load_model

    patient = read_patient_file(file)
    given = {"depth": depth, "draws": draws, "seed": seed}
    answer = assess_one(
        patient,
        rule_set=rule_set,
        willingness_to_pay=wtp,
        horizon_weeks=horizon,
        value_in=value_in or "money",
        perspective=perspective or "payer",
        model=load_model(),
        **{k: v for k, v in given.items() if v is not None},
    )
    if figure is not None:
        from spinecast.report.figure import draw

        draw(answer, figure)
        click.echo(f"wrote {figure}", err=True)
    if as_json:
        say(json.dumps(answer.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from spinecast.report.letter import letter

    say(letter(answer, colour=colour()), newline=False)
