"""`spinecast priors show ID`: one entry with every number, its interval and its citation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from spinecast.errors import UnknownIdError
from spinecast.priors import records as r
from spinecast.priors.bibliography import Source, read_sources
from spinecast.priors.outline import Outline, basis, citation, figure, outline, question

WIDTH = 100
KINDS = (
    "generators", "findings", "contexts", "inputs", "procedures", "rules", "settings", "dependencies", "natural_course", "rule_sets", "pathways",
    "trials",
)  # fmt: skip
"""Where an id is looked for, in this order; then rows, then sources."""


def show(priors: r.Priors, key: str) -> str:
    """One entry in at most 100 columns.

    Parameters
    ----------
    priors : Priors
    key : str
        Id of a generator, finding, context, input, procedure, rule, setting, family, evidence row or source.

    Raises
    ------
    UnknownIdError
        Nothing has this id; the message carries the nearest one.
    """
    sources = read_sources(priors.folder / "sources.bib")
    for kind in KINDS:
        if key in getattr(priors, kind):
            return "\n".join(_entry(outline(priors, kind, key), priors, sources))
    if key in priors.rows:
        return "\n".join(_row_page(priors.rows[key], priors, sources))
    if key in sources:
        return "\n".join(_source_page(sources[key], priors, sources))
    known = [name for kind in KINDS for name in getattr(priors, kind)]
    raise UnknownIdError("id", key, [*known, *priors.rows, *sources])


def _entry(entry: Outline, priors: r.Priors, sources: Mapping[str, Source]) -> Iterator[str]:
    yield from _wrap(f"{entry.title}  [{entry.kind}/{entry.id}]")
    yield from _wrap(entry.text, 2)
    yield ""
    for name, value in entry.facts:
        yield from _wrap(f"{name.replace('_', ' ')}: {value}", 2)
    for place, quantity in entry.numbers:
        yield ""
        yield from _wrap(place)
        yield from _wrap(basis(quantity), 2)
        for key in quantity.rows:
            yield from _cited(key, priors, sources)


def _cited(key: str, priors: r.Priors, sources: Mapping[str, Source]) -> Iterator[str]:
    row = priors.rows.get(key)
    if row is None:
        yield from _wrap(f"{key}: no such row", 4)
        return
    yield from _wrap(f"{key}: {figure(row)}", 4)
    yield from _wrap(citation(row, sources), 6)
    yield from _wrap(question(row), 6)


def _row_page(row: r.Row, priors: r.Priors, sources: Mapping[str, Source]) -> Iterator[str]:
    yield from _wrap(f"{row.finding}  [evidence/{row.file.removeprefix('evidence/')}:{row.line}, {row.id}]")
    yield ""
    facts = {
        "figure": figure(row), "source": citation(row, sources), "question": question(row), "use": row.use,
        "reference standard": row.reference_standard, "population": row.population, "note": row.note,
        "cited by": ", ".join(_users(row.id, priors)),
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            yield from _wrap(f"{name}: {value}", 2)


def _users(key: str, priors: r.Priors) -> list[str]:
    """Entries that cite a row."""
    used = [
        f"{kind}/{name}"
        for kind in KINDS
        for name in getattr(priors, kind)
        if any(key in quantity.rows for _, quantity in outline(priors, kind, name).numbers)
    ]
    return used + [f"rules/{rule.id}" for rule in priors.rules.values() if key in rule.sources]


def _source_page(source: Source, priors: r.Priors, sources: Mapping[str, Source]) -> Iterator[str]:
    yield from _wrap(f"{source.short}  [sources.bib, {source.key}]")
    yield from _wrap(source.fields.get("title", ""), 2)
    yield from _wrap(source.fields.get("url", ""), 2)
    for row in priors.rows.values():
        if row.source == source.key:
            yield ""
            yield from _wrap(row.finding)
            yield from _cited(row.id, priors, sources)


def _wrap(text: str, indent: int = 0) -> list[str]:
    """Lines of at most WIDTH columns, continued two further in; nothing for an empty text."""
    first, rest = " " * indent, " " * (indent + 2)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
