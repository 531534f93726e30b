"""The model on real patients: every predicted cause, and relief after treatment, set beside what came true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinecast.analysis import performance
from spinecast.analysis.cohort_likelihood import score
from spinecast.analysis.performance import Estimate
from spinecast.analysis.records import Records
from spinecast.analysis.relief import chances, treated
from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.assessment.model import Model
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.parameters.scales import Array, wilson
from spinecast.priors.records import WEEKS

FEWEST = 5
"""People with and without it that a target needs."""

THRESHOLDS = np.arange(1, 100) / 100
"""Risks at which somebody may want to act."""

RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Something predicted, of those people of whom it is known.

    Attributes
    ----------
    id, label : str
        A generator, or relief_<week>w.
    p, y : ndarray, shape (N,)
        Prediction, and 1 where it came true.
    """

    id: str
    label: str
    p: Array
    y: Array

    @property
    def enough(self) -> bool:
        """Are there people with it and without it?"""
        return min(int(self.y.sum()), int((1 - self.y).sum())) >= FEWEST


def targets(model: Model, records: Records) -> tuple[Target, ...]:
    """Every generator that somebody is labelled for, and relief at every time recorded.

    Predictions use the findings only: no label, and no later outcome.

    Raises
    ------
    InvalidValueError
        Nothing came true or not for enough people.
    """
    network = model.network
    belief = score(network, network.theta, records.cohort, slopes=False)
    posterior = belief.posterior
    possible = np.isfinite(belief.log_evidence)
    if not possible.all():
        raise InvalidValueError(
            "records", f"{int((~possible).sum())} rows",
            f"findings that can be true together; the first that cannot is row {int(np.flatnonzero(~possible)[0]) + 1}",
        )  # fmt: skip
    found = []
    for generator, code in records.labels.items():
        known = code != -1
        p = posterior[known] @ network.space.mask(generator)
        found.append(Target(generator, network.generator_labels[generator], p, (code[known] != 0).astype(float)))
    for week in WEEKS:
        rows = treated(records, week)
        if len(rows):
            curves = chances(model, records, rows, posterior)
            p = np.array([float(posterior[n] @ curves[n][WEEKS.index(week)]) for n in rows])
            label = f"Half relief {week} weeks after treatment"
            found.append(Target(f"relief_{week}w", label, p, records.relief[week][rows].astype(float)))
    enough = tuple(t for t in found if t.enough)
    if not enough:
        raise InvalidValueError(
            "records", "no labels or outcomes",
            f"a column truth_<generator> or relief_<week>w with at least {FEWEST} people with it and {FEWEST} without",
        )  # fmt: skip
    return enough


def chosen(found: Sequence[Target], names: Sequence[str]) -> tuple[Target, ...]:
    """The targets named, or all.

    Raises
    ------
    UnknownIdError
    """
    ids = [t.id for t in found]
    for name in names:
        if name not in ids:
            raise UnknownIdError("for", name, ids)
    return tuple(t for t in found if not names or t.id in names)


def summary(model: Model, found: Sequence[Target], *, seed: int = 1, resamples: int = RESAMPLES) -> Result:
    """One row a target: discrimination, calibration and accuracy, each with its 95 % interval.

    Returns
    -------
    Result
        Columns target, people, with_it, predicted, seen, auc, intercept, slope, calibration_error (and what it would be by chance),
        brier and its parts; every interval in columns ..._low and ..._high.
    """
    rows = [_row(t, seed, resamples) for t in found]
    columns = [
        Column("id", [t.id for t in found], detail=True),
        Column("target", [t.label for t in found]),
        Column("people", [len(t.p) for t in found]),
        Column("predicted", [float(t.p.mean()) for t in found], "probability"),
        Column("seen", [float(t.y.mean()) for t in found], "probability"),
    ]
    for name, label in (
        ("auc", "AUC"), ("intercept", "intercept"), ("slope", "slope"), ("calibration_error", "ECE"), ("brier", "Brier"),
    ):  # fmt: skip
        made = [row[name] for row in rows]
        columns += [
            Column(name, [e.value for e in made], "", label),
            Column(f"{name}_low", [e.low for e in made], detail=True),
            Column(f"{name}_high", [e.high for e in made], detail=True),
        ]
    for name in ("calibration_error_if_right", "reliability", "resolution", "uncertainty", "within"):
        columns.append(Column(name, [row[name].value for row in rows], detail=True))
    charts = (Chart("bars", "auc", "target", low="auc_low", high="auc_high", title="Discrimination", reference=0.5),
              Chart("bars", "slope", "target", low="slope_low", high="slope_high", title="Calibration slope", reference=1.0))  # fmt: skip
    return Result(
        "evaluation", "Predicted and seen", tuple(columns), _basis(model, found, seed, resamples), (), charts, (SUMMARY,)
    )


