"""Speed of the analyses on the real network: `make bench`, after the engines.

* 1,000 parameter draws x 1,000 simulated people x every action at depth 1, at once, beside two loops over the same kept plans: draw by draw over
  all people (batch engine; plans and net benefits ready before), and one person and one draw at a time (exact engine, outcome model of that
  draw). The loops look at every state, the run at those that carry 99.9 % of a person's belief: so values agree to 2 % of the largest, which is
  asserted first, and part of the ratio is that. The loops are timed on a few of their steps and counted up; ratios are taken within a repeat.
* Value of information of every group on 10,000 draws, and every one-way sensitivity of a patient, beside the time they may take.

Adds its rows to results.json beside this file.
"""

from __future__ import annotations

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported; threads are those of the analysis

import resource
import time
from collections.abc import Callable

import numpy as np
from results import merge, row

from spinecast.analysis import one_way
from spinecast.analysis.information import value_of_information
from spinecast.analysis.kept_plans import Plans, ProfileNets, among, by_person
from spinecast.analysis.laplace import laplace
from spinecast.analysis.movable import movable
from spinecast.analysis.outcome_numbers import MovedDraws
from spinecast.analysis.population import Population, ahead_of, population, profiles_of
from spinecast.analysis.problem import problem
from spinecast.analysis.psa import psa
from spinecast.assessment.assess import Case, prepare
from spinecast.assessment.crowd import Standing
from spinecast.assessment.model import Model, load_model
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.plan import Plan, plan_values
from spinecast.engines import exact
from spinecast.engines.batch import BatchEngine
from spinecast.resources import examples_folder
from spinecast.scoring.coded import Coded
from spinecast.scoring.patients import patient_of

PEOPLE, DRAWS, SEED = 1_000, 1_000, 20_240_229
REPEATS = int(os.environ.get("SPINECAST_BENCH_REPEATS", "3"))
STEPS_BY_DRAW, STEPS_ONE_BY_ONE = 3, 12
WITHIN = 0.02
"""Of the largest value: the states left out of a person carry about a thousandth of the belief."""


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Loops:
    """The two loops, a step at a time; plans are chosen at the point estimate before, as in the population."""

    def __init__(self, model: Model, run: Population, steps: int) -> None:
        self.model, self.run, self.network = model, run, model.network
        self.people = run.cohort.people()
        profiles, which = profiles_of(model, run.cohort)
        self.profiles, self.which = [profiles[g] for g in which], which
        ahead = ahead_of(model, run.cohort, Standing.of(model, run.settings), profiles, which)
        _, found = ahead.plans()
        source = MovedDraws(model.priors.rows, steps, 0, {name: z[: 1 + steps] for name, z in run.normal.items()})
        self.nets = [ProfileNets.of(model, run.settings, one, source, among(found, which == g)) for g, one in enumerate(profiles)]
        self.keep = [np.flatnonzero(belief) for belief in ahead.beliefs]
        self.kept = [Plans.of(ahead, last, n, self.keep[n]) for n, last in enumerate(by_person(found, len(self.keep)))]
        self._plans: dict[int, tuple[Case, dict[str, Plan]]] = {}

    def plans(self, n: int) -> tuple[Case, dict[str, Plan]]:
        """One person's own plans under the outcome model of the profile."""
        if n not in self._plans:
            case = prepare(patient_of(Coded(self.people), n, self.network), depth=1, draws=0, model=self.model)
            gates, _, observer = case.tools()
            outcomes = compile_outcomes(self.model.priors, case.near.space, self.profiles[n])
            self._plans[n] = case, case.planner(outcomes, gates, observer).best_plans(case.draws[0])
        return self._plans[n]

    def one(self, n: int, k: int) -> np.ndarray:
        """Values of one person's plans under one draw; shape (A,)."""
        case, plans = self.plans(n)
        theta = self.run.theta[[0, 1 + k]]
        beliefs = exact.posterior(case.near, theta, case.evidence).states
        steps = {name: z[[0, 1 + k]] for name, z in self.run.normal.items()}
        source = MovedDraws(self.model.priors.rows, 1, 0, steps)
        outcomes = compile_outcomes(self.model.priors, case.near.space, self.profiles[n], source=source)
        return np.array([plan_values(plans[a], beliefs, outcomes, self.run.settings)[1] for a in self.run.actions])

    def draw(self, k: int) -> np.ndarray:
        """Values of everybody's plans under one of the first draws, nets ready; (N, A)."""
        beliefs = np.concatenate([b for _, b in BatchEngine(self.network, self.run.theta[1 + k]).beliefs(self.people)])
        at = slice(1 + k, 2 + k)
        each = zip(self.kept, self.keep, self.which, beliefs, strict=True)
        return np.concatenate([plans.values(self.nets[g], at, belief[keep, None]) for plans, keep, g, belief in each])


