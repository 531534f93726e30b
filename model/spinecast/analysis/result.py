"""What every analysis gives back: a labelled table with units, charts, and exactly the sources behind it.

A result is plain data. `table` and `frame` need an extra (pyarrow, pandas); JSON, CSV and figures do not.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

import spinecast
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.priors.bibliography import bibtex, read_sources

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spinecast.assessment.model import Model

FORMAT = "spinecast-result-1"
"""Says of a JSON file that it holds a result."""

TABLES = (".csv", ".parquet")
FIGURES = (".svg", ".png", ".pdf")
FORMS = ("bars", "tornado", "lines", "points", "heat")
"""Chart forms; `spinecast.report.charts` draws them."""

Cell = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result.

    Attributes
    ----------
    name : str
        As it stands in files; letters, digits and underscores.
    values : sequence, length N
        Text, numbers or truth values; numpy arrays are taken too. NaN and infinities become empty cells.
    unit : str
        What numbers are counted in (USD, probability, weeks); "" for text and pure numbers.
    label : str
        As it stands on a screen or an axis; the name in words if left out.
    detail : bool
        Left to the files; not shown on a screen.
    """

    name: str
    values: Sequence[Any] | npt.NDArray[Any]
    unit: str = ""
    label: str = ""
    detail: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InvalidValueError("column", self.name, "letters, digits and underscores, not beginning with a digit")
        object.__setattr__(self, "values", tuple(_cell(v) for v in self.values))
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))

    @property
    def axis(self) -> str:
        """Label with unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Basis:
    """What a result was computed from; it stands under every figure.

    Attributes
    ----------
    draws : int
        Parameter draws (or evaluations of the model) behind the numbers; 0 where there are none.
    seed : int or None
        Of everything random; None where nothing is.
    subject : str
        The patient, simulated cohort or records that the result is about.
    choices : mapping
        Anything else that was chosen: willingness to pay, rule set, depth, method.
    """

    version: str
    priors_hash: str
    fit_hash: str
    draws: int = 0
    seed: int | None = None
    subject: str = ""
    choices: Mapping[str, Cell] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: Model,
        *,
        draws: int = 0,
        seed: int | None = None,
        subject: str = "",
        choices: Mapping[str, Cell] | None = None,
    ) -> Basis:
        """The basis of a result on a loaded model."""
        made = {k: _cell(v) for k, v in (choices or {}).items()}
        return cls(spinecast.__version__, model.priors.content_hash, model.fit_hash, draws, seed, subject, made)

    @property
    def caption(self) -> str:
        """One line: draws, seed, version, hashes, subject and choices."""
        parts = [self.subject] if self.subject else []
        parts += [f"{self.draws:,} draws"] if self.draws else []
        parts += [f"seed {self.seed}"] if self.seed is not None else []
        parts += [f"{k.replace('_', ' ')} {_words(v)}" for k, v in self.choices.items()]
        parts.append(f"spinecast {self.version}, priors {self.priors_hash[:12]}, fit {self.fit_hash[:12]}")
        return "; ".join(parts) + "."


@dataclass(frozen=True, slots=True)
class Chart:
    """How a result is drawn; every name is that of a column.

    Attributes
    ----------
    form : str
        One of `FORMS`. bars: horizontal, `y` names the bars, `x` their length, `low` and `high` whiskers.
        tornado: `y` names, bars from `low` to `high` around `x`. lines and points: `y` over `x`, one series for each value of
        `by`, `low` and `high` a band or error bars. heat: `z` over the grid of `x` and `y`; text gives regions.
    top : int
        Only the first so many rows; 0 for all.
    reference : float or None
        A line to compare with: an x in bars and tornado, a y in lines and points.
    diagonal : bool
        points and lines: the line y = x.
    log_x, log_y : bool
        points and lines: a logarithmic axis.
    """

    form: str
    x: str
    y: str
    low: str = ""
    high: str = ""
    by: str = ""
    z: str = ""
    title: str = ""
    top: int = 0
    reference: float | None = None
    diagonal: bool = False
    log_x: bool = False
    log_y: bool = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise UnknownIdError("chart form", self.form, FORMS)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it draws."""
        return tuple(n for n in (self.x, self.y, self.low, self.high, self.by, self.z) if n)


