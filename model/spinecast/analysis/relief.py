"""How likely half relief was for those who were treated, by what was the matter: outcomes as evidence, and as predictions.

The chance is the outcome model's active arm for that person: natural course, contextual effect and, in the states that the
procedure reaches, its specific effect. So relief speaks for what the procedure treats. A clinic without control arms cannot say what
the procedure itself adds, and nothing here changes that number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spinecast.analysis.cohort_likelihood import Cohort, score
from spinecast.analysis.records import Records
from spinecast.assessment.model import Model
from spinecast.assessment.profiling import usual_people
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.profile import Profile
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array
from spinecast.priors.records import WEEKS

PREFERRED = (4, 13, 2, 26, 52)
"""Of several times recorded, the first of these tells of the person's state: one person's times are no independent witnesses."""


def treated(records: Records, week: int) -> Ints:
    """Rows with a procedure and relief recorded at a week."""
    seen = records.relief.get(week)
    return np.flatnonzero((records.treated >= 0) & (seen >= 0)) if seen is not None else np.zeros(0, dtype=np.int64)


def chances(model: Model, records: Records, rows: Ints, posterior: Array) -> dict[int, Array]:
    """P(at least half relief | state) at each of the five times, (T, S), of some people.

    Parameters
    ----------
    posterior : ndarray, shape (N, S)
        Belief about everybody, for contexts that were not recorded.
    """
    usual = [usual_people(model.network, k) for k in range(len(model.network.settings))]
    found = {}
    for n in rows.tolist():
        setting = max(int(records.cohort.setting[n]), 0)
        values = _values(model, records, n)
        profile = Profile(values, _unknown(model, values, setting, posterior[n]), usual=usual[setting])
        found[n] = _curve(model, profile, records.procedures[records.treated[n]])
    return found


def _curve(model: Model, profile: Profile, procedure: str) -> Array:
    outcomes = compile_outcomes(model.priors, model.network.space, profile)
    curve = outcomes.active(outcomes.actions.index(procedure))[0]
    chance: Array = np.clip(curve @ outcomes.share.T, 0.0, 1.0)
    return chance


def _values(model: Model, records: Records, n: int) -> dict[str, object]:
    codes = records.cohort.codes[n]
    return {
        name: leaf.values[codes[j] % len(leaf.values)]
        for j, (name, leaf) in enumerate(model.network.leaves.items())
        if codes[j] >= 0
    }


def _unknown(model: Model, values: Mapping[str, object], setting: int, belief: Array) -> dict[str, dict[str, float]]:
    network = model.network
    found = {}
    for name, leaf in network.leaves.items():
        if leaf.is_context and not leaf.by and name not in values:
            table = network.table(network.theta, leaf, setting)[0, 0][leaf.config_of_state]
            found[name] = dict(zip(leaf.values, (belief @ table).tolist(), strict=True))
    return found


def as_evidence(model: Model, records: Records, posterior: Array) -> Array:
    """Likelihood of each person's recorded relief in every state; ones where none is recorded; shape (N, S)."""
    likelihood = np.ones((len(records), len(model.network.space)))
    done: set[int] = set()
    for week in PREFERRED:
        rows = np.setdiff1d(treated(records, week), list(done))
        done |= set(rows.tolist())
        found = chances(model, records, rows, posterior)
        for n, curve in found.items():
            chance = curve[WEEKS.index(week)]
            likelihood[n] = chance if records.relief[week][n] == 1 else 1 - chance
    return likelihood


def with_outcomes(model: Model, records: Records) -> Cohort:
    """The cohort to learn from: labels restrict the states, recorded relief weighs them."""
    cohort = records.labelled(model.network)
    if not any(len(treated(records, week)) for week in records.relief):
        return cohort
    posterior = score(model.network, model.network.theta, cohort, slopes=False).posterior
    likelihood = as_evidence(model, records, posterior)
    return replace(cohort, states=likelihood if cohort.states is None else cohort.states * likelihood)
