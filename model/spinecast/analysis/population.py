"""A simulated cohort under many parameter draws: who would be offered what, how sure that is, and what would be worth knowing.

*Depth 1*: every action is valued with the best single step after whatever is seen then, as `assess(..., depth=1)` does; plans are chosen at
the point estimate and kept under the draws. Outcomes are compiled once for each *profile*: the recorded values of a few
contexts (`PROFILE`); what else modifies effects is averaged over the setting. Beliefs, and what the rules permit, are each person's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spinecast.analysis import monte_carlo as mc
from spinecast.analysis.kept_plans import Plans, ProfileNets, among, by_person
from spinecast.analysis.laplace import laplace
from spinecast.analysis.many_draws import over_draws, people
from spinecast.analysis.outcome_numbers import RememberedDraws, rows_behind
from spinecast.analysis.psa import ANEW, STORED
from spinecast.analysis.result import Basis, Chart, Column, Result, sources_of
from spinecast.analysis.simulate import Cohort, recorded_shares, simulate
from spinecast.assessment.assess import DEFAULT_SEED
from spinecast.assessment.crowd import Crowd, Recorded, Standing
from spinecast.assessment.model import Model
from spinecast.assessment.profiling import usual_people
from spinecast.decision.ahead import Ahead
from spinecast.decision.circumstances import Circumstances
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import Outcomes, compile_outcomes
from spinecast.decision.profile import Profile
from spinecast.decision.settings import DecisionSettings, decision_settings
from spinecast.engines.batch import BatchEngine
from spinecast.errors import InvalidValueError
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

Ints = npt.NDArray[np.int64]
PROFILE = ("duration", "distress", "prior_surgery")
"""Contexts whose recorded values set a person's outcomes."""

FINDINGS = 25
"""Findings recorded of a person on average; contexts are all recorded."""

DEPTH_ONE = (
    "Depth 1: each action with the best single step after what is seen then; plans are those of the point estimate and are kept."
)


@dataclass(frozen=True, slots=True)
class Population:
    """Values of everybody under every draw.

    Attributes
    ----------
    cohort : Cohort
    theta : ndarray, shape (1 + K, P)
    values : ndarray, shape (1 + K, N, A)
        Net benefit over waiting of the best plan of one decision ahead that begins with each action; point estimate first.
    profile : ndarray of int, shape (N,)
        Which profile each person has.
    permitted : ndarray of bool, shape (N, A)
    """

    model: Model
    settings: DecisionSettings
    cohort: Cohort
    setting: str
    seed: int
    network_draws: str
    theta: Array
    normal: dict[str, Array]
    values: Array
    profile: np.ndarray
    permitted: np.ndarray
    actions: tuple[str, ...]

    @property
    def draws(self) -> int:
        """K."""
        return len(self.values) - 1

    @property
    def allowed(self) -> Array:
        """Values under the draws with -inf for what is not permitted; shape (K, N, A)."""
        return np.where(self.permitted, self.values[1:], -np.inf)

    # What value of information asks of a run (`known.Drawn`).

    each, scope, caveat = "person", ", averaged over a simulated cohort", DEPTH_ONE

    @property
    def touched(self) -> tuple[int, ...]:
        """Free parameters: a population touches all of the model."""
        return tuple(np.flatnonzero(self.theta[1:].std(axis=0) > 0).tolist())

    @property
    def outputs(self) -> Array:
        """Values under the draws, each person's best on average in the place of what is not permitted, which changes no maximum; (K, N, A)."""
        net = self.values[1:]
        best = np.where(self.permitted, net.mean(axis=0), -np.inf).argmax(axis=1)
        return np.where(self.permitted, net, np.take_along_axis(net, best[None, :, None], axis=2))

    @property
    def chances(self) -> Array:
        """Prevalence of each generator level in the setting; shape (L,)."""
        network = self.model.network
        found: Array = np.exp(network.log_prior(network.theta, self.cohort.setting)) @ network.space.active
        return found

    def outcomes(self) -> Outcomes:
        """The outcome model of the average person of the setting under the same draws."""
        (anybody,) = _profiles(self.model, self.cohort.setting, [{}])
        source = RememberedDraws(self.model.priors.rows, self.draws, self.seed)
        return compile_outcomes(self.model.priors, self.model.network.space, anybody, source=source)

    @property
    def name(self) -> str:
        """What results on it say that they rest on."""
        return f"{len(self.cohort.state):,} people simulated in {self.setting.replace('_', ' ')} (seed {self.seed}, about {FINDINGS} findings each)"

    def basis(self, **choices: str | float) -> Basis:
        """What tables of this run rest on."""
        s = self.settings
        stated: dict[str, str | float] = {
            "rule_set": s.rule_set,
            "willingness_to_pay": s.willingness_to_pay,
            "depth": 1,
            "profiles": int(self.profile.max()) + 1,
        }
        return Basis.of(
            self.model, draws=self.draws, seed=self.seed, subject=self.name,
            choices={**stated, "network_draws": self.network_draws, **choices},
        )  # fmt: skip

    def sources(self) -> tuple[str, ...]:
        """Everything: a population touches all of the model."""
        quantities = [p.quantity for p in self.model.network.parameters]
        rows = {r for q in quantities if q is not None for r in q.rows}
        rows |= {r for name in self.normal for r in rows_behind(self.model.priors, name)}
        return sources_of(self.model, rows)


