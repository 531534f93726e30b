"""Who benefits: what a procedure adds for people of a kind, from the model itself, beside what the clinical roadmap says of them.

A profile is a file: the roadmap's code (S11, S12), what it says of such a person, the procedure in question, and the patient.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import spinecast
from spinecast.assessment.assess import DEFAULT_DRAWS, prepare
from spinecast.assessment.model import Model, load_model
from spinecast.decision.outcomes import Outcomes, relief_weights
from spinecast.decision.ranking import RankedAction
from spinecast.errors import MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.quantiles import quantiles
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors

DOES_WELL, VARIABLE, DO_NOT, URGENT = "does well", "more variable", "do not inject", "urgent evaluation"
SAYINGS = (DOES_WELL, VARIABLE, DO_NOT, URGENT)
"""What the roadmap says of a profile."""

FIELDS = ("code", "label", "roadmap", "procedure", "patient")
NEEDLES = ("injection", "ablation")
"""Kinds of procedure that S11 and S12 are about."""

AGREES, LEANS, DIFFERS = "agrees", "leans that way", "differs"


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of person, as data."""

    code: str
    label: str
    roadmap: str
    procedure: str
    patient: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """What the model says of one profile.

    Attributes
    ----------
    target : str
        Generator that the procedure aims at most here, and its probability.
    specific, total : tuple of float
        Weeks of at least half relief over sham, and over waiting, that the procedure itself adds within the horizon:
        point estimate, and the ends of the 95 % interval.
    value : tuple of float
        Net benefit over waiting of the best plan that begins with it, in the unit of the settings; the same three.
    rank, p_best
        Among all actions, by value.
    first : str
        What the model puts first, whatever it is.
    needle_value : float
        The best value of an injection or ablation, and `care_value` of anything without a needle (waiting is 0).
    verdict : str
        agrees, leans that way, or differs.
    why : str
        The verdict in a sentence.
    """

    code: str
    label: str
    roadmap: str
    procedure: str
    target: str
    probability: float
    specific: tuple[float, float, float]
    total: tuple[float, float, float]
    value: tuple[float, float, float]
    rank: int
    p_best: float
    first: str
    needle_value: float
    care_value: float
    verdict: str
    why: str


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """All profiles under one model and one set of settings."""

    rows: tuple[ProfileRow, ...]
    unit: str
    settings: str
    version: str
    priors_hash: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        head = {"model": {"version": self.version, "priors_hash": self.priors_hash}, "unit": self.unit, "settings": self.settings}
        return head | {"profiles": [asdict(r) for r in self.rows], "disclaimer": spinecast.DISCLAIMER}


def read_profiles(folder: Path, priors: Priors) -> tuple[Profile, ...]:
    """Every profile of a folder, by code.

    Raises
    ------
    MalformedFileError, UnknownIdError
        The folder has none, or one lacks a field or names something that does not exist.
    """
    found = [_profile(path, priors) for path in sorted(folder.glob("*.toml"))] if folder.is_dir() else []
    if not found:
        raise MalformedFileError(f"{folder}: there are no profiles (*.toml) in it")
    return tuple(sorted(found, key=lambda p: p.code))


def _profile(path: Path, priors: Priors) -> Profile:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MalformedFileError(f"{path}: {error}") from None
    for name in table:
        if name not in FIELDS:
            raise UnknownIdError(f"{path.name}", name, FIELDS)
    for name in FIELDS:
        if name not in table:
            raise MalformedFileError(f"{path}: {name} is missing; a profile has {', '.join(FIELDS)}")
    if table["roadmap"] not in SAYINGS:
        raise UnknownIdError(f"{path.name}: roadmap", table["roadmap"], SAYINGS)
    if table["procedure"] not in priors.procedures:
        raise UnknownIdError(f"{path.name}: procedure", table["procedure"], tuple(priors.procedures))
    return Profile(**{name: table[name] for name in FIELDS})


