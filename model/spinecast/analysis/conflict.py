"""Do the findings fit together? Jensen's conflict measure, traced to the findings that clash.

conf(e) = log2 [ P(e1) ... P(en) / P(e1, ..., en) ]: findings that belong together are likelier together than their
own probabilities say (below 0); above 0 they speak against each other, unless a rare cause explains them, which is
checked for each generator.

References
----------
jensen1990conflict (Jensen FV, Chamberlain B, Nordahl T, Jensen F. Analysis in HUGIN of data conflict. UAI 1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from spinecast.analysis.coalitions import LEAST, Coalitions
from spinecast.frozen import dataclass

LARGEST_SUBSET = 3
"""Subsets up to this size are looked at one by one."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A set of findings and its conflict in bits."""

    items: tuple[str, ...]
    bits: float


@dataclass(frozen=True, slots=True)
class Merge:
    """Two sets put together, and the conflict between them: log2 [ P(a) P(b) / P(a, b) ]."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    bits: float


@dataclass(frozen=True, slots=True)
class RareCause:
    """A generator that the findings make at least as much likelier as they contradict each other: log2 [ P(h | e) / P(h) ]."""

    generator: str
    bits: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """The conflict of one person's findings.

    Attributes
    ----------
    bits : float
    merges : tuple of Merge
        From single findings to all of them, the greatest conflict first; their bits sum to `bits`.
    clashes : tuple of Clash
        Subsets up to three findings with a conflict above 0 that is more than that of any part of them.
    alone : tuple of Clash
        By how much the conflict falls if one finding is left out, largest first.
    rare : tuple of RareCause
        Generators that would explain a conflict above 0; empty where there is none.
    """

    bits: float
    merges: tuple[Merge, ...]
    clashes: tuple[Clash, ...]
    alone: tuple[Clash, ...]
    rare: tuple[RareCause, ...]


def conflict(coalitions: Coalitions) -> Conflict:
    """Measure and trace the conflict among all items of the evidence."""
    items = coalitions.items
    single = {item: coalitions.log_probability([item]) for item in items}

    def bits(chosen: Sequence[str]) -> float:
        return (sum(single[i] for i in chosen) - coalitions.log_probability(chosen)) / math.log(2)

    total = bits(items) if items else 0.0
    alone = sorted((Clash((i,), total - bits([j for j in items if j != i])) for i in items), key=lambda c: (-c.bits, c.items))
    return Conflict(total, _merges(coalitions), _clashes(items, bits), tuple(alone), _rare(coalitions, total))


def _clashes(items: Sequence[str], bits: object) -> tuple[Clash, ...]:
    assert callable(bits)
    found: dict[tuple[str, ...], float] = {(i,): 0.0 for i in items}
    clashes = []
    for size in range(2, LARGEST_SUBSET + 1):
        for chosen in combinations(items, size):
            value = float(bits(chosen))
            parts = max(max(found[part], 0.0) for part in combinations(chosen, size - 1))
            found[chosen] = max(value, parts)
            if value > max(parts, VISIBLE):
                clashes.append(Clash(chosen, value))
    return tuple(sorted(clashes, key=lambda c: (-c.bits, c.items)))


VISIBLE = 0.01
"""Bits below which a conflict is rounding."""


def _merges(coalitions: Coalitions) -> tuple[Merge, ...]:
    """Put the two sets together that clash most, until one is left."""
    clusters: list[tuple[str, ...]] = [(item,) for item in coalitions.items]
    log_p = {c: coalitions.log_probability(c) for c in clusters}
    local: dict[tuple[tuple[str, ...], tuple[str, ...]], float] = {}
    joined: dict[tuple[tuple[str, ...], tuple[str, ...]], float] = {}
    merges = []
    while len(clusters) > 1:
        for a, b in combinations(clusters, 2):
            if (a, b) not in local:
                joined[a, b] = coalitions.log_probability(a + b)
                local[a, b] = (log_p[a] + log_p[b] - joined[a, b]) / math.log(2)
        a, b = max(combinations(clusters, 2), key=lambda pair: (local[pair], pair))
        merges.append(Merge(a, b, local[a, b]))
        log_p[a + b] = joined[a, b]
        clusters = [c for c in clusters if c not in (a, b)] + [a + b]
    return tuple(merges)


def _rare(coalitions: Coalitions, total: float) -> tuple[RareCause, ...]:
    if total <= 0:
        return ()
    _, weight = coalitions.weights(coalitions.items)
    posterior = weight / weight.sum()
    found = []
    for generator in coalitions.network.space.generators:
        mask = coalitions.mask(generator)
        bits = float(np.log2(max(posterior[mask].sum(), LEAST)) - np.log2(max(coalitions.prior[mask].sum(), LEAST)))
        if bits >= total:
            found.append(RareCause(generator, bits))
    return tuple(sorted(found, key=lambda r: (-r.bits, r.generator)))
