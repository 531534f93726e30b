"""Read exported files back, each by another program, and ask it for the generators.

pgmpy and pyAgrum read every format but noisy-MAX, which neither knows: there SMILE's definition (the highest of
independent contributions, its table listed in the order of strengths) is written out here, apart from the program that
wrote the file.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyagrum as gum
from pgmpy import readwrite
from pgmpy.inference import VariableElimination

Ask = Callable[[Mapping[str, str]], dict[str, dict[str, float]]]
"""From evidence by name to the distribution of each generator by name."""


def by_pgmpy(reader: type, path: Path, generators: list[str]) -> Ask:
    model = reader(str(path)).get_model()
    assert model.check_model()

    def ask(evidence):
        answer = VariableElimination(model).query(generators, evidence=dict(evidence), joint=False, show_progress=False)
        return {g: dict(zip(answer[g].state_names[g], answer[g].values.tolist(), strict=True)) for g in generators}

    return ask


def by_pyagrum(network: gum.BayesNet, generators: list[str]) -> Ask:
    def ask(evidence):
        engine = gum.LazyPropagation(network)
        engine.setEvidence(dict(evidence))
        engine.makeInference()
        return {
            g: dict(zip(network.variable(g).labels(), engine.posterior(g).toarray().tolist(), strict=True)) for g in generators
        }

    return ask


def first_parent_last(path: Path) -> Path:
    """A copy for pyAgrum, whose XDSL (3.3.1) takes the first parent as the fastest, where SMILE takes the last."""
    tree = ET.parse(path)
    for parents in tree.getroot().iter("parents"):
        parents.text = " ".join(reversed((parents.text or "").split()))
    copy = path.with_suffix(".turned.xdsl")
    tree.write(copy, encoding="utf-8", xml_declaration=True)
    return copy


class _Numbered:
    """UAI names nothing: names and numbers from the file beside it."""

    def __init__(self, path: Path) -> None:
        beside = json.loads(path.with_name(path.name + ".names.json").read_text())
        self.values = {v["name"]: v["values"] for v in beside["variables"]}
        self.number = {name: i for i, name in enumerate(self.values)}

    def coded(self, evidence: Mapping[str, str]) -> dict[int, int]:
        return {self.number[k]: self.values[k].index(v) for k, v in evidence.items()}

    def named(self, generator: str, chances) -> dict[str, float]:
        return dict(zip(self.values[generator], np.asarray(chances).tolist(), strict=True))


def uai_by_pgmpy(path: Path, generators: list[str]) -> Ask:
    """Read as a Markov network, whose answers pgmpy leaves unnormalised: of a Bayesian one it (1.1) takes the child as the
    slowest, where UAI takes it as the fastest.
    """
    names = _Numbered(path)
    model = readwrite.UAIReader(string=path.read_text().replace("BAYES", "MARKOV", 1)).get_model()

    def ask(evidence):
        seen = {f"var_{k}": v for k, v in names.coded(evidence).items()}
        wanted = [f"var_{names.number[g]}" for g in generators]
        answer = VariableElimination(model).query(wanted, evidence=seen, joint=False, show_progress=False)
        shares = {g: np.asarray(answer[f"var_{names.number[g]}"].values) for g in generators}
        return {g: names.named(g, share / share.sum()) for g, share in shares.items()}

    return ask


def uai_by_pyagrum(path: Path, generators: list[str]) -> Ask:
    """The parents of each scope are turned, since pyAgrum (3.3.1) takes the first as the fastest, where UAI takes the last."""
    names = _Numbered(path)
    lines = path.read_text().split("\n")
    for i in range(4, 4 + len(names.values)):
        width, *parents, child = lines[i].split()
        lines[i] = " ".join([width, *reversed(parents), child])
    turned = path.with_suffix(".turned.uai")
    turned.write_text("\n".join(lines))
    network = gum.loadBN(str(turned))

    def ask(evidence):
        engine = gum.LazyPropagation(network)
        engine.setEvidence(names.coded(evidence))
        engine.makeInference()
        return {g: names.named(g, engine.posterior(names.number[g]).toarray()) for g in generators}

    return ask


def smile(path: Path) -> gum.BayesNet:
    """An XDSL file with noisy-MAX nodes, as SMILE defines them, in plain tables."""
    network = gum.BayesNet()
    values: dict[str, list[str]] = {}
    for node in ET.parse(path).getroot().find("nodes"):
        name = node.attrib["id"]
        values[name] = [state.attrib["id"] for state in node.findall("state")]
        parents = (node.findtext("parents") or "").split()
        network.add(gum.LabelizedVariable(name, "", values[name]))
        for parent in reversed(parents):  # pyAgrum lists the latest arc as the fastest
            network.addArc(parent, name)
        widths = [len(values[p]) for p in parents]
        if node.tag == "cpt":
            table = np.array(node.findtext("probabilities").split(), dtype=float)
        else:
            table = _highest(node, widths, len(values[name]))
        network.cpt(name).fillWith(table.ravel().tolist())
    return network


def _highest(node: ET.Element, widths: list[int], own: int) -> np.ndarray:
    """Table (values of each parent ..., own values) of a noisy-MAX node; the first of its own values is the highest."""
    strengths = iter(int(i) for i in node.findtext("strengths").split())
    columns = np.array(node.findtext("parameters").split(), dtype=float).reshape(-1, own)
    assert len(columns) == sum(widths) + 1
    below = [np.cumsum(columns[-1][::-1])]  # P(leak no higher than value), lowest value first
    first = 0
    for axis, width in enumerate(widths):
        assert columns[first + width - 1].tolist() == [0.0] * (own - 1) + [1.0]
        of_value = np.empty((width, own))
        for place, value in enumerate(next(strengths) for _ in range(width)):
            of_value[value] = np.cumsum(columns[first + place][::-1])
        shape = [1] * len(widths) + [own]
        shape[axis] = width
        below.append(of_value.reshape(shape))
        first += width
    cumulative = np.ones([*widths, own])
    for factor in below:
        cumulative = cumulative * factor
    return np.diff(cumulative, axis=-1, prepend=0.0)[..., ::-1]
