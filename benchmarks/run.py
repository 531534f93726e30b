"""Speed of the engines on the real network, beside pgmpy and pyAgrum: `make bench`.

Like for like: about 25 findings of each person are known, drawn from the network itself with what is usually
recorded; everybody's answer is the marginal of every generator level; agreement is asserted before anything is timed;
all run interleaved in one process on one thread, several times over. Ratios are taken within a repeat, so that a busy
machine slows both sides. Writes results.json beside this file: seconds a patient are medians.
"""

from __future__ import annotations

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyagrum as gum
from results import merge, row

from spinecast.analysis.simulate import recorded_shares, simulate
from spinecast.assessment.model import load_model
from spinecast.engines import exact
from spinecast.engines.batch import BatchEngine, People, decode, products
from spinecast.engines.batch.compiled import WhenRepaid
from spinecast.network.evidence import Evidence
from spinecast.network.export import EVIDENCE, Node, nodes, to_pgmpy_model
from spinecast.network.model import FRAILTY_WEIGHTS, Network
from spinecast.parameters.scales import expit

SETTING = "spine_clinic"
FINDINGS = 25
REPEATS = 7
SEED = 20_240_229
WITHIN = 1e-9

Ask = Callable[[Evidence], np.ndarray]
"""Marginals of every generator level of one person."""


@dataclass(frozen=True)
class Timed:
    """Something that answers for several people; seconds a person."""

    name: str
    people: int
    run: Callable[[], object]
    seconds: list[float]


# ── the other engines, each at its best plain call ───────────────────────────────────────────────


def core_nodes(network: Network) -> tuple[Node, ...]:
    """The network with one node STATE for all generators, which suits general engines best."""
    k, space = network.settings.index(SETTING), network.space
    built = [Node("STATE", tuple(f"s{i}" for i in range(len(space))), (), np.exp(network.log_prior(network.theta, k)))]
    for leaf in sorted(network.leaves.values(), key=lambda one: (not one.is_context, bool(one.by))):
        block = network.blocks[network.block_of[leaf.id]]
        table = network.table(network.theta, leaf, k, network.frailty(network.theta, block))
        parents = [leaf.by] if leaf.by else []
        if leaf.sedation is not None:
            yes = float(expit(network.theta[leaf.sedation[0]]))
            built.append(Node(f"sedation_{leaf.id}", ("no", "yes"), (), np.array([1 - yes, yes])))
            table = table[:, :2]
            parents.append(f"sedation_{leaf.id}")
        if block.loading is not None:
            parents.append(f"frailty_{block.id}")
            if all(node.name != parents[-1] for node in built):
                built.append(Node(parents[-1], ("low", "middle", "high"), (), FRAILTY_WEIGHTS))
        spread = np.moveaxis(table, -1, 0)[..., leaf.config_of_state]
        shape = [len(leaf.values), *(n for n in spread.shape[1:-1] if n > 1), len(space)]
        built.append(Node(leaf.id, leaf.values, (*parents, "STATE"), spread.reshape(shape)))
    return tuple(built)


def to_pyagrum(built: Sequence[Node]) -> gum.BayesNet:
    network = gum.BayesNet()
    for node in built:
        network.add(gum.LabelizedVariable(node.name, "", list(node.values)))
        for parent in reversed(node.parents):
            network.addArc(parent, node.name)
        network.cpt(node.name).fillWith(np.moveaxis(node.table, 0, -1).ravel().tolist())
    return network


def named(network: Network, evidence: Evidence, clamp: dict[str, str]) -> dict[str, str]:
    """Hard evidence by name of value."""
    found = dict(clamp)
    for name, likelihood in evidence.likelihood.items():
        found[name] = network.leaves[name].values[int(likelihood.argmax())]
        if evidence.sedation.get(name, 2) < 2:
            found[f"sedation_{name}"] = ("no", "yes")[evidence.sedation[name]]
    return found


def ask_pgmpy(network: Network, built: Sequence[Node], clamp: dict[str, str]) -> Ask:
    from pgmpy.inference import VariableElimination

    model = to_pgmpy_model(built)
    engine = VariableElimination(model)
    targets = list(network.space.generators) if "STATE" not in model.nodes else ["STATE"]

    def ask(evidence: Evidence) -> np.ndarray:
        answer = engine.query(targets, evidence=named(network, evidence, clamp), joint=False, show_progress=False)
        if targets == ["STATE"]:
            return answer["STATE"].values @ network.space.active
        return np.concatenate([answer[g].values[1:] for g in targets])

    return ask


def ask_pyagrum(network: Network, built: Sequence[Node], clamp: dict[str, str], method: Any = gum.LazyPropagation) -> Ask:
    """Evidence is changed from one person to the next, so that what has not changed is kept by engines that can."""
    engine = method(to_pyagrum(built))
    targets = list(network.space.generators) if all(node.name != "STATE" for node in built) else ["STATE"]
    engine.setTargets(set(targets))
    held: dict[str, str] = {}

    def ask(evidence: Evidence) -> np.ndarray:
        wanted = named(network, evidence, clamp)
        for gone in held.keys() - wanted.keys():
            engine.eraseEvidence(gone)
        for node, value in wanted.items():
            if node not in held:
                engine.addEvidence(node, value)
            elif held[node] != value:
                engine.chgEvidence(node, value)
        held.clear()
        held.update(wanted)
        engine.makeInference()
        if targets == ["STATE"]:
            return engine.posterior("STATE").toarray() @ network.space.active
        return np.concatenate([engine.posterior(g).toarray()[1:] for g in targets])

    return ask


