"""Whose cost: published places, what stands where none is published, and what the patient pays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.decision_priors import PROCEDURES, priors, procedure, q
from spinecast.decision.costs import FACILITY, OFFICE, PATIENT, PAYER, PERSPECTIVES, cost_of
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.profile import Profile
from spinecast.decision.settings import decision_settings
from spinecast.errors import UnknownIdError
from spinecast.network.states import enumerate_states

NEEDLE = procedure("needle", costs={"office": q(300), "facility": q(900)})
PAYS = {"patient_costs": {"share": q(0.2), "visit": q(60)}}
KNOWN = priors(procedures=(*PROCEDURES, NEEDLE), economics=PAYS)
POINT = Draws({}, 0, 0)


def cost(one, perspective):
    return float(cost_of(one, perspective, KNOWN, POINT)[0])


def test_each_perspective_has_its_cost():
    assert cost(NEEDLE, PAYER) == pytest.approx(600)
    assert cost(NEEDLE, OFFICE) == pytest.approx(300)
    assert cost(NEEDLE, FACILITY) == pytest.approx(900)
    assert cost(NEEDLE, PATIENT) == pytest.approx(0.2 * 600 + 60)


def test_the_payers_average_stands_where_no_place_is_published():
    plain = procedure("plain")
    assert cost(plain, OFFICE) == cost(plain, FACILITY) == cost(plain, PAYER)


def test_waiting_costs_nobody_anything():
    waiting = KNOWN.procedures["waiting"]
    assert [cost(waiting, p) for p in PERSPECTIVES] == [0, 0, 0, 0]


def test_outcomes_differ_in_cost_alone():
    space = enumerate_states(tuple(KNOWN.generators.values()))
    profile = Profile({"duration": "weeks_0_6"})
    payer, patient = (compile_outcomes(KNOWN, space, profile, draws=4, perspective=p) for p in (PAYER, PATIENT))
    a = payer.actions.index("needle")
    assert (patient.cost[:, a] < payer.cost[:, a]).all()
    for name in ("specific", "natural", "harm", "worth"):
        assert np.array_equal(getattr(payer, name), getattr(patient, name))


def test_the_default_is_the_payer_and_a_slip_is_told():
    rules = replace(KNOWN, rules={"r": next(iter(_rules()))})
    assert decision_settings(rules, rule_set="guideline").perspective == PAYER
    with pytest.raises(UnknownIdError, match="did you mean 'patient'"):
        decision_settings(rules, rule_set="guideline", perspective="patiens")


def _rules():
    from helpers.decision_priors import rule

    yield rule("r", "contraindication", rule_sets=("guideline",))
