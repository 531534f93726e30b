"""One way to ask every engine, so that one suite judges them all.

`ENGINES` has to name every module of `spinecast.engines`; test_agreement.py fails where it does not, so an engine
cannot be added without being judged.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence

import numpy as np

import spinecast.engines
from spinecast.engines import exact
from spinecast.engines.batch import BatchEngine, encode
from spinecast.engines.pgmpy_engine import PgmpyEngine
from spinecast.errors import ImpossibleFindingsError
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network

Result = tuple[np.ndarray, float] | None
"""Probability of each generator level and log evidence; None where the evidence is impossible."""


def _exact(network: Network, people: Sequence[Evidence]) -> list[Result]:
    def one(evidence: Evidence) -> Result:
        posterior = exact.posterior(network, network.theta, evidence)
        levels = exact.level_marginals(network, posterior.states)
        return np.array([levels[pair] for pair in network.space.levels]), float(posterior.log_evidence)

    return [_or_none(lambda e=e: one(e)) for e in people]


def _batch(network: Network, people: Sequence[Evidence]) -> list[Result]:
    scores = BatchEngine(network).score(encode(network, people))
    return [
        (levels, float(log)) if np.isfinite(log) else None for levels, log in zip(scores.levels, scores.log_evidence, strict=True)
    ]


def _pgmpy(network: Network, people: Sequence[Evidence]) -> list[Result]:
    engine = PgmpyEngine(network)
    return [_or_none(lambda e=e: (engine.levels(e), engine.log_evidence(e))) for e in people]


def _or_none(ask: Callable[[], Result]) -> Result:
    try:
        return ask()
    except ImpossibleFindingsError:
        return None


ENGINES: Mapping[str, Callable[[Network, Sequence[Evidence]], list[Result]]] = {
    "exact": _exact,
    "batch": _batch,
    "pgmpy_engine": _pgmpy,
}

PRESENT = {module.name for module in pkgutil.iter_modules(spinecast.engines.__path__)}
