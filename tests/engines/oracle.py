"""The network built a second time, plainly, from the priors: the judge of every engine.

Nothing here imports `spinecast.network` or `spinecast.engines`. What is shared is the knowledge (records) and the
numbers (`numbers`: parameter name to value on its own scale), so that a difference is a difference of meaning.
The reference page `docs/reference/knowledge-format.md` says what is built. Three forms:

* `Enumeration`: sums in plain Python over settings, states, contexts, family latents and sedation.
* `core_network`: pyAgrum; one root STATE with every joint state as a value, everything else below it.
* `chain_network`: pyAgrum; one root a generator, a chain of counters and the node `presents`, for small priors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyagrum as gum

from spinecast.priors.records import Cause, Context, Finding, Priors

State = tuple[tuple[str, str], ...]
"""The active (generator, level) pairs."""

MOST_ACTIVE = 3
NODES = (-math.sqrt(3), 0.0, math.sqrt(3))
NODE_WEIGHTS = (1 / 6, 4 / 6, 1 / 6)


@dataclass(frozen=True)
class Observed:
    """What is known about one person, in words only.

    `likelihood` gives a number for each value of a leaf; `setting` for each setting; `sedation` yes or no by finding.
    """

    likelihood: Mapping[str, Sequence[float]] = field(default_factory=dict)
    setting: Sequence[float] | None = None
    sedation: Mapping[str, bool] = field(default_factory=dict)


def logistic(x: float) -> float:
    return 0.0 if x == -math.inf else 1.0 / (1.0 + math.exp(-x))


class Knowledge:
    """The meaning of the priors, one number at a time."""

    def __init__(self, priors: Priors, numbers: Mapping[str, float], region: str = "lumbosacral") -> None:
        self.priors, self.numbers = priors, numbers
        self.generators = {g.id: (g.levels or ("",)) for g in priors.generators.values() if g.region == region}
        self.findings = {f.id: f for f in priors.findings.values() if f.region == region}
        self.contexts = dict(priors.contexts)
        self.leaves: dict[str, Finding | Context] = {**self.contexts, **self.findings}
        self.settings = list(priors.settings)
        self._seen: dict[object, list[float]] = {}

    @cached_property
    def states(self) -> list[State]:
        found: list[State] = []
        for size in range(MOST_ACTIVE + 1):
            for chosen in itertools.combinations(self.generators, size):
                every = itertools.product(*(self.generators[g] for g in chosen))
                found += [tuple(zip(chosen, levels, strict=True)) for levels in every]
        return found

    @cached_property
    def levels(self) -> list[tuple[str, str]]:
        return [(g, level) for g, levels in self.generators.items() for level in levels]

    def odds(self, setting: str, pair: tuple[str, str]) -> float:
        """exp of the prevalence weight of a generator level."""
        generator, level = pair
        return math.exp(self.numbers[f"settings/{setting}/prevalence/{generator}{'/' + level if level else ''}"])

    def count_weight(self, setting: str, count: int) -> float:
        """What is multiplied on for how many are active."""
        if count > MOST_ACTIVE:
            return 0.0
        second = math.exp(self.numbers[f"settings/{setting}/co_occurrence/second"])
        third = math.exp(self.numbers[f"settings/{setting}/co_occurrence/third"])
        return (1.0, 1.0, second, second * third)[count]

    def weight(self, setting: str, state: State) -> float:
        return math.prod(self.odds(setting, pair) for pair in state) * self.count_weight(setting, len(state))

    def prior(self, setting: str) -> list[float]:
        weights = [self.weight(setting, s) for s in self.states]
        return [w / math.fsum(weights) for w in weights]

    @cached_property
    def setting_share(self) -> dict[str, float]:
        weights = {s: math.exp(self.numbers[f"settings/{s}/weight"]) for s in self.settings}
        return {s: w / math.fsum(weights.values()) for s, w in weights.items()}

    def frailty(self, family: str) -> list[float]:
        loading = math.exp(self.numbers[f"dependencies/{family}/loading"])
        raw = [math.exp(loading * node) for node in NODES]
        mean = sum(w * r for w, r in zip(NODE_WEIGHTS, raw, strict=True))
        return [r / mean for r in raw]

    def sedated(self, finding: str) -> float:
        return logistic(self.numbers[f"findings/{finding}/sedation/prior"])

    def acting(self, leaf: Finding | Context, state: State) -> tuple[str, ...]:
        """Names of the causes that act in this state."""
        return tuple(name for cause in leaf.causes if (name := _name(cause, state)))

    def distribution(
        self, leaf_id: str, state: State, setting: str, by: str = "", frailty: float = 1.0, sedated: bool = False
    ) -> list[float]:
        """Probability of each value of a leaf."""
        leaf = self.leaves[leaf_id]
        acting = self.acting(leaf, state)
        base_setting = setting if leaf_id in self.contexts and setting in self.contexts[leaf_id].base else "default"
        key = (leaf_id, acting, base_setting, by, frailty, sedated)
        if key not in self._seen:
            log_linear = leaf_id in self.contexts or leaf.form == "log_linear"
            self._seen[key] = (
                self._log_linear(leaf, acting, base_setting, by)
                if log_linear
                else self._noisy(leaf, acting, by, frailty, sedated)
            )
        return self._seen[key]

    def _log_linear(self, leaf: Finding | Context, acting: Sequence[str], setting: str, by: str) -> list[float]:
        is_context = leaf.id in self.contexts
        base = f"contexts/{leaf.id}/base/{setting}" if is_context else f"findings/{leaf.id}/base"
        base += f"/{by}" if by else ""
        kind = "contexts" if is_context else "findings"
        weights = [1.0]
        for value in leaf.values[1:]:
            odds = math.exp(self.numbers[f"{base}/{value}"])
            for cause in acting:
                odds *= math.exp(self.numbers.get(f"{kind}/{leaf.id}/{cause}/{value}", 0.0))
            weights.append(odds)
        return [w / math.fsum(weights) for w in weights]

    def _noisy(self, leaf: Finding, acting: Sequence[str], by: str, frailty: float, sedated: bool) -> list[float]:
        sources = [f"leak/{by}" if by else "leak", *acting, *(["sedation"] if sedated else [])]
        at_least = [1.0]
        for index in range(1, len(leaf.values)):
            below = 1.0
            for source in sources:
                below *= (1.0 - self._exceedance(leaf, source, index)) ** frailty
            at_least.append(1.0 - below)
        at_least.append(0.0)
        return [high - low for high, low in itertools.pairwise(at_least)]

    def _exceedance(self, leaf: Finding, source: str, index: int) -> float:
        return math.prod(logistic(self.numbers[f"findings/{leaf.id}/{source}/{v}"]) for v in leaf.values[1 : index + 1])

    def setting_matters(self, leaf_id: str) -> bool:
        return leaf_id in self.contexts and bool(set(self.settings) & set(self.contexts[leaf_id].base))


def _name(cause: Cause, state: State) -> str:
    """The parameter path of a cause in a state; "" where it does not act."""
    active = dict(state)
    if cause.generator not in active or (cause.levels and active[cause.generator] not in cause.levels):
        return ""
    name = cause.generator + (f"[{','.join(cause.levels)}]" if cause.levels else "")
    if not cause.with_others:
        return name
    return name + ("/alone" if len(state) == 1 else "/with_others")


# ── enumeration ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Answer:
    """Probability of every generator level, and the log probability of what was observed (None where impossible)."""

    levels: dict[tuple[str, str], float]
    log_evidence: float


class Enumeration:
    """The answer by summing the joint distribution, in plain Python."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.k = knowledge

    def answer(self, observed: Observed) -> Answer | None:
        k = self.k
        likelihood = dict(zip(k.settings, observed.setting or [1.0] * len(k.settings), strict=True))
        chance = {s: k.setting_share[s] * likelihood[s] for s in k.settings}
        joint = dict.fromkeys(k.states, 0.0)
        for setting in k.settings:
            if not chance[setting]:
                continue
            share = chance[setting] / math.fsum(chance.values())
            for state, prior in zip(k.states, k.prior(setting), strict=True):
                joint[state] += share * prior * self._given(state, setting, observed)
        total = math.fsum(joint.values())
        if total == 0.0:
            return None
        levels = {pair: math.fsum(p for s, p in joint.items() if pair in s) / total for pair in k.levels}
        return Answer(levels, math.log(total))

    def _given(self, state: State, setting: str, observed: Observed) -> float:
        """P(what was observed | state, setting), summed over every context."""
        total = 0.0
        names = sorted(self.k.contexts, key=lambda c: bool(self.k.contexts[c].by))
        for values in itertools.product(*(range(len(self.k.contexts[c].values)) for c in names)):
            chosen = dict(zip(names, values, strict=True))
            p = 1.0
            for name, value in chosen.items():
                by = self._by(self.k.contexts[name].by, chosen)
                p *= (
                    self.k.distribution(name, state, setting, by)[value]
                    * observed.likelihood.get(name, _ones(self.k, name))[value]
                )
            if p:
                p *= math.prod(self._group(group, state, setting, chosen, observed) for group in self._groups(observed))
            total += p
        return total

    def _by(self, context: str, chosen: Mapping[str, int]) -> str:
        return self.k.contexts[context].values[chosen[context]] if context else ""

    def _groups(self, observed: Observed) -> list[list[Finding]]:
        """Observed findings that share a latent, and the others one by one."""
        seen = [f for f in self.k.findings.values() if f.id in observed.likelihood]
        families = sorted({f.family for f in seen if f.family})
        return [[f for f in seen if f.family == name] for name in families] + [[f] for f in seen if not f.family]

    def _group(
        self, group: Sequence[Finding], state: State, setting: str, chosen: Mapping[str, int], observed: Observed
    ) -> float:
        family = group[0].family
        nodes = zip(NODE_WEIGHTS, self.k.frailty(family), strict=True) if family else [(1.0, 1.0)]
        total = 0.0
        for weight, frailty in nodes:
            p = weight
            for finding in group:
                by = self._by(finding.by, chosen)
                p *= sum(
                    share
                    * _dot(self.k.distribution(finding.id, state, setting, by, frailty, sedated), observed.likelihood[finding.id])
                    for sedated, share in self._sedation(finding, observed)
                )
            total += p
        return total

    def _sedation(self, finding: Finding, observed: Observed) -> list[tuple[bool, float]]:
        if finding.sedation is None:
            return [(False, 1.0)]
        if finding.id in observed.sedation:
            return [(observed.sedation[finding.id], 1.0)]
        yes = self.k.sedated(finding.id)
        return [(False, 1.0 - yes), (True, yes)]


