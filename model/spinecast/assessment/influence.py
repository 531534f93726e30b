"""What the answer rests on: how far each number moves the leading diagnosis, and whether rows or assumptions set it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinecast.assessment.model import Model
from spinecast.engines import exact
from spinecast.network.evidence import Evidence, main_setting
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

STEP = 1e-4
MOST_NAMED = 5
"""Assumed numbers that an answer names."""


def influences(
    network: Network, evidence: Evidence, parts: Sequence[tuple[Array, dict[str, Array]]], generator: str
) -> dict[int, float]:
    """Absolute slope of the generator's log-odds in each parameter that the evidence touches, by parameter index."""
    theta = network.theta
    mask = network.space.mask(generator)
    setting = main_setting(network, theta, evidence)
    prior, found = _of_setting(parts, evidence, setting)
    total = prior + sum(found.values(), start=np.zeros_like(prior))
    start = float(_log_odds(total, mask))
    slopes: dict[int, float] = {}

    def add(indices: Sequence[int], moved: Array) -> None:
        for index, odds in zip(indices, np.broadcast_to(_log_odds(moved, mask), len(indices)).tolist(), strict=True):
            slopes[index] = slopes.get(index, 0.0) + (odds - start) / STEP

    for part, factor in found.items():
        indices = _parameters(network, evidence, part, setting)
        if indices:
            changed = exact.factors(network, _moved(theta, indices), _only(network, evidence, part), setting).get(part, factor)
            add(indices, total - factor + changed)
    indices = sorted({*network.prevalence[setting].tolist(), *network.co_occurrence[setting].tolist()})
    add(indices, total + network.log_prior(_moved(theta, indices), setting) - network.log_prior(theta, setting))
    return {i: abs(v) for i, v in slopes.items()}


def _moved(theta: Array, indices: Sequence[int]) -> Array:
    """The parameters with one of these a step further in each row."""
    moved = np.tile(theta, (len(indices), 1))
    moved[np.arange(len(indices)), list(indices)] += STEP
    return moved


def _of_setting(
    parts: Sequence[tuple[Array, dict[str, Array]]], evidence: Evidence, setting: int
) -> tuple[Array, dict[str, Array]]:
    """The parts of one setting; they are in order of those that are possible."""
    return parts[setting] if evidence.setting is None else parts[int((evidence.setting[:setting] > 0).sum())]


def _log_odds(log_joint: Array, mask: np.ndarray) -> Array:
    """Of the states in the mask; shape (..., S) to (...)."""
    weight = np.exp(log_joint - log_joint.max(axis=-1, keepdims=True))
    odds: Array = np.log(weight[..., mask].sum(axis=-1) + 1e-300) - np.log(weight[..., ~mask].sum(axis=-1) + 1e-300)
    return odds


def _only(network: Network, evidence: Evidence, part: str) -> Evidence:
    """The evidence of one part, with the contexts that its bases depend on."""
    own = (part,) if part in network.blocks else ()
    blocks = [network.blocks[name] for name in {*own, *network.blocks_by.get(part, ())}]
    keep = {n for b in blocks for n in b.leaves} | {b.by for b in blocks} | {part}
    dropped = [n for n in evidence.likelihood if n not in keep] + [c for c in evidence.counts if c != part]
    return evidence.without(*dropped)


def _parameters(network: Network, evidence: Evidence, part: str, setting: int) -> list[int]:
    """Free parameters behind one part: of the leaves observed in it, at the values of context that are possible."""
    found: set[int] = set()
    only = _only(network, evidence, part)
    counted = {t for tests, _ in only.counts.values() for t in tests}
    for name in {*only.likelihood, *counted}:
        leaf = network.leaves[name]
        if network.block_of[name] != part and part not in (leaf.by, name):
            continue
        base = leaf.base[setting if len(leaf.base) > 1 else 0]
        known = only.likelihood.get(leaf.by) if leaf.by else None
        rows = base[np.flatnonzero(known)] if known is not None and len(base) == len(known) else base
        found |= {int(i) for i in rows.ravel()} | {int(i) for i in leaf.strength.ravel()}
        loading = network.blocks[network.block_of[name]].loading
        found |= {loading} if loading is not None else set()
    return sorted(i for i in found if network.free[i])


def share_from_evidence(model: Model, slopes: dict[int, float]) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Share of the sensitivity that rests on rows, and the assumed parameters that it leans on most."""
    total = sum(slopes.values())
    if total == 0:
        return 1.0, ()
    rests = sum(v * model.evidence_share[i] for i, v in slopes.items()) / total
    leaning = sorted(((v * (1 - model.evidence_share[i]) / total, i) for i, v in slopes.items()), key=lambda item: -item[0])
    return float(rests), tuple((model.network.parameters[i].name, float(v)) for v, i in leaning[:MOST_NAMED] if v > 0)