@dataclass(frozen=True, slots=True)
class Result:
    """A labelled table, with what is needed to draw it, read it again and cite it.

    Attributes
    ----------
    name : str
        The analysis, for instance `one_way`.
    title : str
        What the table shows, in words.
    columns : tuple of Column
        Of equal length.
    basis : Basis
    sources : tuple of str
        Keys in `priors/sources.bib` of exactly what the numbers rest on.
    charts : tuple of Chart
    notes : tuple of str
        What a reader has to know: method, approximations, what was left out.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    basis: Basis
    sources: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(c.values) for c in self.columns}
        if len(lengths) > 1:
            raise InvalidValueError("columns", [f"{c.name}: {len(c.values)}" for c in self.columns], "columns of equal length")
        names = [c.name for c in self.columns]
        if len(set(names)) < len(names):
            raise InvalidValueError("columns", names, "no name twice")
        for chart in self.charts:
            for name in chart.names:
                self.column(name)
        object.__setattr__(self, "sources", tuple(sorted(set(self.sources))))

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises
        ------
        UnknownIdError
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownIdError("column", name, [c.name for c in self.columns])

    def first(self, count: int) -> Result:
        """The same with the first so many rows."""
        return replace(self, columns=tuple(replace(c, values=c.values[:count]) for c in self.columns))

    def __getitem__(self, name: str) -> tuple[Any, ...]:
        return tuple(self.column(name).values)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One mapping a row."""
        for values in zip(*(c.values for c in self.columns), strict=True):
            yield dict(zip((c.name for c in self.columns), values, strict=True))

    @property
    def table(self) -> Any:
        """The same as a pyarrow Table: units and labels in each field's metadata, the basis and sources in the schema's.

        Raises
        ------
        MissingExtraError
            pyarrow is not installed.
        """
        pa = need("pyarrow", "tables")
        arrays = [pa.array(c.values) for c in self.columns]
        fields = [
            pa.field(c.name, a.type, metadata={"unit": c.unit, "label": c.label})
            for c, a in zip(self.columns, arrays, strict=True)
        ]
        about = {k: v for k, v in self.to_dict().items() if k not in ("columns", "rows")}
        return pa.table(arrays, schema=pa.schema(fields, metadata={"spinecast": json.dumps(about, ensure_ascii=False)}))

    @property
    def frame(self) -> Any:
        """The same as a pandas DataFrame, units in `attrs["units"]`."""
        frame = need("pandas", "tables").DataFrame({c.name: c.values for c in self.columns})
        frame.attrs["units"] = {c.name: c.unit for c in self.columns}
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it."""
        return {
            "format": FORMAT,
            "name": self.name,
            "title": self.title,
            "basis": {**asdict(self.basis), "choices": dict(self.basis.choices)},
            "columns": [{"name": c.name, "unit": c.unit, "label": c.label, "detail": c.detail} for c in self.columns],
            "rows": list(self.rows()),
            "notes": list(self.notes),
            "sources": list(self.sources),
            "charts": [asdict(c) for c in self.charts],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Result:
        """The inverse of `to_dict`.

        Raises
        ------
        MalformedFileError
            The data are not a result.
        """
        if data.get("format") != FORMAT:
            raise MalformedFileError(f"not a result of spinecast: `format` is {data.get('format')!r}, expected {FORMAT!r}")
        rows = data["rows"]
        columns = tuple(
            Column(c["name"], [r[c["name"]] for r in rows], c["unit"], c["label"], c["detail"]) for c in data["columns"]
        )
        charts = tuple(Chart(**c) for c in data["charts"])
        return cls(
            data["name"], data["title"], columns, Basis(**data["basis"]), tuple(data["sources"]), charts, tuple(data["notes"])
        )

    def to_json(self) -> str:
        """JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_csv(self) -> str:
        """CSV text with a header of names; units are in the JSON and the Parquet."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([c.name for c in self.columns])
        writer.writerows(["" if v is None else v for v in row.values()] for row in self.rows())
        return out.getvalue()

    def write(self, path: Path) -> None:
        """Write the table as CSV or Parquet by suffix; complete or not at all.

        Raises
        ------
        InvalidValueError, MissingExtraError
            Another suffix, or Parquet without pyarrow.
        """
        if path.suffix not in TABLES:
            raise InvalidValueError("table", path.name, f"a name that ends in {' or '.join(TABLES)}")
        temporary = path.with_name(f".{path.name}.tmp")
        if path.suffix == ".csv":
            temporary.write_text(self.to_csv(), encoding="utf-8")
        else:
            need("pyarrow.parquet", "tables").write_table(self.table, temporary)
        temporary.replace(path)

    def figure(self) -> Figure:
        """The charts as one matplotlib figure, its caption stating draws, seed, version and hashes.

        Raises
        ------
        InvalidValueError
            The result has no chart.
        """
        from spinecast.report.charts import figure_of

        return figure_of(self)

    def save_figure(self, path: Path) -> None:
        """Draw to .svg, .png or .pdf."""
        if path.suffix not in FIGURES:
            raise InvalidValueError("figure", path.name, f"a name that ends in {', '.join(FIGURES)}")
        from spinecast.report.charts import save_figure

        save_figure(self, path)

    def cite(self, folder: Path) -> str:
        """BibTeX of exactly the sources behind this result, from the priors in `folder`."""
        return bibtex(read_sources(folder / "sources.bib"), self.sources)

    def __repr__(self) -> str:
        return f"<Result {self.name}: {self.title}; {len(self):,} rows>"

    def _repr_html_(self) -> str:
        from spinecast.report.tables import html_of

        return html_of(self)


def read_cited(path: Path) -> tuple[str, ...]:
    """Source keys behind a file that spinecast wrote: JSON of a result or an assessment, or a result's Parquet.

    Raises
    ------
    MalformedFileError
        It is neither.
    """
    if path.suffix == ".parquet":
        parquet = need("pyarrow.parquet", "tables")
        try:
            metadata = parquet.read_schema(path).metadata or {}
        except (ValueError, OSError) as error:  # pyarrow's ArrowInvalid is a ValueError
            raise MalformedFileError(f"{path}: cannot be read as Parquet ({type(error).__name__})") from None
        data = json.loads(metadata.get(b"spinecast", b"{}"))
    else:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise MalformedFileError(f"{path}: cannot be read as JSON ({error})") from None
    found = data.get("sources", data.get("provenance", {}).get("sources")) if isinstance(data, dict) else None
    if found is None:
        raise MalformedFileError(f"{path}: names no sources; give a file written with --json, or a Parquet written with --table")
    return tuple(str(key) for key in found)


def sources_of(model: Model, rows: Iterable[str]) -> tuple[str, ...]:
    """Source keys of evidence rows, sorted; rows that do not exist are left out."""
    table = model.priors.rows
    return tuple(sorted({table[r].source for r in rows if r in table and table[r].source}))


def _cell(value: Any) -> Cell:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    if plain is None or isinstance(plain, str | float | int | bool):
        return plain
    raise InvalidValueError("cell", plain, "text, a number, a truth value or nothing")


def _words(value: Cell) -> str:
    return f"{value:,.10g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value).replace("_", " ")
