"""Exact inference by enumeration of the joint states, one person at a time and any number of parameter draws.

Families are marginalised inside their block, contexts that a base depends on are summed where unknown,
soft evidence is a likelihood vector, and everything stays in the log domain over states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from spinecast.errors import ImpossibleFindingsError
from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence
from spinecast.network.model import Block, Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array


@dataclass(frozen=True, slots=True)
class Posterior:
    """Belief over joint states.

    Attributes
    ----------
    states : ndarray, shape (..., S); last axis sums to 1
    log_evidence : ndarray, shape (...)
        Log probability of everything observed, given that the person presents and what is known of the setting.
    """

    states: Array
    log_evidence: Array


def posterior(network: Network, theta: Array, evidence: Evidence) -> Posterior:
    """Probability of each joint state given the evidence.

    Parameters
    ----------
    network : Network
    theta : ndarray, shape (P,) or (K, P)
        Parameters, or K draws of them.
    evidence : Evidence

    Raises
    ------
    ImpossibleFindingsError
        The evidence has probability zero in every state; the error names an irreducible conflicting set.
    """
    log_joint = _joint(network, np.moveaxis(theta, -1, 0), evidence)
    peak = log_joint.max(axis=0)
    if not np.isfinite(peak).all():
        raise ImpossibleFindingsError(conflict(network, theta, evidence))
    weight = np.exp(log_joint - peak)
    total = weight.sum(axis=0)
    return Posterior(np.moveaxis(weight / total, 0, -1), peak + np.log(total))


def joint_log(network: Network, theta: Array, evidence: Evidence) -> Array:
    """Log P(state, evidence | what is known of the setting); shape (..., S)."""
    return np.moveaxis(_joint(network, np.moveaxis(theta, -1, 0), evidence), 0, -1)


def _joint(network: Network, theta: Array, evidence: Evidence) -> Array:
    """The same with draws last: `theta` (P, ...) to (S, ...)."""
    likelihood = np.ones(len(network.settings)) if evidence.setting is None else np.asarray(evidence.setting, dtype=float)
    possible = np.flatnonzero(likelihood)
    if not len(possible):
        raise ImpossibleFindingsError(("setting",))
    theta = np.ascontiguousarray(theta)
    share = np.moveaxis(network.setting_prior(np.moveaxis(theta, 0, -1)), -1, 0)
    share = share * likelihood.reshape(-1, *([1] * (theta.ndim - 1)))
    shared: dict[tuple[str, bytes], Array] = {}
    parts = [_factors(network, theta, evidence, int(k), shared) for k in possible]
    # Parts that no setting changes are added once, after the sum over settings.
    common = [name for name, factor in parts[0].items() if all(other[name] is factor for other in parts[1:])]
    with np.errstate(divide="ignore"):
        terms = []
        for k, found in zip(possible, parts, strict=True):
            prior = network.log_prior_draws_last(theta, int(k))
            own = (factor for name, factor in found.items() if name not in common)
            terms.append(sum(own, start=np.log(share[k] / share.sum(axis=0)) + prior))
    joint = terms[0] if len(terms) == 1 else _log_sum(terms)
    for name in common:
        joint = joint + parts[0][name]
    return joint


def _log_sum(terms: Sequence[Array]) -> Array:
    """Log sum exp over the list, entry by entry; -inf where all are."""
    peak = np.maximum.reduce(terms)
    safe = np.where(np.isfinite(peak), peak, 0.0)
    total = sum((np.exp(term - safe) for term in terms[1:]), start=np.exp(terms[0] - safe))
    with np.errstate(divide="ignore"):
        logged: Array = safe + np.log(total)
    return logged


def log_likelihood(network: Network, theta: Array, evidence: Evidence, setting: int) -> Array:
    """Log P(evidence | state) in one setting; shape (..., S), or (S,) where nothing depends on a draw."""
    return sum(factors(network, theta, evidence, setting).values(), start=np.zeros(len(network.space)))


def factors(
    network: Network,
    theta: Array,
    evidence: Evidence,
    setting: int,
    shared: dict[tuple[str, bytes], Array] | None = None,
) -> dict[str, Array]:
    """Log P(part of the evidence | state) of parts that are independent given the state; each (..., S).

    A part is a block, or everything that depends on one unknown or known context together with that context.
    `shared` keeps parts from one setting to the next: only contexts whose base differs between settings change.
    """
    found = _factors(network, np.moveaxis(theta, -1, 0), evidence, setting, {} if shared is None else shared)
    return {name: np.moveaxis(part, 0, -1) for name, part in found.items()}


def _factors(
    network: Network, theta: Array, evidence: Evidence, setting: int, shared: dict[tuple[str, bytes], Array]
) -> dict[str, Array]:
    """The same with draws last: `theta` (P, ...), parts (S, ...)."""
    parts: dict[str, Array] = {}
    tied: dict[str, list[Block]] = {}
    observed = {network.block_of[leaf] for leaf in evidence.likelihood} | set(evidence.counts)
    with np.errstate(divide="ignore"):
        for name in sorted(observed - set(network.modulators)):
            block = network.blocks[name]
            known = known_value(evidence, block.by)
            if block.by and known is None:
                tied.setdefault(block.by, []).append(block)
                continue
            key = (name, _base(network, block.leaves[0], setting))
            if key not in shared:
                factor, configs = block_likelihood(network, theta, block, evidence, setting, known)
                shared[key] = np.log(factor[0]).take(configs, axis=0)
            parts[name] = shared[key]
        for context in network.modulators:
            if context in tied or context in evidence.likelihood:
                key = (context, _base(network, context, setting))
                if key not in shared:
                    dependent = []
                    for block in tied.get(context, []):
                        own = (block.id, _base(network, block.leaves[0], setting))
                        if own not in shared:
                            factor, configs = block_likelihood(network, theta, block, evidence, setting)
                            shared[own] = factor.take(configs, axis=1)
                        dependent.append(shared[own])
                    shared[key] = np.log(_summed(network, theta, context, dependent, evidence, setting))
                parts[context] = shared[key]
    for name, log in evidence.states.items():
        key = (name, b"")
        if key not in shared:
            states = np.moveaxis(log if network.kept is None else log[..., network.kept], -1, 0)
            shared[key] = states.reshape(len(states), *([1] * (theta.ndim - 1))) if states.ndim == 1 else states
        parts[name] = shared[key]
    return parts


def _base(network: Network, leaf: str, setting: int) -> bytes:
    """Which base numbers the leaf has in a setting; the same bytes mean the same table."""
    base = network.leaves[leaf].base
    chosen: bytes = base[setting if len(base) > 1 else 0].tobytes()
    return chosen


def known_value(evidence: Evidence, context: str) -> int | None:
    """Index of a context's value where it is certain."""
    likelihood = evidence.likelihood.get(context)
    if likelihood is None:
        return None
    hot = np.flatnonzero(likelihood)
    return int(hot[0]) if len(hot) == 1 else None


