"""What the platform of a module lets quantization do: its description, and the kernel tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ...dialects import graph
from ...dialects.graph_base import shape_of
from ...dialects.graph_math import BinaryOp
from ...dialects.graph_unary import UnaryOp
from ...dialects.platform import KEY, PlatformAttr
from ...dialects.quantization import ANYTHING, Quantization, Rule
from ...lowering.kernel_table import all_kernels
from ...lowering.kernels import Kernel
from .integer_forms import factor_of, multiplies_activations
from .scheme import Scheme

STRICTNESS = ("asymmetric", "symmetric", "strict")


@dataclass(frozen=True)
class Rules:
    """`asked` is what the platform restricts, `kernels` the (op, types of its tensors) that some
    unit of it has a kernel for, `where` how messages name it.
    """

    asked: Quantization
    kernels: frozenset[tuple[str, str]]
    where: str

    @staticmethod
    def of(module: ModuleOp) -> Rules:
        """Those of the module's platform; of portable C without one."""
        platform = module.attributes.get(KEY)
        return rules_of(platform if isinstance(platform, PlatformAttr) else None)

    @property
    def rounding(self) -> str:
        """How integer programs of our own making requantize."""
        return next(iter(self.asked.roundings), "single")

    def rule(self, op: Operation, kernel: str | None = None) -> Rule:
        """The restrictions of an op of the graph dialect, which `kernel` computes."""
        return self.asked.rule(f"quant.{kernel or kernel_of(op)}", op.name)

    def fuses(self, op: Operation, activation: Operation) -> bool:
        """Whether the kernel of `op` computes the activation behind it too."""
        return self.asked.fuses((f"quant.{kernel_of(op)}", op.name), activation.name)

    def takes(self, kernel: str, widths: Sequence[int]) -> bool:
        """Whether some unit has that kernel for activations of these widths, the result's last."""
        return (f"quant.{kernel}", types_text(widths)) in self.kernels

    def has_width(self, kernel: str, bits: int) -> bool:
        """Whether some form of the kernel has an activation of so many bits."""
        return any(
            name == f"quant.{kernel}" and f"s{bits}" in types.split("_")
            for name, types in self.kernels
        )


@cache
def rules_of(platform: PlatformAttr | None) -> Rules:
    """The rules of a platform."""
    if platform is None:
        return Rules(ANYTHING, named(all_kernels()), "portable C")
    units = [unit.features for unit in platform.units if unit.kind in ("cpu", "cluster")]
    # One core of a cluster computes what its cores share no kernel for.
    found = [kernel for kernel in all_kernels() if any(kernel.isa <= isa for isa in units)]
    return Rules(platform.quantization, named(found), f"platform {platform.label}")


def named(kernels: Iterable[Kernel]) -> frozenset[tuple[str, str]]:
    """Kernels as `Rules` hold them."""
    return frozenset((f"quant.{kernel.op}", kernel.types) for kernel in kernels)


def types_text(widths: Sequence[int]) -> str:
    """The widths of tensors as kernels are named: `s8`, `s8_s16`."""
    return "s8" if set(widths) == {8} else "_".join(f"s{width}" for width in widths)


def kernel_of(op: Operation) -> str:
    """The kernel that computes an op of the graph dialect, as the kernel tables name it."""
    match op:
        case graph.ConvOp():
            groups, channels = op.group.value.data, shape_of(op.input)[1]
            depthwise = groups == channels == shape_of(op.weight)[0] and groups > 1
            return "depthwise_conv2d" if depthwise else "conv2d"
        case graph.MatmulOp() if multiplies_activations(op):
            return "matmul"
        case graph.GemmOp() | graph.MatmulOp():
            return "fully_connected"
        case graph.AddOp() | graph.SubOp() if shape_of(op.lhs) == shape_of(op.rhs):
            return "add"
        case graph.MulOp() if factor_of(op) is not None:
            return "mul"
        case graph.AveragePoolOp() | graph.GlobalAveragePoolOp():
            return "avg_pool2d"
        case graph.MaxPoolOp():
            return "max_pool2d"
        case graph.LayerNormalizationOp():
            return "layer_norm"
        case graph.SoftmaxOp():
            return "softmax"
        case UnaryOp() | BinaryOp():
            return "table"
        case _:
            return op.name.partition(".")[2]


def scheme_for(rules: Iterable[Rule], bits: int) -> Scheme:
    """The scheme that all `rules` allow for an activation of `bits`: 16 have no zero point."""
    asked = list(rules)
    least = "asymmetric" if bits <= 8 else "symmetric"
    kind = max((least, *(rule.activations for rule in asked)), key=STRICTNESS.index)
    shifts = any(rule.power_of_two for rule in asked)
    bound = [rule for rule in asked if rule.activations != "asymmetric"]
    unsigned = bits <= 8 and all(rule.unsigned for rule in bound) and bool(bound)
    name = f"{kind}-power-of-two" if shifts else kind
    return Scheme(name.removeprefix("asymmetric-"), bits, unsigned)
