"""What the fit is held to: rows asking one question, pooled, with the interval that the model must meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from spinecast.frozen import dataclass
from spinecast.network.model import Network
from spinecast.network.questions import MEASURES, Question, compile_question
from spinecast.parameters.pooling import DEFAULT_N, Estimate, measure_scale, pool, row_estimate
from spinecast.parameters.scales import from_scale, wilson
from spinecast.priors.records import Priors, Row

IMPLIED = ("lr_pos", "lr_neg", "or", "dor", "rr", "ppv", "npv")
"""Measures that follow from sensitivity and specificity of the same two-by-two table."""


@dataclass(frozen=True, slots=True)
class Target:
    """One question with its published answer.

    Attributes
    ----------
    rows : tuple of Row
        One, or several that ask the same and are pooled.
    question : Question
    estimate : Estimate
        Pooled mean; what the fit is drawn to.
    low, high : float
        Printed interval (one row), interval from n (one row without), prediction interval (several).
    fitted : bool
        Declared in the evidence before fitting (`use = fit`), and not implied by other rows of its table.
    """

    rows: tuple[Row, ...]
    question: Question
    estimate: Estimate
    low: float
    high: float
    fitted: bool

    @property
    def id(self) -> str:
        """Id of the row, or of the first of several with their number."""
        extra = len(self.rows) - 1
        return self.rows[0].id + (f" (+{extra})" if extra else "")

    @property
    def sources(self) -> frozenset[str]:
        """Studies behind the target."""
        return frozenset(row.source for row in self.rows)


def targets(network: Network, priors: Priors, rows: Iterable[Row] | None = None) -> list[Target]:
    """Pooled targets of every askable row (`use` fit or holdout), or of the rows given, in order of id."""
    chosen = [r for r in (priors.rows.values() if rows is None else rows) if rows is not None or r.use in ("fit", "holdout")]
    askable = [r for r in chosen if r.measure in MEASURES and r.value is not None and (r.test or r.target)]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in sorted((positively_asked(r) for r in askable), key=lambda r: r.id):
        key = (row.target, row.test, row.given, row.setting, row.measure, row.use if rows is None else "")
        groups.setdefault(key, []).append(row)
    tables = _tables(askable)
    return [_target(network, priors, group, tables) for group in groups.values()]


_SWAPPED = {"lr_pos": "lr_neg", "lr_neg": "lr_pos"}


def positively_asked(row: Row) -> Row:
    """The same figure asked of the finding where the paper asked of its absence, so that both can be pooled.

    `not x`: sensitivity, specificity and shares become one minus themselves, likelihood ratios change places,
    an odds ratio is inverted. A share of a target's patients with the finding is its sensitivity.
    """
    if row.measure == "proportion" and row.target and row.test:
        row = replace(row, measure="sens")
    bare = row.test.removeprefix("not ").strip()
    if bare == row.test or not bare.isidentifier():
        return row
    row = replace(row, test=bare, measure=_SWAPPED.get(row.measure, row.measure))
    if row.measure in ("sens", "spec", "proportion"):
        return replace(row, value=_mirrored(row.value), low=_mirrored(row.high), high=_mirrored(row.low))
    if row.measure in ("or", "dor", "rr"):
        return replace(row, value=_inverted(row.value), low=_inverted(row.high), high=_inverted(row.low))
    return row


def _mirrored(value: float | None) -> float | None:
    return None if value is None else 1.0 - value


def _inverted(value: float | None) -> float | None:
    return 1.0 / value if value else None


def _tables(rows: Sequence[Row]) -> frozenset[tuple[str, ...]]:
    """Two-by-two tables of which both sensitivity and specificity are fitted."""
    seen: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        if row.use == "fit":
            seen.setdefault(_table(row), set()).add(row.measure)
    return frozenset(key for key, measures in seen.items() if {"sens", "spec"} <= measures)


def _table(row: Row) -> tuple[str, ...]:
    return (row.source, row.target, row.test, row.given, row.setting)


def _target(network: Network, priors: Priors, rows: list[Row], tables: frozenset[tuple[str, ...]]) -> Target:
    question = compile_question(network, rows[0], priors.contexts)
    pooled = pool(rows)
    fitted = rows[0].use == "fit" and not (rows[0].measure in IMPLIED and all(_table(r) in tables for r in rows))
    low, high = published_interval(rows, pooled.prediction)
    return Target(tuple(rows), question, pooled.mean, low, high, fitted)


def published_interval(rows: Sequence[Row], prediction: Estimate) -> tuple[float, float]:
    """What answers are held against: as printed (one row), from n (one row without), or `prediction`, where they are to lie (several)."""
    if len(rows) > 1:
        return prediction.interval
    row = rows[0]
    if row.low is not None and row.high is not None and row.value is not None and row.low <= row.value <= row.high:
        return row.low, row.high
    if measure_scale(row.measure) == "logit" and row.value is not None:
        return wilson(row.value, float(row.n or DEFAULT_N))
    return row_estimate(row).interval


def published(target: Target) -> float:
    """The pooled published value on its own scale."""
    return from_scale(target.estimate.centre, target.estimate.scale)