def cohort_of(model: Model, count: int, setting: str, seed: int) -> Cohort:
    """People as an intake would record them: all contexts, and about `FINDINGS` findings, more history and examination than imaging."""
    network = model.network
    shares = recorded_shares(network, model.priors, FINDINGS) | {c: 1.0 for c, leaf in network.leaves.items() if leaf.is_context}
    return simulate(network, count, setting, seed, observed=shares)


def population(
    model: Model,
    count: int,
    setting: str = "spine_clinic",
    *,
    draws: int = 1000,
    seed: int = DEFAULT_SEED,
    rule_set: str = "guideline",
    willingness_to_pay: float | None = None,
    workers: int = 2,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Population:
    """Simulate a cohort and value every action for everybody under every draw.

    Parameters
    ----------
    count : int
        People.
    draws : int
        At least 2; up to as many as the fit has stored those are used.
    seed : int
        Of cohort, network draws beyond the stored ones, and outcome draws.
    workers : int
        Threads.

    Raises
    ------
    UnknownIdError, InvalidValueError
    """
    if draws < 2:
        raise InvalidValueError("draws", draws, "at least 2")
    settings = decision_settings(model.priors, rule_set=rule_set, willingness_to_pay=willingness_to_pay, depth=1)
    cohort = cohort_of(model, count, setting, seed)
    stored = draws <= len(model.draws)
    drawn = model.draws[:draws] if stored else laplace(model).draws(draws, seed)
    theta = np.concatenate([model.network.theta[None], drawn])
    source = RememberedDraws(model.priors.rows, draws, seed)
    values, profile, permitted, actions = valued(model, cohort, settings, theta, source, workers=workers, tell=tell)
    where = STORED if stored else ANEW
    return Population(model, settings, cohort, setting, seed, where, theta, source.normal, values, profile, permitted, actions)


def valued(
    model: Model,
    cohort: Cohort,
    settings: DecisionSettings,
    theta: Array,
    source: Draws,
    *,
    workers: int = 2,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Array, Ints, npt.NDArray[np.bool_], tuple[str, ...]]:
    """Value of every action for everybody at parameter vectors (D, P) and as many outcome draws, under the plans of the point estimate:
    (D, N, A); each person's profile (N,); what is permitted (N, A); the actions.
    """
    standing = Standing.of(model, settings)
    profiles, profile = profiles_of(model, cohort)
    ahead = ahead_of(model, cohort, standing, profiles, profile)
    _, steps = ahead.plans()
    nets = [ProfileNets.of(model, settings, one, source, among(steps, profile == g)) for g, one in enumerate(profiles)]
    crowd = people(model.network, cohort.codes, theta, cohort.setting)
    last = by_person(steps, len(crowd))
    plans = [Plans.of(ahead, last[n], n, person.keep) for n, person in enumerate(crowd)]
    actions, permitted = tuple(p.id for p in standing.published.procedures), ~ahead.rulings.blocked
    del ahead, steps, last  # the draws need room, and these are no longer needed
    values = np.empty((len(theta), len(crowd), len(actions)))

    def use(n: int, block: slice, belief: Array) -> None:
        values[block, n] = plans[n].values(nets[profile[n]], block, belief)

    over_draws(model.network, crowd, theta, cohort.setting, use, workers=workers, tell=tell)
    return values, profile, permitted, actions


def profiles_of(model: Model, cohort: Cohort) -> tuple[list[Profile], Ints]:
    """The profiles that occur, and which one each person has (N,); all other contexts are averaged over the setting."""
    network = model.network
    names = list(network.leaves)
    distinct, which = np.unique(cohort.codes[:, [names.index(c) for c in PROFILE]], axis=0, return_inverse=True)
    known = (
        {c: network.leaves[c].values[code] for c, code in zip(PROFILE, codes.tolist(), strict=True) if code >= 0}
        for codes in distinct
    )
    return list(_profiles(model, cohort.setting, known)), which.ravel()


def ahead_of(model: Model, cohort: Cohort, standing: Standing, profiles: Sequence[Profile], profile: Ints) -> Ahead:
    """Everybody's decision problem at the point estimate: beliefs and rules are their own, outcomes those of their profile."""
    everybody = cohort.people()
    beliefs = np.concatenate([belief for _, belief in BatchEngine(model.network).beliefs(everybody)])
    procedures, source = standing.published.procedures, standing.published.curves.source
    each = [Circumstances.of(model.priors, procedures, one, source) for one in profiles]
    outcomes = standing.published.outcomes(Circumstances.joined(each)).rows(profile)
    return Crowd.of(model, Recorded(everybody, {}, {}, {}, {}), beliefs).ahead(standing, outcomes)


def _profiles(model: Model, setting: int, known: Iterable[Mapping[str, str]]) -> Iterator[Profile]:
    """People of whom some contexts are known, what else modifies effects averaged over the setting."""
    usual, chances = usual_people(model.network, setting), _chances(model.network, setting)
    for values in known:
        yield Profile(values=values, chances={c: v for c, v in chances.items() if c not in values}, usual=usual)


def _chances(network: Network, setting: int) -> dict[str, dict[str, float]]:
    """Distribution of each context among those who present in the setting."""
    prior = np.exp(network.log_prior(network.theta, setting))
    found = {}
    for name, leaf in network.leaves.items():
        if leaf.is_context and not leaf.by:
            table = network.table(network.theta, leaf, setting)[0, 0][leaf.config_of_state]
            found[name] = dict(zip(leaf.values, (prior @ table).tolist(), strict=True))
    return found


# ── tables ───────────────────────────────────────────────────────────────────────────────────────


def offered(run: Population) -> Result:
    """For how many each action would come first, how often that is right, and what is lost where it is not."""
    net = run.allowed
    expected = net.mean(axis=0)
    first = expected.argmax(axis=1)
    best = net.max(axis=2)
    winner = net >= best[:, :, None]
    chance = (winner / winner.sum(axis=2, keepdims=True)).mean(axis=0)
    loss = best - np.take_along_axis(net, first[None, :, None], axis=2)[:, :, 0]
    share = np.array([(first == a).mean() for a in range(net.shape[2])])
    under = (net.argmax(axis=2)[:, :, None] == np.arange(net.shape[2])).mean(axis=1)
    order = np.argsort(-share, kind="stable")
    labels = [run.model.priors.procedures[a].label for a in run.actions]
    own = [first == a for a in range(net.shape[2])]
    unit = run.settings.value_unit
    low, high = np.quantile(under, [0.025, 0.975], axis=0)
    columns = (
        Column("label", [labels[a] for a in order], label="option"),
        Column("share", share[order], "probability", "first for"),
        Column("share_low", low[order], "probability", "low"),
        Column("share_high", high[order], "probability", "high"),
        Column("p_best", [float(chance[own[a], a].mean()) if own[a].any() else None for a in order], "probability", "best for them"),
        Column("expected_loss", [float(loss[:, own[a]].mean()) if own[a].any() else None for a in order], unit, "expected loss"),
        Column(
            "expected_loss_se",
            [float(mc.mean_se(loss[:, own[a]].mean(axis=1))) if own[a].any() else None for a in order], unit, "± MC",
        ),
        Column("id", [run.actions[a] for a in order], detail=True),
    )  # fmt: skip
    return Result(
        "psa_cohort",
        "Whom each option would come first for, and how sure that is",
        columns,
        run.basis(),
        run.sources(),
        (Chart("bars", "share", "label", "share_low", "share_high"),),
        (DEPTH_ONE, f"Interval: share for whom it is best under each draw. Outcomes by {', '.join(PROFILE)}.".replace("_", " ")),
    )
