"""Rows to numbers, against closed forms and one published meta-analysis."""

from __future__ import annotations

import math
from itertools import starmap

import pytest

from helpers.rows import row
from spinecast.errors import PriorsError
from spinecast.parameters.pooling import DEFAULT_N, cites_rows, estimate, measure_scale, pool, row_estimate
from spinecast.parameters.scales import Z95, expit, from_scale, logit, to_scale, wilson
from spinecast.priors.records import Quantity

# Trials of vaccination against tuberculosis (Colditz 1994): cases and others among vaccinated, then among the rest.
BCG = (
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761), (180, 1361, 372, 1079),
    (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197),
    (5, 2493, 3, 2338), (27, 16886, 29, 17825),
)  # fmt: skip


def ratio(key: str, log: float, sd: float):
    return row(key, measure="rr", value=math.exp(log), low=math.exp(log - Z95 * sd), high=math.exp(log + Z95 * sd))


def risk_ratio(a: int, b: int, c: int, d: int):
    log = math.log(a / (a + b)) - math.log(c / (c + d))
    return ratio(f"trial_{a}_{b}", log, math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)))


class TestPool:
    def test_the_published_pool_of_thirteen_trials(self):
        found = pool(list(starmap(risk_ratio, BCG)))
        assert found.mean.centre == pytest.approx(-0.7141, abs=5e-5)
        assert found.mean.sd == pytest.approx(0.1787, abs=5e-5)
        assert found.tau**2 == pytest.approx(0.3088, abs=5e-5)
        assert found.prediction.sd == pytest.approx(math.hypot(found.mean.sd, found.tau))

    @pytest.mark.parametrize(("distance", "sd"), [(2.0, 0.3), (1.0, 0.5), (0.2, 0.5)])
    def test_two_rows_of_one_spread(self, distance, sd):
        """tau2 = distance^2 / 2 - sd^2, at least 0; the mean lies halfway; its variance is distance^2 / 4 or sd^2 / 2."""
        found = pool([ratio("a", 0.3, sd), ratio("b", 0.3 + distance, sd)])
        tau2 = max(0.0, distance**2 / 2 - sd**2)
        assert found.tau**2 == pytest.approx(tau2)
        assert found.mean.centre == pytest.approx(0.3 + distance / 2)
        assert found.mean.sd**2 == pytest.approx((sd**2 + tau2) / 2)
        assert found.prediction.sd**2 == pytest.approx((sd**2 + tau2) / 2 + tau2)

    def test_one_row_is_itself(self):
        alone = ratio("a", 0.3, 0.2)
        assert pool([alone]).mean == pool([alone]).prediction
        assert (pool([alone]).mean.centre, pool([alone]).mean.sd) == pytest.approx((0.3, 0.2))

    def test_rows_that_agree_are_weighed_by_their_precision(self):
        found = pool([ratio("a", 0.0, 0.1), ratio("b", 0.05, 0.2)])
        assert found.tau == 0.0
        assert found.mean.centre == pytest.approx(0.05 * (1 / 0.04) / (1 / 0.01 + 1 / 0.04))

    def test_shares_and_ratios_are_not_pooled(self):
        with pytest.raises(PriorsError, match="not on one scale"):
            pool([row("a", value=0.5, n=50), ratio("b", 0.1, 0.1)])


class TestRow:
    def test_a_printed_interval_is_kept(self):
        made = row_estimate(row(value=0.6, low=0.5, high=0.7))
        assert made.value == pytest.approx(0.6)
        assert made.sd == pytest.approx((logit(0.7) - logit(0.5)) / (2 * Z95))

    def test_without_one_it_is_wilson_from_n(self):
        low, high = wilson(0.6, 50)
        made = row_estimate(row(value=0.6, n=50))
        assert made.sd == pytest.approx((logit(high) - logit(low)) / (2 * Z95))

    def test_wilson_by_hand(self):
        """8 of 10: the roots of (p - 0.8)^2 = z^2 p (1 - p) / 10."""
        for p in wilson(0.8, 10):
            assert (p - 0.8) ** 2 == pytest.approx(Z95**2 * p * (1 - p) / 10)

    @pytest.mark.parametrize("measure", ["sens", "lr_pos", "or", "rr", "md"])
    def test_neither_interval_nor_n_is_worth_thirty_patients(self, measure):
        assert DEFAULT_N == 30
        assert row_estimate(row(measure=measure, value=0.6)) == row_estimate(row(measure=measure, value=0.6, n=30))

    def test_ratios_are_log_normal(self):
        made = row_estimate(row(measure="lr_pos", value=3.0, low=2.0, high=4.5))
        assert (made.scale, made.centre) == ("log", pytest.approx(math.log(3)))
        assert made.sd == pytest.approx(math.log(4.5 / 2) / (2 * Z95))
        assert row_estimate(row(measure="or", value=3.0, n=64)).sd == pytest.approx(0.5)

    @pytest.mark.parametrize(("printed", "n"), [(0.0, 40), (1.0, 40), (0.0, 1000)])
    def test_a_printed_0_or_1_gets_half_a_patient(self, printed, n):
        made = row_estimate(row(value=printed, n=n))
        assert abs(made.value - printed) == pytest.approx(0.5 / (n + 1))
        assert 0.3 < made.sd < 1.5

    @pytest.mark.parametrize("printed", [0.0001, 0.007, 0.9999])
    def test_a_small_share_without_n_stays_what_it_is(self, printed):
        """One in 10,000 is no half patient of thirty; what thirty patients would show of it is little."""
        made = row_estimate(row(measure="prevalence", value=printed))
        assert made.value == pytest.approx(printed)
        assert made.sd > 1

    def test_nor_does_its_printed_interval_move(self):
        made = row_estimate(row(measure="prevalence", value=0.0006, low=0.0002, high=0.0015))
        assert made.value == pytest.approx(0.0006)
        assert made.sd == pytest.approx((logit(0.0015) - logit(0.0002)) / (2 * Z95))

    def test_a_row_without_value_sets_nothing(self):
        with pytest.raises(PriorsError, match="has no value"):
            row_estimate(row(value=None))


