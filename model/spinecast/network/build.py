"""From priors to a network: enumerate states, give every number its parameter, group leaves into blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from spinecast.errors import PriorsError
from spinecast.network.model import FRAILTY_WEIGHTS, Block, Leaf, Network, acting_of, combine_configs, frailty_values
from spinecast.network.parameters import NO_FRAILTY, Frailty, Registry
from spinecast.network.states import Ints, StateSpace, enumerate_states
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import expit, logit
from spinecast.priors.records import Cause, Context, Finding, Priors, Quantity


def build_network(
    priors: Priors, region: str = "lumbosacral", max_active: int = 3, fitted: Mapping[str, float] | None = None
) -> Network:
    """Compile one region, at its default parameters or at those that a fit has set.

    Raises
    ------
    PriorsError
        Something that the network needs is missing or points nowhere; the message names it.
    """
    generators = [g for g in priors.generators.values() if g.region == region]
    findings = [f for f in priors.findings.values() if f.region == region]
    if not generators or not findings:
        raise PriorsError(f"the priors in {priors.folder} hold no generators and findings for the region {region!r}")
    space = enumerate_states(generators, max_active)
    registry = Registry(priors.rows, fitted or {})
    settings = tuple(priors.settings)
    weight = np.array([registry.estimate_log(f"settings/{s}/weight", priors.settings[s].weight) for s in settings])
    prevalence = np.array([_prevalence(registry, priors, s, space) for s in settings])
    co_occurrence = np.array([_co_occurrence(registry, priors, s) for s in settings])
    leaves = {c.id: _context_leaf(c, priors, space, registry, settings) for c in priors.contexts.values()}
    leaves |= {f.id: _finding_leaf(f, priors, space, registry) for f in findings}
    blocks = _blocks(leaves, priors, registry)
    theta = np.array([p.default for p in registry.items])
    network = Network(
        region=region, space=space, settings=settings, setting_weight=weight, prevalence=prevalence, co_occurrence=co_occurrence,
        leaves=leaves, blocks=blocks, parameters=tuple(registry.items), theta=theta,
        generator_labels={g.id: g.label for g in generators},
    )  # fmt: skip
    settled = all(network.parameters[i].name in registry.fitted for i in prevalence.ravel())
    return network if settled else _calibrated(network)


def prevalence_targets(priors: Priors, network_levels: Sequence[tuple[str, str]], setting: str) -> list[Quantity]:
    """The published or assumed marginal of every level in a setting, in the order of the levels."""
    table = priors.settings[setting].prevalence
    found = []
    for generator, level in network_levels:
        if level not in table.get(generator, {}):
            raise PriorsError(f"settings/{setting}.toml: prevalence.{generator}{'.' + level if level else ''} is missing")
        found.append(table[generator][level])
    return found


def _prevalence(registry: Registry, priors: Priors, setting: str, space: StateSpace) -> list[int]:
    """Log-odds weights; the marginals, not these, are held by the published prevalence."""
    indices = []
    quantities = prevalence_targets(priors, space.levels, setting)
    for (generator, level), quantity in zip(space.levels, quantities, strict=True):
        name = f"settings/{setting}/prevalence/{generator}{'/' + level if level else ''}"
        if (index := registry.known(name, quantity)) is not None:
            indices.append(index)
            continue
        p = min(max(registry.probability(quantity), 1e-7), 1 - 1e-3)
        indices.append(registry.add(name, logit(p), math.inf, quantity))
    return indices


def _co_occurrence(registry: Registry, priors: Priors, setting: str) -> list[int]:
    table = priors.settings[setting].co_occurrence
    return [registry.estimate_log(f"settings/{setting}/co_occurrence/{k}", table[k]) for k in ("second", "third")]


def _calibrated(network: Network) -> Network:
    """Solve the prevalence weights so that the marginals are the stated ones (Newton, per setting)."""
    theta = network.theta.copy()
    for k in range(len(network.settings)):
        free = network.prevalence[k]
        target = np.clip(expit(theta[free]), 1e-7, 0.9)
        for _ in range(60):
            p = np.exp(network.log_prior(theta, k))
            active = network.space.active
            marginal = p @ active
            if np.abs(np.log(marginal / target)).max() < 1e-12:
                break
            covariance: npt.NDArray[np.float64] = (active * p[:, None]).T @ active - np.outer(marginal, marginal)
            step = np.linalg.solve(covariance + 1e-14 * np.eye(len(free)), target - marginal)
            theta[free] += np.clip(step, -1.0, 1.0)
    return _with_theta(network, theta)


def _with_theta(network: Network, theta: np.ndarray) -> Network:
    fields = {name: getattr(network, name) for name in Network.__dataclass_fields__}
    whole = None if network.whole is None else _with_theta(network.whole, theta)
    return Network(**{**fields, "theta": theta, "whole": whole})


def with_theta(network: Network, theta: np.ndarray) -> Network:
    """The same network at other parameters (fitted ones, or a draw); shape (P,)."""
    if theta.shape != network.theta.shape:
        raise ValueError(f"expected {network.theta.shape} parameters, got {theta.shape}")
    return _with_theta(network, theta)


def _sources(causes: Sequence[Cause], priors: Priors, space: StateSpace, name: str) -> tuple[list[Mapping[str, Quantity]], Ints]:
    """Strength table of each source and, per state, which sources act; shape (S, J)."""
    tables: list[Mapping[str, Quantity]] = []
    columns = []
    for cause in causes:
        generator = priors.generators.get(cause.generator)
        if generator is None:
            raise PriorsError(f"{name}: cause names the generator {cause.generator!r}, which does not exist")
        unknown = set(cause.levels) - set(generator.levels)
        if unknown:
            raise PriorsError(f"{name}: {cause.generator} has no level {sorted(unknown)[0]!r}")
        here = space.mask(cause.generator, cause.levels)
        if cause.with_others:
            tables += [cause.strength, cause.with_others]
            columns += [here & (space.count == 1), here & (space.count >= 2)]
        else:
            tables.append(cause.strength)
            columns.append(here)
    if not columns:
        return [], np.zeros((len(space), 0), dtype=np.int64)
    return tables, np.stack(columns, axis=1).astype(np.int64)


def _cause_names(causes: Sequence[Cause]) -> list[str]:
    named = []
    for cause in causes:
        label = cause.generator + (f"[{','.join(cause.levels)}]" if cause.levels else "")
        named += [label + "/alone", label + "/with_others"] if cause.with_others else [label]
    return named


def _configs(acting: Ints) -> tuple[Ints, np.ndarray]:
    if acting.shape[1] == 0:
        return np.zeros(len(acting), dtype=np.int64), np.zeros((1, 0))
    index, distinct = combine_configs(list(acting.T))
    return index, distinct.astype(float)


def _finding_leaf(finding: Finding, priors: Priors, space: StateSpace, registry: Registry) -> Leaf:
    name = f"findings/{finding.id}"
    causes = [c for c in finding.causes if c.generator in space.generators or c.generator not in priors.generators]
    tables, acting = _sources(causes, priors, space, name)
    index, activity = _configs(acting)
    log_linear = finding.form == "log_linear"
    exceedances = partial(registry.exceedances, frailty=_default_frailty(finding, priors))
    fill_base = registry.log_odds if log_linear else exceedances
    fill_cause = registry.log_ratios if log_linear else exceedances
    by_values = _by_values(finding.by, priors, name)
    word = "base" if log_linear else "leak"
    base = [[fill_base(f"{name}/{word}{'/' + b if b else ''}", finding.values, _by(finding.leak, b, name)) for b in by_values]]
    strength = [fill_cause(f"{name}/{c}", finding.values, t) for c, t in zip(_cause_names(causes), tables, strict=True)]
    sedation = None
    if finding.sedation is not None:
        prior = registry.log_odds_of(f"{name}/sedation/prior", finding.sedation.prior)
        sedation = np.array([prior, *exceedances(f"{name}/sedation", finding.values, finding.sedation.strength)])
    return Leaf(
        id=finding.id, label=finding.label, values=finding.values, form="log_linear" if log_linear else "noisy", is_context=False,
        by=finding.by, base=np.array(base), strength=_index_array(strength, len(finding.values) - 1), acting=acting_of(activity),
        config_of_state=index, sedation=sedation, family=finding.family,
    )  # fmt: skip


def _default_frailty(finding: Finding, priors: Priors) -> Frailty:
    """The family's frailty at its default loading."""
    family = priors.dependencies.get(finding.family)
    if family is None:
        return NO_FRAILTY
    stated = family.loading.assumed is not None or family.loading.derived is not None
    loading = estimate(family.loading, priors.rows, "log").value if stated else 1.0
    return tuple(frailty_values(np.array(loading)).tolist()), tuple(FRAILTY_WEIGHTS.tolist())


