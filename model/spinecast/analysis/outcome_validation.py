"""Every published time point of outcomes beside the model's answer to the trial's own question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinecast.analysis.curve_fitting import EDGE, CurveFit, System, fit_curves
from spinecast.analysis.curve_problem import CurveNames, Point, TrialQuestions, curve_problem
from spinecast.assessment.model import Model
from spinecast.parameters.pooling import DEFAULT_N
from spinecast.parameters.scales import Z95, Array, expit, wilson
from spinecast.priors.reader import read_rows
from spinecast.priors.records import Arm, Priors, Trial

FITTED, PREDICTED = "fitted", "predicted"
OUTCOMES = "outcomes.csv"
"""Evidence file whose rows are all accounted for."""


@dataclass(frozen=True, slots=True)
class OutcomePoint:
    """One time point.

    Attributes
    ----------
    group : str
        "fitted", or "predicted" where the curves were not fitted to it.
    arm, over : str
        What was done, and what was subtracted where the figure is a difference ("" for a share).
    published, low, high : float
        The figure with its 95 % interval: printed, from the arm's size, or with the spread of its conversion.
    model : float
        The answer for this trial, its own deviation included where it was fitted.
    inside : bool
        `model` lies within `low` to `high`.
    unseen : float
        The answer to a trial that the fit has not seen: this trial left out (linearised), no deviation.
    unseen_low, unseen_high : float
        95 % interval in which the published figure of such a trial is expected: uncertainty of the curves, spread
        between trials, and the size of the arm.
    foreseen : bool
        `published` lies within that interval.
    why : str
        Why it is not fitted, or how it is to be read.
    """

    trial: str
    label: str
    group: str
    arm: str
    over: str
    week: float
    published: float
    low: float
    high: float
    model: float
    inside: bool
    unseen: float
    unseen_low: float
    unseen_high: float
    foreseen: bool
    rows: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class UnusedFigure:
    """Published figures that are no time point, and why."""

    rows: tuple[str, ...]
    trial: str
    why: str


@dataclass(frozen=True, slots=True)
class OutcomeValidation:
    """Every time point, every figure that is none, and how much trials differ."""

    points: tuple[OutcomePoint, ...]
    unused: tuple[UnusedFigure, ...]
    spread: Mapping[str, float]

    def count(self, group: str, what: str = "inside") -> tuple[int, int]:
        """How many of a group are `inside` (or `foreseen`), of how many."""
        found = [p for p in self.points if p.group == group]
        return sum(bool(getattr(p, what)) for p in found), len(found)


def validate_outcomes(model: Model) -> OutcomeValidation:
    """Ask the model every published question about outcomes, in the trial's own people.

    The curves are fitted anew (it takes seconds), since leaving a trial out needs more of the fit than is stored.
    """
    problem = curve_problem(model)
    fit = fit_curves(problem)
    asked = TrialQuestions(model, CurveNames.of(model.priors))
    points = [_answered(fit, asked, trial, i) for trial in model.priors.trials.values() for i in range(len(trial.arms))]
    return OutcomeValidation(tuple(points), tuple(_unused(model.priors)), fit.spread)


def _answered(fit: CurveFit, asked: TrialQuestions, trial: Trial, index: int) -> OutcomePoint:
    arm, point = trial.arms[index], asked.point(trial, index)
    low, high = _interval(point, arm, asked.model.priors)
    published = point.published.value
    own = float(System.of(fit.problem, (point,)).predict(fit.parameters)[0][0])
    unseen, spread = _unseen(fit, point)
    unseen_low, unseen_high = _expected(unseen, spread, point)
    return OutcomePoint(
        trial=trial.id,
        label=trial.label,
        group=FITTED if arm.fitted else PREDICTED,
        arm=" or ".join(arm.arm),
        over=arm.over,
        week=arm.week,
        published=published,
        low=low,
        high=high,
        model=own,
        inside=low <= own <= high,
        unseen=unseen,
        unseen_low=unseen_low,
        unseen_high=unseen_high,
        foreseen=unseen_low <= published <= unseen_high,
        rows=arm.published.rows,
        why=arm.why,
    )


def _interval(point: Point, arm: Arm, priors: Priors) -> tuple[float, float]:
    """The figure's own 95 % interval: printed, Wilson's from the size of the arm, or that of the estimate."""
    rows = [priors.rows[r] for r in arm.published.rows if r in priors.rows]
    stated = arm.published.assumed is not None or arm.published.derived is not None
    if point.share and len(rows) == 1 and not stated and rows[0].value is not None:
        row = rows[0]
        if row.low is not None and row.high is not None:
            return row.low, row.high
        return wilson(rows[0].value, float(row.n or DEFAULT_N))
    return point.published.interval


def _unseen(fit: CurveFit, point: Point) -> tuple[float, float]:
    """The answer without this trial in the fit, and the standard deviation of what such a trial would find.

    One Gauss-Newton step from the optimum: the trial's residuals are taken out of the normal equations. The deviation
    of the trial is 0 then, and its spread adds to that of the curves. On the scale of the point (logit for shares).
    """
    parameters, covariance = _without(fit, point.trial)
    new = System.of(fit.problem, (replace(point, deviates=False),))
    value, slopes = new.predict(parameters)
    pull = _logit_slope(float(value[0])) if point.share else 1.0
    slope = slopes[0] * pull
    variance = float(slope @ covariance @ slope) + _between(fit, point, float(value[0]), pull)
    return float(value[0]), float(np.sqrt(variance + point.published.sd**2))


def _without(fit: CurveFit, trial: str) -> tuple[Array, Array]:
    """Parameters and covariance without the residuals of one trial."""
    rows = [i for i, p in enumerate(fit.problem.points) if p.trial == trial]
    if not rows:
        return fit.parameters, fit.covariance
    slopes, residuals = fit.jacobian[rows], fit.residuals[rows]
    # Woodbury: (A - J'J)^-1 from A^-1, and one Newton step of what is left.
    reach = fit.covariance @ slopes.T
    kept = np.eye(len(rows)) - slopes @ reach
    covariance = fit.covariance + reach @ np.linalg.solve(kept, reach.T)
    return fit.parameters + covariance @ (slopes.T @ residuals), covariance


def _between(fit: CurveFit, point: Point, value: float, pull: float) -> float:
    """Variance between trials on the point's scale: of control arms where it is a share, of effects where there is one."""
    if not point.deviates:
        return 0.0
    control = fit.spread["control"] ** 2 if point.share else 0.0
    if point.share and point.effects:
        settled = min(max(value, EDGE), 1 - EDGE)
        control *= (settled * (1 - settled) * pull) ** 2
    return control + (fit.spread["effect"] * pull) ** 2 * bool(point.effects)