SUMMARY = """AUC: chance that of two people the one with it has the higher prediction (DeLong). Intercept: log-odds by which
predictions are off on the whole, 0 is right; slope: 1 is right, below it they are too extreme. ECE: mean gap between prediction
and share in ten groups, above 0 by chance alone (calibration_error_if_right says how far). Brier: mean squared error; Murphy's parts and
all intervals are in the files.""".replace("\n", " ")


def _row(target: Target, seed: int, resamples: int) -> dict[str, Estimate]:
    p, y = target.p, target.y
    drawn = performance.weights(len(p), resamples, seed)
    error, right = performance.calibration_error(p, y, drawn, seed)
    score_ = performance.brier(p, y, drawn)
    parts = {k: getattr(score_, k) for k in ("reliability", "resolution", "uncertainty", "within")}
    return {
        "auc": performance.auc(p, y), "intercept": performance.intercept(p, y), "slope": performance.slope(p, y),
        "calibration_error": error, "calibration_error_if_right": Estimate(right, right, right), "brier": score_.value,
        **{k: Estimate(v, v, v) for k, v in parts.items()},
    }  # fmt: skip


def calibration(model: Model, found: Sequence[Target], *, seed: int = 1) -> Result:
    """The reliability curve: in groups of like predictions, the share in whom it came true with Wilson's interval."""
    groups = [performance.reliability(target.p, target.y) for target in found]
    owners = [target for target, group in zip(found, groups, strict=True) for _ in group.people]
    people, predicted, seen = (np.concatenate([getattr(g, name) for g in groups]) for name in ("people", "predicted", "seen"))
    ends = [wilson(float(share), float(count)) for share, count in zip(seen, people, strict=True)]
    columns = (
        Column("id", [target.id for target in owners], detail=True),
        Column("target", [target.label for target in owners]),
        Column("people", people.astype(int)),
        Column("predicted", predicted, "probability"),
        Column("seen", seen, "probability"),
        Column("low", [low for low, _ in ends], "probability"),
        Column("high", [high for _, high in ends], "probability"),
    )
    chart = Chart("points", "predicted", "seen", low="low", high="high", by="target", diagonal=True, title="Calibration")
    return Result("calibration", "Predicted and seen, in groups of like predictions", columns, _basis(model, found, seed, 0), (),
                  (chart,), ("On the line, predictions come true as often as they say.",))  # fmt: skip


def decision_curve(model: Model, target: Target, *, seed: int = 1, resamples: int = RESAMPLES) -> Result:
    """Net benefit of acting on the prediction at each threshold, beside acting on all and on nobody."""
    drawn = np.concatenate([np.ones((1, len(target.p))), performance.weights(len(target.p), resamples, seed)])
    acting, everybody = performance.net_benefit(target.p, target.y, THRESHOLDS, drawn)
    rows: list[tuple[str, float, float, float, float]] = []
    for name, curve in (("act on the prediction", acting), ("act on all", everybody), ("act on nobody", np.zeros_like(acting))):
        low, high = np.quantile(curve[1:], [0.025, 0.975], axis=0)
        ends = zip(THRESHOLDS.tolist(), curve[0].tolist(), low.tolist(), high.tolist(), strict=True)
        rows += [(name, threshold, value, least, most) for threshold, value, least, most in ends]
    floor = -float(target.y.mean())
    shown = [r for r in rows if r[2] >= floor]
    columns = (
        Column("strategy", [r[0] for r in shown]),
        Column("threshold", [r[1] for r in shown], "probability", "threshold"),
        Column("net_benefit", [r[2] for r in shown], "true positives a person", "net benefit"),
        Column("low", [r[3] for r in shown], "true positives a person"),
        Column("high", [r[4] for r in shown], "true positives a person"),
    )
    chart = Chart("lines", "threshold", "net_benefit", low="low", high="high", by="strategy", title=target.label)
    return Result("decision_curve", f"Net benefit: {target.label}", columns, _basis(model, [target], seed, resamples), (), (chart,),
                  (NET_BENEFIT,))  # fmt: skip


NET_BENEFIT = """Threshold: the probability at which acting and not acting are worth the same to whoever decides. Net benefit: true
positives less false positives, these weighted by the odds of the threshold. Curves are left out where they fall below minus the
share of people with it.""".replace("\n", " ")


def _basis(model: Model, found: Sequence[Target], seed: int, resamples: int) -> Basis:
    people = max(len(t.p) for t in found)
    choices = {"bootstrap_samples": resamples} if resamples else {}
    return Basis.of(model, seed=seed, subject=f"{people:,} records", choices=choices)