def by_loops(loops: Loops) -> tuple[float, float]:
    """Seconds of the loop over draws, and of that over people and draws, counted up from a few steps."""
    by_draw = timed(lambda: [loops.draw(k) for k in range(STEPS_BY_DRAW)]) / STEPS_BY_DRAW * DRAWS
    for n in range(STEPS_ONE_BY_ONE):
        loops.plans(n)
    one_by_one = timed(lambda: [loops.one(i, i) for i in range(STEPS_ONE_BY_ONE)]) / STEPS_ONE_BY_ONE * DRAWS * PEOPLE
    return by_draw, one_by_one


def cohort_rows(model: Model) -> list[dict[str, object]]:
    small = population(model, 40, draws=60, seed=SEED)
    loops = Loops(model, small, STEPS_BY_DRAW)
    largest = np.abs(small.values).max()
    for k in range(STEPS_BY_DRAW):
        difference = np.abs(loops.draw(k) - small.values[1 + k]).max() / largest
        if difference > WITHIN:
            raise SystemExit(f"draw {k} differs by {difference:.1e} of the largest value")
    for n, k in ((0, 0), (7, 31), (39, 59)):
        difference = np.abs(loops.one(n, k) - small.values[1 + k, n]).max() / largest
        if difference > WITHIN:
            raise SystemExit(f"person {n} under draw {k} differs by {difference:.1e} of the largest value")
    print(f"values agree with those of both loops to {WITHIN:g} of the largest")
    laplace(model).covariance()
    peak = None
    seconds = []
    for repeat in range(REPEATS):
        made: list[Population] = []
        ours = timed(lambda repeat=repeat, made=made: made.append(population(model, PEOPLE, draws=DRAWS, seed=SEED + repeat)))
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # of the run alone, before any loop
        seconds.append((ours, *by_loops(Loops(model, made[0], STEPS_BY_DRAW))))
        count = len(made[0].actions)
        print("repeat {}: {:.1f} s; draw by draw {:,.0f} s; one by one {:,.0f} s".format(repeat + 1, *seconds[-1]))
    together, by_draw, one_by_one = zip(*seconds, strict=True)
    what = f"{DRAWS:,} draws x {PEOPLE:,} people x {count} actions, depth 1"
    return [
        row(f"{what} / draw by draw over all people", together, by_draw, "seconds"),
        row(f"{what} / one person and one draw at a time", together, one_by_one, "seconds"),
        row(f"{what}: peak memory / 1 GB", [peak], [1.0], "GB"),
    ]


def patient_rows(model: Model) -> list[dict[str, object]]:
    one = problem(examples_folder() / "suitcase.toml", model=model)
    run = psa(one, 10_000, SEED)
    groups = [timed(lambda: value_of_information(run)) for _ in range(REPEATS)]
    numbers = movable(one)
    ways = [timed(lambda: one_way.one_way(one_way.evaluate(numbers))) for _ in range(REPEATS)]
    return [
        row("EVPPI of every group, one patient, 10,000 draws / 30 s", groups, [30.0] * REPEATS, "seconds"),
        row(f"one-way over {len(numbers.numbers)} numbers of one patient / 1 s", ways, [1.0] * REPEATS, "seconds"),
    ]


def main() -> None:
    model = load_model()
    rows = cohort_rows(model) + patient_rows(model)
    merge(rows)


if __name__ == "__main__":
    main()
