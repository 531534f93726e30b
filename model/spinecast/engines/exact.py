"""Exact inference by enumeration of the joint states, one person at a time and any number of parameter draws.

Families are marginalised inside their block, contexts that a base depends on are summed where unknown,
soft evidence is a likelihood vector, and everything stays in the log domain over states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spinecast.errors import ImpossibleFindingsError
from spinecast.network.evidence import Evidence
from spinecast.network.model import Block, Network
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
    log_joint = joint_log(network, theta, evidence)
    peak = log_joint.max(axis=-1, keepdims=True)
    if not np.isfinite(peak).all():
        raise ImpossibleFindingsError(conflict(network, theta, evidence))
    weight = np.exp(log_joint - peak)
    total = weight.sum(axis=-1, keepdims=True)
    return Posterior(weight / total, (peak + np.log(total))[..., 0])


def joint_log(network: Network, theta: Array, evidence: Evidence) -> Array:
    """Log P(state, evidence | what is known of the setting); shape (..., S)."""
    likelihood = np.ones(len(network.settings)) if evidence.setting is None else evidence.setting
    share = network.setting_prior(theta) * likelihood
    terms = []
    shared: dict[tuple[str, bytes], Array] = {}
    with np.errstate(divide="ignore"):
        for k in np.flatnonzero(likelihood):
            weight = np.log(share[..., k] / share.sum(axis=-1))[..., None]
            found = factors(network, theta, evidence, int(k), shared).values()
            terms.append(sum(found, start=weight + network.log_prior(theta, int(k))))
    if not terms:
        raise ImpossibleFindingsError(("setting",))
    joint: Array = terms[0] if len(terms) == 1 else np.logaddexp.reduce(np.stack(terms), axis=0)
    return joint


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
    shared = {} if shared is None else shared
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
                factor = block_likelihood(network, theta, block, evidence, setting)
                row = known if known is not None and factor.shape[-2] > 1 else 0
                shared[key] = np.log(factor[..., row, :])[..., block.config_of_state]
            parts[name] = shared[key]
        for context in network.modulators:
            if context in tied or context in evidence.likelihood:
                key = (context, _base(network, context, setting))
                if key not in shared:
                    dependent = _together(network, theta, tied.get(context, []), evidence, setting)
                    shared[key] = np.log(_summed(network, theta, context, dependent, evidence, setting))
                parts[context] = shared[key]
    return parts


def _base(network: Network, leaf: str, setting: int) -> bytes:
    """Which base numbers the leaf has in a setting; the same bytes mean the same table."""
    base = network.leaves[leaf].base
    chosen: bytes = base[setting if len(base) > 1 else 0].tobytes()
    return chosen


def _together(network: Network, theta: Array, blocks: Sequence[Block], evidence: Evidence, setting: int) -> Array | None:
    """P(evidence of these blocks | context value, state), shape (..., B, S); None for no blocks."""
    spread = [block_likelihood(network, theta, b, evidence, setting)[..., b.config_of_state] for b in blocks]
    return math.prod(spread[1:], start=spread[0]) if spread else None


def known_value(evidence: Evidence, context: str) -> int | None:
    """Index of a context's value where it is certain."""
    likelihood = evidence.likelihood.get(context)
    if likelihood is None:
        return None
    hot = np.flatnonzero(likelihood)
    return int(hot[0]) if len(hot) == 1 else None


def block_likelihood(network: Network, theta: Array, block: Block, evidence: Evidence, setting: int) -> Array:
    """P(the block's evidence | configuration, context value); shape (..., B, C)."""
    frailty = network.frailty(theta, block)
    factors = []
    tests, positive = evidence.counts.get(block.id, ((), 0))
    chances = []
    for name, configs in zip(block.leaves, block.leaf_config, strict=True):
        if name not in evidence.likelihood and name not in tests:
            continue
        leaf = network.leaves[name]
        table = network.table(theta, leaf, setting, frailty)
        if leaf.sedation is not None:
            table = table[..., evidence.sedation.get(name, 2), :, :, :]
        if name in tests:
            # A test that is counted may be recorded too: its likelihood then weighs both outcomes.
            both = table * evidence.likelihood.get(name, np.ones(2))
            chances.append((both[..., 0][..., configs], both[..., 1][..., configs]))
        else:
            factors.append((table @ evidence.likelihood[name])[..., configs])
    if chances:
        factors.append(_exactly(chances, positive))
    if not factors:
        raise ValueError(f"nothing observed in the block {block.id}")
    product = math.prod(factors[1:], start=factors[0])
    mixed: Array = np.einsum("...zc,z->...c", product, network.frailty_weights(block))
    return mixed


def _exactly(chances: Sequence[tuple[Array, Array]], positive: int) -> Array:
    """P(exactly so many of independent tests positive), by adding one test at a time (Poisson binomial)."""
    counts = [np.ones_like(chances[0][0])]
    for no, yes in chances:
        shorter = [*counts, np.zeros_like(yes)]
        longer = [np.zeros_like(yes), *counts]
        counts = [stay * no + add * yes for stay, add in zip(shorter, longer, strict=True)]
    return counts[positive]


def _summed(network: Network, theta: Array, context: str, dependent: Array | None, evidence: Evidence, setting: int) -> Array:
    """Sum over the values of a context of its own probability times what depends on it; shape (..., S)."""
    leaf = network.leaves[context]
    own = network.table(theta, leaf, setting)[..., 0, 0, :, :]
    if context in evidence.likelihood:
        own = own * evidence.likelihood[context]
    spread = np.moveaxis(own, -1, -2)[..., leaf.config_of_state]
    summed: Array = spread.sum(axis=-2) if dependent is None else (spread * dependent).sum(axis=-2)
    return summed


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
