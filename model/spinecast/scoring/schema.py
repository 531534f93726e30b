"""Arrow schemas of what goes in and what comes out: every field carries its unit and meaning as metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spinecast.extras import need
from spinecast.network.model import Network
from spinecast.scoring.columns import Column

REASON = "reason"
LOG_EVIDENCE = "log_evidence"


def schema_in(known: Mapping[str, Column]) -> Any:
    """Schema of a table to score; every column can be left out, and every cell can be null (not observed).

    Soft columns are left out here: `finding:value` holds the likelihood (float64, 0 to 1) of that value.
    """
    pa = need("pyarrow", "tables")
    types = {"number": pa.float64(), "whole number": pa.int64(), "list": pa.list_(pa.string())}
    fields = []
    for column in known.values():
        if column.role != "soft":
            limits = {"minimum": column.minimum, "maximum": column.maximum}
            more = {k: f"{v:g}" for k, v in limits.items() if v is not None}
            if column.values:
                more["values"] = ", ".join(column.values)
            fields.append(described(column.name, types.get(column.kind, pa.string()), column.meaning, column.unit, **more))
    return pa.schema(fields)


def differential_fields(network: Network, dtype: str) -> list[Any]:
    """Fields of the differential, in order: each generator, then its levels; nonspecific; log evidence."""
    pa = need("pyarrow", "tables")
    number = pa.float32() if dtype == "float32" else pa.float64()
    fields = [described(name, number, meaning, "probability") for name, meaning, _ in probabilities(network)]
    meaning = "log probability of everything observed, given that the person presents and what is known of the setting"
    return [*fields, described(LOG_EVIDENCE, pa.float64(), meaning, "nats")]


def probabilities(network: Network) -> Iterator[tuple[str, str, Sequence[int]]]:
    """(name, meaning, level columns to add up; none for nonspecific) of each probability that comes out."""
    levels = network.space.levels
    for generator in network.space.generators:
        label = network.generator_labels[generator]
        mine = [i for i, (owner, _) in enumerate(levels) if owner == generator]
        yield f"p_{generator}", f"{label}, at any level", mine
        for i in mine:
            if levels[i][1]:
                yield f"p_{generator}_{levels[i][1]}", f"{label}, {levels[i][1].replace('_', ' ')}", [i]
    yield "p_nonspecific", "no generator of the model is active", []


def reason_field() -> Any:
    """The field that says why a row was not scored."""
    return described(REASON, need("pyarrow", "tables").string(), "why the row was not scored; null where it was", "")


def described(name: str, type_: Any, meaning: str, unit: str, **more: str) -> Any:
    """An Arrow field with its meaning and unit."""
    return need("pyarrow", "tables").field(name, type_, metadata={"meaning": meaning, "unit": unit, **more})
