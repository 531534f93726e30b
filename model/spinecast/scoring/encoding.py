"""Arrow columns to codes: every different text is looked up once, and what is not lawful becomes that row's reason.

What a value may be is decided in one place, `assessment.patient`: a text that is not simply one of the values is put
to it, so that a row of a table and a patient file are refused in the same words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.assessment.fields import UNKNOWN
from spinecast.assessment.patient import EARLIER, Patient, parse_patient
from spinecast.assessment.recorded import SEDATION, SIDES, TELLING
from spinecast.engines.batch import People
from spinecast.errors import InputError, InvalidValueError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.network.evidence import SEDATION as SEDATION_CODES
from spinecast.network.model import Leaf, Network
from spinecast.parameters.scales import Array
from spinecast.priors.records import Context, Priors
from spinecast.scoring.coded import Answers, Coded, Count, Problems
from spinecast.scoring.columns import ASSESSED_ON, PROCEDURES, Column

Ints = npt.NDArray[np.int64]
SECTION = {"context": "context", "finding": "findings", "count": "findings", "input": "inputs"}
WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
"""What yes and no are called by programs that write tables."""

SEPARATOR = ";"
"""Between the items of a list that stands in one text cell."""


def encode_table(batch: Any, known: Mapping[str, Column], priors: Priors, network: Network) -> Coded:
    """Codes of the rows of an Arrow record batch whose columns have been checked.

    Raises
    ------
    InvalidValueError
        Soft columns of only some of a finding's values.
    """
    return _Table(batch, known, priors, network).coded()


@dataclass(slots=True)
class _Table:
    """One record batch on its way to codes."""

    batch: Any
    known: Mapping[str, Column]
    priors: Priors
    network: Network
    position: dict[str, int] = field(init=False)
    codes: npt.NDArray[np.int16] = field(init=False)
    setting: npt.NDArray[np.int16] = field(init=False)
    problems: Problems = field(default_factory=Problems)
    soft: list[tuple[int, int, Array]] = field(default_factory=list)
    counts: dict[int, dict[str, Count]] = field(default_factory=dict)
    inputs: dict[str, Answers] = field(default_factory=dict)
    numbers: dict[str, Array] = field(default_factory=dict)
    procedures: dict[int, Patient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.position = {name: j for j, name in enumerate(self.network.leaves)}
        self.codes = np.full((self.batch.num_rows, len(self.position)), -1, dtype=np.int16)
        self.setting = np.full(self.batch.num_rows, -1, dtype=np.int16)

    def coded(self) -> Coded:
        """All columns, those that refine others last."""
        mine = {name: self.known[name] for name in self.batch.schema.names if name in self.known}
        for column in mine.values():
            if column.role in ("setting", "context", "finding"):
                self._values(column)
            elif column.role == "input":
                self.inputs[column.target] = self._input(column)
            elif column.role == "level":
                self._looked_up(column, _names(column.values))
        for column in mine.values():
            if column.role == "side":
                self._told_by_side(column.target, self._looked_up(column, _names(column.values)), mine)
        self._soft_columns([c for c in mine.values() if c.role == "soft"])
        for name, leaf in self.network.leaves.items():
            if leaf.sedation is not None:
                self._sedation(name, mine.get(f"{name}_sedation"))
        if PROCEDURES in mine:
            self._procedures()
        for column in mine.values():
            if column.role == "count":
                self._count(column)
        people = People(self.codes, self.setting, tuple(self.soft))
        return Coded(people, self.counts, self.inputs, self.numbers, self.procedures, problems=self.problems.found)

    # ── values ───────────────────────────────────────────────────────────────────────────────────

    def _values(self, column: Column) -> None:
        """A setting, context or finding: one value a row, or a struct of likelihoods."""
        array = self.batch.column(column.name)
        if _is_struct(array.type):
            values = {array.type.field(i).name: part for i, part in enumerate(array.flatten())}
            self._likelihoods(column.target, values)
            return
        if _is_map(array.type):
            rows = [None if row is None else dict(row) for row in array.to_pylist()]
            given = {v: need("pyarrow", "tables").array([None if r is None else r.get(v) for r in rows]) for v in column.values}
            self._likelihoods(column.target, given)
            return
        found = self._looked_up(column, _lookup(column.values))
        if column.role == "setting":
            self.setting[:] = np.where(found < 0, -1, self._setting_order(column)[found])
        elif column.target in self.position:
            self.codes[:, self.position[column.target]] = found

    def _setting_order(self, column: Column) -> Ints:
        return np.array([self.network.settings.index(v) for v in column.values])

    def _looked_up(self, column: Column, table: Mapping[object, int]) -> Ints:
        """Code of every row's value, -1 where there is none; a value that is not in the table is put to the patient's parser."""
        array = self.batch.column(column.name)
        context = self.priors.contexts.get(column.target) if column.role == "context" else None
        if _is_number(array.type) and context is not None and context.bounds:
            return self._banded(column, context, _floats(array))
        indices, texts = _distinct(array)
        code = np.full(len(texts) + 1, -1)
        numbers = np.full(len(texts) + 1, np.nan)
        for i, text in enumerate(texts):
            code[i] = table.get(text, -2)
            if code[i] == -2 and context is not None and context.bounds:
                numbers[i] = _number(text)
                code[i] = -1 if np.isfinite(numbers[i]) else -2
            if code[i] == -2:
                self.problems.add(np.flatnonzero(indices == i), self._complaint(column, text))
                code[i] = -1
        if np.isfinite(numbers).any() and context is not None:
            banded = self._banded(column, context, numbers[indices])
            return np.where(banded >= 0, banded, code[indices])
        return code[indices]

    def _banded(self, column: Column, context: Context, numbers: Array) -> Ints:
        """Bands of a context that was given as a number."""
        seen = ~np.isnan(numbers)
        wrong = seen & ~((numbers >= context.bounds[0]) & (numbers <= context.bounds[-1]))
        for value in np.unique(numbers[wrong]):
            self.problems.add(np.flatnonzero(numbers == value), self._complaint(column, float(value)))
        self.numbers[context.id] = np.where(wrong, np.nan, numbers)
        band = np.minimum(np.searchsorted(context.bounds[1:], numbers, side="right"), len(context.values) - 1)
        return np.where(seen & ~wrong, band, -1)

    def _complaint(self, column: Column, raw: object) -> str:
        """Why this value is refused, in the words of a patient file."""
        table: dict[str, Any] = {SECTION.get(column.role, ""): {column.target: raw}}
        if column.role == "setting":
            table = {"setting": raw}
        elif column.role in ("side", "level", "sedation"):
            value = self.priors.findings[column.target].values[0]
            table = {"findings": {column.target: {"value": value, column.role: raw}}}
        try:
            parse_patient(table, self.priors)
        except InputError as error:
            return str(error)
        return f"{column.name} = {raw!r} cannot be read"

    # ── likelihoods ──────────────────────────────────────────────────────────────────────────────

    def _soft_columns(self, given: list[Column]) -> None:
        for target in dict.fromkeys(c.target for c in given):
            self._likelihoods(target, {c.value: self.batch.column(c.name) for c in given if c.target == target})

    def _likelihoods(self, target: str, given: Mapping[str, Any]) -> None:
        """Soft evidence of one leaf: a number from 0 to 1 for each of its values."""
        leaf = self.network.leaves.get(target)
        if leaf is None:
            return
        missing = [v for v in leaf.values if v not in given]
        if missing or len(given) > len(leaf.values):
            stray = [v for v in given if v not in leaf.values]
            what = f"{', '.join(stray)} is none of its values" if stray else f"{missing[0]} is missing"
            raise InvalidValueError(target, ", ".join(given), f"a likelihood for each of {', '.join(leaf.values)}; {what}")
        weights = np.stack([_floats(given[v]) for v in leaf.values], axis=1)
        seen = ~np.isnan(weights).all(axis=1)
        lawful = seen & (weights >= 0).all(axis=1) & (weights <= 1).all(axis=1) & (weights.max(axis=1, initial=0) > 0)
        expected = f"a number from 0 to 1 for each of {', '.join(leaf.values)}, at least one above 0"
        for n in np.flatnonzero(seen & ~lawful):
            shown = {v: float(w) for v, w in zip(leaf.values, weights[n], strict=True) if not np.isnan(w)}
            self.problems.add([int(n)], str(InvalidValueError(f"{target}.likelihood", shown, expected)))
        j = self.position[target]
        twice = lawful & (self.codes[:, j] >= 0)
        self.problems.add(np.flatnonzero(twice), f"{target}: give either a value or likelihoods, not both")
        certain = lawful & ((weights > 0).sum(axis=1) == 1) & (weights.max(axis=1, initial=0) == 1.0)
        self.codes[certain & ~twice, j] = weights[certain & ~twice].argmax(axis=1)
        self.soft += [(int(n), j, weights[n]) for n in np.flatnonzero(lawful & ~certain & ~twice)]

    # ── what refines a finding ───────────────────────────────────────────────────────────────────

    def _sedation(self, target: str, column: Column | None) -> None:
        """Put the sedation of a block into the codes of its response; not recorded where nothing says it."""
        nothing = np.full(len(self.codes), -1)
        sedation = nothing if column is None else self._looked_up(column, _names(SEDATION))
        leaf, j = self.network.leaves[target], self.position[target]
        shift = np.where(sedation < 0, len(SEDATION) - 1, sedation) * len(leaf.values)
        own = self.codes[:, j]
        self.codes[:, j] = np.where(own >= 0, own % len(leaf.values) + shift, own)
        soft = [(n, k, v if k != j else np.concatenate([np.zeros(shift[n]), v[-len(leaf.values) :]])) for n, k, v in self.soft]
        self.soft = soft

    def _told_by_side(self, source: str, sides: Ints, given: Mapping[str, Column]) -> None:
        """What the side of a finding tells of others, in rows where no column says it."""
        present = self.codes[:, self.position[source]] > 0
        value = np.array([TELLING.get(side, -1) for side in (*SIDES, "")])[sides]
        for finding in self.priors.findings.values():
            if finding.from_side == source and not any(c.role == "soft" and c.target == finding.id for c in given.values()):
                own = self.codes[:, self.position[finding.id]]
                self.codes[:, self.position[finding.id]] = np.where(present & (own < 0), value, own)

    def _count(self, column: Column) -> None:
        """How many of all two-valued tests of a family were positive."""
        array = self.batch.column(column.name)
        if not _is_number(array.type):
            array = need("pyarrow", "tables").array([None if t is None else _number(t) for t in array.to_pylist()])
        numbers = _floats(array)
        for value in np.unique(numbers[~np.isnan(numbers)]):
            rows = np.flatnonzero(numbers == value)
            try:
                raw = {"positive": int(value) if value == int(value) else float(value), "of": int(column.maximum or 0)}
                count = parse_patient({"findings": {column.target: raw}}, self.priors).counts[0]
            except InputError as error:
                self.problems.add(rows, str(error))
                continue
            beside = [t for t in count.tests if t in self.position]
            for n in rows.tolist():
                known = [t for t in beside if self.codes[n, self.position[t]] >= 0]
                if known:
                    self.problems.add([n], f"findings.{known[0]}: not to be given beside the count of {column.target}")
                self.counts.setdefault(n, {})[column.target] = (count.tests, count.positive)

    # ── what the decision layer needs ────────────────────────────────────────────────────────────

    def _input(self, column: Column) -> Answers:
        """Answers of one input; every different one is parsed once."""
        indices, raws = _distinct(self.batch.column(column.name))
        values: list[object] = []
        code = np.full(len(raws) + 1, -1)
        for i, raw in enumerate(raws):
            try:
                given = parse_patient({"inputs": {column.target: _as_input(raw, column.kind)}}, self.priors).inputs
            except InputError as error:
                self.problems.add(np.flatnonzero(indices == i), str(error))
                continue
            if column.target in given:
                code[i] = len(values)
                values.append(given[column.target])
        return Answers(tuple(values), code[indices])

    def _procedures(self) -> None:
        """Earlier procedures: responses to blocks for the network, history for the rules."""
        days = self.batch.column(ASSESSED_ON).to_pylist() if ASSESSED_ON in self.batch.schema.names else None
        for n, raw in enumerate(self.batch.column(PROCEDURES).to_pylist()):
            if not raw:
                continue
            try:
                records = json.loads(raw) if isinstance(raw, str) else [_without_nulls(r) for r in raw]
                table: dict[str, Any] = {"procedures": records}
                if days is not None and days[n] is not None:
                    table[ASSESSED_ON] = days[n]
                table["inputs"] = self._answered(n, EARLIER)
                self._responses(n, parse_patient(table, self.priors))
            except json.JSONDecodeError as error:
                self.problems.add([n], f"{PROCEDURES}: not JSON: {error}")
            except InputError as error:
                self.problems.add([n], str(error))

    def _answered(self, n: int, name: str) -> dict[str, object]:
        """An input of one person that has to agree with the procedures listed, if it was answered."""
        answers = self.inputs.get(name)
        return {} if answers is None or answers.codes[n] < 0 else {name: answers.values[answers.codes[n]]}

    def _responses(self, n: int, patient: Patient) -> None:
        self.procedures[n] = patient
        for name, seen in patient.findings.items():
            if name not in self.position:
                continue
            j, leaf = self.position[name], self.network.leaves[name]
            if self.codes[n, j] >= 0:
                self.problems.add([n], f"findings.{name}: either the finding or the dated procedure record, not both")
            self.codes[n, j] = sedated_code(leaf, int(np.argmax(seen.likelihood)), seen.sedation)


def sedated_code(leaf: Leaf, value: int, sedation: str) -> int:
    """Code of a value, with how it was observed where the leaf asks for that."""
    return value if leaf.sedation is None else value + len(leaf.values) * SEDATION_CODES[sedation]


def _lookup(values: tuple[str, ...]) -> dict[object, int]:
    """Code of everything that can stand for a value: its name, a truth value where there are two, nothing."""
    table: dict[object, int] = dict.fromkeys(("", *UNKNOWN), -1)
    table[False] = 0
    if len(values) == 2:
        table[True] = 1
    table |= {word: table[truth] for word, truth in WORDS.items() if truth in table}
    return table | {v: i for i, v in enumerate(values)}


def _names(values: tuple[str, ...]) -> dict[object, int]:
    """Code of a side, level or kind of sedation, or of nothing."""
    table: dict[object, int] = {"": -1}
    return table | {v: i for i, v in enumerate(values)}


def _distinct(array: Any) -> tuple[Ints, list[object]]:
    """Index of each row's value among the different ones, -1 where there is none; and those."""
    pa = need("pyarrow", "tables")
    if pa.types.is_null(array.type):
        return np.full(len(array), -1), []
    if pa.types.is_floating(array.type):
        array = need("pyarrow.compute", "tables").if_else(need("pyarrow.compute", "tables").is_nan(array), None, array)
    if pa.types.is_nested(array.type):
        return _distinct_objects(array.to_pylist())
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    indices = need("pyarrow.compute", "tables").fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    return indices, array.dictionary.to_pylist()


