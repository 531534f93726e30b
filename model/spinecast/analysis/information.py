"""What would be worth knowing before a decision, of one patient or of everybody in a simulated cohort: perfect information, by group,
number or study, and what a trial would be worth.

Both are one calculation: in a cohort each person is given what is best for them, as known, and worths are averaged over people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from spinecast.analysis import voi
from spinecast.analysis.evppi_spline import evppi_spline
from spinecast.analysis.evsi import Study, effective_share, evsi_moments
from spinecast.analysis.known import GROUP, PARAMETER, SOURCE, Drawn, groups
from spinecast.analysis.outcome_numbers import rows_behind
from spinecast.analysis.result import Chart, Column, Result, sources_of
from spinecast.analysis.voi import Estimate
from spinecast.decision.outcomes import at_week
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.parameters.scales import Z95, Array
from spinecast.priors.records import Priors

WEEKS = (2, 4, 13, 26, 52)
"""When a trial may count who has at least half relief."""

NAMES = {GROUP: "known exactly", PARAMETER: "known exactly", SOURCE: "study, redone without limit"}
NOTES = {
    GROUP: "Groups are known whole; their values need not add up to that of everything.",
    PARAMETER: "Published questions are known to first order in the fitted parameters.",
    SOURCE: "A study pooled with others into one number stands for all of that number.",
}


def value_of_information(
    run: Drawn,
    kind: str = GROUP,
    *,
    per_year: float | None = None,
    years: float = 5.0,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Result:
    """EVPI, and EVPPI of every group, number or source, largest first.

    Parameters
    ----------
    run : PSA or Population
        Of a cohort, what each person gains on average.
    kind : str
        group, parameter or source.
    per_year, years : float
        Decisions (of a cohort: people) like this a year, and for how long the knowledge would serve; scales the values to a population.

    Raises
    ------
    UnknownIdError, InvalidValueError
    """
    outputs, members = run.outputs, groups(run, kind)
    total = voi.evpi(outputs)
    made: list[tuple[str, Estimate, tuple[str, ...], int]] = []
    for done, (name, (inputs, sources)) in enumerate(members.items()):
        made.append((name, evppi_spline(outputs, inputs), sources, inputs.shape[1]))
        tell(done + 1, len(members))
    made.sort(key=lambda m: -m[1].value)
    rows = [("everything (EVPI)", total, (), len(run.normal) + len(run.touched)), *made]
    columns = (
        Column("name", [r[0] for r in rows], label=NAMES[kind]),
        *_worth(run, [r[1] for r in rows], per_year, years),
        Column("share", [r[1].value / total.value if total.value > 0 else 0.0 for r in rows], "", "share of all"),
        Column("numbers", [r[3] for r in rows], detail=kind != GROUP),
        Column("sources", [", ".join(r[2]) for r in rows], detail=True),
    )
    return Result(
        f"voi_{kind}",
        f"What would be worth knowing{run.scope}",
        columns,
        run.basis(method="spline regression"),
        tuple(s for r in made for s in r[2]),
        (Chart("bars", "value", "name", "low", "high", top=20),),
        (run.caveat, NOTES[kind], "Values below two standard errors cannot be told from nothing."),
    )


def _worth(run: Drawn, estimates: Sequence[Estimate], per_year: float | None, years: float) -> list[Column]:
    """Columns of what something is worth, with its error, its interval and what it comes to in a population."""
    unit = run.settings.value_unit
    columns = [
        Column("value", [e.value for e in estimates], unit, f"worth, a {run.each}"),
        Column("se", [e.se for e in estimates], unit, "± SE"),
        Column("low", [max(e.value - Z95 * e.se, 0.0) for e in estimates], unit, detail=True),
        Column("high", [e.value + Z95 * e.se for e in estimates], unit, detail=True),
    ]
    if per_year is not None:
        scaled = [voi.population(e, per_year, years, run.settings.discount).value for e in estimates]
        columns.append(Column("population", scaled, unit, f"worth, {per_year:,.0f} a year for {years:g} years"))
    return columns


def trial(
    run: Drawn,
    action: str,
    sizes: Sequence[int],
    *,
    generator: str = "",
    week: int = 13,
    per_year: float | None = None,
    years: float = 5.0,
) -> Result:
    """What a two-arm trial of an action against its control would be worth, by its size (EVSI).

    The trial counts people with at least half relief at a week and so estimates the specific effect on one generator.

    Parameters
    ----------
    run : PSA or Population
        Of a cohort, the effect is that in the average person of the setting, and what each person gains is averaged.
    action : str
    sizes : sequence of int
        Participants an arm.
    generator : str
        Whom the trial takes in; the likeliest that the action has an effect on, if left out.
    week : int
        One of `WEEKS`.

    Raises
    ------
    UnknownIdError, InvalidValueError
        No such action, generator or week, or the action has no uncertain effect there.
    """
    check_trial(run.model.priors, action, generator, week)
    a, options = run.actions.index(action), run.outcomes()
    column = _column(run, action, generator)
    effect = at_week(options.specific[:, a], float(week))[:, column]
    active, control = (float(at_week(arm[:1], float(week))[0, column]) for arm in (options.active(a), options.control(a)))
    if effect[1:].std() == 0:
        raise InvalidValueError("action", action, "one with an uncertain effect on that generator")
    studies = [Study.trial(n, np.clip(active, 0.01, 0.99), np.clip(control, 0.01, 0.99)) for n in sizes]
    outputs = run.outputs
    estimates, limit = [evsi_moments(outputs, effect[1:], s) for s in studies], evppi_spline(outputs, effect[1:])
    what = run.model.network.space.levels[column][0]
    columns = (
        Column("n", [s.n for s in studies], label="people an arm"),
        *_worth(run, estimates, per_year, years),
        Column("explained", [effective_share(s, effect[1:]) for s in studies], "", "share of the uncertainty explained"),
        Column("limit", [limit.value] * len(studies), run.settings.value_unit, "without limit"),
    )
    label, pain = run.model.priors.procedures[action].label, run.model.network.generator_labels[what]
    behind = (r for n in run.normal if n.startswith(f"procedures/{action}/") for r in rows_behind(run.model.priors, n))
    return Result(
        "evsi",
        f"What a trial of {label} in {pain} would be worth, by its size",
        columns,
        run.basis(trial=f"{action} in {what}, half relief at week {week}", method="moment matching"),
        sources_of(run.model, behind),
        (Chart("lines", "n", "value", "low", "high", reference=limit.value, log_x=len(sizes) > 2),),
        (f"Two arms, {active:.0%} against {control:.0%} with half relief; the dashed line is a trial without limit.", run.caveat),
    )


def check_trial(priors: Priors, action: str, generator: str = "", week: int = WEEKS[2]) -> None:
    """Refuse a trial that cannot be asked about, before anything is drawn.

    Raises
    ------
    UnknownIdError, InvalidValueError
        No such action, one without an effect on any generator or on that one, or another week.
    """
    if action not in priors.procedures:
        raise UnknownIdError("action", action, priors.procedures)
    reached = {e.generator for e in priors.procedures[action].effects}
    if not reached:
        raise InvalidValueError("action", action, "one with an effect on some generator")
    if generator and generator not in reached:
        raise UnknownIdError("generator", generator, sorted(reached))
    if week not in WEEKS:
        raise InvalidValueError("week", week, f"one of {', '.join(map(str, WEEKS))}")


def _column(run: Drawn, action: str, generator: str) -> int:
    """Level of the generator that the trial is about: the likeliest that the action has an effect on."""
    reached = {generator} if generator else {e.generator for e in run.model.priors.procedures[action].effects}
    chances: Array = run.chances
    open_ones = [i for i, (g, _) in enumerate(run.model.network.space.levels) if g in reached]
    if not open_ones:
        raise InvalidValueError("action", action, "one with an effect on a generator of this region")
    return max(open_ones, key=lambda i: float(chances[i]))
