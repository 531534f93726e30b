"""The same answers from pgmpy's variable elimination on the exported network: slow, independent, well known.

Three things about pgmpy 1.1 shape this file. Impossible evidence gives NaN and no error. Soft evidence
(`virtual_evidence`) leaves extra nodes in the engine that it was asked of, so each question gets its own engine.
The probability of the evidence is not offered, so it is built up by the chain rule, one observation at a time.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from spinecast.engines import exact
from spinecast.errors import ImpossibleFindingsError
from spinecast.network.evidence import Evidence
from spinecast.network.export import EVIDENCE, to_pgmpy
from spinecast.network.model import Network
from spinecast.parameters.scales import Array


class PgmpyEngine:
    """Asks pgmpy; one network at one parameter vector."""

    def __init__(self, network: Network, theta: Array | None = None) -> None:
        self.network = network
        self.theta = network.theta if theta is None else theta

    @cached_property
    def model(self) -> Any:
        """The exported `DiscreteBayesianNetwork`."""
        return to_pgmpy(self.network, self.theta)

    def levels(self, evidence: Evidence) -> Array:
        """Probability of each generator level; shape (L,).

        Raises
        ------
        ImpossibleFindingsError
            The evidence has probability zero; the error names an irreducible conflicting set.
        ValueError
            Counted tests (`Evidence.counts`) have no node here.
        """
        hard, soft = self._split(evidence)
        answer = self._query(list(self.network.space.generators), hard, soft)
        levels = np.concatenate([answer[g][1:] for g in self.network.space.generators])
        if np.isnan(levels).any():
            raise ImpossibleFindingsError(exact.conflict(self.network, self.theta, evidence))
        return levels

    def log_evidence(self, evidence: Evidence) -> float:
        """Log probability of what was observed, given that the person presents; one query an observation.

        Raises
        ------
        ImpossibleFindingsError, ValueError
            As `levels`.
        """
        hard, soft = self._split(evidence)
        known = {k: v for k, v in hard.items() if k not in evidence.likelihood}
        known_soft = {k: v for k, v in soft.items() if k not in evidence.likelihood}
        total = 0.0
        for leaf, likelihood in evidence.likelihood.items():
            chance = float(self._query([leaf], known, known_soft)[leaf] @ likelihood)
            if not chance > 0.0:
                raise ImpossibleFindingsError(exact.conflict(self.network, self.theta, evidence))
            total += math.log(chance)
            if leaf in hard:
                known[leaf] = hard[leaf]
            else:
                known_soft[leaf] = soft[leaf]
        return total

    def _split(self, evidence: Evidence) -> tuple[dict[str, str], dict[str, Array]]:
        """Certain values, the clamp among them, and likelihoods of uncertain ones."""
        if evidence.counts:
            raise ValueError("counted tests of a family can be scored by the exact engine only")
        hard, soft = dict(EVIDENCE), {}
        observed = dict(evidence.likelihood)
        if evidence.setting is not None:
            observed["setting"] = evidence.setting
        for name, likelihood in observed.items():
            values = self.network.settings if name == "setting" else self.network.leaves[name].values
            hot = np.flatnonzero(likelihood)
            if len(hot) == 1 and likelihood[hot[0]] == 1.0:
                hard[name] = values[hot[0]]
            else:
                soft[name] = likelihood
        for name, code in evidence.sedation.items():
            if code < 2 and self.network.leaves[name].sedation is not None:
                hard[f"sedation_{name}"] = ("no", "yes")[code]
        return hard, soft

    def _query(self, variables: list[str], hard: dict[str, str], soft: dict[str, Array]) -> dict[str, Array]:
        """Marginals of the variables; NaN where the evidence is impossible."""
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.inference import VariableElimination

        virtual = []
        for name, likelihood in soft.items():
            values = self.model.states[name]
            peak = likelihood.max() or 1.0
            virtual.append(TabularCPD(name, len(values), (likelihood / peak)[:, None], state_names={name: values}))
        with np.errstate(invalid="ignore", divide="ignore"):
            answer = VariableElimination(self.model).query(
                variables, evidence=hard, virtual_evidence=virtual or None, joint=False, show_progress=False
            )
        return {name: np.asarray(factor.values) for name, factor in answer.items()}
