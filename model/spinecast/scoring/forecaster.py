"""`Forecaster`: one object that scores any number of people; it holds no file, no thread and nothing about a person."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from spinecast.assessment.assess import prepare
from spinecast.assessment.crowd import Standing
from spinecast.assessment.model import REGION, Model, load_model
from spinecast.engines import exact
from spinecast.engines.batch import BatchEngine, Scores
from spinecast.errors import ImpossibleFindingsError, InvalidValueError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.network.build import build_network, with_theta
from spinecast.network.model import Network
from spinecast.priors.records import Priors
from spinecast.priors.vocabulary import vocabulary
from spinecast.scoring import schema
from spinecast.scoring.coded import Coded
from spinecast.scoring.columns import Column, check, columns
from spinecast.scoring.encoding import encode_table
from spinecast.scoring.patients import encode_patients, patient_of
from spinecast.scoring.ranking import DecisionChoices, rank_people, ranking_columns, ranking_fields
from spinecast.scoring.tables import column_of, to_arrow

CHUNK = 8_192
"""Rows coded and scored at once: bounds the memory, and is long enough for the cost of a call not to count."""

DIFFERENTIAL, RANKING = "differential", "ranking"
OUTPUTS = (DIFFERENTIAL, RANKING)
DTYPES = ("float64", "float32")
DEFAULTS = DecisionChoices()
KEPT = ("id",)
"""Columns that pass through unread."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecaster:
    """Scores tables of people against one region of the model.

    Immutable, and safe to share between threads and across a fork. A pickle holds the knowledge base's records and the
    fitted parameters (about 1 MB); tables are rebuilt once a process.

    Attributes
    ----------
    priors : Priors
    network : Network
    fit_hash : str
        Content hash of the priors that the parameters were fitted to.

    Examples
    --------
    >>> forecaster = Forecaster.load()
    >>> forecaster.score([{"findings": {"leg_pain_below_knee": "present"}}]).num_rows
    1
    """

    priors: Priors
    network: Network
    fit_hash: str
    _engine: BatchEngine
    _columns: Mapping[str, Column]
    _model: Model

    @classmethod
    def load(cls, priors: Path | str | None = None, region: str = REGION) -> Forecaster:
        """Load a knowledge base with its fit.

        Parameters
        ----------
        priors : path, optional
            A priors folder; the installed one by default.
        region : str

        Raises
        ------
        PriorsError, ArtefactError
            As `load_model`.
        """
        model = load_model(None if priors is None else Path(priors), region)
        return cls._of(model.priors, model.network, model.fit_hash)

    @classmethod
    def _of(cls, priors: Priors, network: Network, fit_hash: str) -> Forecaster:
        none = np.zeros((0, len(network.theta)))
        model = Model(priors, network, none, np.zeros(len(network.theta)), fit_hash, (), stale=False)
        return cls(priors, network, fit_hash, BatchEngine(network), columns(priors), model)

    def __repr__(self) -> str:
        return f"<Forecaster {self.network.region}: priors {self.priors.content_hash[:12]}, fit {self.fit_hash[:12]}>"

    @property
    def content_hash(self) -> str:
        """Of everything that the answers hang on: knowledge base, fitted parameters, outcome curves."""
        curves = getattr(self.priors.curves, "hash", "")
        content = f"{self.priors.content_hash} {self.fit_hash} {curves}".encode() + self.network.theta.tobytes()
        return hashlib.sha256(content).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.priors, self.network.region, self.network.theta, self.fit_hash)
        return _restored, (pickle.dumps(parts, protocol=pickle.HIGHEST_PROTOCOL),)

    def vocabulary(self) -> list[dict[str, Any]]:
        """What a patient can hold: the records of `spinecast findings --json`."""
        return vocabulary(self.priors)

    def schema_in(self) -> Any:
        """Arrow schema of a table to score: one field an id, with values, unit and meaning as field metadata."""
        return schema.schema_in(self._columns)

    def schema_out(
        self, outputs: Sequence[str] = (DIFFERENTIAL,), dtype: str = "float64", choices: DecisionChoices = DEFAULTS
    ) -> Any:
        """Arrow schema of what `score` gives back, after the columns that pass through."""
        _lawful(outputs, dtype)
        fields = schema.differential_fields(self.network, dtype) if DIFFERENTIAL in outputs else []
        fields += ranking_fields(self.priors, choices, dtype) if RANKING in outputs else []
        return need("pyarrow", "tables").schema([*fields, schema.reason_field()])

    def score(
        self,
        table: Any,
        *,
        outputs: Sequence[str] = (DIFFERENTIAL,),
        threads: int = 1,
        chunk: int = CHUNK,
        dtype: str = "float64",
        keep: Sequence[str] = KEPT,
        choices: DecisionChoices = DEFAULTS,
    ) -> Any:
        """Score every row of a table.

        Parameters
        ----------
        table : pyarrow Table or RecordBatch, pandas or polars DataFrame, mapping of column to values, or list of patients
            Columns as in `schema_in`; a list holds dicts as in a patient file. What is null is not observed.
        outputs : sequence of str
            differential: probabilities of generators and levels. ranking: value of every action one decision ahead, what the
            rules permit, and the first choice, as `assess(..., depth=1)` has them; some milliseconds a person.
        threads : int
        chunk : int
            Rows scored at once; bounds the memory, and does not change the values beyond 1e-12.
        dtype : str
            float64, or float32 for columns half as wide, worked out in float32.
        keep : sequence of str
            Columns that pass through, in front.
        choices : DecisionChoices
            Rule set, willingness to pay and horizon of a ranking.

        Returns
        -------
        pyarrow.Table
            As many rows, in the same order, with the columns kept and then those of `schema_out`. A row that is not lawful,
            or whose findings cannot all be true, has nulls and its `reason`.

        Raises
        ------
        UnknownIdError, InvalidValueError, MalformedFileError
            A column that is not known, or something that is no table.
        """
        pa = need("pyarrow", "tables")
        _lawful(outputs, dtype)
        _at_least_one("chunk", chunk)
        _at_least_one("threads", threads)
        how = _How(tuple(outputs), dtype, choices)
        if _is_list_of_patients(table):
            parts = [table[i : i + chunk] for i in range(0, len(table), chunk)]
            scored = [self._score_patients(part, how) for part in parts]
            return pa.Table.from_batches(scored, schema=None if scored else self.schema_out(outputs, dtype, choices))
        arrow = to_arrow(table)
        check(arrow.schema.names, self._columns, tuple(keep))

        def work(first: int) -> Any:
            # A chunk at a time is put together here, so that a table in many pieces is never copied whole.
            (batch,) = arrow.slice(first, chunk).combine_chunks().to_batches()
            return self._score_batch(batch, how, keep)

        done = list(_each(work, range(0, arrow.num_rows, chunk), threads))
        kept = [arrow.schema.field(name) for name in arrow.schema.names if name in keep]
        return pa.Table.from_batches(done, schema=pa.schema([*kept, *self.schema_out(outputs, dtype, choices)]))

    def score_batches(
        self,
        batches: Iterable[Any],
        *,
        outputs: Sequence[str] = (DIFFERENTIAL,),
        dtype: str = "float64",
        keep: Sequence[str] = KEPT,
        choices: DecisionChoices = DEFAULTS,
    ) -> Iterator[Any]:
        """Score a stream of Arrow record batches, as Dask, Spark and Flight hand them over; one comes out for each.

        Raises
        ------
        UnknownIdError
            A column that is not known.
        """
        _lawful(outputs, dtype)
        how = _How(tuple(outputs), dtype, choices)
        for batch in batches:
            check(batch.schema.names, self._columns, tuple(keep))
            yield self._score_batch(batch, how, keep)

    def score_records(self, records: Sequence[Mapping[str, Any]], *, keep: Sequence[str] = KEPT, **options: Any) -> Any:
        """Score JSON objects: patient files (with sections `findings`, `context` ...) and flat rows, in any mixture.

        Raises
        ------
        UnknownIdError
            A flat row has a field that is not known.
        """
        pa, pc = need("pyarrow", "tables"), need("pyarrow.compute", "tables")
        nested = [n for n, record in enumerate(records) if _has_sections(record)]
        flat = sorted(set(range(len(records))) - set(nested))
        names = list(dict.fromkeys(name for n in flat for name in records[n]))
        columns = {name: [records[n].get(name) for n in flat] for name in names}
        tables = [self.score([{k: v for k, v in records[n].items() if k not in keep} for n in nested], **options)]
        if flat:
            tables.append(self.score(columns or [{}] * len(flat), keep=keep, chunk=len(flat), **options))
        kept = [name for name in keep if any(name in record for record in records)]
        scored = pa.concat_tables([table.select(self.schema_out(**options).names) for table in tables])
        scored = scored.take(pc.sort_indices(pa.array([*nested, *flat])))
        for name in reversed(kept):
            scored = scored.add_column(0, name, column_of([record.get(name) for record in records]))
        return scored

    def _score_batch(self, batch: Any, how: _How, keep: Sequence[str]) -> Any:
        coded = encode_table(batch, self._columns, self.priors, self.network)
        kept = [(batch.schema.field(name), batch.column(name)) for name in batch.schema.names if name in keep]
        return self._answer(coded, how, kept)

    def _score_patients(self, patients: Sequence[Mapping[str, Any]], how: _How) -> Any:
        pa = need("pyarrow", "tables")
        labels = pa.array([p.get("label") if isinstance(p.get("label"), str) else None for p in patients], pa.string())
        kept = [(pa.field(KEPT[0], pa.string()), labels)] if labels.null_count < len(labels) else []
        return self._answer(encode_patients(patients, self.priors, self.network), how, kept)

    def _answer(self, coded: Coded, how: _How, kept: Sequence[tuple[Any, Any]]) -> Any:
        """The record batch of coded people."""
        pa = need("pyarrow", "tables")
        scores, impossible = self._posterior(coded, how.dtype)
        reasons = {**impossible, **coded.problems}
        rankings = None
        if RANKING in how.outputs:
            standing = partial(_standing, self)
            rankings, refused = rank_people(self._model, self._engine, coded, how.choices, standing, reasons)
            reasons |= refused
        bad = np.zeros(len(coded), dtype=bool)
        bad[list(reasons)] = True
        out = self.schema_out(how.outputs, how.dtype, how.choices)
        arrays = self._differential(scores, how.dtype, bad) if DIFFERENTIAL in how.outputs else []
        if rankings is not None:
            arrays += ranking_columns(rankings, list(out)[len(arrays) : -1], bad)
        arrays.append(pa.array([reasons.get(n) for n in range(len(coded))], pa.string()))
        fields = pa.schema([*(field for field, _ in kept), *out])
        return pa.RecordBatch.from_arrays([*(array for _, array in kept), *arrays], schema=fields)

    def _differential(self, scores: Scores, dtype: str, bad: np.ndarray) -> list[Any]:
        pa = need("pyarrow", "tables")
        arrays = []
        for _, _, levels in schema.probabilities(self.network):
            column = scores.levels[:, levels].sum(axis=1) if levels else scores.nonspecific
            arrays.append(pa.array(column.astype(dtype), mask=bad))
        return [*arrays, pa.array(scores.log_evidence, mask=bad)]

    def _posterior(self, coded: Coded, dtype: str) -> tuple[Scores, dict[int, str]]:
        """Scores of everybody, and why some findings cannot all be true.

        Counted tests, and relief that a follow-up found, are taken one person at a time, by the code of `assess`.
        """
        engine = self._engine if dtype == "float64" else _narrow(self)
        scores = engine.score(coded.people)
        impossible: dict[int, str] = {}
        followed = {n for n, p in coded.procedures.items() if any(done.reviewed for done in p.procedures)}
        alone = {*coded.counts, *followed, *np.flatnonzero(np.isneginf(scores.log_evidence)).tolist()}
        for n in sorted(alone - set(coded.problems)):
            try:
                case = prepare(patient_of(coded, n, self.network), depth=1, draws=0, model=self._model)
                log_evidence = exact.posterior(self.network, self.network.theta, case.evidence).log_evidence
            except ImpossibleFindingsError as error:
                impossible[n] = str(error)
                continue
            scores.levels[n] = case.belief @ self.network.space.active
            scores.nonspecific[n], scores.log_evidence[n] = case.belief[0], log_evidence
        return scores, impossible


