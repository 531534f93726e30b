"""What the outcome model takes of a person, as numbers: one for a person, or an array of one for each of many people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from spinecast.decision.numbers import Draws
from spinecast.decision.profile import Profile, Vocabulary, chance
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Procedure, Quantity

DURATION = "duration"
COURSES = {"weeks_0_6": "acute", "weeks_6_12": "subacute", "weeks_13_52": "chronic", "weeks_52_plus": "chronic"}
TOLERANCE, WILLING = "therapy_tolerance", "rehabilitation_willing"
SEVERITY, AWAKENINGS = "pain_severity", "sleep_awakenings"

Number = float | Array
"""Of one person, or of N people with shape (N,)."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """One person, or N people; numbers that come from draws have shape (D,), and no number has both axes.

    Attributes
    ----------
    stages : mapping of stage (acute, subacute, chronic) to its probability
    chances : mapping of a modifier's `when` to the probability that it is true
    usual : mapping of (generator, `when`) to how often it is true of people with this generator, in the person's setting
    tolerated, willing : ndarray
        Share of a therapy's effect that is left where it is hard to bear, or half wanted.
    worth : ndarray
        Quality-adjusted years regained per year of >= 50 % relief.
    """

    stages: Mapping[str, Number]
    chances: Mapping[str, Number]
    usual: Mapping[tuple[str, str], Number]
    tolerated: Array
    willing: Array
    worth: Array

    @classmethod
    def of(cls, priors: Priors, procedures: Iterable[Procedure], profile: Profile, source: Draws) -> Circumstances:
        """One person's, from what is known of them."""
        return cls(
            course_weights(profile),
            *modifiers_of(priors, procedures, profile),
            therapy_factor(priors, TOLERANCE, profile, source),
            therapy_factor(priors, WILLING, profile, source),
            worth(priors, profile, source),
        )

    @classmethod
    def joined(cls, people: Sequence[Circumstances]) -> Circumstances:
        """Several people, each known at the point estimate, as one of many."""

        def each(name: str) -> dict[Any, Number]:
            tables = [getattr(one, name) for one in people]
            return {key: np.array([table.get(key, 0.0) for table in tables]) for key in {k: None for t in tables for k in t}}

        numbers = (np.concatenate([getattr(one, name) for one in people]) for name in ("tolerated", "willing", "worth"))
        return cls(each("stages"), each("chances"), each("usual"), *numbers)


def modifiers_of(
    priors: Priors, procedures: Iterable[Procedure], profile: Profile
) -> tuple[dict[str, Number], dict[tuple[str, str], Number]]:
    """`Circumstances.chances` and `Circumstances.usual` of one person."""
    vocabulary, conditions = Vocabulary.of(priors), modified(procedures)
    chances: dict[str, Number] = {when: chance(when, profile, vocabulary) for when in dict.fromkeys(w for _, w in conditions)}
    usual: dict[tuple[str, str], Number] = {(g, w): usual_share(w, g, profile, vocabulary) for g, w in conditions}
    return chances, usual


def modified(procedures: Iterable[Procedure]) -> dict[tuple[str, str], None]:
    """Every (generator, `when`) by which an effect of the procedures is modified, in order."""
    pairs = (
        (effect.generator, modifier.when)
        for p in procedures
        for modifier in p.modifiers
        for effect in p.effects
        if modifier.generator in ("", effect.generator)
    )
    return dict.fromkeys(pairs)


def course_weights(profile: Profile) -> dict[str, Number]:
    """Probability of each stage (acute, subacute, chronic) from the duration of the pain, known or not."""
    value = profile.values.get(DURATION)
    chances = {value: 1.0} if isinstance(value, str) else profile.chances.get(DURATION, {"weeks_13_52": 1.0})
    return stage_weights(chances)


def stage_weights(bands: Mapping[str, Number]) -> dict[str, Number]:
    """Probability of each stage from that of each band of duration."""
    weights: dict[str, Number] = {}
    for band, probability in bands.items():
        weights[COURSES[band]] = weights.get(COURSES[band], 0.0) + probability
    return weights


def usual_share(when: str, generator: str, profile: Profile, vocabulary: Vocabulary) -> float:
    """How often the modifier is true of people with this generator: a published effect is their average already."""
    usual = profile.usual.get(generator)
    return chance(when, Profile(chances=usual), vocabulary) if usual else 0.0


def therapy_factor(priors: Priors, name: str, profile: Profile, source: Draws) -> Array:
    """Factor of the recorded answer about therapy, (D,); 1 where nothing was recorded."""
    value = profile.values.get(name)
    if value is None:
        return np.ones(source.count + 1)
    table = cast("Mapping[str, Mapping[str, Quantity]]", priors.economics["therapy"])
    return np.clip(source.of(table[name][str(value)], "logit", f"therapy/{name}/{value}"), 0, 1)


BANDS = (("mild", 0.0, 4.0), ("moderate", 4.0, 7.0), ("severe", 7.0, 10.1))
# Bands of the 0-10 scale as the utility rows group them; a choice of bands, not of numbers.


def _severity_shares(priors: Priors, profile: Profile) -> dict[str, float]:
    """The recorded band, or the declared shares of the bands where severity was not recorded."""
    severity = profile.values.get(SEVERITY)
    if isinstance(severity, int | float):
        return {next(band for band, low, high in BANDS if low <= severity < high): 1.0}
    table = cast("Mapping[str, Quantity]", priors.economics["unknown_severity"])
    shares = {band: estimate(table[band], priors.rows, "logit").value for band, _, _ in BANDS}
    total = sum(shares.values())
    return {band: share / total for band, share in shares.items()}


def worth(priors: Priors, profile: Profile, source: Draws) -> Array:
    """Quality-adjusted years regained per year of half relief, (D,): loss at this severity times the share regained."""
    table = cast("Mapping[str, Quantity]", priors.economics["utility"])
    losses = {band: source.of(table[f"loss_{band}"], "logit", f"utility/{band}") for band, _, _ in BANDS}
    loss = sum(share * losses[band] for band, share in _severity_shares(priors, profile).items())
    awakenings = profile.values.get(AWAKENINGS)
    if isinstance(awakenings, int | float):
        loss = loss + awakenings * source.of(table["loss_per_awakening"], "logit", "utility/awakening")
    return np.minimum(loss, 1.0) * source.of(table["share_regained"], "logit", "utility/share")
