"""Laws of the numbers themselves: kind of measure, order, sums.

Pools are computed in `spinecast.parameters`, not here. What can be said without pooling is the range that
a pool must lie in (between its lowest and its highest row), and a law bites only where that range proves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from spinecast.priors.documents import Citation, Corpus, Document, Path_, quantities
from spinecast.priors.laws.structure import CAUSE_FIELDS, base_tables
from spinecast.priors.measures import ASKED, DIFFERENCES, PROPORTIONS, RATIOS
from spinecast.priors.problems import Problem, one_of

TOLERANCE = 1e-9
SHARE_TOLERANCE = 0.05
"""Shares are renormalised, so a rounding of a few percent is no fault."""

_PLACES = (
    ("odds_ratio", "ratio"), ("co_occurrence", "ratio"), ("weight", "ratio"), ("ratio", "ratio"), ("loading", "amount"),
    ("difference", "difference"), ("wait_weeks", "amount"), ("review_weeks", "amount"), ("cost_usd", "amount"), ("costs", "amount"), ("patient_costs", ""), ("steroid", ""),
    ("particulate_ratio", "ratio"), ("radiation_msv", "amount"),
    ("qaly_loss", "amount"), ("burden_usd", "amount"), ("willingness_to_pay", "amount"), ("utility", ""), ("therapy", ""),
    ("discount", ""), ("curve", "amount"), ("curves", ""),
)  # fmt: skip


def place(citation: Citation) -> str:
    """What kind of number a quantity's place wants: probability, ratio, amount, difference or "" (any)."""
    found = [kind for name, kind in _PLACES if name in citation.path]
    return found[0] if found else "probability"


def asked_place(citation: Citation) -> bool:
    """Whether the network is asked the rows' own questions, so that any askable measure may set the number."""
    path, kind = citation.path, citation.document.kind
    leaf = (kind == "finding" and path[0] in ("leak", "base", "causes")) or kind == "context"
    return leaf or (kind == "dependency" and path[0] == "loading")


def rows_have_a_value(corpus: Corpus) -> Iterator[Problem]:
    """A row that sets a number alone has one."""
    for citation in corpus.citations:
        for i, key in enumerate(citation.rows if citation.stated is None and "unused" not in citation.path else ()):
            row = corpus.row.get(key)
            if row is not None and row.value is None:
                path = (*citation.path, "rows", i)
                yield citation.document.problem(path, key, "the row has no value", "a row with a value, or a derived number")


def rows_fit_their_place(corpus: Corpus) -> Iterator[Problem]:
    """A probability is set by proportions, a ratio by ratios, a difference by two arms or a mean difference."""
    for citation in corpus.citations:
        allowed = _allowed(citation)
        for i, key in enumerate(citation.rows if citation.stated is None and allowed else ()):
            row = corpus.row.get(key)
            if row is not None and row.measure not in allowed:
                message = f"the row's measure is {row.measure!r}, the place wants a {place(citation) or 'number'}"
                path = (*citation.path, "rows", i)
                yield citation.document.problem(path, key, message, f"a measure that is {one_of(sorted(allowed))}")


def _allowed(citation: Citation) -> frozenset[str]:
    """Measures that may set the number; empty: any."""
    combine = citation.table.get("combine", "pool")
    if citation.document.kind == "trial" and citation.path[0] == "unused":
        return frozenset()
    if combine.endswith("_to_responders"):
        return frozenset({_DIFFERENCE_MEASURES[combine]})
    if combine in ("difference", "complement"):
        return PROPORTIONS
    if asked_place(citation):
        return frozenset(ASKED) | PROPORTIONS
    kinds = {"probability": PROPORTIONS, "ratio": RATIOS, "difference": DIFFERENCES | PROPORTIONS}
    return kinds.get(place(citation), frozenset())


_DIFFERENCE_MEASURES = {
    "mean_difference_to_responders": "md",
    "difference_of_means_to_responders": "mean",
    "standardised_difference_to_responders": "smd",
}


def finding_rows_are_asked(corpus: Corpus) -> Iterator[Problem]:
    """A row that sets a finding's or a context's strength is asked of the network: it has its question and use = fit.

    A derived number may rest on rows that cannot be asked exactly.
    """
    for citation in corpus.citations:
        if not asked_place(citation) or citation.stated is not None:
            continue
        for i, key in enumerate(citation.rows):
            row = corpus.row.get(key)
            if row is not None and row.use == "parameter":
                path, expected = (*citation.path, "rows", i), "use = fit with a question, or a derived number"
                yield citation.document.problem(path, key, "the row sets a finding but is not asked (use = parameter)", expected)


def loadings_cite_one_row(corpus: Corpus) -> Iterator[Problem]:
    """A family's loading rests on at most one joint result; every other one validates."""
    for citation in corpus.citations:
        if citation.document.kind == "dependency" and len(citation.rows) > 1 and citation.stated is None:
            path = (*citation.path, "rows")
            yield citation.document.problem(path, ", ".join(citation.rows), "a loading is fitted to one joint result", "one row")