@dataclass(frozen=True, slots=True)
class _How:
    """What is to come out, and under which choices."""

    outputs: tuple[str, ...]
    dtype: str
    choices: DecisionChoices


@lru_cache(maxsize=2)
def _narrow(forecaster: Forecaster) -> BatchEngine:
    """The engine in float32, made when it is first asked for."""
    return BatchEngine(forecaster.network, dtype="float32")


@lru_cache(maxsize=8)
def _standing(forecaster: Forecaster, choices: DecisionChoices) -> Standing:
    """What is the same for everybody who is ranked; kept for the choices last used."""
    return Standing.of(forecaster._model, choices.settings(forecaster.priors))


@lru_cache(maxsize=4)
def _restored(pickled: bytes) -> Forecaster:
    """A forecaster out of its pickle; built once a process however often it arrives."""
    priors, region, theta, fit_hash = pickle.loads(pickled)  # noqa: S301  the caller's own pickle, already being loaded
    return Forecaster._of(priors, with_theta(build_network(priors, region), theta), fit_hash)


def _each(function: Any, items: Sequence[Any], threads: int) -> Iterator[Any]:
    """Map in order; threads live for this call only, so that nothing is left over to break a fork."""
    if threads == 1 or len(items) < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


def _has_sections(record: Mapping[str, Any]) -> bool:
    """A patient file rather than a flat row: what only a patient file has stands at its top."""
    return any(isinstance(record.get(name), Mapping) for name in ("findings", "context", "inputs"))


def _is_list_of_patients(table: Any) -> bool:
    return isinstance(table, Sequence) and all(isinstance(one, Mapping) for one in table)


def outputs_named(text: str) -> tuple[str, ...]:
    """Outputs as people and queries write them: names with commas between.

    Raises
    ------
    UnknownIdError, InvalidValueError
        One that is not known, or none.
    """
    outputs = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    _lawful(outputs, DTYPES[0])
    return outputs


def _lawful(outputs: Sequence[str], dtype: str) -> None:
    for output in outputs:
        if output not in OUTPUTS:
            raise UnknownIdError("outputs", output, OUTPUTS)
    if not outputs:
        raise InvalidValueError("outputs", outputs, f"at least one of {', '.join(OUTPUTS)}")
    if dtype not in DTYPES:
        raise UnknownIdError("dtype", dtype, DTYPES)


def _at_least_one(name: str, number: int) -> None:
    if number < 1:
        raise InvalidValueError(name, number, "a whole number of at least 1")
