"""Does every exported file, read back by another program and with its clamp observed, give the engine's answers?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyagrum as gum
import pytest
from pgmpy import readwrite

from engines import interchange_readers as readers
from spinecast.engines import exact
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.network import export
from spinecast.network.build import build_network
from spinecast.network.evidence import Evidence, one_hot
from spinecast.network.interchange import write
from spinecast.network.interchange.noisy_max import NoisyMax, noisy_max_nodes
from spinecast.network.interchange.text import number
from spinecast.network.interchange.write import FORMATS, write_network
from spinecast.priors.reader import read_priors
from spinecast.resources import priors_folder

SMALL = Path(__file__).parent / "small_priors"
CLAMP = dict(export.EVIDENCE)

# pyAgrum (3.3.1) keeps single precision of what it reads from BIF, NET and UAI.
EXACT, SINGLE = 1e-12, 1e-6

READ = {
    ("pgmpy", ".bif"): (lambda p, g: readers.by_pgmpy(readwrite.BIFReader, p, g), EXACT),
    ("pgmpy", ".xmlbif"): (lambda p, g: readers.by_pgmpy(readwrite.XMLBIFReader, p, g), EXACT),
    ("pgmpy", ".net"): (lambda p, g: readers.by_pgmpy(readwrite.NETReader, p, g), EXACT),
    ("pgmpy", ".xdsl"): (lambda p, g: readers.by_pgmpy(readwrite.XDSLReader, p, g), EXACT),
    ("pgmpy", ".uai"): (readers.uai_by_pgmpy, EXACT),
    ("pyagrum", ".bif"): (lambda p, g: readers.by_pyagrum(gum.loadBN(str(p)), g), SINGLE),
    ("pyagrum", ".bifxml"): (lambda p, g: readers.by_pyagrum(gum.loadBN(str(p)), g), EXACT),
    ("pyagrum", ".net"): (lambda p, g: readers.by_pyagrum(gum.loadBN(str(p)), g), SINGLE),
    ("pyagrum", ".xdsl"): (lambda p, g: readers.by_pyagrum(gum.loadBN(str(readers.first_parent_last(p))), g), EXACT),
    ("pyagrum", ".uai"): (readers.uai_by_pyagrum, SINGLE),
}


@pytest.fixture(scope="module")
def network():
    return build_network(read_priors(SMALL))


@pytest.fixture(scope="module")
def real():
    return build_network(read_priors(priors_folder()))


def fewer(network):
    """The network with a family and two more leaves only."""
    kept = {"neural_tension", "age", "thigh_thrust"}
    blocks = {name: block for name, block in network.blocks.items() if name in kept}
    leaves = {name: network.leaves[name] for block in blocks.values() for name in block.leaves}
    return replace(network, blocks=blocks, leaves=leaves)


def people(network, rng, count=8):
    """Names of what is known of a few people, settings and sedation among it; pregnancy goes with sex, so it is left out."""
    for _ in range(count):
        seen = {n: str(rng.choice(leaf.values)) for n, leaf in network.leaves.items() if n != "pregnancy" and rng.random() < 0.5}
        sedation = {n: int(rng.integers(3)) for n in seen if network.leaves[n].sedation is not None}
        setting = str(rng.choice(network.settings)) if rng.random() < 0.7 else None
        yield seen, sedation, setting


def expected(network, seen, sedation, setting):
    likelihood = None if setting is None else np.eye(len(network.settings))[network.settings.index(setting)]
    evidence = Evidence({n: one_hot(network, n, v) for n, v in seen.items()}, likelihood, sedation)
    states = exact.posterior(network, network.theta, evidence).states
    return {f"{g}:{lv or 'yes'}": p for (g, lv), p in exact.level_marginals(network, states).items()}


def named(seen, sedation, setting):
    coded = {f"sedation_{n}": ("no", "yes")[code] for n, code in sedation.items() if code < 2}
    return {**CLAMP, **seen, **coded, **({} if setting is None else {"setting": setting})}


def assert_same_answers(network, ask, within, rng):
    for person in people(network, rng):
        answer = ask(named(*person))
        for level, probability in expected(network, *person).items():
            generator, value = level.split(":")
            assert answer[generator][value] == pytest.approx(probability, abs=within), (level, person)


def test_every_format_is_read_back_by_both_programs():
    assert {suffix for _, suffix in READ} == set(FORMATS)
    spelled = {".bifxml": ".xmlbif"}
    for program in ("pgmpy", "pyagrum"):
        assert {spelled.get(s, s) for p, s in READ if p == program} == set(FORMATS) - {".bifxml"}


@pytest.mark.parametrize(("program", "suffix"), READ)
def test_read_back_it_gives_the_same_posteriors(program, suffix, network, tmp_path, rng):
    if (program, suffix) in {("pgmpy", ".uai"), ("pgmpy", ".net")}:
        network = fewer(network)  # these two parse slowly
    path = tmp_path / f"network{suffix}"
    write_network(network, path)
    read, within = READ[program, suffix]
    assert_same_answers(network, read(path, list(network.space.generators)), within, rng)


def test_noisy_max_read_as_smile_defines_it_gives_the_same_posteriors(network, tmp_path, rng):
    path = tmp_path / "network.xdsl"
    write_network(network, path, noisy_max=True)
    assert "<noisymax" in path.read_text()
    ask = readers.by_pyagrum(readers.smile(path), list(network.space.generators))
    assert_same_answers(network, ask, EXACT, rng)


def test_for_one_setting_it_needs_no_node_for_it(network, tmp_path, rng):
    path = tmp_path / "network.xdsl"
    write_network(network, path, setting="spine_clinic", noisy_max=True)
    ask = readers.by_pyagrum(readers.smile(path), list(network.space.generators))
    for seen, sedation, _ in people(network, rng, count=3):
        answer = ask(named(seen, sedation, None))
        wanted = expected(network, seen, sedation, "spine_clinic")
        assert answer["facet_joint"]["yes"] == pytest.approx(wanted["facet_joint:yes"], abs=EXACT)


def test_gates_keep_every_noisy_finding_of_the_real_network(real):
    """Each gate's own table, state by state, is the leaf's; and the whole is a quarter of the tables in size."""
    setting = real.settings[0]
    built = {node.name: node for node in noisy_max_nodes(real, setting=setting)}
    gates = {name for name, node in built.items() if isinstance(node, NoisyMax)}
    assert gates == {n for n, leaf in real.leaves.items() if leaf.form == "noisy" and leaf.is_additive(real.space)}
    assert len(gates) > 0.75 * len(real.leaves)
    for name in gates:
        leaf = real.leaves[name]
        block = real.blocks[real.block_of[name]]
        table = real.table(real.theta, leaf, 0, real.frailty(real.theta, block))
        table = table[:, None] if leaf.sedation is None else table[:, :2]  # (B, sedation, Z, C, V)
        np.testing.assert_allclose(_gate(real, built, built[name], leaf, block), table[..., leaf.config_of_state, :], atol=1e-14)
    sizes = [sum(x.size for x in (*n.links, n.leak)) if isinstance(n, NoisyMax) else n.table.size for n in built.values()]
    assert sum(sizes) < 0.35 * sum(node.table.size for node in export.nodes(real, setting=setting))


def _gate(network, built, gate, leaf, block):
    """P(value | base context, sedation, frailty, state) of a gate with the nodes that feed it; shape (B, 2 or 1, Z, S, V)."""
    space = network.space
    contexts = len(network.leaves[leaf.by].values) if leaf.by else 1
    nodes = len(network.frailty_weights(block))
    cumulative = np.cumsum(gate.leak) * np.ones((contexts, 2 if leaf.sedation is not None else 1, nodes, len(space), 1))
    axes = {f"frailty_{block.id}": 2, leaf.by: 0, f"sedation_{leaf.id}": 1}
    for parent, link in zip(gate.parents, gate.links, strict=True):
        feeding = built[parent]
        inner = feeding.parents if parent.startswith(f"{leaf.id}_") else (parent,)
        table = np.einsum("vw,w...->v...", link, feeding.table) if inner != (parent,) else link
        shape, index = [1, 1, 1, 1], []
        for axis, name in enumerate(inner):
            if name in space.generators:
                shape[3], at = len(space), space.level_of[:, space.generators.index(name)]
            else:
                shape[axes[name]], at = table.shape[1 + axis], np.arange(table.shape[1 + axis])
            index.append(at)
        spread = table[(slice(None), *np.ix_(*index))] if index else table
        order = sorted(range(len(inner)), key=lambda i: 3 if inner[i] in space.generators else axes[inner[i]])
        spread = np.moveaxis(spread.transpose(0, *(1 + i for i in order)), 0, -1).reshape(*shape, -1)
        cumulative = cumulative * np.cumsum(spread, axis=-1)
    return np.diff(cumulative, axis=-1, prepend=0.0)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_says_what_has_to_be_observed(suffix, network, tmp_path):
    path = tmp_path / f"network{suffix}"
    written = write_network(network, path, priors_hash="0123456789abcdef", fit_hash="fedcba")
    text = "".join(p.read_text() for p in written)
    assert "OBSERVE presents = yes IN EVERY QUERY" in text
    assert "priors 0123456789abcdef, fit fedcba" in text
    assert "not a medical device" in text


def test_uai_carries_the_clamp_as_evidence(network, tmp_path):
    path = tmp_path / "network.uai"
    assert [p.name for p in write_network(network, path)] == ["network.uai", "network.uai.evid", "network.uai.names.json"]
    beside = json.loads((tmp_path / "network.uai.names.json").read_text())
    count, variable, value = map(int, (tmp_path / "network.uai.evid").read_text().split())
    assert count == 1
    assert beside["variables"][variable] == {"name": "presents", "values": ["no", "yes"]}
    assert beside["variables"][variable]["values"][value] == "yes"


def test_clamp_is_a_property_that_pgmpy_reads(network, tmp_path):
    write_network(network, tmp_path / "network.xmlbif")
    model = readwrite.XMLBIFReader(str(tmp_path / "network.xmlbif")).get_model()
    assert model.nodes["presents"]["observed"] == "yes"


def test_numbers_read_back_to_the_same_float(rng):
    for value in (
        0.1,
        1 / 3,
        1e-300,
        5e-324,
        1.0,
        0.0,
        123456789.123,
        *rng.random(200).tolist(),
        *(10.0 ** rng.uniform(-40, 0, 200)),
    ):
        assert float(number(value)) == value
        assert "e" not in number(value)


def test_other_parameters_and_the_same_bytes_twice(network, tmp_path):
    theta = network.theta.copy()
    theta[network.prevalence[0]] -= 1.0
    for name, given in (("a", None), ("b", None), ("c", theta)):
        write_network(network, tmp_path / f"{name}.xdsl", theta=given)
    a, b, c = ((tmp_path / f"{name}.xdsl").read_bytes() for name in "abc")
    assert a == b != c


def test_errors_name_what_is_allowed(network, tmp_path):
    with pytest.raises(UnknownIdError, match=r"format: unknown '\.xlsx'.*\.xdsl"):
        write_network(network, tmp_path / "network.xlsx")
    with pytest.raises(UnknownIdError, match="did you mean 'spine_clinic'"):
        write_network(network, tmp_path / "network.bif", setting="spine_clinik")
    with pytest.raises(InvalidValueError, match=r"no other format can say noisy-MAX"):
        write_network(network, tmp_path / "network.bif", noisy_max=True)
    with pytest.raises(InvalidValueError, match="a folder that exists"):
        write_network(network, tmp_path / "nowhere" / "network.bif")


def test_a_failure_leaves_what_was_there(network, tmp_path, monkeypatch):
    path = tmp_path / "network.bif"
    path.write_text("before")

    def fails(nodes, about):
        yield "half"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "FORMATS", {".bif": write.Format("BIF", fails)})
    with pytest.raises(OSError, match="No space left"):
        write_network(network, path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["network.bif"]