def _distinct_objects(rows: list[object]) -> tuple[Ints, list[object]]:
    """The same of lists, which Arrow does not encode."""
    place: dict[str, int] = {}
    values: list[object] = []
    indices = np.full(len(rows), -1)
    for n, row in enumerate(rows):
        if row is not None:
            key = json.dumps(row, default=str)
            if key not in place:
                place[key] = len(values)
                values.append(row)
            indices[n] = place[key]
    return indices, values


def _floats(array: Any) -> Array:
    """Numbers of a column, NaN where there is none."""
    pa = need("pyarrow", "tables")
    if pa.types.is_null(array.type):
        return np.full(len(array), np.nan)
    if not _is_number(array.type):
        return np.array([np.nan if v in (None, "") else _number(v) for v in array.to_pylist()])
    numbers: Array = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _number(text: object) -> float:
    """A number that stands as text; infinite where it is none, so that it is refused."""
    try:
        number = float(str(text))
    except ValueError:
        return float("inf")
    return number if np.isfinite(number) else float("inf")


def _as_input(raw: object, kind: str) -> object:
    """A table's cell as a patient file would have it."""
    if not isinstance(raw, str):
        return raw
    if raw in ("", *UNKNOWN):
        return UNKNOWN[0]
    if kind == "list":
        return [item.strip() for item in raw.split(SEPARATOR) if item.strip()]
    if kind == "number":
        number = _number(raw)
        return number if np.isfinite(number) else raw
    return WORDS.get(raw, raw)


def _without_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
    """A struct's fields are all there in Arrow; those without a value were not given."""
    return {k: v for k, v in record.items() if v is not None}


def _is_number(type_: Any) -> bool:
    types = need("pyarrow", "tables").types
    return bool(types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_))


def _is_struct(type_: Any) -> bool:
    return bool(need("pyarrow", "tables").types.is_struct(type_))


def _is_map(type_: Any) -> bool:
    return bool(need("pyarrow", "tables").types.is_map(type_))
