"""Everything that a patient file may hold, as plain records: what `spinecast findings` lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spinecast.priors.records import Priors

COUNT = "count"
"""Kind of a family of which only the number of positive tests is known."""


def vocabulary(priors: Priors) -> list[dict[str, Any]]:
    """One record an id, sorted by section and id.

    Every record has `id`, `section` (of the patient file), `kind`, `label`, `meaning`, `values`, `unit`, `minimum`,
    `maximum`, `sided` (a side may be given), `located` (a level may be given) and `write` (an example line).
    """
    records = [*_setting(priors), *_contexts(priors), *_findings(priors), *_counts(priors), *_inputs(priors)]
    return sorted(records, key=lambda r: (r["section"], r["id"]))


def kinds(priors: Priors) -> tuple[str, ...]:
    """Every kind that some record has."""
    return tuple(sorted({r["kind"] for r in vocabulary(priors)}))


def _record(section: str, kind: str, key: str, label: str, meaning: str, **more: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {
        "values": [],
        "unit": "",
        "minimum": None,
        "maximum": None,
        "sided": False,
        "located": False,
        "family": "",
    }
    return {"id": key, "section": section, "kind": kind, "label": label, "meaning": meaning, **blank, **more}


def _setting(priors: Priors) -> Iterator[dict[str, Any]]:
    values = sorted(priors.settings)
    meaning = "Where the person presents; not given: averaged over all settings."
    yield _record("", "setting", "setting", "Setting", meaning, values=values, write=f'setting = "{values[0]}"')


def _contexts(priors: Priors) -> Iterator[dict[str, Any]]:
    for c in priors.contexts.values():
        low, high = (c.bounds[0], c.bounds[-1]) if c.bounds else (None, None)
        example = f'{c.id} = "{c.values[-1]}"'
        more = {"values": list(c.values), "unit": c.unit, "minimum": low, "maximum": high, "write": example}
        yield _record("context", "context", c.id, c.label, c.question, **more)


def _findings(priors: Priors) -> Iterator[dict[str, Any]]:
    for f in priors.findings.values():
        where = ', side = "left"' * f.sided + ', level = "L5_S1"' * f.located
        value = f'"{f.values[-1]}"'
        more = {"sided": f.sided, "located": f.located, "family": f.family, "values": list(f.values)}
        more["write"] = f"{f.id} = {{ value = {value}{where} }}" if where else f"{f.id} = {value}"
        yield _record("findings", f.kind, f.id, f.label, f.description, **more)


def _counts(priors: Priors) -> Iterator[dict[str, Any]]:
    for family in priors.dependencies.values():
        tests = sorted(f.id for f in priors.findings.values() if f.family == family.id and len(f.values) == 2)
        if len(tests) > 1:
            meaning = f"How many of these were positive, where it is not known which: {', '.join(tests)}."
            example = f'{family.id} = "1 of {len(min(family.batteries, key=len, default=tests))}"'
            more = {"unit": "positive tests", "minimum": 0, "maximum": len(tests), "family": family.id, "write": example}
            yield _record("findings", COUNT, family.id, family.label, meaning, **more)


def _inputs(priors: Priors) -> Iterator[dict[str, Any]]:
    for i in priors.inputs.values():
        values = ["no", "yes"] if i.type == "boolean" else list(i.values)
        example = f'"{values[-1]}"' if values else f"{i.minimum or 0:g}"
        more = {"values": values, "unit": i.unit, "minimum": i.minimum, "maximum": i.maximum}
        more["write"] = f"{i.id} = [{example}]" if i.type == "list" else f"{i.id} = {example}"
        yield _record("inputs", "input", i.id, i.label, i.question, **more)
