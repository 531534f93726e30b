"""`spinecast priors`: check the knowledge base and look things up in it."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.resources import priors_folder

FOLDER = click.argument(
    "folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[FOLDER]"
)


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
    from spinecast.priors.bundle import load_priors
    from spinecast.priors.show import show as show_entry

    click.echo(show_entry(load_priors(priors_folder()), key))


@click.command
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def pages(folder: Path) -> None:
    """Write the reference pages anew below FOLDER (docs/reference in a checkout): one an entry, and the data dictionary."""
    from spinecast.priors.bundle import load_priors
    from spinecast.priors.pages import write_pages

    written = write_pages(load_priors(priors_folder()), folder)
    click.echo(f"{len(written)} pages below {folder}")
