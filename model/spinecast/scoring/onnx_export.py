"""The compiled scorer as an ONNX model: a matrix of evidence in, marginals of generators and levels out.

The graph is the exact engine written in matrix products: a block's likelihood by configuration (families summed over
their latent, contexts that others depend on summed with what depends on them), spread over the joint states, multiplied
into a running weight. It stays linear, and every factor is divided by its largest value first, so that nothing
underflows and single precision keeps six digits; the logarithms of what was divided out add up to the log evidence.

Axis letters as in `network.model`; k runs over settings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

import spinecast
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.network.model import Block, Leaf, Network
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array
from spinecast.scoring.forecaster import DTYPES, Forecaster
from spinecast.scoring.layout import Layout, layout_of
from spinecast.scoring.onnx_graph import Graph

UNSCALED = 4
"""Factors multiplied before the product is brought back to one: even four at 1e-9 stay far above the smallest float32."""


def write_onnx(forecaster: Forecaster, path: Path, dtype: str = "float32") -> Path:
    """Write the compiled scorer to `path`.

    Parameters
    ----------
    dtype : str
        float32 (half the size, probabilities to 1e-5) or float64 (to 1e-12).

    Raises
    ------
    UnknownIdError, InvalidValueError
        Another dtype; a folder that does not exist.
    MissingExtraError
        The package onnx is not installed.
    """
    if not path.absolute().parent.is_dir():
        raise InvalidValueError("file", str(path), "a file in a folder that exists")
    model = to_onnx(forecaster, dtype)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(model.SerializeToString())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


def to_onnx(forecaster: Forecaster, dtype: str = "float32") -> Any:
    """The compiled scorer as an `onnx.ModelProto`.

    Input `evidence` (people, columns): see `scoring.layout`; the file's metadata `columns` has one record a column.
    Outputs: `levels` (people, L), `generators` (people, G), `nonspecific` (people, 1) and `log_evidence` (people, 1), in
    the order of the metadata `levels` and `generators`. Findings that cannot all be true give NaN and a log evidence of
    -inf. Counted tests of a family have no column.
    """
    if dtype not in DTYPES:
        raise UnknownIdError("dtype", dtype, DTYPES)
    network = forecaster.network
    layout = layout_of(network)
    graph = Graph(dtype)
    outputs = _Compiler(network, graph, _observed(graph, layout)).outputs()
    model = graph.finished(f"spinecast_{network.region}", layout.width, outputs)
    need("onnx", "onnx").helper.set_model_props(model, _metadata(forecaster, layout))
    return model


def _metadata(forecaster: Forecaster, layout: Layout) -> dict[str, str]:
    space = forecaster.network.space
    return {
        "spinecast": spinecast.__version__,
        "region": forecaster.network.region,
        "priors_hash": forecaster.priors.content_hash,
        "fit_hash": forecaster.fit_hash,
        "columns": json.dumps(layout.records()),
        "levels": json.dumps([{"generator": g, "level": level} for g, level in space.levels]),
        "generators": json.dumps(list(space.generators)),
        "input": "evidence: zeros where not observed, one at the value that was; other non-negative numbers are a likelihood",
        "disclaimer": spinecast.DISCLAIMER,
    }


def _observed(graph: Graph, layout: Layout) -> dict[str, str]:
    """What is known of each variable (columns, N); where it is all zero, the row for not observed (ones; sedation not recorded)."""
    onnx = need("onnx", "onnx")
    belongs = np.repeat(np.eye(len(layout.widths)), layout.widths, axis=0)
    default = np.array([float(sedation in ("", "unknown")) for values in layout.values for _, sedation in values])
    given = graph.op("Transpose", "evidence", perm=[1, 0])
    total = graph.op("MatMul", graph.floats(belongs.T), given)
    type_ = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(graph.dtype))
    unseen = graph.op("Cast", graph.op("Equal", total, graph.floats(0.0)), to=type_)
    filled = graph.op("Add", given, graph.op("MatMul", graph.floats(belongs * default[:, None]), unseen))
    return dict(zip(layout.variables, graph.split(filled, layout.widths), strict=True))


@dataclass
class _Compiler:
    """Builds the graph; `seen` names the likelihood of each variable (values, N), `divided` what was divided out.

    Everything else is of shape (B or 1, S, N). People are the last axis, so that configurations are spread over states by
    copying whole rows.
    """

    network: Network
    graph: Graph
    seen: Mapping[str, str]
    divided: list[str] = field(default_factory=list)

    def outputs(self) -> dict[str, tuple[str, int]]:
        """Public name to (inner name, width)."""
        graph, space = self.graph, self.network.space
        weight = graph.shaped(self._weight(), len(space), -1)
        total = graph.op("MatMul", graph.floats(np.ones((1, len(space)))), weight)
        owner = np.array([[float(g == mine) for mine, _ in space.levels] for g in space.generators])
        levels = graph.op("Div", graph.op("MatMul", graph.floats(space.active.T.astype(float)), weight), total)
        nothing = graph.op("MatMul", graph.floats(np.eye(len(space))[:1]), weight)
        log = graph.op("Log", total)
        for part in self.divided:
            log = graph.op("Add", log, graph.op("Log", graph.shaped(part, 1, -1)))
        found = {
            "levels": (levels, len(space.levels)),
            "generators": (graph.op("MatMul", graph.floats(owner), levels), len(space.generators)),
            "nonspecific": (graph.op("Div", nothing, total), 1),
            "log_evidence": (log, 1),
        }
        return {name: (graph.op("Transpose", made, perm=[1, 0]), width) for name, (made, width) in found.items()}

    def _weight(self) -> str:
        """Weight of each state, up to what was divided out."""
        network = self.network
        free = [b for b in network.blocks.values() if not b.by and b.leaves[0] not in network.modulators]
        factors = [*(self._block(block) for block in free), *(self._modulator(context) for context in network.modulators)]
        (common,) = self._product([parts for parts in factors if len(parts) == 1])
        in_setting = [self._prior(k) for k in range(len(network.settings))]
        shared, *others = self._product([in_setting, *(parts for parts in factors if len(parts) > 1)])
        for part in others:
            shared = self.graph.op("Add", shared, part)
        return self.graph.op("Mul", common, shared)

    def _prior(self, k: int) -> str:
        """Prior weight of each state in setting k, times how likely that setting is given what is known of it."""
        graph, network = self.graph, self.network
        share = network.setting_prior(network.theta)
        prior = graph.floats(np.exp(network.log_prior(network.theta, k))[None, :, None])
        known = graph.op("MatMul", graph.floats(np.eye(len(share))[[k]] * share[k]), self.seen["setting"])
        whole = graph.op("MatMul", graph.floats(share[None]), self.seen["setting"])
        return graph.op("Mul", prior, graph.op("Div", known, whole))

    def _product(self, factors: Sequence[Sequence[str]]) -> list[str]:
        """Product over factors, in each setting; brought back to a largest value of one every few of them."""
        product = list(factors[0])
        for i, factor in enumerate(factors[1:], start=1):
            product = [self.graph.op("Mul", mine, one) for mine, one in zip(product, factor, strict=True)]
            if i % UNSCALED == 0:
                product = self._scaled(product)
        return product

    def _scaled(self, parts: Sequence[str]) -> list[str]:
        """Parts divided by the largest value of all of them, which goes to `divided`; by one where all are zero."""
        graph = self.graph
        peaks = [graph.largest(part, 0, 1) for part in parts]
        peak = peaks[0] if len(peaks) == 1 else graph.largest(graph.op("Concat", *peaks, axis=0), 0)
        self.divided.append(peak)
        safe = graph.op("Where", graph.op("Equal", peak, graph.floats(0.0)), graph.floats(1.0), peak)
        return [graph.op("Div", part, safe) for part in parts]

    def _modulator(self, context: str) -> list[str]:
        """A context summed with everything whose base depends on it: one for all settings, or one each."""
        network, graph = self.network, self.graph
        leaf = network.leaves[context]
        dependent = [self._block(block) for block in network.blocks.values() if block.by == context]
        seen = [graph.shaped(self.seen[context], len(leaf.values), 1, -1)]
        for factors in sorted(dependent, key=len):  # those alike in all settings first, while there is one product only
            seen = self._scaled([graph.op("Mul", mine, factor) for mine, factor in _paired(seen, factors)])
        own = [network.table(network.theta, leaf, k)[0, 0].T[:, leaf.config_of_state] for k in range(len(leaf.base))]
        both = _paired(seen, [graph.floats(table[:, :, None]) for table in own])
        return self._scaled([graph.summed(graph.op("Mul", mine, table), 0) for mine, table in both])

    def _block(self, block: Block) -> list[str]:
        """P(block's evidence | base context, state), families summed over their latent: one for all settings, or one each."""
        settings = max(len(self.network.leaves[name].base) for name in block.leaves)
        if block.loading is None:
            leaf = self.network.leaves[block.leaves[0]]
            return [self._leaf(leaf, leaf.config_of_state, k, np.ones(1), squeezed=True) for k in range(settings)]
        parts = self._scaled([self._family(block, k) for k in range(settings)])
        return [self.graph.op("Gather", part, self.graph.integers(block.config_of_state), axis=1) for part in parts]

    def _family(self, block: Block, setting: int) -> str:
        """P(family's evidence | base context, configuration) (B or 1, C, N)."""
        network, graph = self.network, self.graph
        frailty = network.frailty(network.theta, block)
        leaves = [network.leaves[name] for name in block.leaves]
        members = [self._leaf(leaf, configs, setting, frailty) for leaf, configs in zip(leaves, block.leaf_config, strict=True)]
        weights = graph.floats(network.frailty_weights(block)[None, :, None, None])
        mixed = graph.summed(graph.op("Mul", graph.product(members), weights), 1)
        contexts = max(leaf.base.shape[1] for leaf in leaves)
        return graph.shaped(mixed, contexts, block.leaf_config.shape[1], -1)

    def _leaf(self, leaf: Leaf, configs: Ints, setting: int, frailty: Array, *, squeezed: bool = False) -> str:
        """P(what is known of a leaf | base context, latent, configuration) (B, Z, C, N); (B, C, N) where squeezed."""
        table = self.network.table(self.network.theta, leaf, setting, frailty)
        if leaf.sedation is not None:
            table = np.concatenate([table[:, 0], table[:, 1], table[:, 2]], axis=-1)
        table = table[..., configs, :]
        chance = self.graph.op("MatMul", self.graph.floats(table.reshape(-1, table.shape[-1])), self.seen[leaf.id])
        contexts, nodes, count, _ = table.shape
        return self.graph.shaped(chance, contexts, *(() if squeezed else (nodes,)), count, -1)


def _paired(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs, where one that is alike in all settings goes with each of the other's."""
    longest = max(len(left), len(right))
    return [(left[k % len(left)], right[k % len(right)]) for k in range(longest)]
