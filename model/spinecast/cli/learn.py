"""`spinecast learn`: the numbers updated by a clinic's own records."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.results import Destination, outputs


@click.command
@click.argument("records", type=click.Path(path_type=Path), metavar="RECORDS")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.npz",
    help="Write what was learned as a fit for --fit.",
)
@click.option("--setting", default="", metavar="S", help="Where everybody presented, if the file has no such column.")
@click.option("--only", multiple=True, metavar="PATH", help="Let only numbers move whose path begins so; may be repeated.")
@click.option("--without", multiple=True, metavar="ID", help="Take this finding as not recorded; may be repeated.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the draws.")
@outputs
def learn(
    records: Path,
    out: Path | None,
    setting: str,
    only: tuple[str, ...],
    without: tuple[str, ...],
    seed: int,
    to: Destination,
) -> None:
    """Update the fitted numbers by RECORDS (.csv or .parquet, one row a person) and show what moved.

    Anything may be missing. Labels (truth_... columns) are used where there are some, and relief after a treatment as evidence of what
    was the matter. The published fit is the prior and is never
    overwritten. Records that contradict the model grossly are refused, with the columns that do.
    """
    from spinecast.analysis import learn_report as report
    from spinecast.analysis.learning import learn as update
    from spinecast.analysis.predictive_check import check, refuse
    from spinecast.analysis.records import read_records
    from spinecast.analysis.relief import with_outcomes
    from spinecast.assessment.model import load_model

    model = load_model()
    if out is not None:
        report.check_out(out, model)
    read = read_records(records, model.priors, model.network, setting=setting).without(model.network, without)
    looked = check(model, read.cohort, read.observed, seed=seed)
    refuse(looked)
    learned = update(model, with_outcomes(model, read), only=only, seed=seed, tell=lambda line: click.echo(line, err=True))
    choices = {k: " ".join(v) for k, v in (("only", only), ("without", without)) if v}
    results = {
        "numbers": report.moved_result(model, learned, read, seed=seed, choices=dict(choices)),
        "generators": report.generators_result(model, learned, read, seed=seed, choices=dict(choices)),
        "check": report.check_result(model, looked, read, seed=seed),
    }
    if out is not None:
        report.write_fit(out, model, learned, report.in_words(read))
        click.echo(f"wrote {out}; then: spinecast assess PATIENT --fit {out}", err=True)
    to.save(results["numbers"])
    to.deliver_several(results)
