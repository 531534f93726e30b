"""Probabilistic analysis of one patient: every number drawn at once, and what that does to beliefs, values and ranks.

Network parameters are drawn jointly from the fit's Laplace approximation, so that every draw keeps to the constraints
of the fit to first order (delta-adjusted, not refitted). Up to as many draws as the fit has stored those are used, which are the
ones behind every printed interval; beyond, all are drawn anew from the same covariance. Outcome numbers are drawn from their
own distributions by name, with common random numbers over actions and patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from spinecast.analysis import monte_carlo as mc
from spinecast.analysis.laplace import Laplace, laplace
from spinecast.analysis.outcome_numbers import RememberedDraws
from spinecast.analysis.problem import Problem
from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.assessment.model import Model
from spinecast.decision.outcomes import Outcomes
from spinecast.decision.settings import MONEY, DecisionSettings
from spinecast.errors import InvalidValueError
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Z95, Array

DEFAULT_DRAWS, DEFAULT_SEED = 1000, 20260101
STORED, ANEW = "stored with the fit", "drawn anew from the Laplace covariance of the fit"
KEPT_PLANS = "Plans are those of the point estimate and are kept while numbers move; only permitted actions can be best."


@dataclass(frozen=True, slots=True)
class PSA:
    """Draws of one patient's decision problem.

    Attributes
    ----------
    theta : ndarray, shape (1 + K, P)
        Point estimate, then draws.
    normal : mapping of name to ndarray, shape (1 + K,)
        Standard normals of the outcome numbers.
    beliefs : ndarray, shape (1 + K, S)
        Over the near states.
    values, costs : ndarray, shape (1 + K, A)
        Net benefit over waiting, and the part of it that is money alone (the same at a willingness to pay of zero).
    """

    problem: Problem
    seed: int
    network_draws: str
    theta: Array
    normal: Mapping[str, Array]
    beliefs: Array
    values: Array
    costs: Array
    sources: tuple[str, ...]

    @property
    def draws(self) -> int:
        """K."""
        return len(self.values) - 1

    @property
    def allowed(self) -> Array:
        """Values of the permitted actions under the draws, without the point estimate; shape (K, permitted)."""
        return self.values[1:, self.problem.permitted]

    # What value of information asks of a run (`known.Drawn`): one person, whose options are the permitted actions.

    each, scope, caveat = "decision", " before this decision", KEPT_PLANS

    @property
    def model(self) -> Model:
        """The model."""
        return self.problem.model

    @property
    def settings(self) -> DecisionSettings:
        """How values are made."""
        return self.problem.settings

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action, permitted or not."""
        return self.problem.actions

    @property
    def touched(self) -> tuple[int, ...]:
        """Free parameters that the beliefs depend on."""
        return self.problem.touched()

    @property
    def outputs(self) -> Array:
        """Values of the permitted actions under the draws; shape (K, 1, permitted)."""
        return self.allowed[:, None, :]

    @property
    def chances(self) -> Array:
        """Belief in each generator level; shape (L,)."""
        found: Array = self.beliefs[0] @ self.problem.near.space.active
        return found

    def outcomes(self) -> Outcomes:
        """The outcome model under the same draws."""
        return self.problem.outcomes(RememberedDraws(self.model.priors.rows, self.draws, self.seed))

    def basis(self, **choices: str | float) -> Basis:
        """What tables of this run rest on."""
        return self.problem.basis(draws=self.draws, seed=self.seed, network_draws=self.network_draws, **choices)


def network_draws(problem: Problem, count: int, seed: int, fit: Laplace | None = None) -> tuple[Array, str]:
    """Joint draws of the network's parameters (count, P), and where they are from."""
    stored = problem.model.draws
    if count <= len(stored):
        return stored[:count], STORED
    return (fit or laplace(problem.model)).draws(count, seed), ANEW


def psa(
    problem: Problem, draws: int = DEFAULT_DRAWS, seed: int = DEFAULT_SEED, *, tell: Callable[[int, int], None] = lambda *_: None
) -> PSA:
    """Draw every number and work out what follows.

    Parameters
    ----------
    problem : Problem
        From `spinecast.analysis.problem.problem`.
    draws : int
        At least 2.
    seed : int
    tell : callable
        Called with (done, total).

    Raises
    ------
    InvalidValueError
        Fewer than two draws.
    """
    if draws < 2:
        raise InvalidValueError("draws", draws, "at least 2")
    fit = laplace(problem.model)
    drawn, where = network_draws(problem, draws, seed, fit)
    theta = np.concatenate([problem.model.network.theta[None], drawn])
    tell(1, 4)
    beliefs = problem.beliefs(theta)
    tell(2, 4)
    source = RememberedDraws(problem.model.priors.rows, draws, seed)
    outcomes = problem.outcomes(source)
    values = problem.values(beliefs, outcomes)
    tell(3, 4)
    costs = np.zeros_like(values)
    if problem.settings.value_in == MONEY:
        costs = problem.values(beliefs, outcomes, problem.at_willingness_to_pay(0.0))
    tell(4, 4)
    sources = problem.sources(fit, source.normal)
    return PSA(problem, seed, where, theta, source.normal, beliefs, values, costs, sources)


