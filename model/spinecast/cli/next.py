"""`spinecast next`: what to ask or test next, alone or together."""

from __future__ import annotations

import click

from spinecast.cli.options import VALUE_IN, OneOf
from spinecast.cli.results import Asked, Destination, analysis


@click.command
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
@click.option("--value-in", type=VALUE_IN, metavar="UNIT", default="money", show_default=True, help="money or relief_weeks.")
@click.option("--most", type=click.IntRange(1), default=15, show_default=True, metavar="N", help="Questions shown.")
@analysis()
def next_(
    asked: Asked,
    together: int | None,
    aim: str,
    value_in: str,
    most: int,
    to: Destination,
) -> None:
    """What to ask or test next in PATIENT, by what the answer is expected to be worth.

    Worth in decisions: how much better the best plan is expected to be once the answer is known, less the cost of asking.
    Worth in certainty: by how many bits the answer is expected to narrow down what it is.
    """
    from spinecast.analysis.next_test import next_sets, next_tests

    case = asked.case(value_in)
    result = next_tests(case, aim=aim) if together is None else next_sets(case, together, aim=aim)
    to.deliver(result, most=most)
