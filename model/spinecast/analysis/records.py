"""A clinic's records: findings as in a table to score, and where known what it was and how treatment went.

Columns are those of `Forecaster.schema_in()` (one for each finding and context, `setting`), and
`truth_<generator>` (yes, no or a level: a label, where there is one), `treated_with` (a procedure) with
`relief_<week>w` (yes or no: at least half relief so many weeks later). Anything may be missing, and then counts as unknown.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spinecast.analysis.cohort_likelihood import Cohort
from spinecast.errors import InvalidValueError, MalformedFileError, MissingFileError, UnknownIdError
from spinecast.extras import need
from spinecast.network.model import Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array
from spinecast.priors.records import WEEKS, Priors
from spinecast.scoring.columns import TRUTH, Column, check, columns
from spinecast.scoring.encoding import encode_table

TREATED = "treated_with"
RELIEF = {week: f"relief_{week}w" for week in WEEKS}
ID = "id"
"""Passes through unread, so that a clinic need not take it out."""

SUFFIXES = (".csv", ".parquet")
MOST_COMPLAINTS = 5
"""Wrong rows named in an error."""

YES = {"yes": 1, "no": 0, "true": 1, "false": 0, "True": 1, "False": 0, "1": 1, "0": 0, "": -1, "unknown": -1}


@dataclass(frozen=True, slots=True)
class Records:
    """N people as a clinic recorded them.

    Attributes
    ----------
    cohort : Cohort
        Findings and setting; labels stand in `labels`.
    labels : mapping of generator to ndarray of int, shape (N,)
        -1 unknown, 0 absent, k the k-th level, -2 present at a level that is not known.
    treated : ndarray of int, shape (N,)
        Index into `procedures`, -1 where none is recorded.
    relief : mapping of week to ndarray of int, shape (N,)
        1 at least half relief, 0 less, -1 not recorded.
    observed : tuple of str
        Leaves that somebody has a value for.
    """

    cohort: Cohort
    labels: Mapping[str, Ints]
    procedures: tuple[str, ...]
    treated: Ints
    relief: Mapping[int, Ints]
    observed: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.cohort)

    def labelled(self, network: Network) -> Cohort:
        """The cohort with each person's states restricted to those that the labels allow."""
        if not self.labels:
            return self.cohort
        return replace(self.cohort, states=allowed(network, self.labels, len(self)))

    def without(self, network: Network, names: tuple[str, ...]) -> Records:
        """The records with some findings taken as not recorded."""
        position = {name: j for j, name in enumerate(network.leaves)}
        for name in names:
            if name not in position:
                raise UnknownIdError("without", name, tuple(position))
        codes = self.cohort.codes.copy()
        codes[:, [position[n] for n in names]] = -1
        left = tuple(n for n in self.observed if n not in names)
        return replace(self, cohort=replace(self.cohort, codes=codes), observed=left)


def allowed(network: Network, labels: Mapping[str, Ints], count: int) -> Array:
    """1 for each state that a person's labels allow, else 0; shape (N, S)."""
    states = np.ones((count, len(network.space)))
    for generator, code in labels.items():
        level = network.space.level_of[:, network.space.generators.index(generator)]
        for value in np.unique(code[code != -1]):
            fits = level > 0 if value == -2 else level == value
            states[code == value] *= fits
    return states


def read_records(path: Path, priors: Priors, network: Network, *, setting: str = "") -> Records:
    """Records of a CSV or Parquet file.

    Parameters
    ----------
    setting : str
        Where everybody presented, for files without that column.

    Raises
    ------
    MalformedFileError, UnknownIdError, InvalidValueError
        The file cannot be read, a column is none, or a value is not lawful.
    """
    return from_table(_read(path), priors, network, setting=setting, name=path.name)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise MissingFileError(path)
    if path.suffix not in SUFFIXES:
        raise MalformedFileError(f"{path}: records are in a file that ends in {' or '.join(SUFFIXES)}")
    if not path.stat().st_size:
        raise MalformedFileError(
            f"{path}: empty; needs a header of columns and one row a person (`spinecast new records` writes a template)"
        )
    pa = need("pyarrow", "tables")
    try:
        if path.suffix == ".parquet":
            return need("pyarrow.parquet", "tables").read_table(path)
        text = need("pyarrow.csv", "tables")
        with path.open(encoding="utf-8-sig", newline="") as handle:
            names = next(csv.reader(handle), [])
        as_text = text.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
        return text.read_csv(path, convert_options=as_text)
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        raise MalformedFileError(f"{path}: cannot be read as {path.suffix[1:]} ({type(error).__name__})") from None