def _logit_slope(value: float) -> float:
    """Slope of the logit at a share."""
    inside = min(max(value, EDGE), 1 - EDGE)
    return 1 / (inside * (1 - inside))


def _expected(value: float, sd: float, point: Point) -> tuple[float, float]:
    if not point.share:
        return value - Z95 * sd, value + Z95 * sd
    inside = min(max(value, EDGE), 1 - EDGE)
    centre = np.log(inside) - np.log1p(-inside)
    low, high = expit(np.array([centre - Z95 * sd, centre + Z95 * sd]))
    return float(low), float(high)


# ── what is not used ─────────────────────────────────────────────────────────────────────────────


def _unused(priors: Priors) -> Iterator[UnusedFigure]:
    """Figures that trials name as no time point, then every other row of the outcome evidence."""
    told = {row for t in priors.trials.values() for arm in t.arms for row in arm.published.rows}
    for trial in priors.trials.values():
        for rows, why in trial.unused:
            told |= set(rows)
            yield UnusedFigure(rows, trial.id, why)
    cited = _cited_by_statements(priors)
    for row in read_rows(priors.folder).values():
        if row.file == OUTCOMES and row.id not in told:
            yield UnusedFigure((row.id,), "", _reason(row.id, row.measure, row.finding, row.note, cited))


def _cited_by_statements(priors: Priors) -> dict[str, str]:
    """Row to the first curve or shape whose stated number cites it."""
    found: dict[str, str] = {}
    for procedure in priors.procedures.values():
        for effect in procedure.effects:
            for quantity in (*effect.difference.values(), *effect.curve.values()):
                for row in quantity.rows:
                    found.setdefault(row, f"{procedure.id}, {effect.generator}")
    for course in priors.natural_course.values():
        for stated in course.courses.values():
            for quantity in stated.values():
                for row in quantity.rows:
                    found.setdefault(row, f"natural course, {course.generator}")
    return found


CERVICAL = ("cervical", "third-occipital")


