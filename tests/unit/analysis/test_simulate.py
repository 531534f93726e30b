"""People drawn from the network: as asked, the same every time, and the engine is calibrated on them."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from helpers.small import network
from spinecast.analysis.simulate import recorded_shares, simulate, to_table, write
from spinecast.assessment.model import load_model
from spinecast.engines.batch import BatchEngine
from spinecast.errors import InvalidValueError, UnknownIdError

MANY = 20_000
WITHIN = 4.5
"""Standard errors; a few hundred figures are compared with their expectation below."""


@pytest.fixture(scope="module")
def small():
    return network()[0]


@pytest.fixture(scope="module")
def cohort(small):
    return simulate(small, MANY, "spine_clinic", seed=5)


@pytest.fixture(scope="module")
def people():
    """People of the project's own network, of whom as much is known as clinics record, and their posteriors."""
    model = load_model()
    shares = recorded_shares(model.network, model.priors, findings=18)
    drawn = simulate(model.network, MANY, "spine_clinic", seed=11, observed=shares)
    return model.network, drawn, BatchEngine(model.network).score(drawn.people()).levels


def near(count, chance, n):
    """Is a count what a binomial of this chance gives?"""
    chance = np.asarray(chance)
    return np.abs(np.asarray(count) - n * chance) <= WITHIN * np.sqrt(n * chance * (1 - chance)) + 1e-9


class TestDrawn:
    def test_the_same_seed_draws_the_same_people(self, small):
        one, two, other = (simulate(small, 200, "spine_clinic", seed, observed=0.5) for seed in (5, 5, 6))
        assert (one.codes == two.codes).all()
        assert (one.state == two.state).all()
        assert (one.codes != other.codes).any()

    @pytest.mark.parametrize("setting", ["spine_clinic", "primary_care"])
    def test_generators_are_as_common_as_the_setting_says(self, small, setting):
        drawn = simulate(small, MANY, setting, seed=7)
        prior = np.exp(small.log_prior(small.theta, small.settings.index(setting)))
        assert near(drawn.truth().sum(axis=0), prior @ small.space.active, MANY).all()

    def test_findings_are_as_common_as_the_network_says(self, small, cohort):
        """Every value of every leaf, contexts that depend on contexts and sedated blocks included."""
        setting = small.settings.index("spine_clinic")
        prior = np.exp(small.log_prior(small.theta, setting))
        for j, (name, leaf) in enumerate(small.leaves.items()):
            block = small.blocks[small.block_of[name]]
            table = small.table(small.theta, leaf, setting, small.frailty(small.theta, block))
            if leaf.sedation is not None:
                table = table[:, 2]
            table = np.einsum("bzcv,z->bcv", table, small.frailty_weights(block))[:, leaf.config_of_state]
            if leaf.by:
                context = small.leaves[leaf.by]
                shares = small.table(small.theta, context, setting)[0, 0][context.config_of_state]
                by_state = np.einsum("bsv,sb->sv", table, shares)
            else:
                by_state = table[0]
            values = cohort.codes[:, j] % len(leaf.values)
            counts = np.bincount(values, minlength=len(leaf.values))
            assert near(counts, prior @ by_state, MANY).all(), name

    def test_members_of_a_family_hang_together(self, small, cohort):
        """Among people without a cause two tests of one family are positive together more often than by chance."""
        none = cohort.state == 0
        names = list(small.leaves)
        one, two = (cohort.codes[none, names.index(n)] == 1 for n in ("straight_leg_raise", "slump_test"))
        alone = (cohort.codes[none, names.index("thigh_thrust")] == 1).mean()
        assert (one & two).mean() > 1.2 * one.mean() * two.mean()
        assert abs((one & (cohort.codes[none, names.index("thigh_thrust")] == 1)).mean() / (one.mean() * alone) - 1) < 0.15

    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_as_much_is_recorded_as_was_asked(self, small, share):
        codes = simulate(small, 5000, "spine_clinic", seed=8, observed=share).codes
        assert near((codes >= 0).sum(axis=0), share, 5000).all()

    def test_by_leaf_what_is_not_named_is_not_recorded(self, small):
        drawn = simulate(small, 5000, "spine_clinic", seed=8, observed={"slump_test": 0.7, "age": 1.0})
        recorded = dict(zip(small.leaves, (drawn.codes >= 0).sum(axis=0).tolist(), strict=True))
        assert near(recorded.pop("slump_test"), 0.7, 5000)
        assert recorded.pop("age") == 5000
        assert set(recorded.values()) == {0}

    def test_what_is_missing_says_nothing(self, small):
        """Recorded or not is independent of the value."""
        drawn = simulate(small, MANY, "spine_clinic", seed=5, observed=0.5)
        j = list(small.leaves).index("thigh_thrust")
        whole = simulate(small, MANY, "spine_clinic", seed=5).codes[:, j]
        assert near((drawn.codes[:, j] == 1).sum(), (whole == 1).mean() / 2, MANY)

    def test_wrong_input_is_refused(self, small):
        with pytest.raises(UnknownIdError, match="spine_clinic"):
            simulate(small, 10, "spine_clinc", 1)
        with pytest.raises(InvalidValueError, match="at least 1"):
            simulate(small, 0, "spine_clinic", 1)


