"""What would be worth knowing about one patient's decision: perfect information, by group, number or study, and a trial's worth.

A study (evidence source) redone without limit would tell what its questions' answers are; that is what its inputs are here: the answers of
the model to the published questions of that source, to first order in the parameters (see `laplace`), and the outcome numbers that cite it.
Where several studies were pooled into one number, each stands for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spinecast.analysis import voi
from spinecast.analysis.evppi_spline import evppi_spline
from spinecast.analysis.evsi import Study, effective_share, evsi_moments
from spinecast.analysis.laplace import laplace
from spinecast.analysis.movable import figure_label, outcome_label
from spinecast.analysis.outcome_numbers import RememberedDraws, rows_behind
from spinecast.analysis.problem import Problem
from spinecast.analysis.psa import KEPT_PLANS, PSA
from spinecast.analysis.result import Chart, Column, Result, sources_of
from spinecast.analysis.voi import Estimate
from spinecast.decision.outcomes import at_week
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.parameters.scales import Z95, Array
from spinecast.priors.bibliography import read_sources

GROUP, PARAMETER, SOURCE = "group", "parameter", "source"
KINDS = (GROUP, PARAMETER, SOURCE)

Groups = Mapping[str, tuple[Array, tuple[str, ...]]]
"""Name to the draws of its inputs (K, d) and the source keys behind it."""

OUTCOME_GROUPS = {
    "natural_course": "natural course",
    "contextual_effect": "contextual effect of active care",
    "utility": "utility of relief",
    "therapy": "tolerance of therapy",
    "extrapolation": "how long relief lasts beyond a year",
}
NETWORK_GROUPS = {
    "settings": "how common each source of pain is",
    "contexts": "who has which source of pain",
    "dependencies": "how findings hang together",
    "findings": "accuracy of history, examination, imaging and blocks",
}


def groups(run: PSA, kind: str) -> Groups:
    """Inputs of every group of one kind.

    Raises
    ------
    UnknownIdError
        The kind is not one of `KINDS`.
    """
    if kind not in KINDS:
        raise UnknownIdError("by", kind, KINDS)
    return {GROUP: _by_group, PARAMETER: _by_parameter, SOURCE: _by_source}[kind](run)


def _by_group(run: PSA) -> Groups:
    """Kinds of number: four of the network, and the parts of the outcome model."""
    network, model = run.problem.model.network, run.problem.model
    members: dict[str, list[Array]] = {}
    rows: dict[str, set[str]] = {}
    for p in run.problem.touched():
        name = NETWORK_GROUPS[network.parameters[p].name.partition("/")[0]]
        members.setdefault(name, []).append(run.theta[1:, p])
        quantity = network.parameters[p].quantity
        rows.setdefault(name, set()).update(quantity.rows if quantity is not None else ())
    for number, z in run.normal.items():
        name = outcome_group(number)
        members.setdefault(name, []).append(z[1:])
        rows.setdefault(name, set()).update(rows_behind(model.priors, number))
    return {name: (np.stack(columns, axis=1), sources_of(model, rows[name])) for name, columns in members.items()}


def outcome_group(name: str) -> str:
    """Part of the outcome model that a number belongs to."""
    head, _, rest = name.partition("/")
    if head != "procedures":
        return OUTCOME_GROUPS.get(head.partition("[")[0], "other outcome numbers")
    tail = rest.partition("/")[2]
    if tail == "cost":
        return "costs"
    if tail.startswith("modifier"):
        return "modifiers of effects"
    return "effects of procedures" if tail[:1].isdigit() or "[" in tail else "harms"


def _by_parameter(run: PSA) -> Groups:
    """Every published question that the fit met, and every outcome number or curve, each alone."""
    problem, fit = run.problem, laplace(run.problem.model)
    reached = _reached(problem)
    answers = fit.answers(run.theta[1:])
    found: dict[str, tuple[Array, tuple[str, ...]]] = {
        figure_label(problem, figure): (answers[:, [i]], sources_of(problem.model, figure.rows))
        for i, figure in enumerate(fit.figures)
        if reached[i]
    }
    wholes: dict[str, list[Array]] = {}
    for name, z in run.normal.items():
        wholes.setdefault(name.partition("[")[0], []).append(z[1:])
    for name, columns in wholes.items():
        rows = rows_behind(problem.model.priors, name)
        found[outcome_label(problem, name)] = (np.stack(columns, axis=1), sources_of(problem.model, rows))
    return found


def _reached(problem: Problem) -> np.ndarray:
    """Figures whose questions touch a parameter that this patient's belief depends on; shape (M,)."""
    fit = laplace(problem.model)
    return np.isin(np.arange(len(fit.figures)), fit.holding(problem.touched()))