def from_table(table: Any, priors: Priors, network: Network, *, setting: str = "", name: str = "records") -> Records:
    """Records of an Arrow table; errors as of `read_records`."""
    known = columns(priors)
    extra = (ID, TREATED, *RELIEF.values(), *(f"{TRUTH}{g}" for g in network.space.generators))
    check(table.schema.names, known, extra)
    for column in table.schema.names:
        if column.startswith(TRUTH) and column not in extra:
            raise UnknownIdError("column", column, extra)
    if not table.num_rows:
        raise MalformedFileError(f"{name}: no rows; `spinecast new records` writes a template")
    coded = encode_table(table.combine_chunks().to_batches()[0], known, priors, network)
    if coded.problems:
        _refuse(name, coded.problems)
    if coded.people.soft or coded.counts:
        raise InvalidValueError(name, "likelihoods or counts of tests", "one value a finding; leave out what is not certain")
    codes, places = coded.people.codes, _setting(coded.people.setting, network, setting)
    observed = tuple(leaf for j, leaf in enumerate(network.leaves) if (codes[:, j] >= 0).any())
    if not observed:
        raise MalformedFileError(f"{name}: nothing is recorded of anybody")
    return Records(
        Cohort(codes, places), dict(_labels(table, network)), tuple(priors.procedures), _treated(table, priors),
        {week: _yes_no(table, column) for week, column in RELIEF.items() if column in table.schema.names}, observed,
    )  # fmt: skip


def _refuse(name: str, problems: Mapping[int, str]) -> None:
    shown = [f"row {n + 1}: {problems[n]}" for n in sorted(problems)[:MOST_COMPLAINTS]]
    rest = len(problems) - len(shown)
    raise MalformedFileError(
        f"{name}: {len(problems)} rows cannot be read. " + ". ".join(shown) + (f". And {rest} more" if rest else "")
    )


def _setting(codes: Any, network: Network, setting: str) -> Any:
    if not setting:
        return codes
    if setting not in network.settings:
        raise UnknownIdError("setting", setting, network.settings)
    return np.where(codes < 0, network.settings.index(setting), codes).astype(np.int16)


def _texts(table: Any, column: str) -> list[str]:
    return ["" if v is None else str(v) for v in table.column(column).to_pylist()]


def _labels(table: Any, network: Network) -> Iterator[tuple[str, Ints]]:
    for generator in network.space.generators:
        column = f"{TRUTH}{generator}"
        if column in table.schema.names:
            levels = [level for owner, level in network.space.levels if owner == generator]
            lawful = {"": -1, "unknown": -1, "no": 0, "False": 0, "yes": -2 if levels[0] else 1, "True": -2 if levels[0] else 1}
            lawful |= {level: i for i, level in enumerate(levels, start=1) if level}
            yield generator, _looked_up(column, _texts(table, column), lawful)


def _treated(table: Any, priors: Priors) -> Ints:
    if TREATED not in table.schema.names:
        return np.full(table.num_rows, -1)
    lawful = {"": -1, "unknown": -1} | {p: i for i, p in enumerate(priors.procedures)}
    return _looked_up(TREATED, _texts(table, TREATED), lawful)


def _yes_no(table: Any, column: str) -> Ints:
    return _looked_up(column, _texts(table, column), YES)


def _looked_up(column: str, texts: list[str], lawful: Mapping[str, int]) -> Ints:
    for text in dict.fromkeys(texts):
        if text not in lawful:
            raise UnknownIdError(column, text, [v for v in lawful if v])
    return np.array([lawful[text] for text in texts], dtype=np.int64)


def template(priors: Priors, network: Network) -> list[tuple[str, str]]:
    """(column, what it may hold) of every column of a records file, in the order of a visit."""
    known: Mapping[str, Column] = columns(priors)
    rows = [(ID, "anything; it is not read")]
    rows += [(c.name, _holds(c)) for c in known.values() if c.role in ("setting", "context", "finding", "sedation")]
    for generator in network.space.generators:
        levels = [level for owner, level in network.space.levels if owner == generator and level]
        rows.append((f"{TRUTH}{generator}", " | ".join(["no", "yes", *levels])))
    rows.append((TREATED, " | ".join(priors.procedures)))
    return rows + [(column, "yes | no") for column in RELIEF.values()]


def write_template(path: Path, priors: Priors, network: Network) -> Path:
    """An empty records file, and beside it what each column may hold; gives the place of the second.

    Raises
    ------
    InvalidValueError
        Either file exists (nothing is overwritten), or the name does not end in .csv.
    """
    if path.suffix != ".csv":
        raise InvalidValueError("file", path.name, "a name that ends in .csv")
    meaning = path.with_suffix(".columns.csv")
    for place in (path, meaning):
        if place.exists():
            raise InvalidValueError("file", str(place), "a file that does not exist yet; nothing is overwritten")
    rows = template(priors, network)
    for place, table in ((path, [[name for name, _ in rows]]), (meaning, [["column", "values"], *map(list, rows)])):
        with place.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle, lineterminator="\n").writerows(table)
    return meaning


def _holds(column: Column) -> str:
    number = f", or a number ({column.unit})" if column.role == "context" and column.unit else ""
    return " | ".join(column.values) + number
