"""Do the records contradict the model grossly? A prior predictive check (Box 1980), finding by finding and as a whole.

Under the published fit with its uncertainty, the share of people with each value of a finding, among those in whom it was
recorded, has a predictive mean and spread on the log-odds (between parameter draws, and binomial within). The mean log probability of a
record is compared with that of simulated clinics with the very same gaps. What lies beyond `GROSS` spreads is gross: not
a clinic that differs, but a column that means something else, values that were exchanged, or people chosen otherwise.

References
----------
box1980sampling (Box GEP. Sampling and Bayes' inference in scientific modelling and robustness. J R Stat Soc A 1980;143:383-430).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinecast.analysis.cohort_likelihood import Codes, Cohort
from spinecast.analysis.simulate import simulate
from spinecast.assessment.model import Model
from spinecast.engines.batch import BatchEngine, People
from spinecast.errors import InvalidValueError
from spinecast.network.build import with_theta
from spinecast.network.model import Network
from spinecast.parameters.scales import Z95, Array, expit

GROSS = 5.0
"""Spreads; by chance one count in about two million."""

FEWEST = 20
"""People in whom a finding is recorded before its shares are judged."""

DRAWS = 64
CLINICS = 24
"""Simulated clinics behind the spread of the whole score."""

LEAST = 1e-9
"""Keeps log-odds of shares finite."""

MOST_PEOPLE = 300
"""Of a large file, so many people (evenly spaced) are scored as a whole."""


@dataclass(frozen=True, slots=True)
class Share:
    """One value of a finding: how often recorded, and how often expected.

    Attributes
    ----------
    people : int
        In whom the finding was recorded.
    seen, expected : float
        Shares of them.
    low, high : float
        95 % predictive interval of the share.
    distance : float
        (seen - expected) in predictive spreads.
    """

    leaf: str
    value: str
    people: int
    seen: float
    expected: float
    low: float
    high: float
    distance: float


@dataclass(frozen=True, slots=True)
class Check:
    """What the records look like to the model.

    Attributes
    ----------
    shares : tuple of Share
        Largest distance first.
    score, expected, spread : float
        Mean log probability of a record: seen, and expected with its spread, in nats.
    """

    shares: tuple[Share, ...]
    score: float
    expected: float
    spread: float

    @property
    def distance(self) -> float:
        """Of the whole score; below 0, records less likely than the model's own."""
        return (self.score - self.expected) / self.spread if self.spread > 0 else 0.0

    @property
    def gross(self) -> tuple[Share, ...]:
        """Shares beyond what chance and the model's uncertainty allow."""
        return tuple(s for s in self.shares if abs(s.distance) > GROSS)

    @property
    def contradicts(self) -> bool:
        """Is anything gross, or the whole score?"""
        return bool(self.gross) or self.distance < -GROSS


def check(model: Model, cohort: Cohort, observed: Sequence[str], *, seed: int = 1) -> Check:
    """Set the records beside what the model expects of such a clinic.

    Parameters
    ----------
    cohort : Cohort
        Labels play no part.
    observed : sequence of str
        Leaves that are recorded of somebody.
    """
    plain = Cohort(cohort.codes, cohort.setting)
    shares = [s for leaf in observed for s in _shares(model, plain, leaf)]
    shares.sort(key=lambda s: (-abs(s.distance), s.leaf, s.value))
    seen, expected, spread = _whole(model, plain, seed)
    return Check(tuple(shares), seen, expected, spread)


def refuse(found: Check) -> None:
    """Stop where the records contradict the model grossly, and say where.

    Raises
    ------
    InvalidValueError
    """
    if not found.contradicts:
        return
    where = [
        f"{s.leaf} = {s.value} in {s.seen:.0%} of {s.people} where {s.expected:.0%} ({s.low:.0%} to {s.high:.0%}) are expected"
        for s in found.gross[:MOST_NAMED]
    ]
    rest = len(found.gross) - len(where)
    whole = f"a record has a mean log score of {found.score:.2f} where {found.expected:.2f} +- {found.spread:.2f} is expected"
    told = "; ".join([*where, *([f"and {rest} more"] if rest > 0 else []), *([whole] if found.distance < -GROSS else [])])
    raise InvalidValueError(
        "records", told,
        f"records within {GROSS:g} predictive spreads of the model; check how these columns are coded and who was left out, or take "
        "them out with --without",
    )  # fmt: skip


MOST_NAMED = 5