def _context_leaf(context: Context, priors: Priors, space: StateSpace, registry: Registry, settings: Sequence[str]) -> Leaf:
    name = f"contexts/{context.id}"
    causes = [c for c in context.causes if c.generator in space.generators]
    tables, acting = _sources(causes, priors, space, name)
    index, activity = _configs(acting)
    by_values = _by_values(context.by, priors, name)
    filled: dict[str, list[list[int]]] = {}
    for setting, table in context.base.items():
        filled[setting] = [
            registry.log_odds(f"{name}/base/{setting}{'/' + b if b else ''}", context.values, _by(table, b, name))
            for b in by_values
        ]
    if "default" not in filled and set(settings) - set(filled):
        raise PriorsError(f"{name}: base needs a table `default` or one for each setting ({', '.join(settings)})")
    base = [filled.get(s, filled.get("default", [])) for s in settings]
    strength = [registry.log_ratios(f"{name}/{c}", context.values, t) for c, t in zip(_cause_names(causes), tables, strict=True)]
    return Leaf(
        id=context.id, label=context.label, values=context.values, form="log_linear", is_context=True, by=context.by,
        base=np.array(base), strength=_index_array(strength, len(context.values) - 1), acting=acting_of(activity), config_of_state=index,
    )  # fmt: skip


