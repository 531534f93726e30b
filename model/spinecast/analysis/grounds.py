"""What an answer about one person rests on: the evidence rows behind the entries that it read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass

from spinecast.analysis.result import Basis, sources_of
from spinecast.assessment.assess import Case
from spinecast.assessment.model import Model
from spinecast.decision.settings import MONEY
from spinecast.priors.records import Quantity


def rows_within(entry: object) -> Iterator[str]:
    """Ids of the rows that any number of an entry of the priors cites, however deep it stands."""
    if isinstance(entry, Quantity):
        yield from entry.rows
    elif is_dataclass(entry):
        for field in fields(entry):
            yield from rows_within(getattr(entry, field.name))
    elif isinstance(entry, Mapping):
        for value in entry.values():
            yield from rows_within(value)
    elif isinstance(entry, tuple | list):
        for value in entry:
            yield from rows_within(value)


def sources_behind(model: Model, names: Iterable[str], procedures: Iterable[str] = ()) -> tuple[str, ...]:
    """Keys of the sources of findings, contexts and procedures by id, and of how common the generators are."""
    priors = model.priors
    entries: list[object] = [{**priors.findings, **priors.contexts}.get(name) for name in names]
    entries += [priors.procedures[name] for name in procedures]
    entries += list(priors.settings.values())
    return sources_of(model, {row for entry in entries for row in rows_within(entry)})


def basis_of(case: Case, **choices: str | float) -> Basis:
    """The basis of a result about one patient: whose rules, how far ahead, at what willingness to pay."""
    s = case.settings
    stated: dict[str, str | float] = {"rule_set": s.rule_set, "setting": case.patient.setting or "unknown"}
    stated |= {"horizon_weeks": s.horizon_weeks, "decisions_ahead": s.depth}
    if s.value_in == MONEY:
        stated["willingness_to_pay"] = s.willingness_to_pay
    return Basis.of(case.model, subject=case.patient.label, choices={**stated, **choices})
