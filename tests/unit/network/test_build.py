"""From priors to a network: marginals as stated, and what is wrong in the priors is named."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import SMALL, copied, network, replaced
from spinecast.engines import exact
from spinecast.errors import PriorsError
from spinecast.network.build import build_network, with_theta
from spinecast.network.evidence import Evidence, one_hot
from spinecast.parameters.scales import expit
from spinecast.priors.reader import read_priors


@pytest.fixture(scope="module")
def small():
    return network()[0]


def test_marginals_are_the_stated_prevalences(small):
    stated = read_priors(SMALL).settings
    for k, setting in enumerate(small.settings):
        p = np.exp(small.log_prior(small.theta, k))
        assert p.sum() == pytest.approx(1)
        for i, (generator, level) in enumerate(small.space.levels):
            assert p @ small.space.active[:, i] == pytest.approx(stated[setting].prevalence[generator][level].assumed)


def test_every_parameter_has_one_name(small):
    names = [p.name for p in small.parameters]
    assert len(set(names)) == len(names)


def test_other_parameters_have_to_be_as_many(small):
    assert with_theta(small, small.theta + 1).theta[0] == small.theta[0] + 1
    with pytest.raises(ValueError, match="parameters, got"):
        with_theta(small, small.theta[:-1])


def test_a_structural_zero_has_no_spread(small):
    zero = next(p for p in small.parameters if p.name == "findings/scar/leak/positive")
    assert (expit(zero.default), zero.sd) == (0.0, 0.0)


def test_an_observed_share_in_a_family_is_what_was_stated(small):
    """The leak of a test in a family is what is seen, averaged over the latent; it is not the number at latent one."""
    leaf = small.leaves["slump_test"]
    block = small.blocks["neural_tension"]
    table = small.table(small.theta, leaf, 0, small.frailty(small.theta, block))
    nothing = table[0, :, leaf.config_of_state[0], 1]
    assert small.frailty_weights(block) @ nothing == pytest.approx(0.2)


WRONG = {
    "a cause that is no generator": ("findings/scar.toml", '"epidural_fibrosis"', '"epidural_fibroses"', "epidural_fibroses"),
    "a level that the generator lacks": ("findings/straight_leg_raise.toml", '["L2_L4"]', '["L3"]', "no level 'L3'"),
    "by a context that is none": ("findings/mri_disc_herniation.toml", 'by = "age"', 'by = "aeg"', "'aeg' is not a context"),
    "by a context that depends on another": ("findings/mri_disc_herniation.toml", 'by = "age"', 'by = "pregnancy"', "one step is the limit"),
    "no number for a value": ("findings/medial_branch_block_1.toml", "relief_80 = { assumed = 0.7,", "relief_90 = { assumed = 0.7,", "relief_80"),
    "no numbers for a context value": ("findings/mri_disc_herniation.toml", "[leak.age_under_50]", "[leak.age_under_40]", "age_under_50"),
    "a prevalence that is missing": ("settings/primary_care.toml", "L5 =", "L6 =", "prevalence.radiculopathy.L5 is missing"),
    "an odds ratio of no value": ("contexts/sex.toml", "female = { assumed = 2", "woman = { assumed = 2", "'woman'"),
    "a base for some settings only": ("contexts/sex.toml", "[base.default]", "[base.spine_clinic]", "a table `default`"),
    "a family without a file": ("findings/scar.toml", 'form = "noisy_or"', 'form = "noisy_or"\nfamily = "scars"', "'scars' has no file"),
    "a ratio in a family": ("findings/centralisation.toml", 'form = "log_linear"', 'form = "log_linear"\nfamily = "neural_tension"', "noisy_or or noisy_max"),
    "a row that does not exist": ("findings/mri_disc_herniation.toml", '"small-bulge-50"', '"small-bulge"', "'small-bulge'"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named(wrong, tmp_path):
    file, old, new, said = WRONG[wrong]
    folder = replaced(copied(tmp_path), file, old, new)
    with pytest.raises(PriorsError, match=said):
        build_network(read_priors(folder))


def test_a_region_without_knowledge_is_refused():
    with pytest.raises(PriorsError, match="'cervical'"):
        build_network(read_priors(SMALL), "cervical")


def test_members_of_a_family_depend_on_one_context_at_most(tmp_path):
    folder = copied(tmp_path)
    leak = "[leak.{0}]\npositive = {{ assumed = 0.2, like_n = 20, why = 'made up' }}\n"
    for finding, context, values in (
        ("slump_test", "sex", ("male", "female")),
        ("straight_leg_raise", "age", ("age_under_50", "age_50_plus")),
    ):
        path = folder / "findings" / f"{finding}.toml"
        head, causes = path.read_text().split("[leak]")
        causes = causes[causes.index("[[causes]]") :]
        path.write_text(f'{head}[leak]\nby = "{context}"\n' + "".join(leak.format(v) for v in values) + causes)
    with pytest.raises(PriorsError, match="more than one context"):
        build_network(read_priors(folder))


class TestRestricted:
    def test_some_states_have_the_posterior_of_the_whole(self, small, rng):
        evidence = Evidence(
            {
                "straight_leg_raise": one_hot(small, "straight_leg_raise", "positive"),
                "slump_test": one_hot(small, "slump_test", "negative"),
                "mri_disc_herniation": one_hot(small, "mri_disc_herniation", "protrusion"),
                "thigh_thrust": one_hot(small, "thigh_thrust", "positive"),
            }
        )
        keep = np.sort(rng.choice(len(small.space), 12, replace=False))
        theta = np.stack([small.theta, small.theta + 0.2 * rng.standard_normal(len(small.theta))])
        whole = exact.posterior(small, theta, evidence).states[:, keep]
        part = exact.posterior(small.restricted(keep), theta, evidence).states
        assert part == pytest.approx(whole / whole.sum(axis=1, keepdims=True))

    def test_leaves_keep_their_tables(self, small, rng):
        keep = np.sort(rng.choice(len(small.space), 9, replace=False))
        part = small.restricted(keep)
        for name, leaf in small.leaves.items():
            own = part.leaves[name]
            whole = small.table(small.theta, leaf, 0)[..., leaf.config_of_state[keep], :]
            assert part.table(small.theta, own, 0)[..., own.config_of_state, :] == pytest.approx(whole)

    def test_priors_are_those_of_the_whole(self, small):
        keep = np.array([0, 4, 9])
        for k in range(len(small.settings)):
            assert small.restricted(keep).log_prior(small.theta, k) == pytest.approx(small.log_prior(small.theta, k)[keep])
