"""What the fit is held to: rows that ask one question, pooled, with the interval that the model must meet."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from helpers.rows import row
from helpers.small import network
from spinecast.analysis.targets import positively_asked, published, targets
from spinecast.network.questions import answer, compile_question
from spinecast.parameters.pooling import pool, row_estimate
from spinecast.parameters.scales import wilson

SLR = "straight_leg_raise"


@pytest.fixture(scope="module")
def small():
    return network()


def asked(key, **fields):
    return row(key, **{"target": "radiculopathy", "test": SLR, "measure": "sens", "value": 0.6, **fields})


def found(small, *rows, priors=True):
    """Targets of these rows, as the priors' own rows (declared use counts) or as rows of a file."""
    net, known = small
    if not priors:
        return targets(net, known, rows)
    return targets(net, replace(known, rows={r.id: r for r in rows}))


class TestOneRow:
    def test_the_printed_interval_is_the_one_to_meet(self, small):
        (target,) = found(small, asked("a", low=0.5, high=0.75))
        assert (target.low, target.high, target.id) == (0.5, 0.75, "a")
        assert published(target) == pytest.approx(0.6)

    def test_without_one_it_comes_from_n(self, small):
        (target,) = found(small, asked("a", n=80))
        low, high = wilson(0.6, 80)
        assert target.estimate.sd == row_estimate(asked("a", n=80)).sd
        assert (target.low, target.high) == pytest.approx((low, high), abs=0.005)

    def test_with_neither_it_is_worth_thirty_patients(self, small):
        (bare,), (thirty,) = found(small, asked("a")), found(small, asked("a", n=30))
        assert (bare.low, bare.high) == (thirty.low, thirty.high)

    def test_a_ratio_is_log_normal(self, small):
        (target,) = found(small, asked("a", measure="lr_pos", value=3.0, n=70))
        assert (target.low, target.high) == pytest.approx(
            (3 * math.exp(-1.96 * 0.1**0.5), 3 * math.exp(1.96 * 0.1**0.5)), rel=1e-3
        )

    def test_an_interval_that_leaves_its_value_out_is_not_used(self, small):
        (target,) = found(small, asked("a", low=0.7, high=0.8, n=50))
        assert target.low < 0.6 < target.high


class TestSeveralRows:
    def test_rows_that_ask_the_same_are_one_target(self, small):
        (target,) = found(small, asked("a", n=100), asked("b", value=0.7, n=100))
        assert target.id == "a (+1)"
        assert target.sources == {"made_a", "made_b"}

    def test_conflicting_rows_have_a_prediction_interval(self, small):
        rows = [asked("a", value=0.3, n=100), asked("b", value=0.9, n=100)]
        (target,) = found(small, *rows)
        expected = pool(rows)
        assert target.estimate == expected.mean
        assert (target.low, target.high) == expected.prediction.interval
        assert target.low < rows[0].value
        assert rows[1].value < target.high
        assert target.estimate.interval[0] > target.low

    @pytest.mark.parametrize(
        "other",
        [
            {"target": "radiculopathy == L5"},
            {"test": "slump_test"},
            {"given": "sex == female"},
            {"setting": "primary_care"},
            {"measure": "spec"},
            {"use": "holdout"},
        ],
    )
    def test_another_question_is_another_target(self, small, other):
        assert len(found(small, asked("a"), asked("b", **other))) == 2


class TestUse:
    def test_only_what_is_declared_is_fitted(self, small):
        rows = [asked("a"), asked("b", use="holdout"), asked("c", use="parameter"), asked("d", use="background")]
        assert [(t.id, t.fitted) for t in found(small, *rows)] == [("a", True), ("b", False)]

    def test_what_cannot_be_asked_is_no_target(self, small):
        assert found(small, asked("a", measure="md"), asked("b", value=None), asked("c", target="", test="")) == []

    @pytest.mark.parametrize("measure", ["lr_pos", "lr_neg", "or", "ppv", "npv"])
    def test_what_follows_from_its_own_table_is_not_fitted_again(self, small, measure):
        table = [asked("a", source="one"), asked("b", source="one", measure="spec", value=0.7)]
        implied = asked("c", source="one", measure=measure, value=0.8)
        assert [t.id for t in found(small, *table, implied) if t.fitted] == ["a", "b"]

    def test_a_ratio_of_another_study_is(self, small):
        table = [asked("a", source="one"), asked("b", source="one", measure="spec", value=0.7)]
        assert all(t.fitted for t in found(small, *table, asked("c", source="two", measure="lr_pos", value=2.0)))
        assert all(t.fitted for t in found(small, table[0], asked("c", source="one", measure="lr_pos", value=2.0)))

    def test_rows_of_a_file_are_asked_whatever_they_declare(self, small):
        rows = [asked("a", use="background"), asked("b", use="holdout")]
        assert len(found(small, *rows, priors=False)) == 1


class TestPositivelyAsked:
    @pytest.mark.parametrize("measure", ["sens", "spec", "proportion"])
    def test_shares_are_mirrored(self, measure):
        """`proportion` without a target stays one."""
        made = positively_asked(row(test=f"not {SLR}", measure=measure, value=0.7, low=0.6, high=0.9))
        assert (made.test, made.measure) == (SLR, measure)
        assert (made.value, made.low, made.high) == pytest.approx((0.3, 0.1, 0.4))

    @pytest.mark.parametrize(("asked_as", "becomes"), [("lr_pos", "lr_neg"), ("lr_neg", "lr_pos")])
    def test_likelihood_ratios_change_places(self, asked_as, becomes):
        made = positively_asked(asked("a", test=f"not {SLR}", measure=asked_as, value=0.4, low=0.3, high=0.5))
        assert (made.test, made.measure, made.value, made.low, made.high) == (SLR, becomes, 0.4, 0.3, 0.5)

    def test_odds_ratios_are_inverted(self):
        made = positively_asked(asked("a", test=f"not {SLR}", measure="or", value=4.0, low=2.0, high=8.0))
        assert (made.test, made.value, made.low, made.high) == (SLR, 0.25, 0.125, 0.5)

    def test_a_share_of_the_targets_patients_is_a_sensitivity(self):
        assert positively_asked(asked("a", measure="proportion")).measure == "sens"
        assert positively_asked(row(test=SLR, measure="proportion", value=0.5)).measure == "proportion"

    @pytest.mark.parametrize(
        "test", [SLR, f"not ({SLR} and slump_test)", f"not {SLR} and slump_test", "mri_disc_herniation >= bulge"]
    )
    def test_anything_else_stays(self, test):
        """Only the absence of one finding is turned round."""
        made = asked("a", test=test)
        assert positively_asked(made) == made

    def test_both_ways_of_asking_are_pooled(self, small):
        (target,) = found(small, asked("a", value=0.6, n=100), asked("b", test=f"not {SLR}", value=0.3, n=100))
        assert published(target) == pytest.approx(0.65, abs=0.005)

    def test_an_answer_is_the_same_either_way(self, small):
        net, known = small
        for measure in ("sens", "spec", "lr_pos", "lr_neg", "or"):
            negative = compile_question(net, asked("b", test=f"not {SLR}", measure=measure), known.contexts)
            turned = positively_asked(asked("b", test=f"not {SLR}", measure=measure, value=answer(net, net.theta, negative)))
            asked_plainly = compile_question(net, turned, known.contexts)
            assert turned.value == pytest.approx(answer(net, net.theta, asked_plainly)), measure
