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