def block_likelihood(
    network: Network, theta: Array, block: Block, evidence: Evidence, setting: int, known: int | None = None
) -> tuple[Array, Ints]:
    """P(the block's evidence | context value, configuration), draws last, and the configuration of each state.

    `theta` (P, ...), result (B, C, ...) and (S,); B is 1 where the context's value is `known`. The configurations are those
    of the block, or of its only leaf that is seen.
    """
    frailty = np.moveaxis(network.frailty(np.moveaxis(theta, 0, -1), block), -1, 0)
    tests, positive = evidence.counts.get(block.id, ((), 0))
    seen = [
        (n, configs) for n, configs in zip(block.leaves, block.leaf_config, strict=True) if n in evidence.likelihood or n in tests
    ]
    if not seen:
        raise ValueError(f"nothing observed in the block {block.id}")
    factors, chances = [], []
    for name, configs in seen:
        leaf = network.leaves[name]
        table = network.table_draws_last(theta, leaf, setting, frailty, known if leaf.base.shape[1] > 1 else None)
        if leaf.sedation is not None:
            table = table[:, evidence.sedation.get(name, 2)]
        if name in tests:
            # A test that is counted may be recorded too: its likelihood then weighs both outcomes.
            weigh = evidence.likelihood.get(name, np.ones(2))
            chances.append(tuple((table[:, :, :, v] * weigh[v]).take(configs, axis=2) for v in (0, 1)))
        elif len(seen) == 1:
            return _mixed(network, block, _weighed(table, evidence.likelihood[name])), leaf.config_of_state
        else:
            factors.append(_weighed(table, evidence.likelihood[name]).take(configs, axis=2))
    if chances:
        factors.append(_exactly(chances, positive))
    return _mixed(network, block, math.prod(factors[1:], start=factors[0])), block.config_of_state