class TestQuantity:
    def test_an_assumed_share_is_a_beta_of_its_size(self):
        made = estimate(Quantity(assumed=0.2, like_n=50), {}, "logit")
        assert made.value == pytest.approx(0.2)
        assert made.sd == pytest.approx(1 / math.sqrt(50 * 0.2 * 0.8))

    def test_an_assumed_amount_and_difference(self):
        assert estimate(Quantity(assumed=600, like_n=25), {}, "log").sd == pytest.approx(0.4)
        assert estimate(Quantity(assumed=0.1, like_n=50), {}, "identity").sd == pytest.approx(0.1)

    def test_a_stated_interval_overrides_the_size(self):
        made = estimate(Quantity(assumed=0.2, like_n=50, low=0.1, high=0.4), {}, "logit")
        assert made.sd == pytest.approx((logit(0.4) - logit(0.1)) / (2 * Z95))

    def test_complement(self):
        rows = {"a": row("a", measure="spec", value=0.7, n=80)}
        plain, other = (estimate(Quantity(rows=("a",), combine=c), rows, "logit") for c in ("pool", "complement"))
        assert (other.value, other.sd) == (pytest.approx(1 - plain.value), plain.sd)

    def test_difference_of_two_arms(self):
        rows = {"a": row("a", measure="proportion", value=0.5, n=100), "b": row("b", measure="proportion", value=0.3, n=100)}
        made = estimate(Quantity(rows=("a", "b"), combine="difference"), rows, "identity")
        assert made.centre == pytest.approx(0.2)
        assert made.sd == pytest.approx(math.sqrt(0.25 / 100 + 0.21 / 100), rel=0.02)

    def test_responders_from_a_mean_difference(self):
        rows = {"a": row("a", measure="md", value=-1.0, low=-1.5, high=-0.5)}
        made = estimate(Quantity(rows=("a",), combine="mean_difference_to_responders", sd=2.5), rows, "identity")
        assert made.centre == pytest.approx(0.14)
        assert made.sd == pytest.approx(math.hypot(0.14 * 0.5 / Z95, 0.07))

    def test_a_cited_row_has_to_exist(self):
        with pytest.raises(PriorsError, match="'gone'"):
            estimate(Quantity(rows=("gone",)), {}, "logit")

    def test_memory_does_not_count_as_evidence(self):
        rows = {"a": row("a", seen_in="memory"), "b": row("b")}
        assert not cites_rows(Quantity(rows=("a",)), rows)
        assert cites_rows(Quantity(rows=("a", "b")), rows)


class TestScales:
    @pytest.mark.parametrize(("value", "scale"), [(0.3, "logit"), (2.5, "log"), (-0.4, "identity")])
    def test_there_and_back(self, value, scale):
        assert from_scale(to_scale(value, scale), scale) == pytest.approx(value)

    def test_structural_zeros_stay_exact(self):
        assert logit(0.0) == -math.inf
        assert expit([-math.inf, math.inf, 0.0]).tolist() == [0.0, 1.0, 0.5]

    @pytest.mark.parametrize(
        ("measure", "scale"), [("sens", "logit"), ("prevalence", "logit"), ("or", "log"), ("md", "identity")]
    )
    def test_the_scale_follows_the_measure(self, measure, scale):
        assert measure_scale(measure) == scale
