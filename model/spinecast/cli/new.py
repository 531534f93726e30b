"""`spinecast new`: files to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.resources import own_priors_folder


@click.command
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.toml")
def patient(path: Path) -> None:
    """Write a patient file with every question in it; what is not filled in counts as not observed."""
    from spinecast.priors.bundle import load_priors
    from spinecast.priors.scaffold import new_patient

    click.echo(f"wrote {new_patient(load_priors(), path)}; then: spinecast assess {path}")


@click.command
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.toml")
def outcome(path: Path) -> None:
    """Write an outcome file to fill in at a follow-up: what was done, relief, function, medicines, goals."""
    from spinecast.priors.bundle import load_priors
    from spinecast.priors.scaffold import new_outcome

    click.echo(f"wrote {new_outcome(load_priors(), path)}; then: spinecast update ASSESSMENT {path}")


@click.command
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.csv")
def records(path: Path) -> None:
    """Write the header of a records file, and beside it a list of what each column may hold (FILE.columns.csv).

    One row a person; columns that a clinic does not have can be left out, and anything may be empty.
    """
    from spinecast.analysis.records import write_template
    from spinecast.assessment.model import load_model

    model = load_model()
    meaning = write_template(path, model.priors, model.network)
    click.echo(f"wrote {path} and {meaning}; then: spinecast learn {path}")


def _entry(kind: str) -> click.Command:
    @click.command(name=kind, help=f"Write a skeleton of a {kind} with this ID into the priors folder. Nothing is overwritten.")
    @click.argument("key", metavar="ID")
    def command(key: str) -> None:
        from spinecast.priors.scaffold import new

        click.echo(f"wrote {new(kind, key, own_priors_folder())}; fill it in, then: spinecast priors check")

    return command


finding = _entry("finding")
generator = _entry("generator")
procedure = _entry("procedure")
rule = _entry("rule")
