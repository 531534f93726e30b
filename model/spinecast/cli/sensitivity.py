"""`spinecast sensitivity`: which number moves the answer, and how wrong it must be before the first choice changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spinecast.cli.results import Asked, Destination, analysis, progress

if TYPE_CHECKING:
    from spinecast.analysis.functions import Entry
    from spinecast.analysis.problem import Problem
    from spinecast.analysis.result import Result


@click.command
@click.option("--one-way", "one_way", is_flag=True, help="Each number over its published interval (the default).")
@click.option(
    "--tornado",
    "output",
    metavar="OUTPUT",
    help="One way, on this output: posterior:GENERATOR, value:ACTION, rank:ACTION, or lead, the first choice over the next. [default: lead]",
)
@click.option("--flip", is_flag=True, help="How wrong must each number be before the first choice changes?")
@click.option("--two-way", "pair", nargs=2, metavar="A B", help="Two numbers at once, by their ids in the table of --one-way.")
@click.option(
    "--function", "entry", metavar="FINDING=VALUE", help="Posterior as an exact function of P(FINDING=VALUE | --given)."
)
@click.option("--given", metavar="G[:LEVEL],…", default="", help="With --function: the active generators. [default: none]")
@click.option("--by", default="", metavar="VALUE", help="With --function: value of the context that the finding depends on.")
@click.option(
    "--node",
    metavar="NODE",
    default="middle",
    show_default=True,
    help="With --function: low, middle or high of the family's frailty.",
)
@click.option(
    "--confirm",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Refit for the N largest published figures, to see how good first order is.",
)
@analysis()
def sensitivity(
    asked: Asked,
    one_way: bool,  # noqa: ARG001  the default, which may be said
    output: str | None,
    flip: bool,
    pair: tuple[str, str] | None,
    entry: str | None,
    given: str,
    by: str,
    node: str,
    confirm: int,
    to: Destination,
) -> None:
    """Move the numbers behind the answer for PATIENT: one at a time, two at once, or one until the first choice changes."""
    from spinecast.analysis.functions import sensitivity_function
    from spinecast.errors import InvalidValueError

    if not entry and (given or by):
        raise InvalidValueError("--given" if given else "--by", given or by, "to stand beside --function FINDING=VALUE")
    one = asked.problem()
    found = sensitivity_function(one, _entry(entry, given, by, node)) if entry else _moved(one, output, pair, flip, confirm)
    to.deliver(found)


def _moved(one: Problem, output: str | None, pair: tuple[str, str] | None, flip: bool, confirm: int) -> Result:
    from spinecast.analysis import one_way as moving
    from spinecast.analysis.confirm import confirmed
    from spinecast.analysis.flip import admissible
    from spinecast.analysis.movable import movable
    from spinecast.analysis.two_way import two_way

    name = output or "lead"
    moving.output(one, name)
    numbers = movable(one)
    if pair:
        return two_way(numbers, *pair, name)
    found = moving.evaluate(numbers)
    if flip:
        return admissible(found)
    if confirm:
        with progress("refitting") as tell:
            return confirmed(found, name, confirm, tell=tell)
    return moving.one_way(found, name)


def _entry(text: str, given: str, by: str, node: str) -> Entry:
    from spinecast.analysis.functions import Entry
    from spinecast.errors import InvalidValueError

    leaf, equals, value = text.partition("=")
    if not equals:
        raise InvalidValueError("--function", text, "FINDING=VALUE")
    levels = tuple((g.partition(":")[0].strip(), g.partition(":")[2].strip()) for g in given.split(",") if g.strip())
    return Entry(leaf.strip(), value.strip(), levels, by, node)