# ── timing ───────────────────────────────────────────────────────────────────────────────────────


def interleave(timed: Sequence[Timed]) -> None:
    for _ in range(REPEATS):
        for one in timed:
            start = time.perf_counter()
            one.run()
            one.seconds.append((time.perf_counter() - start) / one.people)


def numpy_alone(run: Callable[[], object]) -> None:
    """Run as a plain install does, without the compiled loop."""
    products.LOOPS, compiled = WhenRepaid(math.inf), products.LOOPS
    run()
    products.LOOPS = compiled


def first(people: People, count: int) -> People:
    return People(people.codes[:count], people.setting[:count])


def main() -> None:
    warnings.simplefilter("ignore")
    model = load_model()
    network = model.network
    cohort = simulate(network, 10_000, SETTING, SEED, observed=recorded_shares(network, model.priors, FINDINGS))
    people = cohort.people()
    findings = [i for i, leaf in enumerate(network.leaves.values()) if not leaf.is_context]
    known = float((people.codes[:, findings] >= 0).sum(axis=1).mean())
    print(f"{len(network.space)} states, {len(network.leaves)} leaves, {known:.1f} findings known a patient")

    exported = nodes(network, setting=SETTING)
    core = core_nodes(network)
    batch = BatchEngine(network)
    products.LOOPS.compile()
    each = [decode(network, people, n) for n in range(40)]
    others: dict[str, tuple[int, Ask]] = {
        "pgmpy VariableElimination, joint=False": (5, ask_pgmpy(network, exported, dict(EVIDENCE))),
        "pgmpy VariableElimination, one STATE node": (5, ask_pgmpy(network, core, {})),
        # Two people in turn: asked of one alone again and again, it would answer from what it kept.
        "pyAgrum LazyPropagation": (2, ask_pyagrum(network, exported, dict(EVIDENCE))),
        "pyAgrum LazyPropagation, one STATE node": (10, ask_pyagrum(network, core, {})),
        "pyAgrum ShaferShenoy, one STATE node": (10, ask_pyagrum(network, core, {}, gum.ShaferShenoyInference)),
    }

    def one_exact(evidence: Evidence) -> np.ndarray:
        states = exact.posterior(network, network.theta, evidence).states
        levels: np.ndarray = states @ network.space.active
        return levels

    together = batch.score(people).levels
    for name, (count, ask) in {"exact": (40, one_exact), **others}.items():
        for n in range(count):
            worst = np.abs(ask(each[n]) - together[n]).max()
            if worst > WITHIN:
                raise SystemExit(f"{name} differs from the batch engine by {worst:.1e} on patient {n}")
    print(f"all engines agree to {WITHIN:g}; {REPEATS} repeats, interleaved")

    singles = [People(people.codes[n : n + 1], people.setting[n : n + 1]) for n in range(40)]
    ours_batch = Timed("batch of 10,000", 10_000, lambda: batch.score(people), [])
    ours_plain = Timed("batch of 10,000 by numpy alone", 10_000, lambda: numpy_alone(lambda: batch.score(people)), [])
    ours_thousand = Timed("batch of 1,000", 1_000, lambda: batch.score(first(people, 1_000)), [])
    ours_single = Timed("one at a time", 40, lambda: [batch.score(one) for one in singles], [])
    ours_exact = Timed("exact, one at a time", 40, lambda: [one_exact(one) for one in each], [])
    theirs = [
        Timed(name, count, lambda ask=ask, count=count: [ask(one) for one in each[:count]], [])
        for name, (count, ask) in others.items()
    ]
    values = sum(len(leaf.values) for leaf in network.leaves.values())
    left, right = np.ones((10_000, values)), np.ones((values, len(network.space)))
    product = Timed("matrix product", 10_000, lambda: [left[i : i + 500] @ right for i in range(0, 10_000, 500)], [])
    interleave([ours_single, ours_exact, *theirs, ours_thousand, ours_batch, ours_plain, product])

    rows = [
        row(f"{ours.name} / {other.name}", ours.seconds, other.seconds, "seconds per patient")
        for ours in (ours_batch, ours_plain, ours_single, ours_exact)
        for other in theirs
    ]
    rows.append(row("batch of 10,000 / batch of 1,000", ours_batch.seconds, ours_thousand.seconds, "seconds per patient"))
    rows += [
        row(f"{ours.name} / one-hot matrix product of the same shape", ours.seconds, product.seconds, "seconds per patient")
        for ours in (ours_batch, ours_plain)
    ]
    merge(rows)


if __name__ == "__main__":
    main()
