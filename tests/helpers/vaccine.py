"""The influenza vaccination model of the BCEA package, rebuilt from its published parameters, vectorised over draws.

Status quo or offering vaccination to 100,000 adults aged 50 to 64. Baio G, Berardi A, Heath A. Bayesian Cost-Effectiveness Analysis with the
R package BCEA. Springer 2017, chapter 2 (after Turner D et al. Vaccine 2006;24:1035-1043). The package's own draws are not here (they
are under another licence): nothing is learned from data in it, so that its draws are those of the distributions below.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import beta as beta_distribution

PEOPLE = 100_000
WILLINGNESS_TO_PAY = 25_000

PUBLISHED = {"evpi": 2.4145, "eib": 1.2284, "ceac": 0.529, "net_benefit": (-36.054, -34.826)}
"""Of the package's 1,000 draws at 25,000 a quality-adjusted life year: its manual, `summary(m, wtp = 25000)`."""

PUBLISHED_DRAWS = 1_000

OUTCOMES = {"infection": (0.0655, 0.111), "gp": (0.273, 0.51), "repeat": (0.401, 0.415), "pneumonia": (0.0128, 0.0197)}
"""Mode and upper 97.5 % point of chances: of infection, then given it of a visit, then given that of the rest."""

COSTS = (20.66, 2656.0, 7.24, 10.16, 46.27, 3.81, 1.6, 0.81)
"""Means of a visit, an episode in hospital, a vaccination, time for it, a day off work, a prescription, other drugs, travel."""

LOSSES = {"infection": (4.27, 1.38), "pneumonia": (6.35, 1.5875), "hospital": (6.35, 1.5875), "death": (15.29, 3.6), "adverse": (0.55, 0.15)}  # fmt: skip
"""Means and standard deviations: days of full health, for death years."""


@lru_cache
def beta_by_mode(mode, upper, chance):
    """Shapes of the beta distribution with that mode and that quantile."""

    def first(b):
        return (1 + mode * (b - 2)) / (1 - mode)

    b = brentq(lambda b: beta_distribution.cdf(upper, first(b), b) - chance, 1.0001, 1e5)
    return first(b), b


def beta(rng, mean, sd, count):
    size = mean * (1 - mean) / sd**2 - 1
    return rng.beta(mean * size, (1 - mean) * size, count)


def log_normal(rng, mean, sd, count):
    spread = np.log1p((sd / mean) ** 2)
    return rng.lognormal(np.log(mean) - spread / 2, np.sqrt(spread), count)


def parameters(rng, count):
    """Draws of the inputs by name."""
    made = {name: rng.beta(*beta_by_mode(*ends, 0.975), count) for name, ends in OUTCOMES.items()}
    return made | {
        "coverage": rng.beta(*beta_by_mode(0.434, 0.6, 0.95), count),
        "hospital": log_normal(rng, 0.00038, 0.0001, count),
        "death": log_normal(rng, 0.00075, 0.00028, count),
        "adverse": beta(rng, 0.1, 0.05, count),
        "protection": log_normal(rng, 0.69, 0.05, count),
        "treated": beta(rng, 0.42, 0.0015, count),
        "treated_again": beta(rng, 0.814, 0.004, count),
        "prescriptions": rng.poisson(7, count).astype(float),
        "over_the_counter": beta(rng, 0.95, 0.005, count),
        "off_work": beta(rng, 0.9, 0.005, count),
        "days_off": log_normal(rng, 2.9, 1.25, count),
        **{f"cost_{i}": log_normal(rng, mean, 0.25 * mean, count) for i, mean in enumerate(COSTS)},
        **{f"loss_{name}": log_normal(rng, mean, sd, count) for name, (mean, sd) in LOSSES.items()},
    }


def net_benefit(rng, p, willingness_to_pay=WILLINGNESS_TO_PAY):
    """Net benefit a person of the status quo and of vaccination; shape (K, 2). What happens to the 100,000 is drawn, as the authors do."""
    arms = []
    for offered in (False, True):
        vaccinated = rng.binomial(PEOPLE, p["coverage"]) if offered else np.zeros(len(p["coverage"]), dtype=int)
        infected = rng.binomial(PEOPLE - vaccinated, p["infection"])
        infected = infected + rng.binomial(vaccinated, np.clip(p["infection"] * (1 - p["protection"]), 0, 1))
        visits = rng.binomial(infected, p["gp"])
        again, pneumonia, hospital, death = (rng.binomial(visits, p[n]) for n in ("repeat", "pneumonia", "hospital", "death"))
        adverse = rng.binomial(vaccinated, p["adverse"])
        days = infected * p["loss_infection"] + pneumonia * p["loss_pneumonia"] + hospital * p["loss_hospital"]
        lost = (days + adverse * p["loss_adverse"]) / 365 + death * p["loss_death"]
        cost = (visits + again) * p["cost_0"] + hospital * p["cost_1"]
        cost = cost + vaccinated * (p["cost_2"] + p["cost_3"] + p["cost_7"])
        cost = cost + infected * (p["cost_4"] * p["off_work"] * p["days_off"] + p["cost_6"] * p["over_the_counter"])
        cost = cost + (visits * p["treated"] + again * p["treated_again"]) * p["cost_5"] * p["prescriptions"]
        arms.append(-(willingness_to_pay * lost + cost) / PEOPLE)
    return np.stack(arms, axis=1)