def _index_array(rows: list[list[int]], width: int) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def _by_values(by: str, priors: Priors, name: str) -> tuple[str, ...]:
    if not by:
        return ("",)
    if by not in priors.contexts:
        raise PriorsError(f"{name}: by = {by!r} is not a context")
    if priors.contexts[by].by:
        raise PriorsError(f"{name}: by = {by!r} itself depends on {priors.contexts[by].by!r}; one step is the limit")
    return priors.contexts[by].values


def _by(table: Mapping[str, Mapping[str, Quantity]], value: str, name: str) -> Mapping[str, Quantity]:
    if value not in table:
        raise PriorsError(f"{name}: no numbers for the context value {value!r}")
    return table[value]


def _blocks(leaves: Mapping[str, Leaf], priors: Priors, registry: Registry) -> dict[str, Block]:
    members: dict[str, list[Leaf]] = {}
    for leaf in leaves.values():
        members.setdefault(leaf.family or leaf.id, []).append(leaf)
    return {key: _block(key, group, priors, registry) for key, group in members.items()}


def _block(key: str, group: list[Leaf], priors: Priors, registry: Registry) -> Block:
    by = {leaf.by for leaf in group if leaf.by}
    if len(by) > 1:
        raise PriorsError(f"dependencies/{key}: members depend on more than one context ({', '.join(sorted(by))})")
    loading = None
    if group[0].family:
        if key not in priors.dependencies:
            raise PriorsError(f"findings/{group[0].id}: family {key!r} has no file in dependencies/")
        loading = _loading(key, priors, registry)
        wrong = [leaf.id for leaf in group if leaf.form != "noisy"]
        if wrong:
            raise PriorsError(f"findings/{wrong[0]}: a member of a family must be noisy_or or noisy_max")
    index, distinct = combine_configs([leaf.config_of_state for leaf in group])
    return Block(key, tuple(leaf.id for leaf in group), by.pop() if by else "", loading, index, distinct.T.copy())


def _loading(key: str, priors: Priors, registry: Registry) -> int:
    """A loading that cites its one joint row is held weakly near 1 and set by that row's question."""
    quantity = priors.dependencies[key].loading
    if (index := registry.known(f"dependencies/{key}/loading", quantity)) is not None:
        return index
    if quantity.assumed is None and quantity.derived is None:
        return registry.add(f"dependencies/{key}/loading", 0.0, 1.0, quantity)
    return registry.estimate_log(f"dependencies/{key}/loading", quantity)