def _mixed(network: Network, block: Block, product: Array) -> Array:
    """Averaged over the frailty's nodes: (B, Z, C, ...) to (B, C, ...)."""
    weights = network.frailty_weights(block)
    mixed: Array = product[:, 0] if len(weights) == 1 else np.einsum("bzc...,z->bc...", product, weights)
    return mixed


def _weighed(table: Array, likelihood: Array) -> Array:
    """Sum over values of a table (B, Z, C, V, ...) times their likelihood: (B, Z, C, ...)."""
    first, *others = np.flatnonzero(likelihood).tolist() or [0]
    total: Array = table[:, :, :, first]
    if likelihood[first] != 1:
        total = total * likelihood[first]
    for value in others:
        total = total + table[:, :, :, value] * likelihood[value]
    return total


def _exactly(chances: Sequence[tuple[Array, ...]], positive: int) -> Array:
    """P(exactly so many of independent tests positive), by adding one test at a time (Poisson binomial)."""
    counts = [np.ones_like(chances[0][0])]
    for no, yes in chances:
        shorter = [*counts, np.zeros_like(yes)]
        longer = [np.zeros_like(yes), *counts]
        counts = [stay * no + add * yes for stay, add in zip(shorter, longer, strict=True)]
    return counts[positive]


def _summed(network: Network, theta: Array, context: str, dependent: Sequence[Array], evidence: Evidence, setting: int) -> Array:
    """Sum over the values of a context of its own probability times what depends on it, (B or 1, S, ...); shape (S, ...)."""
    leaf = network.leaves[context]
    own = network.table_draws_last(theta, leaf, setting, np.ones(1))[0, 0]
    likelihood = evidence.likelihood.get(context, np.ones(len(leaf.values)))
    total: Array = np.zeros(1)
    for value in np.flatnonzero(likelihood).tolist() or [0]:
        term = own[:, value].take(leaf.config_of_state, axis=0)
        if likelihood[value] != 1:
            term *= likelihood[value]
        for factor in dependent:
            term *= factor[value if len(factor) > 1 else 0]
        total = total + term
    return total


def conflict(network: Network, theta: Array, evidence: Evidence) -> tuple[str, ...]:
    """An irreducible set of observed leaves that cannot all be true: drop each in turn, keep what is needed."""
    point = theta if theta.ndim == 1 else theta[0]

    def impossible(candidate: Evidence) -> bool:
        return not np.isfinite(joint_log(network, point, candidate).max())

    kept = evidence
    for name in evidence.observed:
        smaller = kept.without(name)
        if impossible(smaller):
            kept = smaller
    return kept.observed


def marginals(network: Network, states: Array) -> dict[str, Array]:
    """Probability that each generator is active (any level); each of shape (...)."""
    return {g: states @ network.space.mask(g).astype(float) for g in network.space.generators}


def level_marginals(network: Network, states: Array) -> Mapping[tuple[str, str], Array]:
    """Probability of each generator level; each of shape (...)."""
    shares = states @ network.space.active.astype(float)
    return {level: shares[..., i] for i, level in enumerate(network.space.levels)}
