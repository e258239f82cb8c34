"""AIMET's runtime configuration as what a platform asks of quantization."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xdsl.ir import Operation

from ...dialects.diagnostics import emit_remark
from ...dialects.quantization import ActivationScheme, OpRule, Quantization, WeightScheme
from .runtime_config_schema import OpSettings, RuntimeConfig, Supergroup, SupportedKernel, load

PASS = "set-platform"

SPELLED = {
    "Sum": "add",
    "PRelu": "prelu",
    "Max": "maximum",
    "Min": "minimum",
    "Upsample": "resize",
    **dict.fromkeys(("Flatten", "Squeeze", "Unsqueeze", "Dropout", "Identity"), "reshape"),
}
"""What the graph dialect calls an op type of ONNX where that is not its name in lower case."""

PRODUCTS = ("Conv", "Gemm", "MatMul")
MOVES = frozenset(
    ("reshape", "transpose", "max_pool", "slice", "split", "gather", "pad", "concat", "resize")
)
"""What these make lies on the grid of what they read: it needs no quantizer, whatever is asked."""
CLAMPS = ("Relu", "Clip")


def read_runtime_config(path: Path, module: Operation) -> Quantization:
    """What a file asks; remarks at `module` tell what of it has no meaning here.

    Kernels take symmetric weights and int32 biases, so asymmetric weights may stay symmetric, and
    biases are not asked for. Raises `RunnelError` for a file that is none.
    """
    return Reader(load(path), path.name, module).read()


def graph_name(op_type: str) -> str:
    """`GlobalAveragePool` as `graph.global_average_pool`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", op_type).lower()
    return f"graph.{SPELLED.get(op_type, words).replace('mat_mul', 'matmul')}"


@dataclass(frozen=True)
class Reader:
    """One configuration on its way into our terms."""

    config: RuntimeConfig
    file: str
    module: Operation

    def read(self) -> Quantization:
        config, defaults = self.config, self.config.defaults
        every = config.op_type.values()
        rows = {name: self.row(name, settings) for name, settings in config.op_type.items()}
        rows |= {name: self.row(name, OpSettings()) for name in PRODUCTS if name not in rows}
        return Quantization(
            integer=bool(defaults.ops.is_output_quantized) and self.computes(()),
            bits=pairs(defaults.supported_kernels),
            activations=self.scheme(defaults.ops.is_symmetric),
            weights=self.weights(OpSettings()),
            unsigned=bool(defaults.unsigned_symmetric),
            per_channel=bool(defaults.per_channel_quantization),
            inputs=bool(config.model_input.is_input_quantized)
            or any(settings.is_input_quantized for settings in every),
            outputs=bool(config.model_output.is_output_quantized),
            fused=tuple(pair for group in config.supergroups if (pair := self.pair(group))),
            ops=tuple(row for row in rows.values() if row is not None),
        )

    def row(self, op_type: str, settings: OpSettings) -> OpRule | None:
        """What is said of one op type."""
        name = graph_name(op_type)
        if name.removeprefix("graph.") in MOVES:
            return None
        asked, kernels = settings.is_output_quantized, settings.supported_kernels
        if asked is None:
            asked = self.config.defaults.ops.is_output_quantized
        if settings.is_input_quantized and not asked:
            self.tell(f"op_type.{op_type}", "only inputs are quantized, no kernel gives floats")
        constraints = settings.encoding_constraints
        weights = op_type in PRODUCTS
        return OpRule(
            name,
            integer=bool(asked) and self.computes(kernels) and (not weights or self.has(settings)),
            bits=pairs(kernels) or None,
            activations=None
            if settings.is_symmetric is None
            else self.scheme(settings.is_symmetric),
            weights=self.weights(settings) if weights else None,
            per_channel=settings.per_channel_quantization,
            range=None if constraints is None else (constraints.min, constraints.max),
        )

    def computes(self, kernels: Sequence[SupportedKernel]) -> bool:
        """Whether some kernel takes integers, where any are listed."""
        listed = kernels or self.config.defaults.supported_kernels
        return not listed or bool(pairs(listed))

    def scheme(self, symmetric: bool | None) -> ActivationScheme:
        if not symmetric:
            return "asymmetric"
        return "strict" if self.config.defaults.strict_symmetric else "symmetric"

    def weights(self, settings: OpSettings) -> WeightScheme:
        """Weights are symmetric in any case; strictly so where that is asked."""
        own, general = settings.params.get("weight"), self.config.params.get("weight")
        told = [entry.is_symmetric for entry in (own, general) if entry is not None]
        told.append(self.config.defaults.params.is_symmetric)
        symmetric = next((value for value in told if value is not None), False)
        return "strict" if self.scheme(symmetric) == "strict" else "symmetric"

    def has(self, settings: OpSettings) -> bool:
        """Whether weights are quantized."""
        own, general = settings.params.get("weight"), self.config.params.get("weight")
        told = [entry.is_quantized for entry in (own, general) if entry is not None]
        told.append(self.config.defaults.params.is_quantized)
        return bool(next((value for value in told if value is not None), False))

    def pair(self, group: Supergroup) -> tuple[str, str] | None:
        """An op and the activation that its kernel computes too; batch norms are folded before."""
        kinds = [kind for kind in group.op_list if kind != "BatchNormalization"]
        if len(kinds) == 2 and kinds[1] in CLAMPS:
            return graph_name(kinds[0]), graph_name(kinds[1])
        moved = [kind for kind in kinds if graph_name(kind).removeprefix("graph.") not in MOVES]
        if len(moved) > 1:
            chain = ", ".join(group.op_list)
            self.tell("supergroups", f"no kernel computes {chain} as one: quantizers stand between")
        return None

    def tell(self, place: str, what: str) -> None:
        emit_remark("missed", PASS, self.module, f"{self.file}: {place}: {what}")


def pairs(kernels: Sequence[SupportedKernel]) -> tuple[tuple[int, int], ...]:
    """The widths of activations and weights in integers, of those that kernels can have."""
    return tuple(
        (kernel.activation.bitwidth, kernel.param.bitwidth)
        for kernel in kernels
        if kernel.activation.dtype == kernel.param.dtype == "int"
        and kernel.activation.bitwidth in (8, 16)
        and kernel.param.bitwidth <= 16
    )
