"""Any question of the form that evidence rows have, asked of the model: its answer with its interval, beside what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spinecast.analysis.result import Basis, Chart, Column, Result, sources_of
from spinecast.analysis.targets import published_interval
from spinecast.assessment.model import Model
from spinecast.errors import InvalidValueError
from spinecast.network.questions import DEFAULT_SETTING, Question, answer, compile_question
from spinecast.parameters.pooling import row_estimate
from spinecast.priors.reader import rows_from_table
from spinecast.priors.records import Row

DRAWS = 200
"""Joint draws of the fit behind an interval; more than are stored are not made."""


def questions(asked: Sequence[Mapping[str, str]]) -> tuple[Row, ...]:
    """Rows from the columns of a question: id, measure, and target, test, given, setting where they are needed.

    Raises
    ------
    InvalidValueError
        A question without id or measure, or an id twice.
    """
    ids = [q.get("id", "") for q in asked]
    for q in asked:
        if not q.get("id") or not q.get("measure"):
            raise InvalidValueError("question", dict(q), "a mapping with at least id and measure")
    if len(set(ids)) < len(ids):
        raise InvalidValueError("question", ids, "no id twice")
    return tuple(rows_from_table([dict(q) for q in asked], "questions"))


def ask(model: Model, rows: Sequence[Row], *, draws: int = DRAWS, title: str = "What the model answers") -> Result:
    """The model's answer to each row's question about the row's own population.

    Parameters
    ----------
    model : Model
    rows : sequence of Row
        Of the knowledge base (`model.priors.rows`), of a file (`validate.read_row_file`), or made by `questions`.
    draws : int
        Joint draws behind the 95 % intervals; at least 2.

    Returns
    -------
    Result
        Columns id, measure, target, test, given, setting, model with low and high from parameter uncertainty, published with
        its own interval (empty where the row has none), and inside: is the model's answer within that.

    Raises
    ------
    PriorsError
        A row asks what the network has no word for.
    InvalidValueError
        No rows, or fewer than two draws.
    """
    if not rows:
        raise InvalidValueError("rows", "none", "at least one question")
    if draws < 2:
        raise InvalidValueError("draws", draws, "at least 2")
    used = model.draws[:draws]
    compiled = [compile_question(model.network, row, model.priors.contexts) for row in rows]
    found = np.array([[answer(model.network, t, q) for t in (model.network.theta, *used)] for q in compiled])
    low, high = np.quantile(found[:, 1:], [0.025, 0.975], axis=1)
    printed = [(None, None) if r.value is None else published_interval((r,), row_estimate(r)) for r in rows]
    inside = [None if at is None or to is None else bool(at <= v <= to) for v, (at, to) in zip(found[:, 0], printed, strict=True)]
    published = (
        Column("published", [r.value for r in rows]),
        Column("published_low", [p[0] for p in printed], label="published, low"),
        Column("published_high", [p[1] for p in printed], label="published, high"),
        Column("inside", inside, label="inside the published interval"),
    )
    columns = (
        Column("id", [r.id for r in rows], label="question"),
        *(Column(n, [getattr(r, n) for r in rows], detail=True) for n in ("target", "test", "given")),
        Column("setting", [r.setting or DEFAULT_SETTING for r in rows], detail=True),
        Column("measure", [r.measure for r in rows]),
        Column("model", found[:, 0]),
        Column("low", low, label="model, low"),
        Column("high", high, label="model, high"),
        *(published if any(r.value is not None for r in rows) else ()),
    )
    return Result(
        "asked",
        title,
        columns,
        Basis.of(model, draws=len(used)),
        sources_of(model, _rows_behind(model, rows, compiled)),
        (Chart("bars", "model", "id", "low", "high"),),
        ("Intervals of the model's answers: 95 % over joint draws of the fit.",),
    )


def _rows_behind(model: Model, rows: Sequence[Row], compiled: Sequence[Question]) -> set[str]:
    """The rows themselves, and those that the numbers of the questions' prevalences and findings cite."""
    names = {i for q in compiled for i in (*q.prior_parameters(model.network), *q.leaf_parameters(model.network))}
    quantities = [model.network.parameters[i].quantity for i in names]
    return {r.id for r in rows} | {row for q in quantities if q is not None for row in q.rows}
