"""Why: weight of evidence, explanations and conflict of one person as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spinecast.analysis.coalitions import Coalitions
from spinecast.analysis.conflict import LARGEST_SUBSET, VISIBLE, Clash, conflict
from spinecast.analysis.explanation import Name, Probable, Relevant, most_probable, most_relevant
from spinecast.analysis.grounds import basis_of, sources_behind
from spinecast.analysis.result import Chart, Column, Result
from spinecast.analysis.weight_of_evidence import EXACT, Decomposition, decompose
from spinecast.assessment.assess import Case, observed, outcome_labels
from spinecast.assessment.reasons import verdict_on
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.wording import words

LEADERS = 2
"""Generators explained where none is named."""

MOST_CLASHES = 8


def coalitions_of(case: Case) -> Coalitions:
    """The case's findings, ready to be taken apart.

    Raises
    ------
    InvalidValueError
        Nothing is observed.
    """
    if not case.evidence.observed:
        raise InvalidValueError("findings", "none", "a patient file in which something is recorded: there is nothing to explain")
    return Coalitions.of(case.model.network, case.model.network.theta, case.evidence)


def weight_result(case: Case, generators: Sequence[str] = (), *, coalitions: Coalitions | None = None) -> Result:
    """Weight of every finding for and against generators; the shares of one generator add up to the weight of everything.

    Parameters
    ----------
    case : Case
        From `spinecast.assessment.assess.prepare`.
    generators : sequence of str
        The likeliest two by default.

    Returns
    -------
    Result
        Columns generator, finding, group, decibans, error, together (decibans of the whole group).
    """
    network = case.model.network
    for name in generators:
        if name not in network.space.generators:
            raise UnknownIdError("generator", name, network.space.generators)
    taken = coalitions or coalitions_of(case)
    chosen = tuple(generators) or _leaders(case)
    found = {g: decompose(taken, taken.mask(g)) for g in chosen}
    said = _said(case)
    rows = []
    for g, parts in found.items():
        for share in sorted(parts.shares, key=lambda s: -abs(s.decibans)):
            members = taken.groups[share.group]
            rows.append((network.generator_labels[g], said[share.item], _group(case, members), share.decibans, share.error,
                         parts.groups[share.group]))  # fmt: skip
    columns = tuple(
        Column(name, [row[i] for row in rows], unit, label, name == "error")
        for i, (name, unit, label) in enumerate((
            ("generator", "", ""), ("finding", "", ""), ("group", "", "counted together as"), ("decibans", "decibans", "weight"),
            ("error", "decibans", "standard error"), ("together", "decibans", "group's weight"),
        ))
    )  # fmt: skip
    notes = [_total(network.generator_labels[g], parts) for g, parts in found.items()]
    chart = Chart("bars", "decibans", "finding", by="generator", title="Weight for (right) and against (left)", reference=0.0)
    exact = all(parts.method == EXACT for parts in found.values())
    return Result(
        "weight_of_evidence", _title(case, "what speaks for it and against it"), columns,
        basis_of(case, orders="every one" if exact else "sampled"), sources_behind(case.model, case.evidence.observed), (chart,),
        (*notes, SHARES),
    )  # fmt: skip


SHARES = """3 decibans double the odds, 10 make them ten times. Shares are Owen's value: what a finding adds, averaged over the orders
in which groups, and findings within a group, could have become known.""".replace("\n", " ")


def explanation_result(case: Case, *, coalitions: Coalitions | None = None) -> Result:
    """The most relevant and the most probable explanations of everything observed.

    Returns
    -------
    Result
        Columns kind, explanation, factor, decibans, prior, posterior.
    """
    taken = coalitions or coalitions_of(case)
    relevant, probable = most_relevant(taken), most_probable(taken)
    every: tuple[Relevant | Probable, ...] = (*relevant, *probable)
    labels = case.model.network.generator_labels
    columns = (
        Column("kind", ["most relevant"] * len(relevant) + ["most probable"] * len(probable)),
        Column("explanation", [_named(e.active, labels) for e in every]),
        Column("factor", [e.factor for e in relevant] + [None] * len(probable), "", "Bayes factor"),
        Column("decibans", [e.decibans for e in relevant] + [None] * len(probable), "decibans", "weight"),
        Column("prior", [e.prior for e in every], "probability", "before"),
        Column("posterior", [e.posterior for e in every], "probability", "after"),
    )
    chart = Chart("bars", "posterior", "explanation", by="kind", title="How probable each explanation is now")
    return Result(
        "explanations", _title(case, "what would explain it"), columns, basis_of(case),
        sources_behind(case.model, case.evidence.observed), (chart,), EXPLAINED,
    )  # fmt: skip


EXPLAINED = (
    "Most relevant: these are active, whatever the others do, by how many times likelier the findings are with them than without.",
    "Most probable: these are active and no other. Both are exact over all sets of up to three.",
)


def conflict_result(case: Case, *, coalitions: Coalitions | None = None) -> Result:
    """Do the findings fit together, and if not, which do not?

    Returns
    -------
    Result
        Columns kind (clash, one left out, put together), findings, bits.
    """
    taken = coalitions or coalitions_of(case)
    found, said = conflict(taken), _said(case)

    def listed(items: Sequence[str]) -> str:
        rest = len(items) - LARGEST_SUBSET
        return "; ".join([said[i] for i in items[:LARGEST_SUBSET]] + ([f"and {rest} more"] if rest > 0 else []))

    rows: list[tuple[str, str, float]] = [("clash", listed(c.items), c.bits) for c in found.clashes[:MOST_CLASHES]]
    rows += [("one left out", listed(c.items), c.bits) for c in _telling(found.alone)]
    telling = [m for m in found.merges if m.bits > VISIBLE]
    rows += [("put together", f"{listed(m.first)} | {listed(m.second)}", m.bits) for m in telling]
    if len(found.merges) > len(telling):
        rows.append(("put together", "all else", sum(m.bits for m in found.merges if m.bits <= VISIBLE)))
    columns = (
        Column("kind", [r[0] for r in rows]),
        Column("findings", [r[1] for r in rows]),
        Column("bits", [r[2] for r in rows], "bits", "conflict"),
    )
    labels = case.model.network.generator_labels
    rare = ", ".join(f"{labels[r.generator]} ({r.bits:.1f} bits likelier)" for r in found.rare)
    verdict = f"Conflict {found.bits:+.2f} bits. {verdict_on(found.bits)}"
    explained = (f"It would be explained by {rare}.",) if rare else ()
    charts = (Chart("bars", "bits", "findings", by="kind", reference=0.0),) if rows else ()
    return Result(
        "conflict", _title(case, "do the findings fit together?"), columns, basis_of(case),
        sources_behind(case.model, case.evidence.observed), charts, (verdict, *explained, TRACE),
    )  # fmt: skip


TRACE = """Clash: findings less likely together than apart, more than any part of them. One left out: by how much the conflict falls.
Put together: from single findings to all of them, the greatest conflict first; these add up to the whole, those that support each other as one.""".replace(
    "\n", " "
)


def _telling(alone: Sequence[Clash]) -> tuple[Clash, ...]:
    return tuple(c for c in alone if c.bits > 0)[:MOST_CLASHES]


def _leaders(case: Case) -> tuple[str, ...]:
    space = case.model.network.space
    return tuple(sorted(space.generators, key=lambda g: (-float(case.belief @ space.mask(g)), g))[:LEADERS])


def _said(case: Case) -> dict[str, str]:
    """Label and value of each item."""
    priors = case.model.priors
    labels = {k: v.label for table in (priors.findings, priors.contexts, priors.dependencies) for k, v in table.items()}
    labels |= outcome_labels(case)
    return {name: f"{labels[name]}: {value}" for name, value in observed(case)}


def _group(case: Case, members: Sequence[str]) -> str:
    """What ties the members together: a family, or the context on which how common they are depends."""
    if len(members) == 1:
        return ""
    network, priors = case.model.network, case.model.priors
    block = next(network.blocks[network.block_of[m]] for m in members if m in network.leaves and m not in network.modulators)
    if block.by:
        return f"what depends on {priors.contexts[block.by].label[0].lower()}{priors.contexts[block.by].label[1:]}"
    return priors.dependencies[block.id].label


def _named(active: Name, labels: Mapping[str, str]) -> str:
    said = [labels[g] + (f" ({words(level)})" if level else "") for g, level in active]
    return " with ".join(said) or "Nonspecific pain"


def _total(label: str, parts: Decomposition) -> str:
    how = "" if parts.method == EXACT else f" ({parts.method}; the shares still add up)"
    return f"{label}: {parts.prior:.1%} before, {parts.posterior:.1%} after; {parts.total:+.1f} decibans in all{how}."


def _title(case: Case, what: str) -> str:
    return f"{case.patient.label or 'One patient'}: {what}"
