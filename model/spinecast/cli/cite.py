"""`spinecast cite`: BibTeX of exactly the sources behind a result."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.output import say


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--keys", is_flag=True, help="Print the keys only.")
def cite(file: Path, keys: bool) -> None:
    """Print the sources behind FILE as BibTeX: JSON of any analysis or of `assess`, or a Parquet table."""
    from spinecast.analysis.result import read_cited
    from spinecast.errors import MissingFileError
    from spinecast.priors.bibliography import bibtex, read_sources
    from spinecast.resources import priors_folder

    if not file.is_file():
        raise MissingFileError(file)
    found = read_cited(file)
    if keys:
        say("\n".join(found))
        return
    say(bibtex(read_sources(priors_folder() / "sources.bib"), found), newline=False)