DETAIL = frozenset({"id", "rank_low", "rank_high", "low_se", "high_se", "p_best_se", "expected_loss_se"})
"""Columns that the files have and the screen has no room for."""


def actions(run: PSA) -> Result:
    """Value, rank, chance of being best and expected loss of each action, with Monte Carlo standard errors."""
    problem, drawn = run.problem, run.values[1:]
    found, placed = mc.summary(drawn), mc.ranks(drawn)
    best = np.where(problem.permitted, drawn, -np.inf).max(axis=1)
    winner = (drawn >= best[:, None]) & problem.permitted
    p_best = (winner / winner.sum(axis=1, keepdims=True)).mean(axis=0)
    loss = best[:, None] - drawn
    order = sorted(range(len(problem.actions)), key=lambda a: (not problem.permitted[a], -found.mean[a]))
    unit = problem.settings.value_unit
    rank_low, rank_high = np.quantile(placed, [0.025, 0.975], axis=0)
    columns = (
        ("label", problem.labels, "", "option"),
        ("mean", found.mean, unit, "value"),
        ("mean_se", found.mean_se, unit, "± MC"),
        ("low", found.low, unit, "low"),
        ("low_se", found.low_se, unit, "± MC of low"),
        ("high", found.high, unit, "high"),
        ("high_se", found.high_se, unit, "± MC of high"),
        ("rank", [f"{low:.0f}-{np.ceil(high):.0f}" for low, high in zip(rank_low, rank_high, strict=True)], "", "rank"),
        ("rank_low", rank_low.astype(int), "", "rank low"),
        ("rank_high", np.ceil(rank_high).astype(int), "", "rank high"),
        ("p_best", p_best, "probability", "best"),
        ("p_best_se", mc.share_se(p_best, run.draws), "probability", "± MC of best"),
        ("expected_loss", loss.mean(axis=0), unit, "expected loss"),
        ("expected_loss_se", mc.mean_se(loss), unit, "± MC of loss"),
        ("permitted", problem.permitted, "", "permitted"),
        ("id", problem.actions, "", "id"),
    )
    return Result(
        "psa",
        "Every number drawn at once: value over waiting, and the chance of being the best choice",
        tuple(Column(n, [values[a] for a in order], u, label, n in DETAIL) for n, values, u, label in columns),
        run.basis(),
        run.sources,
        (
            Chart(
                "bars",
                "mean",
                "label",
                "low",
                "high",
                by="permitted",
                title="Value over waiting",
                reference=0.0,
            ),
            Chart("bars", "p_best", "label", title="Chance that it is the best permitted choice"),
        ),
        (KEPT_PLANS, "Expected loss: what is given up on average by choosing it instead of what is best under each draw."),
    )


def generators(run: PSA) -> Result:
    """Posterior probability of each generator with its interval from parameter uncertainty."""
    problem = run.problem
    masks = problem.masks()
    drawn = np.stack([run.beliefs @ mask for mask in masks.values()], axis=1)
    found = mc.summary(drawn[1:])
    order = np.argsort(-drawn[0], kind="stable").tolist()
    names = list(masks)
    labels = problem.model.network.generator_labels
    columns = (
        ("label", [labels[n] for n in names], "", "pain source"),
        ("point", drawn[0], "probability", "point estimate"),
        ("mean", found.mean, "probability", "mean of draws"),
        ("mean_se", found.mean_se, "probability", "± MC"),
        ("low", found.low, "probability", "low"),
        ("low_se", found.low_se, "probability", "± MC of low"),
        ("high", found.high, "probability", "high"),
        ("high_se", found.high_se, "probability", "± MC of high"),
        ("id", names, "", "id"),
    )
    return Result(
        "psa_generators",
        "How sure the differential is: posterior probability of each pain source",
        tuple(Column(n, [values[g] for g in order], u, label, n in DETAIL) for n, values, u, label in columns),
        run.basis(),
        problem.sources(laplace(problem.model)),
        (Chart("bars", "point", "label", "low", "high"),),
        ("Over the joint states that carry 99.9 % of the belief at the point estimate.",),
    )


