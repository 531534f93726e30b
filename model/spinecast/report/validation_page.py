"""The page on which published questions the model answers inside their interval, and which not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Answered(Protocol):
    """What the page needs of one question; `analysis.validate.Validated` has it."""

    @property
    def id(self) -> str: ...
    @property
    def measure(self) -> str: ...
    @property
    def published(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def model(self) -> float: ...
    @property
    def inside(self) -> bool: ...
    @property
    def why(self) -> str: ...


def validation_page(counts: dict[str, float], fitted: Sequence[Answered], held_out: Sequence[Answered], *, priors: str) -> str:
    """Markdown: the counts, the fitted questions outside with why, and every held-out question.

    Parameters
    ----------
    counts : mapping
        `analysis.validate.summary`.
    priors : str
        Hash of the knowledge that was asked.
    """
    total, inside = int(counts["total"]), int(counts["inside"])
    lines = [
        "# What `spinecast validate` says",
        "",
        f"Of the fit to the priors `{priors[:12]}`. What the counts mean, and what the questions outside have in common, is told in",
        "[inside and outside](../explanation/inside-and-outside.md).",
        "",
        "| questions | inside | of | share |",
        "|---|---:|---:|---:|",
        _count("fitted", inside, total),
        _count("fitted, each with its own studies left out", counts["left_out_inside"], counts["left_out_total"]),
        _count("held out, never fitted", counts["held_out_inside"], counts["held_out_total"]),
        "",
        f"{int(counts['free_parameters']):,} numbers were free, {counts['effective_parameters']:.0f} of them in effect.",
        "",
        "## Fitted, and outside",
        "",
        *_table((r for r in fitted if not r.inside), why=True),
        "",
        "## Held out",
        "",
        *_table(held_out, why=False),
        "",
    ]
    return "\n".join(lines)


def _count(name: str, inside: float, total: float) -> str:
    return f"| {name} | {int(inside)} | {int(total)} | {inside / max(total, 1):.0%} |"


def _table(rows: Iterable[Answered], *, why: bool) -> list[str]:
    last = "why it may be" if why else ""
    found = [f"| row | measure | published | 95 % | model | {last} |", "|---|---|---:|---|---:|---|"]
    for r in rows:
        note = r.why.split("; ", 1)[-1].replace("|", "/") if why else ("" if r.inside else "outside")
        found.append(f"| `{r.id}` | {r.measure} | {r.published:.3g} | {r.low:.3g} to {r.high:.3g} | {r.model:.3g} | {note} |")
    return found
