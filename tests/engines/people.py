"""Random people in the oracle's words: drawn from the knowledge itself, or any value with any other."""

from __future__ import annotations

import numpy as np

from engines.oracle import NODE_WEIGHTS, Knowledge, Observed
from spinecast.network.evidence import SEDATION, Evidence
from spinecast.network.model import Network


def certain(k: Knowledge, leaf: str, value: str) -> list[float]:
    return [float(v == value) for v in k.leaves[leaf].values]


def everything(k: Knowledge, rng: np.random.Generator) -> dict[str, str]:
    """The value of every leaf of one person, drawn from setting to finding."""
    setting = rng.choice(k.settings, p=list(k.setting_share.values()))
    state = k.states[rng.choice(len(k.states), p=k.prior(setting))]
    node = {f.family: int(rng.choice(3, p=NODE_WEIGHTS)) for f in k.findings.values()}
    values = {"setting": str(setting)}
    for name in sorted(k.leaves, key=lambda n: (n in k.findings, bool(k.leaves[n].by))):
        leaf = k.leaves[name]
        family = getattr(leaf, "family", "")
        frailty = k.frailty(family)[node[family]] if family else 1.0
        sedated = getattr(leaf, "sedation", None) is not None and rng.random() < k.sedated(name)
        chances = np.array(k.distribution(name, state, setting, values.get(leaf.by, ""), frailty, sedated))
        values[name] = str(rng.choice(leaf.values, p=chances / chances.sum()))
    return values


def person(k: Knowledge, rng: np.random.Generator, *, share: float, soft: float = 0.1, coherent: bool = True) -> Observed:
    """One person of whom a share of the leaves is known, some of it uncertainly."""
    truth = everything(k, rng) if coherent else {}
    likelihood = {}
    for name, leaf in k.leaves.items():
        if rng.random() >= share:
            continue
        value = truth[name] if coherent else str(rng.choice(leaf.values))
        likelihood[name] = rng.random(len(leaf.values)).tolist() if rng.random() < soft else certain(k, name, value)
    setting = None
    if rng.random() < 0.7:
        one = truth["setting"] if coherent else str(rng.choice(k.settings))
        setting = [float(s == one) for s in k.settings] if rng.random() < 0.8 else rng.random(len(k.settings)).tolist()
    can_be_sedated = [f.id for f in k.findings.values() if f.sedation is not None]
    sedation = {f: bool(rng.random() < 0.5) for f in can_be_sedated if rng.random() < 0.5}
    return Observed(likelihood, setting, sedation)


def evidence(network: Network, observed: Observed) -> Evidence:
    """The same person as the engines take it."""
    can_be_sedated = [leaf.id for leaf in network.leaves.values() if leaf.sedation is not None]
    words = {True: "yes", False: "no", None: "unknown"}
    return Evidence(
        likelihood={name: np.array(v) for name, v in observed.likelihood.items()},
        setting=None if observed.setting is None else np.array(observed.setting),
        sedation={f: SEDATION[words[observed.sedation.get(f)]] for f in can_be_sedated},
    )