def _ones(k: Knowledge, leaf: str) -> list[float]:
    return [1.0] * len(k.leaves[leaf].values)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


# ── pyAgrum ──────────────────────────────────────────────────────────────────────────────────────


class Judge:
    """A pyAgrum network with its clamp; asks LazyPropagation."""

    def __init__(self, knowledge: Knowledge, network: gum.BayesNet, clamp: Mapping[str, int]) -> None:
        self.k, self.network, self.clamp = knowledge, network, dict(clamp)

    def answer(self, observed: Observed) -> Answer | None:
        """As `Enumeration.answer`."""
        engine = gum.LazyPropagation(self.network)
        log_known = 0.0
        evidence: dict[str, object] = dict(self.clamp)
        for name, likelihood in observed.likelihood.items():
            evidence[name] = list(likelihood)
        if observed.setting is not None:
            evidence["setting"] = list(observed.setting)
            log_known += math.log(_dot(list(self.k.setting_share.values()), observed.setting))
        for name, sedated in observed.sedation.items():
            if self.k.findings[name].sedation is not None:
                evidence[f"sedation {name}"] = int(sedated)
                log_known += math.log(self.k.sedated(name) if sedated else 1.0 - self.k.sedated(name))
        engine.setEvidence(evidence)
        targets = {"STATE"} if "STATE" in self.network.names() else set(self.k.generators)
        engine.setTargets(targets)
        try:
            engine.makeInference()
            levels = self._levels(engine)
            if not all(math.isfinite(p) for p in levels.values()):
                return None
            return Answer(levels, math.log(engine.evidenceProbability()) - log_known - self._log_clamp())
        except gum.IncompatibleEvidence:
            return None

    def _levels(self, engine: gum.LazyPropagation) -> dict[tuple[str, str], float]:
        if "STATE" in self.network.names():
            posterior = engine.posterior("STATE").tolist()
            return {
                pair: math.fsum(p for p, state in zip(posterior, self.k.states, strict=True) if pair in state)
                for pair in self.k.levels
            }
        found = {}
        for generator, levels in self.k.generators.items():
            posterior = engine.posterior(generator).tolist()
            found |= {(generator, level): posterior[i + 1] for i, level in enumerate(levels)}
        return found

    def _log_clamp(self) -> float:
        if not self.clamp:
            return 0.0
        engine = gum.LazyPropagation(self.network)
        engine.setEvidence(self.clamp)
        engine.makeInference()
        return math.log(engine.evidenceProbability())


