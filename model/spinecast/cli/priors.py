"""`spinecast priors`: check the knowledge base and look things up in it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spinecast.cli.options import Folder
from spinecast.resources import examples_folder, priors_folder

FOLDER = click.argument("folder", required=False, type=Folder(), metavar="[FOLDER]")


@click.command
@FOLDER
def check(folder: Path | None) -> None:
    """Check every law of the data in FOLDER (default: the priors that spinecast uses).

    Exit code 2 and one line a problem (file, line, field, what is wrong, what is allowed) where a law is broken.
    """
    from spinecast.priors.check import check as check_folder
    from spinecast.priors.check import format_problems

    problems = check_folder(folder or priors_folder())
    if problems:
        click.echo(format_problems(problems), err=True)
        raise click.exceptions.Exit(2)
    click.echo("priors: every law holds")


@click.command
@click.argument("key", metavar="ID")
def show(key: str) -> None:
    """Show the generator, finding, context, procedure, rule, setting, evidence row or source with this ID.

    Every number with its interval, the rows that it rests on and their citations.
    """
    from spinecast.priors.reader import read_priors
    from spinecast.priors.show import show as show_entry

    click.echo(show_entry(read_priors(priors_folder()), key))


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report(as_json: bool) -> None:
    """How many parameters rest on published figures, and how much of the answers to the worked patients does."""
    from spinecast.analysis.evidence_report import evidence_report
    from spinecast.assessment.model import load_model

    found = evidence_report(load_model(), {p.stem: p for p in sorted(examples_folder().glob("*.toml"))})
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(
        f"{found['parameters']} parameters: {found['from_evidence']} rest on published figures, {found['assumed']} are assumed"
    )
    click.echo(f"  of the former {found['derived']} were judged from the rows that they cite, with the reason stated")
    click.echo(
        f"{100 * found['share_of_influence_from_evidence']:.0f} % of what moves the worked patients' answers rests on published figures"
        f" ({100 * found['share_of_influence_derived']:.0f} % on such judgements)"
    )
    for name, patient in found["patients"].items():
        click.echo(f"\n{name}: {100 * patient['share']:.0f} %; leans most on these assumptions")
        for one in patient["assumed"]:
            click.echo(f"  {100 * one['share']:4.1f} %  {one['parameter']}")


@click.command
@click.argument("folder", type=Folder(), metavar="FOLDER")
def pages(folder: Path) -> None:
    """Write the reference pages anew below FOLDER (docs/reference in a checkout): one an entry, and the data dictionary."""
    from spinecast.priors.pages import write_pages
    from spinecast.priors.reader import read_priors

    written = write_pages(read_priors(priors_folder()), folder)
    click.echo(f"{len(written)} pages below {folder}")
