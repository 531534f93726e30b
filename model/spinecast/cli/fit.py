"""`spinecast fit`: the parameters anew from the priors."""

from __future__ import annotations

import click


@click.command
@click.option("--outcomes", is_flag=True, help="Only the outcome curves, to trials; the network's fit stays as it is.")
def fit(outcomes: bool) -> None:
    """Fit the parameters and the outcome curves to the published figures, and write them into the priors folder.

    Takes minutes. The result depends on the priors only: the same priors give the same file.
    """
    from spinecast.analysis.fit_command import fit_outcomes, fit_priors
    from spinecast.resources import own_priors_folder

    folder = own_priors_folder()
    if not outcomes:
        report = fit_priors(folder, tell=_tell)
        click.echo(
            f"wrote {report.path}: {report.targets} published questions, {report.free_parameters} parameters, "
            f"{report.iterations} steps, typical miss {report.root_mean_square:.2f} standard errors; priors {report.priors_hash[:12]}"
        )
    curves = fit_outcomes(folder, tell=_tell)
    click.echo(
        f"wrote {curves.path}: {curves.curves} curves, {curves.published} published time points, {curves.stated} stated numbers; "
        f"trials differ by {curves.spread['control']:.2f} (controls, logit) and {curves.spread['effect']:.2f} (effects); "
        f"priors {curves.outcome_hash[:12]}"
    )


def _tell(line: str) -> None:
    click.echo(line, err=True)
