"""`spinecast explain`: why the answer is what it is."""

from __future__ import annotations

from pathlib import Path

import click

from spinecast.cli.options import GENERATOR, OneOf
from spinecast.cli.results import Destination, outputs

PARTS = ("weight", "explanations", "conflict")


@click.command
@click.argument("file", type=click.Path(path_type=Path), metavar="PATIENT")
@click.option(
    "--for",
    "generators",
    type=GENERATOR,
    multiple=True,
    metavar="ID",
    help="Explain this generator; may be repeated. [default: the likeliest two]",
)
@click.option(
    "--only",
    "part",
    type=OneOf(PARTS),
    metavar="PART",
    help=f"One of {', '.join(PARTS)}. [default: all; --figure and --table take weight]",
)
@outputs
def explain(
    file: Path,
    generators: tuple[str, ...],
    part: str | None,
    to: Destination,
) -> None:
    """What speaks for and against the likeliest causes of PATIENT's pain, what would explain it, and what does not fit.

    Weights add up exactly. Findings of one family, or that depend on one context, count as a group and are split within it.
    """
    from spinecast.analysis import why
    from spinecast.assessment.assess import prepare

    case = prepare(file, draws=2)
    taken = why.coalitions_of(case)
    made = {
        "weight": lambda: why.weight_result(case, generators, coalitions=taken),
        "explanations": lambda: why.explanation_result(case, coalitions=taken),
        "conflict": lambda: why.conflict_result(case, coalitions=taken),
    }
    results = {name: made[name]() for name in ([part] if part else PARTS)}
    if part:
        to.deliver(results[part])
        return
    to.save(results["weight"])
    to.deliver_several(results)
