"""`spinecast next`: what to ask or test next, alone or together."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.options import VALUE_IN, OneOf
from spinecast.cli.results import deliver, open_model, outputs, patient_options


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="PATIENT")
@click.option("--together", type=int, metavar="K", help="The best set of 1 to K questions to learn together, K at most 6.")
@click.option(
    "--by",
    "aim",
    type=OneOf(("value", "bits")),
    default="value",
    show_default=True,
    metavar="AIM",
    help="value (decisions, less cost) or bits.",
)
@patient_options
@click.option("--value-in", type=VALUE_IN, metavar="UNIT", default="money", show_default=True, help="money or relief_weeks.")
@click.option("--most", type=click.IntRange(1), default=15, show_default=True, metavar="N", help="Questions shown.")
@outputs
def next_(
    file: Path,
    together: int | None,
    aim: str,
    rule_set: str | None,
    wtp: float | None,
    depth: int | None,
    value_in: str,
    most: int,
    as_json: bool,
    figure: Path | None,
    table: Path | None,
    priors: Path | None,
) -> None:
    """What to ask or test next in PATIENT, by what the answer is expected to be worth.

    Worth in decisions: how much better the best plan is expected to be once the answer is known, less the cost of asking.
    Worth in certainty: by how many bits the answer is expected to narrow down what it is.
    """
    from spinecast.analysis.next_test import next_sets, next_tests
    from spinecast.assessment.assess import prepare
    from spinecast.decision.settings import DEFAULT_DEPTH

    ahead = DEFAULT_DEPTH if depth is None else depth
    case = prepare(
        file, rule_set=rule_set, willingness_to_pay=wtp, value_in=value_in, model=open_model(priors), draws=2, depth=ahead
    )
    result = next_tests(case, aim=aim) if together is None else next_sets(case, together, aim=aim)
    deliver(result, as_json=as_json, figure=figure, table=table, most=most)
