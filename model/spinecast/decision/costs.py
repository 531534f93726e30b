"""What an action costs, and whom: the payer on average, the payer in an office or a facility, or the patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from spinecast.decision.numbers import Draws
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Procedure, Quantity

PAYER, OFFICE, FACILITY, PATIENT = "payer", "payer_office", "payer_facility", "patient"
PERSPECTIVES = (PAYER, OFFICE, FACILITY, PATIENT)
"""The payer's mixed practice; the payer where it is done in the office, or in a facility; what the patient pays."""


def cost_of(procedure: Procedure, perspective: str, priors: Priors, source: Draws) -> Array:
    """Cost of one action at the point estimate and at each draw; shape (D,).

    Where no fee is published for a place, the payer's average stands for it. The patient pays a share of the payer's
    average, and the own cost of going there where something is done to them.
    """
    own = {OFFICE: "office", FACILITY: "facility"}.get(perspective, "")
    if own in procedure.costs:
        return source.of(procedure.costs[own], "log", f"procedures/{procedure.id}/costs/{own}")
    payer = source.of(procedure.cost_usd, "log", f"procedures/{procedure.id}/cost")
    if perspective != PATIENT:
        return payer
    table = cast("Mapping[str, Quantity]", priors.economics["patient_costs"])
    share = source.of(table["share"], "logit", "patient_costs/share")
    going = source.of(table["visit"], "log", "patient_costs/visit") if procedure.kind != "waiting" else np.zeros_like(payer)
    paid: Array = share * payer + going
    return paid