def _shares(model: Model, cohort: Cohort, leaf: str) -> list[Share]:
    """Every value of one leaf, where enough people have it."""
    network = model.network
    codes = cohort.codes[:, list(network.leaves).index(leaf)].astype(int)
    rows = np.flatnonzero(codes >= 0)
    if len(rows) < FEWEST:
        return []
    values = network.leaves[leaf].values
    chance = _predicted(network, model.draws[:DRAWS], leaf, cohort.setting[rows])
    count = len(rows)
    found = []
    for v, value in enumerate(values[1:] if len(values) == 2 else values, start=int(len(values) == 2)):
        p = np.clip(chance[:, v], LEAST, 1 - LEAST)
        centre, within = np.log(p / (1 - p)), 1 / (count * (p * (1 - p)).mean())
        spread = float(np.sqrt(centre.var() + within))
        people = int((codes[rows] % len(values) == v).sum())
        distance = (np.log((people + 0.5) / (count - people + 0.5)) - centre.mean()) / spread
        low, high = expit(centre.mean() + spread * Z95 * np.array([-1.0, 1.0]))
        found.append(Share(leaf, value, count, people / count, float(p.mean()), float(low), float(high), float(distance)))
    return found


def _predicted(network: Network, draws: Array, name: str, settings: Codes) -> Array:
    """Share of each value among the people, by draw (K, V): over states, the context that it depends on, and frailty."""
    leaf = network.leaves[name]
    block = network.blocks[network.block_of[name]]
    total = np.zeros((len(draws), len(leaf.values)))
    for k in range(len(network.settings)):
        weight = _weight_of(network, draws, settings, k)
        if not weight.any():
            continue
        table = network.table(draws, leaf, k, network.frailty(draws, block))
        if leaf.sedation is not None:
            table = table[:, :, 2]
        mixed = np.einsum("kbzcv,z->kbcv", table, network.frailty_weights(block))
        prior = np.exp(network.log_prior(draws, k))
        by_state = mixed[:, :, leaf.config_of_state]
        if leaf.by:
            context = network.leaves[leaf.by]
            own = network.table(draws, context, k)[:, 0, 0][:, context.config_of_state]
            share = np.einsum("ks,ksb,kbsv->kv", prior, own, by_state)
        else:
            share = np.einsum("ks,ksv->kv", prior, by_state[:, 0])
        total += weight[:, None] * share
    return total


def _weight_of(network: Network, draws: Array, settings: Codes, k: int) -> Array:
    """Share of the people who are in a setting, those of unknown setting by its weight; shape (K,)."""
    known, unknown = float((settings == k).mean()), float((settings < 0).mean())
    return known + unknown * network.setting_prior(draws)[:, k]


def _whole(model: Model, cohort: Cohort, seed: int) -> tuple[float, float, float]:
    """Mean log score of the people, and its predictive mean and spread over simulated clinics with the same gaps."""
    network = model.network
    rows = np.unique(np.linspace(0, len(cohort) - 1, min(len(cohort), MOST_PEOPLE)).astype(int))
    people = cohort.only(rows)
    engine = BatchEngine(network)
    seen = float(engine.score(People(people.codes, people.setting)).log_evidence.mean())
    drawn = [_like(network, draw, people, seed + i) for i, draw in enumerate(model.draws[:CLINICS])]
    together = People(np.concatenate([d.codes for d in drawn]), np.concatenate([d.setting for d in drawn]))
    scores = engine.score(together).log_evidence.reshape(len(drawn), len(rows)).mean(axis=1)
    return seen, float(scores.mean()), float(scores.std(ddof=1))


def _like(network: Network, theta: Array, people: Cohort, seed: int) -> Cohort:
    """A simulated clinic at one draw, with the gaps and settings of these people."""
    moved = with_theta(network, theta)
    codes = np.full_like(people.codes, -1)
    settings = people.setting.copy()
    generator = np.random.default_rng(seed)
    unknown = settings < 0
    settings[unknown] = generator.choice(len(network.settings), size=int(unknown.sum()), p=network.setting_prior(theta))
    asked = {name: float((people.codes[:, j] >= 0).any()) for j, name in enumerate(network.leaves)}
    for k in np.unique(settings):
        mine = np.flatnonzero(settings == k)
        drawn = simulate(moved, len(mine), network.settings[int(k)], seed, observed=asked)
        codes[mine] = np.where(people.codes[mine] >= 0, drawn.codes, -1)
    return Cohort(codes, people.setting)
