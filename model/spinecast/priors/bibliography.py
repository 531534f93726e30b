"""Read `sources.bib`, cite a source in one line, print a selection as BibTeX.

The file is written by this project in one plain form (``key = {value},`` one to a line), so thirty
lines read it and a BibTeX library is not needed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from spinecast.errors import MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass

UNSEEN = ("not seen", "not stated")
"""How the author of a source begins of whom the page that was read says nothing."""

MOST_OF_TITLE = 44
_ENTRY = re.compile(r"@(\w+)\{([^,\s]+),\s*$")
_FIELD = re.compile(r"\s*(\w+)\s*=\s*\{(.*)\},?\s*$")


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of the bibliography."""

    key: str
    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    @property
    def short(self) -> str:
        """Author, year, journal and DOI (or PMID, or address) in one line."""
        get = self.fields.get
        place = f"doi:{get('doi')}" if get("doi") else f"PMID {get('pmid')}" if get("pmid") else get("url", "")
        return ", ".join(part for part in (self.author_year, get("journal", ""), place) if part)

    @property
    def author_year(self) -> str:
        """Author and year; the beginning of the title in the place of authors who were not seen."""
        author = self.fields.get("author", self.key)
        titles = (self.fields.get("title", ""), self.fields.get("journal", ""), self.key)
        title = next(t for t in titles if t and not t.lower().startswith(UNSEEN))
        unseen = author.lower().startswith(UNSEEN)
        name = f"“{textwrap.shorten(title, MOST_OF_TITLE, placeholder=' …')}”" if unseen else _first(author)
        return f"{name} {self.fields.get('year', 'undated')}"


def _first(authors: str) -> str:
    """Family name of the first author, with et al. where there are more."""
    names = authors.split(" and ")
    return names[0].split(",")[0] + (" et al." if len(names) > 1 else "")


def read_sources(path: Path) -> dict[str, Source]:
    """Every entry of a BibTeX file by key.

    Raises
    ------
    MalformedFileError
        A line is neither an entry, a field nor an end, or a key stands twice.
    """
    sources: dict[str, Source] = {}
    for source in parse_sources(path.read_text(encoding="utf-8"), path.name):
        if source.key in sources:
            raise MalformedFileError(f"{path.name}:{source.line}: the key {source.key!r} stands twice")
        sources[source.key] = source
    return sources


def parse_sources(text: str, name: str = "sources.bib") -> list[Source]:
    """Entries in the order of the file, repeated keys included."""
    found: list[Source] = []
    fields: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if entry := _ENTRY.match(line):
            fields = {}
            found.append(Source(entry[2], entry[1], fields, number))
        elif pair := _FIELD.match(line):
            fields[pair[1].lower()] = pair[2]
        elif line.strip() not in ("", "}") and not line.startswith("%"):
            raise MalformedFileError(f"{name}:{number}: {line.strip()!r} is not `field = {{value}},` on one line")
    return found


def cite(sources: Mapping[str, Source], key: str) -> str:
    """Short form of one source.

    Raises
    ------
    UnknownIdError
        No such key; the message carries the nearest one.
    """
    if key not in sources:
        raise UnknownIdError("source", key, sources)
    return sources[key].short


def bibtex(sources: Mapping[str, Source], keys: Iterable[str]) -> str:
    """The named entries as BibTeX, sorted by key."""
    return "\n".join(_entry(sources, key) for key in sorted(set(keys)))


def _entry(sources: Mapping[str, Source], key: str) -> str:
    if key not in sources:
        raise UnknownIdError("source", key, sources)
    source = sources[key]
    body = "".join(f"  {name} = {{{value}}},\n" for name, value in source.fields.items())
    return f"@{source.kind}{{{key},\n{body}}}\n"
