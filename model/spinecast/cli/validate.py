"""`spinecast validate`: the model's answer beside every published one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spinecast.cli.output import colour, say

if TYPE_CHECKING:
    from spinecast.analysis.outcome_validation import OutcomePoint, OutcomeValidation
    from spinecast.analysis.validate import Validated, Validation
    from spinecast.assessment.model import Model


@click.command
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Ask these rows instead, in the columns of priors/evidence/.",
)
@click.option("--outcomes", is_flag=True, help="Ask about outcomes: every published trial arm beside the model's answer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--outside", is_flag=True, help="Only answers outside the published interval, and why.")
def validate(rows: Path | None, outcomes: bool, as_json: bool, outside: bool) -> None:
    """Ask the model each published question about its own population, and set its answer beside the published one.

    Fitted questions show whether the fit holds together; held-out ones, which nobody fitted to, whether it is right.
    """
    from spinecast.analysis.validate import read_row_file, to_dict
    from spinecast.analysis.validate import validate as ask
    from spinecast.assessment.model import load_model
    from spinecast.errors import InvalidValueError

    if outcomes and rows is not None:
        raise InvalidValueError(
            "--rows", str(rows), "one of --rows and --outcomes: a trial is a file in priors/trials/, not a row"
        )
    given = read_row_file(rows) if rows is not None else None
    model = load_model()
    if outcomes:
        _outcomes(model, as_json=as_json, outside=outside)
        return
    found = ask(model.network, model.priors, given)
    shown = [r for r in found.rows if not (outside and r.inside)]
    if as_json:
        answer = to_dict(found)
        answer["rows"] = [r for r in answer["rows"] if not (outside and r["inside"])]  # type: ignore[attr-defined]
        say(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    _print(found, shown, reasons=outside)


def _outcomes(model: Model, *, as_json: bool, outside: bool) -> None:
    """Time points of trials, predicted against observed."""
    from spinecast.analysis import outcome_validation as outcomes

    found = outcomes.validate_outcomes(model)
    shown = [p for p in found.points if not outside or not (p.inside and p.foreseen)]
    if as_json:
        answer = outcomes.to_dict(found)
        if outside:
            answer["rows"] = [r for r in answer["rows"] if not (r["inside"] and r["foreseen"])]  # type: ignore[attr-defined]
        say(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    _print_outcomes(found, shown, reasons=outside)


def _print_outcomes(found: OutcomeValidation, shown: Sequence[OutcomePoint], *, reasons: bool) -> None:
    from rich.text import Text

    from spinecast.analysis.outcome_validation import FITTED, sentences
    from spinecast.report.layout import ALARM, hanging, rendered, table

    made = table(
        ("trial, arm", 33),
        ("", 1),
        ("week", 4),
        ("published (95 %)", 21),
        ("model", 6),
        ("", 1),
        ("unseen (95 %)", 22),
        ("", 1),
        right=(2, 4),
    )
    for p in shown:
        over = f" over {p.over}" if p.over else ""
        name = Text(p.trial).append(f"\n  {p.arm}{over}".replace("_", " "), "dim")
        published, unseen = (
            f"{centre:.2f} ({low:.2f} to {high:.2f})"
            for centre, low, high in ((p.published, p.low, p.high), (p.unseen, p.unseen_low, p.unseen_high))
        )
        marks = [Text("" if good else "✕", ALARM) for good in (p.inside, p.foreseen)]
        made.add_row(
            name, "" if p.group == FITTED else "○", f"{p.week:g}", published, f"{p.model:.2f}", marks[0], unseen, marks[1]
        )
    notes = [hanging("·", f"{p.trial}, week {p.week:g}: {p.why}", 1) for p in shown if p.why] if reasons else []
    legend = (
        "✕: the answer lies outside the published interval; or the published figure outside the interval expected of an unseen trial. "
        "○: predicted only, and the page in docs/reference says why."
    )
    say(rendered([made, *notes, Text(), *map(Text, sentences(found)), Text(legend, "dim")], colour=colour()), newline=False)


def _print(found: Validation, shown: Sequence[Validated], *, reasons: bool) -> None:
    from rich.text import Text

    from spinecast.report.layout import ALARM, rendered, table

    made = table(
        ("row", 34), ("group", 8), ("measure", 10), ("published", 9), ("95 %", 17), ("model", 8), ("", 7), right=(3, 4, 5)
    )
    for r in shown:
        verdict = Text("" if r.inside else "outside", ALARM)
        interval = f"{r.low:.3g} to {r.high:.3g}"
        made.add_row(Text(r.id), r.group, r.measure, f"{r.published:.3g}", interval, f"{r.model:.3g}", verdict)
    why = [f"{r.id}: {r.why}" for r in shown if r.why] if reasons else []
    lines = [*(["", "Why outside:"] if why else []), *why, "", *_counts(found)]
    say(rendered([made, *map(Text, lines)], colour=colour()), newline=False)


def _counts(found: Validation) -> list[str]:
    """How many answers lie inside, and what that is worth."""
    from spinecast.analysis.validate import FITTED, HELD_OUT

    inside, total = found.count(FITTED)
    held, held_total = found.count(HELD_OUT)
    lines = []
    if total:
        without, without_total = found.count_left_out()
        free = f"{found.free_parameters} parameters free ({found.effective_parameters:.0f} in effect)"
        lines.append(f"Fitted: {inside} of {total} inside the published interval, with {free}.")
        lines.append(f"Fitted, each with its own studies left out of the fit: {without} of {without_total} inside.")
    return [*lines, f"Held out: {held} of {held_total} inside."]