class TestTable:
    def test_words_truth_and_what_was_not_recorded(self, small):
        drawn = simulate(small, 50, "primary_care", seed=2, observed=0.5)
        table = to_table(drawn)
        assert table["setting"] == ["primary_care"] * 50
        active = small.space.mask("radiculopathy")[drawn.state]
        assert [v != "no" for v in table["truth_radiculopathy"]] == active.tolist()
        assert set(table["truth_facet_joint"]) <= {"yes", "no"}
        j = list(small.leaves).index("straight_leg_raise")
        assert [v == "" for v in table["straight_leg_raise"]] == (drawn.codes[:, j] < 0).tolist()
        assert set(table["medial_branch_block_1_sedation"]) <= {"no", "yes", ""}

    @pytest.mark.parametrize("suffix", [".csv", ".parquet"])
    def test_written_and_read_back(self, small, tmp_path, suffix):
        drawn = simulate(small, 300, "spine_clinic", seed=2, observed=0.7)
        path = tmp_path / f"people{suffix}"
        write(drawn, path)
        if suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as handle:
                rows = list(csv.DictReader(handle))
            found = {name: [r[name] for r in rows] for name in rows[0]}
        else:
            found = pytest.importorskip("pyarrow.parquet").read_table(path).to_pydict()
        assert found == to_table(drawn)

    def test_another_kind_of_file_is_refused(self, small, tmp_path):
        with pytest.raises(InvalidValueError, match=r"\.csv or \.parquet"):
            write(simulate(small, 5, "spine_clinic", 1), tmp_path / "people.txt")


class TestCalibration:
    """The engine on people that its own network drew."""

    def test_as_much_is_known_as_was_asked(self, people):
        net, drawn, _ = people
        finding = np.array([not leaf.is_context for leaf in net.leaves.values()])
        assert (drawn.codes[:, finding] >= 0).sum(axis=1).mean() == pytest.approx(18, abs=0.2)

    def test_the_mean_posterior_is_the_share_that_has_it(self, people):
        _, drawn, levels = people
        truth = drawn.truth()
        error = np.abs((truth - levels).mean(axis=0))
        assert (error <= WITHIN * np.sqrt((levels * (1 - levels)).sum(axis=0)) / MANY).all()

    @pytest.mark.parametrize(
        "generator",
        [
            "radiculopathy",
            "central_stenosis",
            "facet_joint",
            "sacroiliac_joint",
            "discogenic",
            "nociplastic",
            "serious_pathology",
        ],
    )
    def test_of_people_given_a_chance_that_share_has_it(self, people, generator):
        net, drawn, levels = people
        columns = [i for i, (g, _) in enumerate(net.space.levels) if g == generator]
        chance, truth = levels[:, columns].sum(axis=1), drawn.truth()[:, columns].sum(axis=1)
        for tenth in np.array_split(np.argsort(chance, kind="stable"), 10):
            expected, spread = chance[tenth].sum(), np.sqrt((chance[tenth] * (1 - chance[tenth])).sum())
            assert abs(truth[tenth].sum() - expected) <= WITHIN * spread + 0.5, (generator, chance[tenth].mean())

    def test_what_is_known_tells_people_apart(self, people):
        net, drawn, levels = people
        for generator in ("radiculopathy", "central_stenosis", "nociplastic"):
            columns = [i for i, (g, _) in enumerate(net.space.levels) if g == generator]
            chance, truth = levels[:, columns].sum(axis=1), drawn.truth()[:, columns].sum(axis=1) > 0
            assert chance[truth].mean() > 2 * chance[~truth].mean()
