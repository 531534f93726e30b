"""The people of a published trial, so that the model can be asked the trial's own question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.model import Model
from spinecast.assessment.patient import parse_patient
from spinecast.assessment.profiling import profile_of
from spinecast.decision.circumstances import course_weights
from spinecast.decision.outcomes import NONSPECIFIC, pain_shares
from spinecast.decision.profile import Profile
from spinecast.engines import exact
from spinecast.errors import SpinecastError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Quantities, Trial


@dataclass(frozen=True, slots=True)
class Population:
    """Who took part.

    Attributes
    ----------
    pain : mapping of (generator, level) to share
        Whose pain it is: ("nonspecific", "") for none; the shares sum to 1.
    profile : Profile
        What is known of all of them, and how the rest divides.
    """

    pain: Mapping[tuple[str, str], float]
    profile: Profile

    @property
    def stages(self) -> Mapping[str, float]:
        """Shares of acute, subacute and chronic pain."""
        return {stage: float(weight) for stage, weight in course_weights(self.profile).items()}


def population(trial: Trial, model: Model) -> Population:
    """The participants as the model sees them: the trial's generator, or what the network says of its findings.

    Raises
    ------
    SpinecastError
        The trial's description is not one of a patient; the message names the trial.
    """
    try:
        patient = parse_patient({"setting": trial.setting, **cast("Mapping[str, Any]", trial.patient)}, model.priors)
    except SpinecastError as error:
        raise type(error)(f"trials/{trial.id}.toml: {error}") from None
    network = model.network
    evidence = to_evidence(patient, network)
    belief = exact.posterior(network, network.theta, evidence).states
    belief = _conditioned(belief, trial, model)
    profile = profile_of(model, patient, evidence, belief)
    shares = {context: _shares(table, model.priors) for context, table in trial.shares.items()}
    known = {k: v for k, v in profile.values.items() if k not in shares}
    profile = replace(profile, values=known, chances={**profile.chances, **shares})
    return Population(_pain(belief, trial, model), profile)


def _conditioned(belief: Array, trial: Trial, model: Model) -> Array:
    """Beliefs of people who all have the trial's generator."""
    if not trial.generator:
        return belief
    space = model.network.space
    if trial.generator == NONSPECIFIC:
        mask = space.count == 0
    else:
        columns = [
            i for i, (g, level) in enumerate(space.levels) if g == trial.generator and (not trial.levels or level in trial.levels)
        ]
        mask = space.active[:, columns].any(axis=1)
    kept: Array = belief * mask / (belief @ mask)
    return kept


def _pain(belief: Array, trial: Trial, model: Model) -> dict[tuple[str, str], float]:
    """Pain by level; where the trial names its generator, that pain is what its outcome is about."""
    space = model.network.space
    labels = [*space.levels, (NONSPECIFIC, "")]
    share = belief @ pain_shares(space)
    if trial.generator:
        wanted = [g == trial.generator and (not trial.levels or level in trial.levels) for g, level in labels]
        share = np.where(wanted, share, 0.0)
    share = share / share.sum()
    return {label: float(s) for label, s in zip(labels, share, strict=True) if s > 0}


def _shares(table: Quantities, priors: Priors) -> dict[str, float]:
    """Shares that sum to 1, as rounding and judgement may miss it a little."""
    values = {value: estimate(quantity, priors.rows, "logit").value for value, quantity in table.items()}
    total = sum(values.values())
    return {value: share / total for value, share in values.items()}