def core_network(k: Knowledge) -> Judge:
    """STATE under the setting; every leaf under STATE."""
    network = gum.BayesNet()
    _add(network, "setting", len(k.settings))
    network.cpt("setting").fillWith(list(k.setting_share.values()))
    _add(network, "STATE", len(k.states), ["setting"])
    network.cpt("STATE").fillWith([p for s in k.settings for p in k.prior(s)])
    _add_latents(network, k)
    for name in sorted(k.leaves, key=lambda n: (n in k.findings, bool(k.leaves[n].by))):
        _add_leaf(network, k, name, ["STATE"], [len(k.states)], lambda index: k.states[index[0]])
    return Judge(k, network, {})


def chain_network(k: Knowledge) -> Judge:
    """Generators as roots, counted one after another; `presents` weighs the count and is clamped to yes.

    Independent roots give each setting its own normaliser; `presents` takes it out, so that the settings keep
    their shares among those who present.
    """
    network = gum.BayesNet()
    _add(network, "setting", len(k.settings))
    network.cpt("setting").fillWith(list(k.setting_share.values()))
    before = ""
    for generator, levels in k.generators.items():
        _add(network, generator, len(levels) + 1, ["setting"])
        rows = [[1.0, *(k.odds(s, (generator, level)) for level in levels)] for s in k.settings]
        network.cpt(generator).fillWith([w / sum(row) for row in rows for w in row])
        counter = f"count {generator}"
        _add(network, counter, MOST_ACTIVE + 2, [generator, *([before] if before else [])])
        flat = [
            float(now == min(earlier + (level > 0), MOST_ACTIVE + 1))
            for earlier in (range(MOST_ACTIVE + 2) if before else (0,))
            for level in range(len(levels) + 1)
            for now in range(MOST_ACTIVE + 2)
        ]
        network.cpt(counter).fillWith(flat)
        before = counter
    _add(network, "presents", 2, [before, "setting"])
    correction = {}
    for s in k.settings:
        roots = math.prod(1.0 + sum(k.odds(s, (g, level)) for level in levels) for g, levels in k.generators.items())
        correction[s] = roots / math.fsum(k.weight(s, state) for state in k.states)
    yes = [[correction[s] * k.count_weight(s, count) for count in range(MOST_ACTIVE + 2)] for s in k.settings]
    top = max(max(row) for row in yes)
    network.cpt("presents").fillWith([p for row in yes for w in row for p in (1.0 - w / top, w / top)])
    _add_latents(network, k)
    generators = list(k.generators)

    def state_of(index: Sequence[int]) -> State:
        return tuple((g, k.generators[g][i - 1]) for g, i in zip(generators, index, strict=True) if i > 0)

    sizes = [len(k.generators[g]) + 1 for g in generators]
    for name in sorted(k.leaves, key=lambda n: (n in k.findings, bool(k.leaves[n].by))):
        _add_leaf(network, k, name, generators, sizes, state_of)
    return Judge(k, network, {"presents": 1})