def _by_source(run: PSA) -> Groups:
    """Every evidence source: the answers to its questions and the outcome numbers that cite it."""
    problem, fit = run.problem, laplace(run.problem.model)
    columns: dict[str, list[Array]] = {}
    answers, reached = fit.answers(run.theta[1:]), _reached(problem)
    for i, figure in enumerate(fit.figures):
        for source in sources_of(problem.model, figure.rows) if reached[i] else ():
            columns.setdefault(source, []).append(answers[:, i])
    for name, z in run.normal.items():
        for source in sources_of(problem.model, rows_behind(problem.model.priors, name)):
            columns.setdefault(source, []).append(z[1:])
    cited = read_sources(problem.model.priors.folder / "sources.bib")
    return {cited[key].short if key in cited else key: (np.stack(c, axis=1), (key,)) for key, c in columns.items()}


def value_of_information(
    run: PSA,
    kind: str = GROUP,
    *,
    per_year: float | None = None,
    years: float = 5.0,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Result:
    """EVPI of the patient's decision and EVPPI of every group, number or source, largest first.

    Parameters
    ----------
    run : PSA
    kind : str
        group, parameter or source.
    per_year, years : float
        Decisions like this one a year, and for how long the knowledge would serve; scales the values to a population.

    Raises
    ------
    UnknownIdError, InvalidValueError
    """
    problem, outputs = run.problem, run.allowed
    total = voi.evpi(outputs)
    members = groups(run, kind)
    made: list[tuple[str, Estimate, tuple[str, ...], int]] = []
    for done, (name, (inputs, sources)) in enumerate(members.items()):
        made.append((name, evppi_spline(outputs, inputs), sources, inputs.shape[1]))
        tell(done + 1, len(members))
    made.sort(key=lambda m: -m[1].value)
    rows = [("everything (EVPI)", total, (), len(run.normal) + len(problem.touched())), *made]
    unit = problem.settings.value_unit
    columns = [
        Column(
            "name",
            [r[0] for r in rows],
            label={GROUP: "known exactly", PARAMETER: "known exactly", SOURCE: "study, redone without limit"}[kind],
        ),
        Column("value", [r[1].value for r in rows], unit, "worth, a decision"),
        Column("se", [r[1].se for r in rows], unit, "± SE"),
        Column("low", [max(r[1].value - Z95 * r[1].se, 0.0) for r in rows], unit, detail=True),
        Column("high", [r[1].value + Z95 * r[1].se for r in rows], unit, detail=True),
        Column("share", [r[1].value / total.value if total.value > 0 else 0.0 for r in rows], "", "share of all"),
        Column("numbers", [r[3] for r in rows], detail=kind != GROUP),
        Column("sources", [", ".join(r[2]) for r in rows], detail=True),
    ]
    if per_year is not None:
        scaled = [voi.population(r[1], per_year, years, problem.settings.discount) for r in rows]
        columns.insert(
            3, Column("population", [s.value for s in scaled], unit, f"worth, {per_year:,.0f} a year for {years:g} years")
        )
    return Result(
        f"voi_{kind}",
        "What would be worth knowing before this decision",
        tuple(columns),
        run.basis(method="spline regression"),
        tuple(s for r in made for s in r[2]),
        (Chart("bars", "value", "name", "low", "high", top=20),),
        (KEPT_PLANS, NOTES[kind], "Values below two standard errors cannot be told from nothing."),
    )


NOTES = {
    GROUP: "Groups are known whole; their values need not add up to that of everything.",
    PARAMETER: "Published questions are known to first order in the fitted parameters.",
    SOURCE: "A study pooled with others into one number stands for all of that number.",
}


def trial(
    run: PSA,
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
    action : str
    sizes : sequence of int
        Participants an arm.
    generator : str
        Whom the trial takes in; the likeliest that the action has an effect on, if left out.
    week : int
        2, 4, 13, 26 or 52.

    Raises
    ------
    UnknownIdError, InvalidValueError
        No such action, generator or week, or the action has no uncertain effect there.
    """
    problem = run.problem
    if action not in problem.actions:
        raise UnknownIdError("action", action, problem.actions)
    a, column = problem.actions.index(action), _column(run, action, generator)
    outcomes = problem.outcomes(RememberedDraws(problem.model.priors.rows, run.draws, run.seed))
    effect = at_week(outcomes.specific[:, a], float(week))[:, column]
    active, control = (float(at_week(arm[:1], float(week))[0, column]) for arm in (outcomes.active(a), outcomes.control(a)))
    if effect[1:].std() == 0:
        raise InvalidValueError("action", action, "one with an uncertain effect on that generator")
    studies = [Study.trial(n, np.clip(active, 0.01, 0.99), np.clip(control, 0.01, 0.99)) for n in sizes]
    estimates = [evsi_moments(run.allowed, effect[1:], s) for s in studies]
    limit = evppi_spline(run.allowed, effect[1:])
    what = problem.near.space.levels[column][0]
    unit = problem.settings.value_unit
    columns = [
        Column("n", [s.n for s in studies], label="people an arm"),
        Column("value", [e.value for e in estimates], unit, "worth, a decision"),
        Column("se", [e.se for e in estimates], unit, "± SE"),
        Column("low", [max(e.value - Z95 * e.se, 0.0) for e in estimates], unit, detail=True),
        Column("high", [e.value + Z95 * e.se for e in estimates], unit, detail=True),
        Column("explained", [effective_share(s, effect[1:]) for s in studies], "", "share of the uncertainty explained"),
        Column("limit", [limit.value] * len(studies), unit, "without limit"),
    ]
    if per_year is not None:
        scaled = [voi.population(e, per_year, years, problem.settings.discount) for e in estimates]
        columns.append(
            Column("population", [s.value for s in scaled], unit, f"worth, {per_year:,.0f} a year for {years:g} years")
        )
    label, pain = problem.labels[a], problem.model.network.generator_labels[what]
    return Result(
        "evsi",
        f"What a trial of {label} in {pain} would be worth, by its size",
        tuple(columns),
        run.basis(trial=f"{action} in {what}, half relief at week {week}", method="moment matching"),
        sources_of(
            problem.model,
            (r for n in run.normal if n.startswith(f"procedures/{action}/") for r in rows_behind(problem.model.priors, n)),
        ),
        (Chart("lines", "n", "value", "low", "high", reference=limit.value, log_x=len(sizes) > 2),),
        (f"Two arms, {active:.0%} against {control:.0%} with half relief; the dashed line is a trial without limit.", KEPT_PLANS),
    )


def _column(run: PSA, action: str, generator: str) -> int:
    """Level of the generator that the trial is about."""
    problem = run.problem
    reached = {e.generator for e in problem.model.priors.procedures[action].effects}
    space = problem.near.space
    if generator and generator not in reached:
        raise UnknownIdError("generator", generator, sorted(reached))
    chances = run.beliefs[0] @ space.active
    open_ones = [i for i, (g, _) in enumerate(space.levels) if (g == generator if generator else g in reached)]
    if not open_ones:
        raise InvalidValueError("action", action, "one with an effect on some generator")
    return max(open_ones, key=lambda i: chances[i])
