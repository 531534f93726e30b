"""Bayesian update of the network by a clinic's own records.

The prior is the published fit: one joint normal over all parameters (its Laplace approximation), in which an assumed number has
the spread of its `like_n`. The posterior mode is found by scoring on the observed-data likelihood, whose slopes are EM's expected
slopes; near it the information is the sum of squared scores (one pseudo-observation a person), so that with J the scores (N, P)

    theta = theta0 + S J' (I + J S J')^-1 (1 + J (theta - theta0)),       S the prior covariance,

is iterated, and each stored prior draw x becomes a posterior draw by conditioning it on the same pseudo-observations
(Matheron's rule): theta + (x - theta0) - S J' (I + J S J')^-1 (J (x - theta0) + e), e standard normal. Numbers that the records do not
touch move only as far as the fit ties them to those that they do.

References
----------
doucet2010matheron (Doucet A. A note on efficient conditional simulation of Gaussian distributions. 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinecast.analysis.cohort_likelihood import Cohort, score
from spinecast.analysis.laplace import laplace
from spinecast.assessment.model import Model
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.network.build import with_theta
from spinecast.network.model import Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

MOST_STEPS = 25
ENOUGH = 0.05
"""A step that raises the log posterior by less than this is the last: one standard error is a half."""

HALVINGS = 6

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Learned:
    """What the records moved.

    Attributes
    ----------
    touched : ndarray of int, shape (F,)
        Parameters that the records say something about.
    theta : ndarray, shape (P,)
    draws : ndarray, shape (K, P)
        The published draws, conditioned on the records.
    before_sd, after_sd : ndarray, shape (F,)
        Spread of each touched parameter in the prior and in the posterior.
    log_evidence_before, log_evidence_after : float
        Mean log probability of a record at the published and at the learned parameters.
    steps : int
    """

    touched: Ints
    theta: Array
    draws: Array
    before_sd: Array
    after_sd: Array
    log_evidence_before: float
    log_evidence_after: float
    steps: int


def learn(model: Model, cohort: Cohort, *, only: Sequence[str] = (), seed: int = 1, tell: Tell = lambda _: None) -> Learned:
    """Update the parameters by records.

    Parameters
    ----------
    model : Model
        At the published fit.
    cohort : Cohort
        From `Records.labelled`.
    only : sequence of str
        Beginnings of the names of the parameters that may move, for instance `settings/spine_clinic`; all by default.
    seed : int
        Of the noise that turns prior draws into posterior draws.

    Raises
    ------
    UnknownIdError
        No parameter's name begins so.
    InvalidValueError
        The model was learned already: learn from all records together, from the published fit.
    """
    if model.learned:
        raise InvalidValueError(
            "fit", model.learned, "the published fit: learn from all records together, which is the same and exact"
        )
    network = model.network
    prior = _Prior.of(model)
    free = _free(network, prior.sd, only)
    first = score(network, network.theta, cohort)
    if not np.isfinite(first.log_evidence).all():
        rows = np.flatnonzero(~np.isfinite(first.log_evidence))
        raise InvalidValueError(
            "records",
            f"{len(rows)} rows",
            f"findings and labels that can be true together; the first that cannot is row {rows[0] + 1}",
        )
    touched = free[np.abs(first.scores[:, free]).max(axis=0) > 0]
    covariance = prior.covariance(touched)
    move, weight, jacobian, steps = _climb(
        network, cohort, touched, covariance, first.scores[:, touched], first.log_evidence, tell
    )
    theta = network.theta + prior.cross(touched) @ weight
    theta[touched] = network.theta[touched] + move
    after_sd = np.sqrt(np.maximum(np.diag(_posterior(covariance, jacobian)), 0.0))
    draws = _conditioned(model, prior, touched, covariance, jacobian, theta, seed)
    after = score(network, theta, cohort, slopes=False).log_evidence
    return Learned(
        touched,
        theta,
        draws,
        np.sqrt(np.diag(covariance)),
        after_sd,
        float(first.log_evidence.mean()),
        float(after.mean()),
        steps,
    )


def learned_model(model: Model, learned: Learned) -> Model:
    """The model at what was learned, with its draws."""
    return replace(model, network=with_theta(model.network, learned.theta), draws=learned.draws)


def _free(network: Network, sd: Array, only: Sequence[str]) -> Ints:
    """Parameters that may move: not structural, not the shares of the settings, and of the names asked for."""
    names = [p.name for p in network.parameters]
    for beginning in only:
        if not any(name.startswith(beginning) for name in names):
            raise UnknownIdError("only", beginning, names)
    shares = set(network.setting_weight.tolist())
    chosen = [i for i, name in enumerate(names) if sd[i] > 0 and i not in shares and (not only or name.startswith(tuple(only)))]
    return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Prior:
    """The published fit as one normal: a dense part for what the fit moved (alone, or a finding's assumed numbers together),
    independent spreads for the rest. It may be singular; nothing here inverts it."""

    place: Ints
    dense: Array
    sd: Array

    @classmethod
    def of(cls, model: Model) -> _Prior:
        found = laplace(model, model.network.region)
        place = np.full(len(found.theta), -1)
        place[found.free] = np.arange(len(found.free))
        moves = found.moves
        dense = moves.size[:, None] * found.covariance()[np.ix_(moves.column, moves.column)] * moves.size
        sd = np.where(np.isfinite(found.sd), found.sd, 0.0)
        sd[found.free] = np.sqrt(np.diag(dense))
        return cls(place, dense, sd)

    def covariance(self, chosen: Ints) -> Array:
        """Among some parameters; shape (F, F)."""
        return self._block(chosen, chosen)

    def cross(self, chosen: Ints) -> Array:
        """Of all parameters with some; shape (P, F)."""
        return self._block(np.arange(len(self.sd)), chosen)

    def _block(self, rows: Ints, columns: Ints) -> Array:
        inside = np.ix_(self.place[rows], self.place[columns])
        both = (self.place[rows] >= 0)[:, None] & (self.place[columns] >= 0)
        alone = np.where(rows[:, None] == columns, self.sd[columns] ** 2, 0.0)
        block: Array = np.where(both, self.dense[inside], alone)
        return block


def _climb(
    network: Network, cohort: Cohort, touched: Ints, covariance: Array, jacobian: Array, log_evidence: Array, tell: Tell
) -> tuple[Array, Array, Array, int]:
    """To the mode: how far each touched parameter moves, that divided by the covariance, the scores there, and steps."""
    move, weight = np.zeros(len(touched)), np.zeros(len(touched))
    value = float(log_evidence.sum())
    steps = 0
    for steps in range(1, MOST_STEPS + 1):
        aim, aim_weight = _step(covariance, jacobian, move)
        length, gained = 1.0, False
        for _ in range(HALVINGS):
            trial = move + length * (aim - move)
            trial_weight = weight + length * (aim_weight - weight)
            theta = network.theta.copy()
            theta[touched] += trial
            found = score(network, theta, cohort, slopes=False)
            new = float(found.log_evidence.sum() - trial @ trial_weight / 2)
            if new > value:
                gained = True
                break
            length /= 2
        if not gained:
            break
        rise, value = new - value, new
        move, weight, jacobian = trial, trial_weight, score(network, theta, cohort).scores[:, touched]
        tell(f"step {steps}: log posterior up by {rise:.3f}")
        if rise < ENOUGH:
            break
    return move, weight, jacobian, steps


def _step(covariance: Array, jacobian: Array, move: Array) -> tuple[Array, Array]:
    """Where the quadratic through here has its top (F,), and that divided by the prior covariance (F,)."""
    people, size = jacobian.shape
    if people <= size:
        half = covariance @ jacobian.T
        right = 1.0 + jacobian @ move
        weight = jacobian.T @ np.linalg.solve(np.eye(people) + jacobian @ half, right)
        return covariance @ weight, weight
    square = jacobian.T @ jacobian
    pull = jacobian.sum(axis=0) + square @ move
    aim = np.linalg.solve(np.eye(size) + covariance @ square, covariance @ pull)
    return aim, pull - square @ aim


def _posterior(covariance: Array, jacobian: Array) -> Array:
    """Covariance given one pseudo-observation a person; shape (F, F)."""
    people, size = jacobian.shape
    if people <= size:
        half = covariance @ jacobian.T
        less: Array = covariance - half @ np.linalg.solve(np.eye(people) + jacobian @ half, half.T)
        return less
    return np.asarray(np.linalg.solve(np.eye(size) + covariance @ jacobian.T @ jacobian, covariance), dtype=float)


def _conditioned(
    model: Model, prior: _Prior, touched: Ints, covariance: Array, jacobian: Array, theta: Array, seed: int
) -> Array:
    """The stored draws given the pseudo-observations, around the mode; shape (K, P)."""
    # A structural zero is an infinite log-odds, the same in every draw.
    away = np.subtract(model.draws, model.network.theta, out=np.zeros_like(model.draws), where=np.isfinite(model.network.theta))
    noise = np.random.default_rng(seed).standard_normal((len(away), len(jacobian)))
    seen = away[:, touched] @ jacobian.T + noise
    people, size = jacobian.shape
    weight: Array
    if people <= size:
        weight = np.asarray(
            jacobian.T @ np.linalg.solve(np.eye(people) + jacobian @ covariance @ jacobian.T, seen.T), dtype=float
        )
    else:
        square = jacobian.T @ jacobian
        pulled = jacobian.T @ seen.T
        weight = np.asarray(
            pulled - square @ np.linalg.solve(np.eye(size) + covariance @ square, covariance @ pulled), dtype=float
        )
    return np.asarray(theta + away - (prior.cross(touched) @ weight).T, dtype=float)
