"""Function and pain against the first assessment: better, worse or the same, and whether a target is reached."""

from __future__ import annotations

from collections.abc import Iterator

from spinecast.assessment.follow_up import Progress
from spinecast.assessment.history import Goal
from spinecast.assessment.patient import Patient
from spinecast.priors.records import Input, Priors


def progress(before: Patient, after: Patient, priors: Priors) -> tuple[Progress, ...]:
    """Every measure known then and now, then the goals in plain words, in the order of the patient file."""
    return (*_measures(after, priors), *(_goal(g, after, priors) for g in after.goals if not _measured(g, before, after)))


def _measured(goal: Goal, before: Patient, after: Patient) -> bool:
    """A goal that a measure shows already."""
    return (
        bool(goal.measure) and goal.measure in after.baseline and goal.measure in after.inputs and goal.measure in before.inputs
    )


def _measures(after: Patient, priors: Priors) -> Iterator[Progress]:
    targets = {g.measure: g.target for g in after.goals if g.measure}
    for name, entry in priors.inputs.items():
        if not (entry.better or entry.progress) or name not in after.baseline or name not in after.inputs:
            continue
        start, now = after.baseline[name], after.inputs[name]
        target = targets.get(name, "")
        yield Progress(
            name,
            entry.label,
            entry.unit,
            _text(start),
            _text(now),
            target,
            _direction(entry, start, now),
            _reached(entry, now, target),
        )


def _goal(goal: Goal, after: Patient, priors: Priors) -> Progress:
    now = goal.now or (_text(after.inputs[goal.measure]) if goal.measure in after.inputs else "")
    start, end, target = (_number(x) for x in (goal.baseline, now, goal.target))
    direction, reached = "", None
    if start is not None and end is not None and target is not None and start != target:
        up = target > start
        direction = "same" if end == start else "better" if (end > start) is up else "worse"
        reached = end >= target if up else end <= target
    unit = goal.unit or (priors.inputs[goal.measure].unit if goal.measure in priors.inputs else "")
    return Progress("", goal.goal, unit, goal.baseline, now, goal.target, direction, reached)


def _direction(entry: Input, start: object, now: object) -> str:
    scores = [_score(entry, x) for x in (start, now)]
    if scores[0] is None or scores[1] is None:
        return ""
    return "same" if scores[0] == scores[1] else "better" if scores[1] > scores[0] else "worse"


def _score(entry: Input, value: object) -> float | None:
    """A value on a scale on which more is better; None where it is on none."""
    if entry.progress:
        return float(entry.progress.index(str(value))) if value in entry.progress else None
    number = _number(value)
    return None if number is None else -number if entry.better == "lower" else number


def _reached(entry: Input, now: object, target: str) -> bool | None:
    wanted, got = _score(entry, target), _score(entry, now)
    return None if wanted is None or got is None else got >= wanted


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value).replace("_", " ")


def worse_or_better(count: int) -> str:
    """So many measures, as the beginning of a sentence."""
    return "one measure is" if count == 1 else f"{count} measures are"
