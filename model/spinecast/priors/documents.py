"""The priors folder as it stands on disk, before any meaning: tables, rows and sources with their lines.

`reader` stops at the first fault, because a model must not be built on a broken folder. A checker must go
on, so it works on these raw documents instead.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from spinecast.errors import MalformedFileError
from spinecast.frozen import dataclass
from spinecast.priors.bibliography import Source, parse_sources
from spinecast.priors.problems import Problem
from spinecast.priors.records import Row

Path_ = tuple[str | int, ...]
"""Where something stands inside a table: keys and list positions."""

FOLDERS = {
    "generators": "generator", "findings": "finding", "contexts": "context", "inputs": "input", "settings": "setting",
    "natural_course": "natural_course", "dependencies": "dependency", "procedures": "procedure", "rules": "rule",
    "rule_sets": "rule_set",
    "pathways": "pathway",
    "trials": "trial",
}  # fmt: skip
"""Folder to kind of document; economics.toml stands alone."""

QUANTITY_KEYS = frozenset({"rows", "assumed", "derived"})
NUMBERS = ("value", "low", "high", "n")


@dataclass(frozen=True, slots=True)
class Document:
    """One TOML file. `sound` says that its schema holds, so that laws may rely on its shape."""

    kind: str
    file: str
    text: str
    table: Mapping[str, Any]
    sound: bool = True

    @property
    def id(self) -> str:
        """What the file calls itself, or the file's name where it does not say."""
        return str(self.table.get("id", Path(self.file).stem))

    def line(self, path: Path_, value: object = "") -> int:
        """Line of a field, found in the text: good enough for an editor to jump to; 0 if not found."""
        lines = self.text.splitlines()
        start = 0
        for name, index in pairwise(path):
            if isinstance(name, str) and isinstance(index, int):
                heads = [i for i, line in enumerate(lines) if line.strip() == f"[[{name}]]"]
                start = heads[index] if index < len(heads) else start
        keys = [k for k in reversed(path) if isinstance(k, str)]
        quoted = [re.escape(f'"{value}"')] if isinstance(value, str) and value else []
        for pattern in [*quoted, *(rf"^\s*(\[+[\w.]*\b{re.escape(k)}\]|{re.escape(k)}\s*=)" for k in keys)]:
            for i in range(start, len(lines)):
                if re.search(pattern, lines[i]):
                    return i + 1
        return start + 1 if start else 0

    def problem(self, path: Path_, value: object, message: str, expected: str = "", nearest: str = "") -> Problem:
        """A problem of this document."""
        shown = value if isinstance(value, str) else "" if value is None else str(value)
        return Problem(self.file, self.line(path, value), field_name(path), shown, expected, nearest, message)


@dataclass(frozen=True, slots=True)
class Citation:
    """One quantity: where it stands and what it says."""

    document: Document
    path: Path_
    table: Mapping[str, Any]

    @property
    def rows(self) -> tuple[str, ...]:
        """Ids of the rows that it cites."""
        return tuple(self.table.get("rows", ()))

    @property
    def stated(self) -> float | None:
        """The assumed or derived number, if there is one."""
        value = self.table.get("assumed", self.table.get("derived"))
        return None if value is None else float(value)

    @property
    def predicted_only(self) -> bool:
        """A trial's figure that the model is asked about, but that sets nothing."""
        if self.document.kind != "trial":
            return False
        place, index = self.path[0], self.path[1]
        arms = self.document.table["arms"]
        return place == "unused" or (place == "arms" and isinstance(index, int) and not arms[index].get("fitted", True))


@dataclass(frozen=True)
class Corpus:
    """Everything in the folder, and what could not be read."""

    folder: Path
    documents: tuple[Document, ...]
    rows: tuple[Row, ...]
    cells: tuple[Mapping[str, str], ...]
    sources: tuple[Source, ...]
    unreadable: tuple[Problem, ...] = ()

    def of(self, kind: str) -> list[Document]:
        """Sound documents of one kind, by id."""
        return [d for d in self.documents if d.kind == kind and d.sound]

    @cached_property
    def ids(self) -> dict[str, tuple[str, ...]]:
        """Ids by kind, unsound documents included: a reference to one is not a second problem."""
        kinds = [*FOLDERS.values()]
        return {kind: tuple(d.id for d in self.documents if d.kind == kind) for kind in kinds}

    @cached_property
    def row(self) -> dict[str, Row]:
        """Row by id; where an id stands twice, the first."""
        found: dict[str, Row] = {}
        for row in self.rows:
            found.setdefault(row.id, row)
        return found

    @cached_property
    def source(self) -> dict[str, Source]:
        """Source by key."""
        return {s.key: s for s in self.sources}

    @cached_property
    def by_id(self) -> dict[tuple[str, str], Document]:
        """Sound document by kind and id."""
        return {(d.kind, d.id): d for d in self.documents if d.sound}

    @cached_property
    def citations(self) -> tuple[Citation, ...]:
        """Every quantity of every sound document."""
        return tuple(Citation(d, path, table) for d in self.documents if d.sound for path, table in quantities(d.table))

    @cached_property
    def cited(self) -> dict[str, str]:
        """Cited row to the first file that cites it; unsound documents count, so that one fault is told once."""
        found: dict[str, str] = {}
        for document in self.documents:
            for key in _cited(document.table):
                found.setdefault(key, document.file)
        return found

    def sounding(self, unsound: frozenset[str]) -> Corpus:
        """The same corpus with these files marked as not keeping their schema."""
        return replace(self, documents=tuple(replace(d, sound=d.file not in unsound) for d in self.documents))


