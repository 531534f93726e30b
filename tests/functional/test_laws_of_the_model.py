"""Laws of any decision analysis, asked of the shipped priors and curves."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast import assess
from spinecast.assessment.assess import prepare
from spinecast.assessment.model import load_model
from spinecast.decision.outcomes import compile_outcomes

AXIAL = {"context": {"age": 62, "duration": 60}, "findings": {"pain_dominance": "axial", "extension_rotation": "positive"}}


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def outcomes(model):
    case = prepare(AXIAL, model=model, draws=8)
    return compile_outcomes(model.priors, model.network.space, case.profile, draws=8)


def test_at_a_wrong_target_every_action_is_its_own_sham(model, outcomes):
    levels = [g for g, _ in model.network.space.levels] + ["nonspecific"]
    for a, name in enumerate(outcomes.actions):
        aimed = {e.generator for e in model.priors.procedures[name].effects}
        wrong = [i for i, g in enumerate(levels) if g not in aimed]
        assert np.array_equal(outcomes.active(a)[..., wrong], outcomes.control(a)[..., wrong]), name


def test_arms_are_probabilities_and_both_effects_are_differences_of_them(outcomes):
    for a in range(len(outcomes.actions)):
        for arm in (outcomes.active(a), outcomes.control(a), outcomes.natural):
            assert arm.min() >= -1e-9
            assert arm.max() <= 1 + 1e-9
        assert (outcomes.control(a) >= outcomes.natural - 1e-12).all()


def test_two_concordant_blocks_never_lower_what_ablation_is_worth(model):
    done = [{"procedure": "medial_branch_block", "relief_percent": 85, "weeks_ago": w} for w in (4, 2)]

    def ablation(blocks):
        answer = assess({**AXIAL, "procedures": blocks}, model=model, draws=20)
        return next(r for r in answer.ranking if r.id == "facet_radiofrequency")

    none, one, two = ablation([]), ablation(done[:1]), ablation(done)
    assert none.net_benefit <= one.net_benefit <= two.net_benefit
    assert none.over_sham_6m < one.over_sham_6m < two.over_sham_6m


@pytest.mark.parametrize(
    ("block", "generator"), [("medial_branch_block", "facet_joint"), ("sacroiliac_block", "sacroiliac_joint")]
)
def test_more_relief_and_a_second_block_never_make_the_target_less_likely(model, block, generator):
    def chance(*shown):
        findings = {f"{block}_{k}": value for k, value in enumerate(shown, start=1)}
        return prepare({**AXIAL, "findings": {**AXIAL["findings"], **findings}}, model=model, draws=2).probabilities()[
            generator, ""
        ]

    below, half, most = "below_50", "relief_50", "relief_80"
    assert chance(below) < chance() < chance(half) < chance(half, half) < chance(most, most)
    assert chance(half) <= chance(most)
    assert chance(half, half) <= chance(half, most) <= chance(most, most)


def test_both_effects_are_named_and_add_up(model):
    for row in assess(AXIAL, model=model, draws=20).ranking:
        assert row.over_sham_4w == pytest.approx(row.p_relief_4w - row.p_relief_4w_control)
        assert row.over_usual_care_6m == pytest.approx(row.p_relief_6m - row.p_relief_6m_usual_care)
        if row.id == "waiting":
            assert (row.value, row.over_sham_4w, row.over_usual_care_4w, row.relief_weeks_over_sham) == (0, 0, 0, 0)
