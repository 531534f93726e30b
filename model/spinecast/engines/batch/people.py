"""Coded evidence: one small integer for what is known of each leaf of each person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.frozen import dataclass
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.parameters.scales import Array

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class People:
    """Coded evidence of N people.

    Attributes
    ----------
    codes : ndarray of int16, shape (N, leaves)
        Index of the observed value, -1 where not observed; a block finding adds `V * sedation`.
    setting : ndarray of int16, shape (N,); -1 where unknown
    soft : tuple of (person, leaf index or -1 for the setting, likelihood by code)
    """

    codes: Codes
    setting: Codes
    soft: tuple[tuple[int, int, Array], ...] = ()

    def __len__(self) -> int:
        return len(self.codes)


def encode(network: Network, evidence: Sequence[Evidence]) -> People:
    """Codes of a list of people.

    Raises
    ------
    ValueError
        Counted tests (`Evidence.counts`) are for one person at a time.
    """
    names = list(network.leaves)
    position = {name: i for i, name in enumerate(names)}
    codes = np.full((len(evidence), len(names)), -1, dtype=np.int16)
    setting = np.full(len(evidence), -1, dtype=np.int16)
    soft: list[tuple[int, int, Array]] = []
    for n, one in enumerate(evidence):
        if one.counts:
            raise ValueError("counted tests of a family can be scored one person at a time only")
        for name, likelihood in one.likelihood.items():
            leaf, hot = network.leaves[name], np.flatnonzero(likelihood)
            shift = len(leaf.values) * one.sedation.get(name, 2) if leaf.sedation is not None else 0
            if len(hot) == 1 and likelihood[hot[0]] == 1.0:
                codes[n, position[name]] = hot[0] + shift
            else:
                soft.append((n, position[name], np.concatenate([np.zeros(shift), likelihood])))
        if one.setting is not None:
            hot = np.flatnonzero(one.setting)
            if len(hot) == 1:
                setting[n] = hot[0]
            else:
                soft.append((n, -1, np.asarray(one.setting, dtype=float)))
    return People(codes, setting, tuple(soft))


def decode(network: Network, people: People, person: int, columns: Iterable[int] | None = None) -> Evidence:
    """One coded person as evidence again; of some leaves (by index) only, where `columns` are given."""
    chosen = range(len(network.names)) if columns is None else set(columns)
    likelihood: dict[str, Array] = {}
    sedation: dict[str, int] = {}
    codes = people.codes[person]
    for j in np.flatnonzero(codes >= 0).tolist():
        if j in chosen:
            leaf, code = network.leaves[network.names[j]], int(codes[j])
            likelihood[leaf.id] = np.zeros(len(leaf.values))
            likelihood[leaf.id][code % len(leaf.values)] = 1.0
            sedation[leaf.id] = code // len(leaf.values)
    setting = np.eye(len(network.settings))[people.setting[person]] if people.setting[person] >= 0 else None
    for owner, j, vector in people.soft:
        if owner == person and j < 0:
            setting = vector
        elif owner == person and j in chosen:
            leaf = network.leaves[network.names[j]]
            likelihood[leaf.id] = vector[-len(leaf.values) :]
            sedation[leaf.id] = len(vector) // len(leaf.values) - 1
    return Evidence(likelihood, setting, {k: v for k, v in sedation.items() if network.leaves[k].sedation is not None})