def field_name(path: Path_) -> str:
    """A path as people write it: ``causes[1].positive``."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def _cited(value: Any) -> Iterator[str]:
    """Every id in a list that is called `rows` or `sources`."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("rows", "sources") and isinstance(part, list):
                yield from (row for row in part if isinstance(row, str))
            else:
                yield from _cited(part)
    elif isinstance(value, list):
        for part in value:
            yield from _cited(part)


def quantities(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Every quantity table below a value, with its path."""
    if isinstance(value, list):
        for i, part in enumerate(value):
            yield from quantities(part, (*path, i))
    elif isinstance(value, dict):
        if QUANTITY_KEYS & set(value):
            yield path, value
        else:
            for key, part in value.items():
                yield from quantities(part, (*path, key))


def read_corpus(folder: Path) -> Corpus:
    """Read everything that can be read; what cannot is among `unreadable`.

    Raises
    ------
    MalformedFileError
        The folder is not a priors folder.
    """
    if not (folder / "evidence").is_dir():
        raise MalformedFileError(f"{folder} is not a priors folder: it has no evidence/ in it")
    files = [(kind, path) for name, kind in FOLDERS.items() for path in sorted((folder / name).glob("*.toml"))]
    files += [("economics", p) for p in [folder / "economics.toml"] if p.exists()]
    read = [_document(folder, kind, path) for kind, path in files]
    tables = [_evidence(folder, path) for path in sorted((folder / "evidence").glob("*.csv"))]
    sources = _sources(folder / "sources.bib")
    return Corpus(
        folder=folder,
        documents=tuple(d for d in read if isinstance(d, Document)),
        rows=tuple(row for rows, _ in tables for row in rows),
        cells=tuple(cell for _, cells in tables for cell in cells),
        sources=tuple(sources) if isinstance(sources, list) else (),
        unreadable=tuple(p for p in [*read, sources] if isinstance(p, Problem)),
    )


def _document(folder: Path, kind: str, path: Path) -> Document | Problem:
    file = path.relative_to(folder).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
        return Document(kind, file, text, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        return Problem(file, int(line[1]) if line else 0, "", "", "TOML in UTF-8", "", f"cannot be read: {error}", "schema")


def _sources(path: Path) -> list[Source] | Problem:
    if not path.exists():
        return Problem(path.name, 0, "", "", "a BibTeX file", "", "is missing", "schema")
    try:
        return parse_sources(path.read_text(encoding="utf-8"), path.name)
    except MalformedFileError as error:
        return Problem(path.name, 0, "", "", "", "", str(error), "schema")


def _evidence(folder: Path, path: Path) -> tuple[list[Row], list[Mapping[str, str]]]:
    file = path.relative_to(folder).as_posix()
    rows: list[Row] = []
    cells: list[Mapping[str, str]] = []
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        for raw in reader:
            cell = {str(k): (v or "").strip() if isinstance(v, str | None) else str(v) for k, v in raw.items()}
            cells.append(cell)
            rows.append(_row(cell, file, reader.line_num))
    return rows, cells


def _row(cell: Mapping[str, str], file: str, line: int) -> Row:
    texts = {name: cell.get(name, "") for name in Row.__dataclass_fields__ if name not in (*NUMBERS, "file", "line")}
    value, low, high, n = (number(cell.get(name, "")) for name in NUMBERS)
    whole = None if n is None else int(n)
    return Row(**texts, value=value, low=low, high=high, n=whole, file=file, line=line)


def number(text: str) -> float | None:
    """The number that a cell holds, or None for an empty or unreadable one (the schema says which)."""
    try:
        return float(text) if text else None
    except ValueError:
        return None
