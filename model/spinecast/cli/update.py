"""`spinecast update`: an assessment and an outcome to a follow-up letter or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.one_patient import settle_process
from spinecast.cli.options import rule_set_option
from spinecast.cli.output import colour, say


@click.command
@click.argument("assessment", type=click.Path(path_type=Path), metavar="ASSESSMENT")
@click.argument("outcome", type=click.Path(path_type=Path), metavar="OUTCOME")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and no letter; it can be updated again.")
@rule_set_option("those of the assessment")
@click.option(
    "--draws", type=click.IntRange(2), metavar="K", help="Parameter draws behind the intervals. [default: the assessment's]"
)
@click.option("--whole-letter", is_flag=True, help="Print the whole assessment letter after the follow-up.")
def update(assessment: Path, outcome: Path, as_json: bool, rule_set: str | None, draws: int | None, whole_letter: bool) -> None:
    """Update ASSESSMENT (the JSON of `assess --json` or `update --json`, or the patient file) with OUTCOME (TOML, YAML or JSON).

    `spinecast new outcome FILE.toml` writes an outcome to fill in. Natural recovery and the contextual effect of care are part of
    what is expected, so relief after an injection does not prove its target.
    """
    settle_process()
    from spinecast.assessment.update import update as update_one

    answer = update_one(assessment, outcome, rule_set=rule_set, draws=draws)
    if as_json:
        say(json.dumps(answer.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from spinecast.report.follow_up import follow_up_letter

    say(follow_up_letter(answer, colour=colour(), whole=whole_letter), newline=False)
