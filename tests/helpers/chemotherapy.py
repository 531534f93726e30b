"""The chemotherapy model of the voi package, written from its description, vectorised over draws.

Four Markov states (home, hospital, recovered, dead) over 50 cycles for people with side effects; two drugs that differ in price and in
how often they have side effects. Heath A, Kunst N, Jackson C (eds). Value of Information for Healthcare Decision-Making. CRC Press 2024.
The numbers are those of the package's model_chemo_source.R at commit 071e7027, whose own tests hold the answers in `PUBLISHED`.
"""

from __future__ import annotations

import numpy as np

CYCLES = 50
WILLINGNESS_TO_PAY = 20_000

PUBLISHED = {
    "evpi": {10_000: 550.146, 20_000: 1535.811, 30_000: 968.762, 40_000: 759.004, 50_000: 667.890},
    "evppi_t2": 906.034,  # p_side_effects_t2, at 20,000
    "evppi_t2_se": 16.0,
    "evppi_t2_logor": 1299.535,  # together with logor_side_effects, at 20,000
    "evsi_trial": 777.179,  # two arms of 100, who has side effects, at 20,000
    "evsi_trial_importance": 789.126,  # the same by importance sampling from 1,000 draws
}
"""Estimates of the voi package from its own 10,000 draws."""


def beta(rng, mean, sd, count):
    a = ((1 - mean) / sd**2 - 1 / mean) * mean**2
    return rng.beta(a, a * (1 / mean - 1), count)


def log_normal(rng, mean, sd, count):
    spread = np.log(1 + sd**2 / mean**2)
    return rng.lognormal(np.log(mean) - spread / 2, np.sqrt(spread), count)


def parameters(rng, count):
    """Draws of the inputs by the package's names."""
    made = {
        "p_side_effects_t1": rng.beta(1 + 52, 1 + 111 - 52, count),
        "logor_side_effects": rng.normal(np.log(0.54), 0.3, count),
    }
    odds = made["p_side_effects_t1"] / (1 - made["p_side_effects_t1"]) * np.exp(made["logor_side_effects"])
    return made | {
        "p_side_effects_t2": odds / (1 + odds),
        "p_hospitalised": rng.beta(1 + 43, 1 + 52 - 43, count),
        "p_died": rng.beta(1 + 8, 1 + 43 - 8, count),
        "lambda_home": beta(rng, 0.21, 0.03, count),
        "lambda_hosp": beta(rng, 0.03, 0.0065, count),
        "c_home": log_normal(rng, 830, np.sqrt(150), count),
        "c_hospital": log_normal(rng, 2400, np.sqrt(1880), count),
        "c_death": log_normal(rng, 1710, np.sqrt(760), count),
        "u_recovery": beta(rng, 0.98, np.sqrt(0.001), count),
        "u_home": beta(rng, 0.7, np.sqrt(0.02), count),
        "u_hospital": beta(rng, 0.3, np.sqrt(0.03), count),
    }


def costs_effects(p):
    """(costs, effects), each (K, 2)."""
    hospital = 1 - (1 - p["p_hospitalised"]) ** (1 / CYCLES)
    death = 1 - (1 - p["p_died"]) ** (1 / CYCLES)
    home = np.ones_like(hospital)
    inpatient, recovered, dead = np.zeros_like(home), np.zeros_like(home), np.zeros_like(home)
    cost, effect = home * p["c_home"], home * p["u_home"]
    for _ in range(CYCLES):
        recovered = recovered + home * p["lambda_home"] * (1 - hospital) + inpatient * p["lambda_hosp"] * (1 - death)
        dead = dead + inpatient * death
        home, inpatient = (
            home * (1 - p["lambda_home"]) * (1 - hospital),
            inpatient * (1 - p["lambda_hosp"]) * (1 - death) + home * hospital,
        )
        cost = cost + home * p["c_home"] + inpatient * p["c_hospital"]
        effect = effect + home * p["u_home"] + inpatient * p["u_hospital"] + recovered * p["u_recovery"]
    side_cost = cost + dead * p["c_death"]
    chance = np.stack([p["p_side_effects_t1"], p["p_side_effects_t2"]], axis=1)
    costs = np.array([120.0, 10_300.0]) + chance * side_cost[:, None]
    well = p["u_recovery"] * (CYCLES + 1)
    return costs, chance * effect[:, None] + (1 - chance) * well[:, None]


def net_benefit(p, willingness_to_pay=WILLINGNESS_TO_PAY):
    costs, effects = costs_effects(p)
    return willingness_to_pay * effects - costs