def profile_table(
    profiles: Sequence[Profile],
    *,
    model: Model | None = None,
    rule_set: str = "roadmap",
    draws: int = DEFAULT_DRAWS,
    depth: int = 3,
) -> ProfileTable:
    """Ask the model about every profile.

    Parameters
    ----------
    rule_set : str
        Whose rules hold: the roadmap's own by default, since its claims are what is looked at.
    """
    model = model or load_model()
    rows, settings = [], None
    for profile in profiles:
        case = prepare({"label": profile.label, **profile.patient}, model=model, rule_set=rule_set, draws=draws, depth=depth)
        options = case.options()
        ranking = case.ranking(options)
        settings = case.settings
        rows.append(
            _row(profile, case.model.priors, case.draws, options.outcomes, ranking, case.probabilities(), settings.horizon_weeks)
        )
    assert settings is not None  # profiles are never empty
    said = f"rule set {rule_set}, {settings.horizon_weeks:g} weeks, {draws} draws, {depth} decisions ahead"
    return ProfileTable(tuple(rows), settings.value_unit, said, spinecast.__version__, model.priors.content_hash)


def _row(
    profile: Profile,
    priors: Priors,
    beliefs: Array,
    outcomes: Outcomes,
    ranking: Sequence[RankedAction],
    chances: Mapping[tuple[str, str], float],
    horizon: float,
) -> ProfileRow:
    a = outcomes.actions.index(profile.procedure)
    weights = relief_weights(float(outcomes.wait[a]), horizon)
    pain = beliefs @ outcomes.share
    specific = np.einsum("dl,t,dtl->d", pain, weights, outcomes.specific[:, a])
    total = np.einsum("dl,t,dtl->d", pain, weights, outcomes.active(a) - outcomes.natural)
    own = next(r for r in ranking if r.id == profile.procedure)
    aimed = [e.generator for e in priors.procedures[profile.procedure].effects if (e.generator, "") in chances]
    target = max(aimed, key=lambda g: chances[g, ""], default="")
    needles = max(r.value for r in ranking if priors.procedures[r.id].kind in NEEDLES)
    care = max(r.value for r in ranking if priors.procedures[r.id].kind in ("conservative", "waiting"))
    verdict, why = _verdict(profile, own, _three(specific), needles, care, ranking[0])
    return ProfileRow(
        code=profile.code,
        label=profile.label,
        roadmap=profile.roadmap,
        procedure=profile.procedure,
        target=target,
        probability=chances.get((target, ""), 0.0),
        specific=_three(specific),
        total=_three(total),
        value=(own.value, own.low, own.high),
        rank=1 + sum(r.value > own.value for r in ranking),
        p_best=own.p_best,
        first=ranking[0].id,
        needle_value=needles,
        care_value=care,
        verdict=verdict,
        why=why,
    )


def _three(values: Array) -> tuple[float, float, float]:
    """The point estimate, and the ends of the 95 % interval of its draws."""
    low, high = quantiles(values[1:] if len(values) > 1 else values)
    return float(values[0]), float(low), float(high)


def _verdict(
    profile: Profile, own: RankedAction, specific: tuple[float, float, float], needles: float, care: float, first: RankedAction
) -> tuple[str, str]:
    """Does the model say what the roadmap says? Stated as a rule beforehand, the same for every profile."""
    if profile.roadmap == URGENT:
        return (
            (AGREES, "urgent evaluation goes first")
            if first.id == "urgent_evaluation"
            else (DIFFERS, f"{first.label} comes first")
        )
    if profile.roadmap == DO_NOT:
        if own.value <= care and needles <= care:
            return AGREES, "care without a needle is worth more than any needle"
        if own.value <= care:
            return LEANS, "care without a needle is worth more than this needle, though another needle is worth more still"
        held = "" if own.permitted else ", though a rule holds it back"
        return DIFFERS, f"worth more than care without a needle{held}"
    if own.value > care and specific[1] > 0:
        return AGREES, "worth more than care without a needle, and its specific effect is above zero in the whole interval"
    if own.value > 0 and specific[0] > 0:
        more = "more" if own.value > care else "no more"
        return LEANS, f"worth more than waiting on the best estimate, {more} than care without a needle, and not surely"
    return DIFFERS, "not worth more than waiting"
