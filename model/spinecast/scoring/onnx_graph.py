"""A thin hand on ONNX graphs: operators return the name of what they make, constants are shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array

OPSET = 17
IR_VERSION = 8
"""Both old enough for every onnxruntime since 1.13."""


@dataclass
class Graph:
    """A graph under construction; all floats in one type.

    Attributes
    ----------
    dtype : str
        float32 or float64.
    """

    dtype: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add an operator; the name of its (first) output."""
        names = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(need("onnx", "onnx").helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def split(self, value: str, sizes: Sequence[int]) -> list[str]:
        """The parts of a matrix along its rows."""
        first = self.op("Split", value, self.integers(sizes), outputs=len(sizes), axis=0)
        return [f"{first[:-1]}{i}" for i in range(len(sizes))]

    def floats(self, array: Array | float) -> str:
        """A constant of the graph's own type."""
        return self._constant(np.asarray(array, dtype=self.dtype))

    def integers(self, values: Sequence[int] | npt.NDArray[np.int64]) -> str:
        """A constant of whole numbers."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def summed(self, value: str, axis: int) -> str:
        """Sum over one axis, which stays with length one."""
        return self.op("ReduceSum", value, self.integers([axis]), keepdims=1)

    def largest(self, value: str, *axes: int) -> str:
        """Maximum over axes, which stay with length one."""
        return self.op("ReduceMax", value, axes=list(axes), keepdims=1)

    def shaped(self, value: str, *shape: int) -> str:
        """The same numbers in another shape; -1 is what remains."""
        return self.op("Reshape", value, self.integers(shape))

    def product(self, values: Sequence[str]) -> str:
        """All of them multiplied."""
        result, *rest = values
        for value in rest:
            result = self.op("Mul", result, value)
        return result

    def finished(self, name: str, columns: int, outputs: Mapping[str, tuple[str, int]]) -> Any:
        """The model, with one input `evidence` (N, columns) and outputs (N, width) by name; checked."""
        onnx = need("onnx", "onnx")
        type_ = onnx.TensorProto.DOUBLE if self.dtype == "float64" else onnx.TensorProto.FLOAT
        info = onnx.helper.make_tensor_value_info
        for public, (made, _) in outputs.items():
            self.nodes.append(onnx.helper.make_node("Identity", [made], [public]))
        graph = onnx.helper.make_graph(
            self.nodes, name, [info("evidence", type_, ["people", columns])],
            [info(public, type_, ["people", width]) for public, (_, width) in outputs.items()], self.constants,
        )  # fmt: skip
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="spinecast"
        )
        onnx.checker.check_model(model)
        return model

    def _constant(self, array: npt.NDArray[Any]) -> str:
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.known:
            self.known[key] = f"c{len(self.constants)}"
            self.constants.append(need("onnx", "onnx").numpy_helper.from_array(array, self.known[key]))
        return self.known[key]
