"""`spinecast evaluate`: the model on records whose causes, or outcomes, are known."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.options import OneOf
from spinecast.cli.results import Destination, outputs

VIEWS = ("summary", "calibration", "decision")


@click.command
@click.argument("records", type=click.Path(path_type=Path), metavar="RECORDS")
@click.option("--for", "names", multiple=True, metavar="ID", help="Only this generator or relief_<week>w; may be repeated.")
@click.option("--setting", default="", metavar="S", help="Where everybody presented, if the file has no such column.")
@click.option(
    "--without", multiple=True, metavar="ID", help="Predict without this finding, such as the block that set the label."
)
@click.option(
    "--view",
    type=OneOf(VIEWS),
    metavar="VIEW",
    help="summary, calibration or decision (of one target). [default: summary; --json: all]",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the bootstrap.")
@outputs
def evaluate(
    records: Path,
    names: tuple[str, ...],
    setting: str,
    without: tuple[str, ...],
    view: str | None,
    seed: int,
    to: Destination,
) -> None:
    """Set predictions beside what came true in RECORDS: truth_<generator> columns, and relief after treatment.

    Discrimination, calibration, Brier score and net benefit, each with an interval. A finding that helped to set the label
    flatters the model: leave it out with --without.
    """
    from spinecast.analysis import evaluation
    from spinecast.analysis.records import read_records
    from spinecast.assessment.model import load_model

    model = load_model()
    read = read_records(records, model.priors, model.network, setting=setting).without(model.network, without)
    found = evaluation.chosen(evaluation.targets(model, read), names)
    most = max(found, key=lambda t: min(t.y.sum(), (1 - t.y).sum()))
    results = {
        "summary": evaluation.summary(model, found, seed=seed),
        "calibration": evaluation.calibration(model, found, seed=seed),
        "decision": evaluation.decision_curve(model, found[0] if names else most, seed=seed),
    }
    if to.as_json and view is None:
        to.save(results["summary"])
        to.deliver_several(results)
        return
    to.deliver(results[view or "summary"])
