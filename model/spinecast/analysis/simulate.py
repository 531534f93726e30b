"""Draw patients with their truth from the network: forward sampling, then missingness."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from spinecast.engines.batch import Codes, People
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.network.model import Leaf, Network
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors


@dataclass(frozen=True, slots=True)
class Cohort:
    """N simulated people.

    Attributes
    ----------
    state : ndarray of int, shape (N,)
        The true joint state.
    codes : ndarray of int16, shape (N, leaves)
        Observed values (-1 where not observed).
    setting : int
    """

    network: Network
    state: np.ndarray
    codes: Codes
    setting: int

    def people(self) -> People:
        """The same people as the batch engine takes them."""
        return People(self.codes, np.full(len(self.codes), self.setting, dtype=np.int16))

    def truth(self) -> Array:
        """Which generator levels are truly active; shape (N, L)."""
        return np.asarray(self.network.space.active[self.state], dtype=float)


def simulate(network: Network, count: int, setting: str, seed: int, *, observed: float | Mapping[str, float] = 1.0) -> Cohort:
    """Draw people who present in a setting.

    Parameters
    ----------
    count : int
    setting : str
    seed : int
    observed : float or mapping of leaf id to float
        Probability that each leaf was recorded, independent of its value.

    Raises
    ------
    UnknownIdError, InvalidValueError
    """
    if setting not in network.settings:
        raise UnknownIdError("setting", setting, network.settings)
    if count < 1:
        raise InvalidValueError("count", count, "at least 1")
    generator = np.random.default_rng(seed)
    k = network.settings.index(setting)
    prior = np.exp(network.log_prior(network.theta, k))
    state = generator.choice(len(prior), size=count, p=prior / prior.sum())
    names = list(network.leaves)
    codes = np.full((count, len(names)), -1, dtype=np.int16)
    frailty = {b.id: _frailty_node(network, b.id, count, generator) for b in network.blocks.values()}
    order = sorted(names, key=lambda n: bool(network.leaves[n].by))
    for name in order:
        leaf = network.leaves[name]
        by = codes[:, names.index(leaf.by)].astype(int) if leaf.by else np.zeros(count, dtype=int)
        codes[:, names.index(name)] = _values(network, leaf, k, state, by, frailty[network.block_of[name]], generator)
    for j, name in enumerate(names):
        share = observed if isinstance(observed, float | int) else observed.get(name, 0.0)
        codes[generator.random(count) >= share, j] = -1
    return Cohort(network, state, codes, k)


def _frailty_node(network: Network, block: str, count: int, generator: np.random.Generator) -> np.ndarray:
    weights = network.frailty_weights(network.blocks[block])
    return generator.choice(len(weights), size=count, p=weights)


def _values(
    network: Network,
    leaf: Leaf,
    setting: int,
    state: np.ndarray,
    by: np.ndarray,
    node: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """One value a person; a block that can be sedated gets a code with its sedation."""
    block = network.blocks[network.block_of[leaf.id]]
    table = network.table(network.theta, leaf, setting, network.frailty(network.theta, block))
    shift = np.zeros(len(state), dtype=int)
    config = leaf.config_of_state[state]
    if leaf.sedation is not None:
        sedated = (generator.random(len(state)) < 1 / (1 + np.exp(-network.theta[leaf.sedation[0]]))).astype(int)
        chances = table[0, sedated, node, config] if table.shape[0] == 1 else table[by, sedated, node, config]
        shift = sedated * len(leaf.values)
    else:
        chances = table[by if table.shape[0] > 1 else 0, node, config]
    drawn = (generator.random((len(state), 1)) > np.cumsum(chances, axis=1)).sum(axis=1)
    coded: np.ndarray = np.minimum(drawn, len(leaf.values) - 1) + shift
    return coded


def to_table(cohort: Cohort) -> dict[str, list[str]]:
    """Columns of text: truth by generator (level, or "yes"/"no"), setting, then every leaf ("" where not observed)."""
    network = cohort.network
    table: dict[str, list[str]] = {"setting": [network.settings[cohort.setting]] * len(cohort.state)}
    for g, name in enumerate(network.space.generators):
        levels = [level or "yes" for owner, level in network.space.levels if owner == name]
        words = np.array(["no", *levels])
        table[f"truth_{name}"] = words[network.space.level_of[cohort.state, g]].tolist()
    for j, (name, leaf) in enumerate(network.leaves.items()):
        words = np.array([*leaf.values, ""])
        code = cohort.codes[:, j]
        table[name] = words[np.where(code < 0, len(leaf.values), code % len(leaf.values))].tolist()
        if leaf.sedation is not None:
            sedation = np.array(["no", "yes", "unknown", ""])
            table[f"{name}_sedation"] = sedation[np.where(code < 0, 3, code // len(leaf.values))].tolist()
    return table


def recorded_shares(network: Network, priors: Priors, findings: float) -> dict[str, float]:
    """Probability that each leaf is recorded so that about `findings` findings are known, contexts mostly so.

    History and examination are recorded about twice as often as imaging, imaging more than laboratory and blocks.
    """
    weight = {"history": 2.0, "exam": 2.0, "imaging": 1.0, "laboratory": 0.5, "procedure": 0.25}
    weights = {f: weight[priors.findings[f].burden] for f in network.leaves if f in priors.findings}
    scale = findings / sum(weights.values())
    shares = {f: min(1.0, scale * w) for f, w in weights.items()}
    return shares | {c: 0.8 for c, leaf in network.leaves.items() if leaf.is_context}


def write_csv(cohort: Cohort, handle: TextIO) -> None:
    """Write CSV with a header to an open text file."""
    table = to_table(cohort)
    writer = csv.writer(handle, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))


def write(cohort: Cohort, path: Path) -> None:
    """Write CSV or Parquet by suffix; complete or not at all.

    Raises
    ------
    InvalidValueError, MissingExtraError
        Another suffix, or Parquet without pyarrow (extra `tables`).
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise InvalidValueError("file", path.name, "a name that ends in .csv or .parquet")
    temporary = path.with_name(f".{path.name}.tmp")
    if path.suffix == ".csv":
        with temporary.open("w", encoding="utf-8", newline="") as handle:
            write_csv(cohort, handle)
    else:
        parquet = need("pyarrow.parquet", "tables")
        parquet.write_table(need("pyarrow", "tables").table(to_table(cohort)), temporary)
    temporary.replace(path)