def _add(network: gum.BayesNet, name: str, size: int, parents: Sequence[str] = ()) -> None:
    """A node; the first parent runs fastest in its table, after the node itself."""
    network.add(gum.RangeVariable(name, "", 0, size - 1))
    for parent in parents:
        network.addArc(parent, name)


def _add_latents(network: gum.BayesNet, k: Knowledge) -> None:
    for family in sorted({f.family for f in k.findings.values() if f.family}):
        _add(network, f"family {family}", len(NODES))
        network.cpt(f"family {family}").fillWith(list(NODE_WEIGHTS))
    for finding in k.findings.values():
        if finding.sedation is not None:
            _add(network, f"sedation {finding.id}", 2)
            yes = k.sedated(finding.id)
            network.cpt(f"sedation {finding.id}").fillWith([1.0 - yes, yes])


def _add_leaf(network: gum.BayesNet, k: Knowledge, name: str, parents: Sequence[str], sizes: Sequence[int], state_of) -> None:
    leaf = k.leaves[name]
    family = getattr(leaf, "family", "")
    sedation = getattr(leaf, "sedation", None) is not None
    extra = [leaf.by] if leaf.by else []
    extra += ["setting"] if k.setting_matters(name) else []
    extra += [f"family {family}"] if family else []
    extra += [f"sedation {name}"] if sedation else []
    _add(network, name, len(leaf.values), [*parents, *extra])
    flat: list[float] = []
    by_values = k.contexts[leaf.by].values if leaf.by else [""]
    frailties = k.frailty(family) if family else [1.0]
    states = [state_of(tuple(reversed(index))) for index in itertools.product(*(range(n) for n in reversed(sizes)))]
    for sedated in (False, True) if sedation else (False,):
        for frailty in frailties:
            for setting in k.settings if k.setting_matters(name) else k.settings[:1]:
                for by in by_values:
                    for state in states:
                        flat += k.distribution(name, state, setting, by, frailty, sedated)
    network.cpt(name).fillWith(flat)


def patterns(tests: Sequence[str], positive: int) -> Iterator[dict[str, list[float]]]:
    """Every way in which exactly so many of the two-valued tests are positive."""
    for chosen in itertools.combinations(tests, positive):
        yield {t: [0.0, 1.0] if t in chosen else [1.0, 0.0] for t in tests}
