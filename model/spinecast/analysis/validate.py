"""Ask the model each published question and set its answer beside the published one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from spinecast.analysis import fitting, leave_out
from spinecast.analysis.fit_problem import compile_problem
from spinecast.analysis.targets import Target, published, targets
from spinecast.errors import InvalidValueError, MalformedFileError, MissingFileError
from spinecast.frozen import dataclass
from spinecast.network.build import build_network
from spinecast.network.model import Network
from spinecast.network.questions import answer
from spinecast.priors.reader import rows_from_table
from spinecast.priors.records import Priors, Row

FITTED, HELD_OUT = "fitted", "held out"


@dataclass(frozen=True, slots=True)
class Validated:
    """One question: published answer with its interval, and the model's.

    Attributes
    ----------
    group : str
        "fitted" or "held out".
    left_out : float or None
        The model's answer when every row of the same studies is left out of the fit (linearised refit).
    why : str
        For answers outside the interval: how far, and the row's own note.
    """

    id: str
    group: str
    measure: str
    published: float
    low: float
    high: float
    model: float
    inside: bool
    left_out: float | None
    rows: tuple[str, ...]
    sources: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Validation:
    """Every question, with counts.

    Attributes
    ----------
    free_parameters, fitted_targets : int
        A fit with as many free parameters as targets would show nothing: their ratio is printed.
    effective_parameters : float
        Degrees of freedom that the fitted targets actually used (trace of the hat matrix).
    """

    rows: tuple[Validated, ...]
    free_parameters: int
    effective_parameters: float
    fitted_targets: int

    def count(self, group: str) -> tuple[int, int]:
        """(inside, total) of one group."""
        found = [r for r in self.rows if r.group == group]
        return sum(r.inside for r in found), len(found)

    def count_left_out(self) -> tuple[int, int]:
        """(inside, total) of fitted questions when their studies are left out."""
        found = [r for r in self.rows if r.left_out is not None]
        return sum(r.low <= (r.left_out or 0.0) <= r.high for r in found), len(found)


def validate(network: Network, priors: Priors, rows: Sequence[Row] | None = None) -> Validation:
    """Ask every fitted and held-out question, or only the rows given (then all count as held out).

    Parameters
    ----------
    network : Network
        At its fitted parameters.
    """
    found = targets(network, priors, rows)
    fitted = [] if rows is not None else [t for t in found if t.fitted]
    left_out: dict[str, float] = {}
    free = 0
    effective = 0.0
    if fitted:
        # The spreads of the defaults belong to the network as declared, which a fitted one no longer holds.
        problem = compile_problem(build_network(priors, network.region), priors, fitted)
        fit = fitting.at(problem, network.theta)
        free, effective = len(problem.moves.lead), fitting.degrees_of_freedom(fit)
        without = leave_out.left_out(problem, fit, priors.rows)
        left_out = {target.id: float(value) for target, value in zip(fitted, without, strict=True)}
    answers = [_validated(network, t, t.fitted and rows is None, left_out.get(t.id)) for t in found]
    return Validation(tuple(answers), free, effective, len(fitted))


def _validated(network: Network, target: Target, fitted: bool, left_out: float | None) -> Validated:
    model = answer(network, network.theta, target.question)
    inside = target.low <= model <= target.high
    return Validated(
        id=target.id,
        group=FITTED if fitted else HELD_OUT,
        measure=target.rows[0].measure,
        published=published(target),
        low=target.low,
        high=target.high,
        model=model,
        inside=inside,
        left_out=left_out,
        rows=tuple(r.id for r in target.rows),
        sources=tuple(sorted(target.sources)),
        why="" if inside else _why(target, model),
    )


def _why(target: Target, model: float) -> str:
    side = "below" if model < target.low else "above"
    edge = target.low if model < target.low else target.high
    row = target.rows[0]
    return f"model {model:.3g} is {side} {edge:.3g}; {row.population or 'population not stated'}; {row.note}".rstrip("; ")


def read_row_file(path: Path) -> tuple[Row, ...]:
    """Evidence rows of a file that nobody fitted, in the columns of `priors/evidence/`.

    Raises
    ------
    MalformedFileError, InvalidValueError
        The file or one of its rows cannot be read; the message names line and column.
    """
    if not path.is_file():
        raise MissingFileError(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            table = list(csv.DictReader(handle))
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedFileError(f"{path}: {error}") from None
    needed = ("id", "measure", "value")
    if not table:
        raise MalformedFileError(
            f"{path}: no rows; needed columns are {', '.join(needed)}, target, test, given, setting, low, high, n"
        )
    for column in needed:
        if column not in table[0]:
            raise MalformedFileError(f"{path}: the column {column!r} is missing")
    rows = rows_from_table(table, path.name)
    for row in rows:
        if row.value is None:
            raise InvalidValueError(f"{path.name}:{row.line}: value", "", "a number")
    return tuple(rows)


def summary(found: Validation) -> dict[str, float]:
    """Counts as plain numbers."""
    inside, total = found.count(FITTED)
    held, held_total = found.count(HELD_OUT)
    without, without_total = found.count_left_out()
    return {
        "inside": inside,
        "total": total,
        "held_out_inside": held,
        "held_out_total": held_total,
        "left_out_inside": without,
        "left_out_total": without_total,
        "free_parameters": found.free_parameters,
        "effective_parameters": round(found.effective_parameters, 2),
        "targets_per_free_parameter": round(found.fitted_targets / max(found.free_parameters, 1), 3),
    }


def to_dict(found: Validation) -> dict[str, object]:
    """The `--json` of `spinecast validate`: `rows`, `inside`, `total` and the other counts."""
    rows = [{name: getattr(r, name) for name in Validated.__dataclass_fields__} for r in found.rows]
    counts = summary(found)
    if not found.fitted_targets:
        counts["inside"], counts["total"] = counts["held_out_inside"], counts["held_out_total"]
    return {"rows": rows, **counts}
