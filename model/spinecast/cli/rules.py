"""`spinecast rules`: the rule sets, and what each would permit for one person."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.options import RULE_SET, figure_option
from spinecast.cli.output import colour, say


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one record a rule set, with its rules.")
def list_rules(as_json: bool) -> None:
    """List every rule set with its document, and every rule with what it asks and the clause that it is in."""
    from spinecast.priors.bundle import load_priors
    from spinecast.report.rules_table import rule_sets_data, rule_sets_text

    priors = load_priors()
    if as_json:
        say(json.dumps(rule_sets_data(priors), indent=2, ensure_ascii=False))
        return
    say(rule_sets_text(priors, colour=colour()), newline=False)


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="PATIENT")
@click.option(
    "--rule-set", "sets", type=RULE_SET, multiple=True, metavar="S", help="Only this rule set; can be given again. [default: all]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and no table.")
@figure_option("a matrix")
def compare(file: Path, sets: tuple[str, ...], as_json: bool, figure: Path | None) -> None:
    """Compare what each rule set permits for the patient in PATIENT (TOML, YAML or JSON).

    Procedures by rule sets: permitted, not, defer or ask, with each clause cited below and what is missing to satisfy it.
    """
    from spinecast.assessment.rule_comparison import compare_rules

    found = compare_rules(file, sets=sets or None)
    if figure is not None:
        from spinecast.report.rules_figure import draw_comparison

        draw_comparison(found, figure)
        click.echo(f"wrote {figure}", err=True)
    if as_json:
        say(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from spinecast.report.rules_table import comparison_text

    say(comparison_text(found, colour=colour()), newline=False)