def convergence(run: PSA, points: int = 20) -> Result:
    """Running mean of each permitted action's value with its standard error, and whether the two halves agree."""
    problem = run.problem
    chosen = np.flatnonzero(problem.permitted)
    counts = np.unique(np.linspace(max(run.draws // points, 2), run.draws, points).astype(int))
    top = chosen[np.argsort(-run.values[1:, chosen].mean(axis=0), kind="stable")][:6]
    halves, batches, plain = mc.halves_z(run.values[1:]), mc.batch_se(run.values[1:]), mc.mean_se(run.values[1:])
    place, size = np.repeat(top, len(counts)), np.tile(counts, len(top))
    mean = np.array([run.values[1 : k + 1, a].mean() for a, k in zip(place, size, strict=True)])
    error = np.array([mc.mean_se(run.values[1 : k + 1, a]) for a, k in zip(place, size, strict=True)])
    unit = problem.settings.value_unit
    columns = (
        Column("label", [problem.labels[a] for a in place], label="option"),
        Column("draws", size),
        Column("mean", mean, unit, "running mean of the value"),
        Column("low", mean - Z95 * error, unit),
        Column("high", mean + Z95 * error, unit),
        Column("halves_z", halves[place], label="difference of the halves, z"),
        Column(
            "batch_ratio",
            np.divide(batches, plain, out=np.ones_like(plain), where=plain > 0)[place],
            label="batch over plain error",
        ),
    )
    settled = bool(np.nanmax(np.abs(halves[top])) < 3)
    verdict = (
        "The two halves of the draws agree (all |z| < 3)." if settled else "The halves of the draws differ (|z| >= 3): draw more."
    )
    return Result(
        "psa_convergence", "Have the draws settled?", columns, run.basis(), run.sources,
        (Chart("lines", "draws", "mean", "low", "high", by="label"),), (verdict, "Bands: 95 % Monte Carlo error of the running mean."),
    )  # fmt: skip


def acceptability(run: PSA, amounts: Sequence[float] | None = None) -> Result:
    """Cost-effectiveness acceptability curves (CEAC) and frontier (CEAF) over the willingness to pay.

    Net benefit is linear in the willingness to pay, so that two passes give all of it. The frontier is the chance of being best
    of the choice with the highest expected net benefit, which need not be the highest curve.

    References
    ----------
    fenwick2001 (Fenwick E, Claxton K, Sculpher M. Health Econ 2001;10:779-787).
    """
    problem = run.problem
    if problem.settings.value_in != MONEY or problem.settings.willingness_to_pay <= 0:
        raise InvalidValueError("value_in", problem.settings.value_in, "money, at a willingness to pay above 0")
    grid = np.linspace(0.0, 2 * problem.settings.willingness_to_pay, 41) if amounts is None else np.asarray(amounts, dtype=float)
    chosen = np.flatnonzero(problem.permitted)
    cost = run.costs[1:, chosen]
    health = (run.values[1:, chosen] - cost) / problem.settings.willingness_to_pay
    shares, expected = np.empty((len(grid), len(chosen))), np.empty((len(grid), len(chosen)))
    for i, amount in enumerate(grid):
        net = cost + amount * health
        winner = net >= net.max(axis=1, keepdims=True)
        shares[i] = (winner / winner.sum(axis=1, keepdims=True)).mean(axis=0)
        expected[i] = net.mean(axis=0)
    ahead = expected.argmax(axis=1)
    labels = [problem.labels[a] for a in chosen]
    shown = [a for a in range(len(chosen)) if shares[:, a].max() >= SHOWN or (ahead == a).any()]
    curves = [(FRONTIER, ahead)] + [(labels[a], np.full(len(grid), a)) for a in shown]
    series = [name for name, _ in curves for _ in grid]
    which = np.concatenate([option for _, option in curves])
    place = np.tile(np.arange(len(grid)), len(curves))
    p_best = shares[place, which]
    unit = problem.settings.currency
    columns = (
        Column("label", series, label="curve"),
        Column("option", [labels[a] for a in which]),
        Column("willingness_to_pay", grid[place], f"{unit} per quality-adjusted life year"),
        Column("p_best", p_best, "probability", "chance of being best"),
        Column("p_best_se", mc.share_se(p_best, run.draws), "probability", "± MC"),
        Column("expected_net_benefit", expected[place, which], unit),
    )
    return Result(
        "acceptability",
        "Chance of being the best choice, by what a quality-adjusted year is worth",
        columns,
        run.basis(),
        run.sources,
        (Chart("lines", "willingness_to_pay", "p_best", by="label"),),
        (KEPT_PLANS, f"Options that are best in fewer than {SHOWN:.0%} of the draws at every amount are left out."),
    )


FRONTIER = "Frontier: best on average"
SHOWN = 0.02
"""Least share of draws, at some willingness to pay, for a curve to be shown."""
