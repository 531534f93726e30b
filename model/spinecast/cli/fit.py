"""`spinecast fit`: the parameters anew from the priors."""

from __future__ import annotations

from pathlib import Path

import click


@click.command
@click.option(
    "--priors",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Fit this knowledge base. [default: the one of this checkout]",
)
def fit(priors: Path | None) -> None:
    """Fit the parameters to the published figures, and write them with their draws into the priors folder.

    Takes minutes. The result depends on the priors only: the same priors give the same file.
    """
    from spinecast.analysis.fit_command import fit_priors
    from spinecast.errors import MalformedFileError
    from spinecast.resources import own_priors_folder

    if priors is not None and not priors.is_dir():
        raise MalformedFileError(f"--priors {priors}: there is no such folder")
    report = fit_priors(priors or own_priors_folder(), tell=lambda line: click.echo(line, err=True))
    click.echo(
        f"wrote {report.path}: {report.targets} published questions, {report.free_parameters} parameters, "
        f"{report.iterations} steps, typical miss {report.root_mean_square:.2f} standard errors; priors {report.priors_hash[:12]}"
    )
