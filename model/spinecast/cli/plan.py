"""`spinecast plan`: the best policy over one or two years, as a tree, beside waiting, conservative care and fixed pathways."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.one_patient import settle_process
from spinecast.cli.options import PATHWAY, PROCEDURE, VALUE_IN, figure_option, rule_set_option
from spinecast.cli.output import colour, say


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="PATIENT")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (schema: spinecast/schema/plan.json): every policy, its tree.")
@figure_option()
@click.option("--horizon", type=float, default=104.0, show_default=True, metavar="WEEKS", help="Weeks looked ahead, at most 104.")
@click.option("--begin-with", type=PROCEDURE, metavar="ACTION", help="The procedure that the policy has to begin with.")
@click.option(
    "--pathway", "pathways", type=PATHWAY, multiple=True, metavar="ID",
    help="A fixed pathway to compare with; can be given again. [default: those for the most probable source]",
)  # fmt: skip
@rule_set_option()
@click.option("--wtp", type=float, metavar="X", help="Willingness to pay for a quality-adjusted life year.")
@click.option(
    "--value-in",
    type=VALUE_IN,
    default="money",
    show_default=True,
    metavar="UNIT",
    help="money, or relief_weeks to leave cost out.",
)
@click.option("--depth", type=int, default=3, show_default=True, metavar="D", help="Decisions that a plan looks ahead, 1 to 4.")
@click.option("--draws", type=click.IntRange(2), default=200, show_default=True, metavar="K", help="Draws behind the intervals.")
@click.option(
    "--seed", type=click.IntRange(0), default=20260101, show_default=True, metavar="N", help="Seed of the outcome draws."
)
def plan(
    file: Path, as_json: bool, figure: Path | None, horizon: float, begin_with: str | None, pathways: tuple[str, ...],
    rule_set: str | None, wtp: float | None, value_in: str, depth: int, draws: int, seed: int,
) -> None:  # fmt: skip
    """Plan for the patient in PATIENT (TOML, YAML or JSON) over one or two years.

    Relief ends where its curve says, and what had helped can be repeated as the rules allow. The best policy is set beside waiting,
    conservative care, and what a payer demands.
    """
    settle_process()
    from spinecast.assessment.files import read_patient_file
    from spinecast.assessment.model import load_model
    from spinecast.assessment.sequence import plan_sequence

    found = plan_sequence(
        read_patient_file(file), rule_set=rule_set, willingness_to_pay=wtp, horizon_weeks=horizon, value_in=value_in, depth=depth,
        begin_with=begin_with, pathways=pathways, draws=draws, seed=seed, model=load_model(),
    )  # fmt: skip
    if figure is not None:
        from spinecast.report.policies import draw_policies

        draw_policies(found, figure)
        click.echo(f"wrote {figure}", err=True)
    if as_json:
        say(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from spinecast.report.policies import policies_text

    say(policies_text(found, colour=colour()), newline=False)
