"""A block response recorded as a finding satisfies the same rule as the block listed with its relief."""

from __future__ import annotations

import pytest

from spinecast import assess
from spinecast.assessment.model import load_model

ABLATION = "facet_radiofrequency"


def permitted(**patient):
    found = assess({"findings": {"pain_dominance": "axial"}, **patient}, rule_set="payer", draws=2, depth=1, model=load_model())
    action = next(a for a in found.ranking if a.id == ABLATION)
    return {g.rule for g in action.gates if g.effect == "block" and g.kind == "requirement"}


def both(first, second):
    return {"pain_dominance": "axial", "medial_branch_block_1": first, "medial_branch_block_2": second}


def test_two_good_blocks_open_the_gate_and_a_failed_one_does_not():
    assert not permitted(findings=both("relief_80", "relief_80"))
    assert permitted(findings=both("relief_80", "below_50"))
    assert permitted()


@pytest.mark.parametrize("relief", [85, 20])
def test_a_block_listed_and_recorded_counts_once(relief):
    listed = [{"procedure": "medial_branch_block", "relief_percent": relief, "weeks_ago": 3}]
    assert permitted(procedures=listed)