def stated_numbers_lie_in_their_interval(corpus: Corpus) -> Iterator[Problem]:
    """An assumed or derived number lies between its own low and high."""
    for citation in corpus.citations:
        low, high = citation.table.get("low"), citation.table.get("high")
        if low is None or high is None:
            continue
        value = citation.stated
        if low > high or (value is not None and not low <= value <= high):
            shown = f"{low} {'' if value is None else value} {high}"
            yield citation.document.problem(citation.path, shown, "the number is outside its interval", "low <= value <= high")


def spread(table: Mapping[str, Any], corpus: Corpus) -> tuple[float, float] | None:
    """Range that a quantity's number must lie in, or None where nothing can be said without pooling."""
    stated = table.get("assumed", table.get("derived"))
    if stated is not None:
        return float(stated), float(stated)
    rows = [corpus.row.get(key) for key in table.get("rows", ())]
    values = [row.value for row in rows if row is not None and row.value is not None and row.measure in PROPORTIONS]
    if not values or len(values) < len(rows):
        return None
    combine = table.get("combine", "pool")
    if combine == "complement":
        return 1 - max(values), 1 - min(values)
    return (min(values), max(values)) if combine == "pool" else None


def exceedances_fall(corpus: Corpus) -> Iterator[Problem]:
    """P(at least this value) does not rise from one value to the next."""
    for document in corpus.of("finding"):
        values = document.table["values"][1:]
        for path, table in _graded(document):
            for before, after in pairwise(v for v in values if v in table):
                yield from _falls(document, (*path, after), table[before], table[after], corpus)


def _graded(document: Document) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Tables of exceedances of a noisy finding."""
    if document.table["form"] == "log_linear":
        return
    leak = document.table["leak"]
    by = [((("leak", k)), v) for k, v in leak.items() if k != "by"] if "by" in leak else [(("leak",), leak)]
    yield from by
    for i, cause in enumerate(document.table["causes"]):
        yield ("causes", i), {k: v for k, v in cause.items() if k not in CAUSE_FIELDS}
        if "with_others" in cause:
            yield ("causes", i, "with_others"), cause["with_others"]
    if "sedation" in document.table:
        yield ("sedation",), document.table["sedation"]


def _falls(document: Document, path: Path_, before: Any, after: Any, corpus: Corpus) -> Iterator[Problem]:
    upper, lower = spread(before, corpus), spread(after, corpus)
    if upper is not None and lower is not None and lower[0] > upper[1] + TOLERANCE:
        message = f"P(at least {path[-1]}) is larger than that of the value before it ({upper[1]:g})"
        yield document.problem(path, f"{lower[0]:g}", message, f"at most {upper[1]:g}")


def bases_leave_room_for_the_first_value(corpus: Corpus) -> Iterator[Problem]:
    """Probabilities of all values but the first add up to less than 1, in bases and in a generator's levels."""
    for document, path, table, by in base_tables(corpus):
        if path[0] == "base":
            for key, part in table.items() if by else [("", table)]:
                yield from _at_most_one(document, (*path, key) if key else path, part, corpus)
    for document in corpus.of("setting"):
        for generator, part in document.table["prevalence"].items():
            if not {"rows", "assumed", "derived"} & set(part):
                yield from _at_most_one(document, ("prevalence", generator), part, corpus)


def _at_most_one(document: Document, path: Path_, table: Mapping[str, Any], corpus: Corpus) -> Iterator[Problem]:
    total = sum(low for low, _ in _ranges(table, corpus))
    if total >= 1:
        yield document.problem(path, f"{total:.3g}", "the probabilities leave nothing for the first value", "a sum below 1")


def _ranges(table: Mapping[str, Any], corpus: Corpus) -> list[tuple[float, float]]:
    return [found for _, part in quantities(dict(table)) if (found := spread(part, corpus)) is not None]


def shares_add_up_to_one(corpus: Corpus) -> Iterator[Problem]:
    """Shares of sites and of sides are about 1 together."""
    for document in corpus.of("generator"):
        for name in ("sites", "sides"):
            table: Mapping[str, Any] = document.table.get(name, {})
            ranges: Sequence[tuple[float, float]] = _ranges(table, corpus)
            if not table or len(ranges) < len(table):
                continue
            low, high = sum(r[0] for r in ranges), sum(r[1] for r in ranges)
            if low > 1 + SHARE_TOLERANCE or high < 1 - SHARE_TOLERANCE:
                yield document.problem((name,), f"{low:.3g}-{high:.3g}", "the shares do not add up to 1", "a sum of about 1")


LAWS = (
    rows_have_a_value, rows_fit_their_place, finding_rows_are_asked, loadings_cite_one_row,
    stated_numbers_lie_in_their_interval, exceedances_fall, bases_leave_room_for_the_first_value, shares_add_up_to_one,
)  # fmt: skip
