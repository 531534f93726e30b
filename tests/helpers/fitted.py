"""The project's priors with a fit of their own: every parameter at its default, draws from its declared spread.

Tests of what is printed need some fit, quickly, and not the one that happens to be there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from spinecast.assessment.model import REGION
from spinecast.network.build import build_network
from spinecast.network.fitted import Fitted, path_of, save
from spinecast.parameters.outcome_curves import FILE
from spinecast.priors.bundle import load_priors

ROOT = Path(__file__).parents[2]
DRAWS = 20
SMALL = 0.3
"""Share of the declared spread that the draws keep, so that no draw is absurd."""


def fitted_priors(folder: Path, source: Path = ROOT / "priors") -> Path:
    """A copy of a priors folder below `folder`, fitted in that sense."""
    copy = folder / "priors"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("fitted"))
    priors = load_priors(copy)
    network = build_network(priors, REGION)
    spread = np.array([p.sd if np.isfinite(p.sd) else 0.0 for p in network.parameters])
    noise = np.random.default_rng(1).standard_normal((DRAWS, len(spread)))
    names = tuple(p.name for p in network.parameters)
    draws = network.theta + SMALL * np.minimum(spread, 1.0) * noise
    save(Fitted(names, network.theta, draws, priors.network_hash, np.full(len(names), 0.5)), path_of(copy, REGION))
    shutil.copy(ROOT / "priors" / FILE, copy / FILE)
    return copy
