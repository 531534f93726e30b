"""How the pain went after a treatment, as evidence about its cause.

The likelihood of half relief at review is the outcome model's own: time and context relieve people whatever the cause, the
specific effect only where the procedure reached it. So a good week after an injection proves little, and natural recovery alone nothing.

    P(relief | s) = sum_l w(s, l) [ c(l, t) + hit(l) d(l, t) ],     d = a - c, hit: did it reach that level and side?
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from spinecast.assessment.history import EarlierProcedure
from spinecast.assessment.localisation import Localisation
from spinecast.assessment.model import Model
from spinecast.assessment.patient import Patient
from spinecast.decision.outcomes import Outcomes, at_week, compile_outcomes, pain_shares
from spinecast.decision.profile import Profile
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array
from spinecast.priors.records import Procedure

HALF = 50.0
"""Percent of relief that the outcome curves are the probability of."""

UNSEEN = ("test", "block")
"""Kinds whose relief at review says nothing: they do not treat."""

LEAST = 1e-6
"""Smallest probability of an outcome: the outcome model never makes one impossible."""


@dataclass(frozen=True, slots=True)
class Curves:
    """P(>= 50 % relief) at review by level, (D, L + 1), of one treatment: with it, in its control, and with time alone."""

    active: Array
    control: Array
    natural: Array


def outcome_states(
    model: Model, patient: Patient, profile: Profile, places: Mapping[str, Localisation], *, draws: int, seed: int
) -> dict[str, Array]:
    """Log-likelihood of every reviewed treatment over all joint states; each of shape (1 + draws, S), point estimate first.

    Parameters
    ----------
    profile : Profile
        The person as known without these outcomes.
    places : mapping of generator to Localisation
    """
    reviewed = [(i, p) for i, p in enumerate(patient.procedures, start=1) if informs(p, model.priors.procedures[p.procedure])]
    if not reviewed:
        return {}
    space = model.network.space
    outcomes = compile_outcomes(model.priors, space, profile, draws=draws, seed=seed)
    share = pain_shares(space)
    found = {}
    for number, record in reviewed:
        curves = review_curves(outcomes, record, space.levels, places, model.priors.procedures[record.procedure])
        chance = np.clip(curves.active @ share.T, LEAST, 1 - LEAST)
        relieved = (record.reviewed_relief_percent or 0.0) >= HALF
        found[part_name(number)] = np.log(chance if relieved else 1 - chance)
    return found


def part_name(number: int) -> str:
    """Name of the evidence that the n-th earlier procedure gives."""
    return f"outcome_{number}"


def informs(record: EarlierProcedure, procedure: Procedure) -> bool:
    """Does a record say how the pain went after something that treats (or after waiting)?"""
    return record.reviewed and procedure.kind not in UNSEEN


def review_curves(
    outcomes: Outcomes,
    record: EarlierProcedure,
    levels: Sequence[tuple[str, str]],
    places: Mapping[str, Localisation],
    procedure: Procedure,
) -> Curves:
    """The three curves at the week of the review; where the procedure missed, the active one is its control."""
    a, week = outcomes.actions.index(record.procedure), record.reviewed_weeks or 0.0
    active, control, natural = (at_week(c, week) for c in (outcomes.active(a), outcomes.control(a), outcomes.natural))
    hit = np.array([*(_hit(record, level, places.get(g), procedure) for g, level in levels), 1.0])
    return Curves(control + hit * (active - control), control, natural)


def _hit(record: EarlierProcedure, level: str, place: Localisation | None, procedure: Procedure) -> float:
    """Probability that a procedure done at a level and side reached this generator (level); 1 where neither was recorded."""
    done_at = record.level.split()
    chance = 1.0
    if level and done_at and procedure.aim == "root":
        chance *= _same_root(done_at, level)
    elif done_at and place is not None and set(done_at) & set(place.sites):
        chance *= sum(p for site, p in place.sites.items() if site in done_at)
    if place is not None and place.sides and record.side in ("left", "right"):
        chance *= 1.0 - sum(p for side, p in place.sides.items() if side in ("left", "right") and side != record.side)
    return chance


_ROOT = re.compile(r"([LS]\d)(?:_([LS]\d))?")
_ORDER = ("L1", "L2", "L3", "L4", "L5", "S1", "S2")


def _same_root(done_at: Sequence[str], level: str) -> float:
    """1 where one of the roots treated is this one, where only a disc level is known, or where the level is no root.

    L2_L4 is L2, L3 and L4.
    """
    roots = [d for d in done_at if "_" not in d]
    found = _ROOT.fullmatch(level)
    if not roots or found is None:
        return 1.0
    first, last = found[1], found[2] or found[1]
    inside = _ORDER[_ORDER.index(first) : _ORDER.index(last) + 1]
    return float(bool(set(inside) & set(roots)))
