"""`spinecast profile`: who benefits, from the model itself, beside the clinical roadmap."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.one_patient import settle_process
from spinecast.cli.options import RULE_SET, Folder, figure_option
from spinecast.cli.output import colour, say


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print JSON and no table.")
@figure_option()
@click.option("--profiles", type=Folder(), metavar="DIR", help="Profiles of your own. [default: those of S11 and S12]")
@click.option("--rule-set", type=RULE_SET, metavar="S", default="roadmap", show_default=True, help="Whose rules hold.")
@click.option(
    "--draws", type=click.IntRange(2), metavar="K", default=200, show_default=True, help="Parameter draws behind the intervals."
)
def profile(as_json: bool, figure: Path | None, profiles: Path | None, rule_set: str, draws: int) -> None:
    """Show what a procedure adds for people of a kind: over sham, over waiting, and in value, with intervals.

    A profile is a TOML file: code, label, what the roadmap says, the procedure in question, and the patient.
    """
    settle_process()
    from spinecast.analysis.profiles import profile_table, read_profiles
    from spinecast.assessment.model import load_model
    from spinecast.report.profiles import draw_profiles, profiles_text
    from spinecast.resources import examples_folder

    model = load_model()
    found = profile_table(
        read_profiles(profiles or examples_folder() / "profiles", model.priors), model=model, rule_set=rule_set, draws=draws
    )
    labels = {k: p.label for k, p in model.priors.procedures.items()}
    if figure is not None:
        draw_profiles(found, labels, figure)
        click.echo(f"wrote {figure}", err=True)
    say(
        json.dumps(found.to_dict(), indent=2, ensure_ascii=False) if as_json else profiles_text(found, labels, colour=colour()),
        newline=as_json,
    )
