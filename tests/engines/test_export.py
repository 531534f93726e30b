"""The exported network: whole, checked, compact, and right once its clamp is observed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pgmpy.inference import VariableElimination
from pgmpy.models import DiscreteBayesianNetwork

from spinecast.engines import exact
from spinecast.engines.pgmpy_engine import PgmpyEngine
from spinecast.network import export
from spinecast.network.build import build_network
from spinecast.network.evidence import Evidence, one_hot
from spinecast.priors.reader import read_priors
from spinecast.resources import priors_folder

SMALL = Path(__file__).parent / "small_priors"


@pytest.fixture(scope="module")
def network():
    return build_network(read_priors(SMALL))


@pytest.fixture(scope="module")
def model(network):
    return network.to_pgmpy()


def test_it_is_a_checked_network_with_every_table(network, model):
    assert isinstance(model, DiscreteBayesianNetwork)
    assert model.check_model()
    families = {f"frailty_{b.id}" for b in network.blocks.values() if b.loading is not None}
    sedation = {f"sedation_{leaf.id}" for leaf in network.leaves.values() if leaf.sedation is not None}
    counters = {f"count_{g}" for g in network.space.generators}
    assert set(model.nodes) == {
        "setting",
        "presents",
        *network.space.generators,
        *network.leaves,
        *families,
        *sedation,
        *counters,
    }
    assert {cpd.variable for cpd in model.cpds} == set(model.nodes)


def test_the_clamp_is_shipped_with_it(model):
    assert model.graph["evidence"] == dict(export.EVIDENCE) == {"presents": "yes"}


def test_with_the_clamp_the_marginals_are_the_prevalence(network, model):
    ask = VariableElimination(model)
    answer = ask.query(["facet_joint"], evidence={"presents": "yes", "setting": "spine_clinic"}, show_progress=False)
    assert answer.get_value(facet_joint="yes") == pytest.approx(0.3, abs=1e-10)
    without = ask.query(["facet_joint"], evidence={"setting": "spine_clinic"}, show_progress=False)
    assert abs(without.get_value(facet_joint="yes") - 0.3) > 0.01  # which is why the clamp is shipped


def test_the_clamp_keeps_the_shares_of_the_settings(network, model):
    answer = VariableElimination(model).query(["setting"], evidence={"presents": "yes"}, show_progress=False)
    np.testing.assert_allclose(answer.values, network.setting_prior(network.theta), atol=1e-12)


def test_one_setting_needs_no_node_for_it(network):
    alone = network.to_pgmpy(setting="primary_care")
    assert "setting" not in alone.nodes
    answer = VariableElimination(alone).query(["nociplastic"], evidence=alone.graph["evidence"], show_progress=False)
    assert answer.get_value(nociplastic="yes") == pytest.approx(0.075, abs=1e-10)


def test_a_leaf_table_is_the_noisy_or_of_its_causes(model):
    """Thigh thrust: leak 0.25; sacroiliac joint 0.7, nociplastic 0.3, radiculopathy 0.1."""
    cpd = model.get_cpds("thigh_thrust")
    value = cpd.get_value(thigh_thrust="positive", sacroiliac_joint="yes", nociplastic="yes", radiculopathy="no")
    assert value == pytest.approx(1 - 0.75 * 0.3 * 0.7)
    value = cpd.get_value(thigh_thrust="positive", sacroiliac_joint="no", nociplastic="no", radiculopathy="L5")
    assert value == pytest.approx(1 - 0.75 * 0.9)


@pytest.mark.parametrize("most", [1, 8])
def test_divorced_parents_change_nothing(most, network, monkeypatch):
    """However early parents are divorced, the answers stay."""
    monkeypatch.setattr(export, "MOST_COMBINATIONS", most)
    engine = PgmpyEngine(network)
    assert any(node.startswith("profile_") for node in engine.model.nodes)
    rng = np.random.default_rng(4)
    for _ in range(10):
        names = [n for n in network.leaves if n != "pregnancy" and rng.random() < 0.6]
        evidence = Evidence({n: one_hot(network, n, rng.choice(network.leaves[n].values)) for n in names})
        states = exact.posterior(network, network.theta, evidence).states
        np.testing.assert_allclose(engine.levels(evidence), states @ network.space.active, atol=1e-12)


@pytest.mark.parametrize("most", [512, 16])
def test_every_leaf_has_its_own_table_in_every_state(most, monkeypatch):
    """The real network, walked: generators, then counters and profiles (which are certain), then each leaf."""
    monkeypatch.setattr(export, "MOST_COMBINATIONS", most)
    network = build_network(read_priors(priors_folder()))
    space = network.space
    values = {g: space.level_of[:, i] for i, g in enumerate(space.generators)}
    built = {node.name: node for node in export.nodes(network, setting=network.settings[0])}
    for node in built.values():
        if node.name.startswith(("count_", "profile_")):
            seen = node.table[(slice(None), *(values[p] for p in node.parents))]
            assert (seen.max(axis=0) == 1.0).all(), node.name
            values[node.name] = seen.argmax(axis=0)
    np.testing.assert_array_equal(values[f"count_{space.generators[-1]}"], space.count)
    for leaf in network.leaves.values():
        node = built[leaf.id]
        table = network.table(network.theta, leaf, 0, network.frailty(network.theta, network.blocks[network.block_of[leaf.id]]))
        table = table if leaf.sedation is None else table[:, :2]
        expected = np.moveaxis(table, -1, 0)[..., leaf.config_of_state]
        ours = node.table[(slice(None), *(values.get(p, slice(None)) for p in node.parents))]
        np.testing.assert_array_equal(np.squeeze(ours), np.squeeze(expected), err_msg=leaf.id)


def test_a_context_that_no_generator_changes_is_a_root():
    network = build_network(read_priors(Path(__file__).parents[1] / "data" / "lawful"))
    built = {node.name: node for node in export.nodes(network, setting=network.settings[0])}
    assert built["sex"].parents == ()
    assert built["sex"].table.shape == (2,)
    assert network.to_pgmpy().check_model()


def test_other_parameters_can_be_exported(network):
    theta = network.theta.copy()
    theta[network.prevalence[0]] -= 1.0
    model = network.to_pgmpy(theta)
    answer = VariableElimination(model).query(
        ["facet_joint"], evidence={"presents": "yes", "setting": network.settings[0]}, show_progress=False
    )
    expected = np.exp(network.log_prior(theta, 0)) @ network.space.mask("facet_joint")
    assert answer.get_value(facet_joint="yes") == pytest.approx(expected, abs=1e-12)


def test_the_real_network_exports_in_little_room():
    """Fewer numbers than ten million (80 MB), where plain tables would need more than twice that."""
    network = build_network(read_priors(priors_folder()))
    built = export.nodes(network)
    assert sum(node.table.size for node in built) < 10_000_000
    for node in built:
        np.testing.assert_allclose(node.table.sum(axis=0), 1.0, atol=1e-9, err_msg=node.name)