def _reason(row: str, measure: str, finding: str, note: str, cited: Mapping[str, str]) -> str:
    """Why a row that no trial names is no time point."""
    if row in cited:
        return f"behind a stated number ({cited[row]})"
    if any(word in finding.partition(":")[0] for word in CERVICAL):
        return "the neck: no procedure of the lumbosacral model"
    if measure in ("direction", "mean", "mean_fraction", "mean_weeks", "median_weeks", "median_months"):
        return f"a {measure.replace('_', ' ')}: neither a share with half relief nor a difference" + (f"; {note}" if note else "")
    return note or "for the reader"


def summary(found: OutcomeValidation) -> dict[str, float]:
    """Counts as plain numbers."""
    inside, total = found.count(FITTED)
    foreseen, _ = found.count(FITTED, "foreseen")
    predicted, predicted_total = found.count(PREDICTED, "foreseen")
    near, _ = found.count(PREDICTED)
    return {
        "inside": inside,
        "total": total,
        "left_out_foreseen": foreseen,
        "predicted_foreseen": predicted,
        "predicted_inside": near,
        "predicted_total": predicted_total,
        "not_used": sum(len(u.rows) for u in found.unused),
        "spread_control_logit": round(found.spread["control"], 4),
        "spread_effect": round(found.spread["effect"], 4),
    }


def to_dict(found: OutcomeValidation) -> dict[str, object]:
    """The `--json` of `spinecast validate --outcomes`: `rows`, `unused` and the counts."""
    rows = [{name: getattr(p, name) for name in OutcomePoint.__dataclass_fields__} for p in found.points]
    unused = [{"rows": u.rows, "trial": u.trial, "why": u.why} for u in found.unused]
    return {"rows": rows, "unused": unused, **summary(found)}


def sentences(found: OutcomeValidation) -> list[str]:
    """The counts in words."""
    counts = summary(found)
    total, others = int(counts["total"]), int(counts["predicted_total"])
    return [
        f"Fitted: {counts['inside']} of {total} answers inside the figure's own 95 % interval.",
        f"Each trial left out in turn: {counts['left_out_foreseen']} of {total} figures inside the interval that the model expects of an unseen trial.",
        f"Never fitted: {counts['predicted_foreseen']} of {others} inside that interval; {counts['predicted_inside']} answers inside the figure's own.",
        f"Trials differ by {counts['spread_control_logit']:.2f} on the logit (control arms) and {counts['spread_effect']:.2f} (effects), standard deviations.",
    ]


def page(found: OutcomeValidation) -> str:
    """The table as a page of the documentation."""
    lines = [
        "<!-- generated by `make docs`; edit priors/trials/, not this file -->", "", "# Outcomes: predicted against observed", "",
        "Every published time point of the outcome evidence beside the model's answer to the trial's own question: its people's duration of pain,",
        "modifiers, and, where they were chosen by blocks or signs, what the network says of them ([how](../decisions/0025-outcome-curves.md)).",
        "`spinecast validate --outcomes` prints the same. *Model* includes the trial's own deviation where it was fitted; *unseen* is the answer with the",
        "trial left out, and the interval in which the figure of such a trial is expected.", "", *[f"- {s}" for s in sentences(found)], "",
    ]  # fmt: skip
    for group, title in ((FITTED, "Fitted"), (PREDICTED, "Predicted only")):
        lines += [f"## {title}", "", *_table([p for p in found.points if p.group == group]), ""]
    lines += ["## Published and no time point", "", "| rows | why |", "|---|---|"]
    lines += [f"| {', '.join(f'`{r}`' for r in u.rows)} | {u.why.replace('|', '/')} |" for u in found.unused]
    return "\n".join(lines) + "\n"


def _table(points: Sequence[OutcomePoint]) -> Iterator[str]:
    yield "| study | arm | week | published (95 %) | model | | unseen (95 %) | | rows | note |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for p in points:
        over = f" over {p.over.replace('_', ' ')}" if p.over else ""
        cells = [
            p.label, p.arm.replace("_", " ") + over, f"{p.week:g}", f"{p.published:.2f} ({p.low:.2f} to {p.high:.2f})", f"{p.model:.2f}",
            "" if p.inside else "outside", f"{p.unseen:.2f} ({p.unseen_low:.2f} to {p.unseen_high:.2f})", "" if p.foreseen else "outside",
            ", ".join(f"`{r}`" for r in p.rows), p.why,
        ]  # fmt: skip
        yield "| " + " | ".join(c.replace("|", "/") for c in cells) + " |"
