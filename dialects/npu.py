"""The npu dialect: jobs of the N-EUREKA NPU, which runs beside the cores.

Core 0 asks for a job (`npu.conv2d`) and later waits for its token (`npu.wait`). Jobs run one after
the other in the order in which they were asked for. Operands are windows as those of the cluster
dialect; the constants of a job come as one chunk of bytes, whose layout `#npu.layer` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    IndexType,
    IntAttr,
    MemRefType,
    StridedLayoutAttr,
    StringAttr,
)
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .dma import AsyncOp, AwaitOp
from .npu_chunk import Chunk
from .npu_job import MAX_PAD, Kind, Mode
from .npu_registers import AcquireOp, AddressOp, SetOp, StartOp, TokenType
from .quant_types import UniformQuantizedType, storage_bounds

KINDS = {kind.name.lower(): kind for kind in Kind}


@irdl_attr_definition
class LayerAttr(ParametrizedAttribute):
    """What the jobs of a layer share, and how their chunk of constants is laid out.

    The chunk has room for `channels_out` output channels. Weights have 2 to 8 bits, scales 8 or 32.
    A `shift` is common to all channels; without one the chunk has a shift for each channel. A 3x3
    kernel with a stride of 2 also makes the outputs between those of its window, so that rows
    (pixels) of the window must lie two rows (pixels) apart.

    ```mlir
    #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32>
    #npu.layer<depthwise, 28 to 28 channels, weight_bits 5, scale_bits 8, shift 12>
    #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32, strides 2 x 2>
    ```
    """

    name = "npu.layer"

    kind: StringAttr
    channels_in: IntAttr
    channels_out: IntAttr
    weight_bits: IntAttr
    scale_bits: IntAttr
    shift: IntAttr
    """-1: one for each channel."""
    stride_h: IntAttr
    stride_w: IntAttr

    @staticmethod
    def get(mode: Mode, channels_in: int, channels_out: int) -> LayerAttr:
        return LayerAttr(
            StringAttr(mode.kind.name.lower()),
            IntAttr(channels_in),
            IntAttr(channels_out),
            IntAttr(mode.weight_bits),
            IntAttr(mode.scale_bits),
            IntAttr(-1 if mode.shift is None else mode.shift),
            *(IntAttr(stride) for stride in mode.strides),
        )

    def mode(self, input: UniformQuantizedType, output: UniformQuantizedType) -> Mode:
        """The mode of a job between elements of these types."""
        return Mode(
            KINDS[self.kind.data],
            strides=(self.stride_h.data, self.stride_w.data),
            weight_bits=self.weight_bits.data,
            scale_bits=self.scale_bits.data,
            shift=None if self.shift.data < 0 else self.shift.data,
            input_signed=storage_bounds(input.storage)[0] < 0,
            output_signed=storage_bounds(output.storage)[0] < 0,
            padding=input.zero_point,
        )

    def verify(self) -> None:
        if self.kind.data not in KINDS:
            raise VerifyException(f"unknown kind '{self.kind.data}', one of {', '.join(KINDS)}")
        strides = self.stride_h.data, self.stride_w.data
        if min(self.channels_in.data, self.channels_out.data, *strides) < 1:
            raise VerifyException("channels and strides are at least 1")
        if not 2 <= self.weight_bits.data <= 8:
            raise VerifyException(f"weights have 2 to 8 bits, not {self.weight_bits.data}")
        if self.scale_bits.data not in (8, 32):
            raise VerifyException(f"scales have 8 or 32 bits, not {self.scale_bits.data}")
        if not -1 <= self.shift.data <= 31:
            raise VerifyException(f"a shift lies in [0, 31], not {self.shift.data}")
        kind = KINDS[self.kind.data]
        if kind is not Kind.POINTWISE and max(strides) > 2:
            raise VerifyException(f"a 3x3 kernel has strides of 1 or 2, not {list(strides)}")
        if kind is Kind.DEPTHWISE and self.channels_in != self.channels_out:
            raise VerifyException(
                f"a depthwise kernel keeps the channels, {self.channels_in.data} are not "
                f"{self.channels_out.data}"
            )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            kind = parser.parse_identifier()
            parser.parse_punctuation(",")
            channels_in = parser.parse_integer()
            parser.parse_keyword("to")
            channels_out = parser.parse_integer()
            parser.parse_keyword("channels")
            fields, strides = {"weight_bits": 8, "scale_bits": 32, "shift": -1}, [1, 1]
            while parser.parse_optional_punctuation(","):
                word = parser.parse_identifier()
                if word == "strides":
                    strides = [parser.parse_integer()]
                    parser.parse_keyword("x")
                    strides.append(parser.parse_integer())
                elif word in fields:
                    fields[word] = parser.parse_integer()
                else:
                    parser.raise_error(f"'{word}' is none of {', '.join(fields)}, strides")
        numbers = (channels_in, channels_out, *fields.values(), *strides)
        return [StringAttr(kind), *(IntAttr(number) for number in numbers)]

    def print_parameters(self, printer: Printer) -> None:
        text = (
            f"<{self.kind.data}, {self.channels_in.data} to {self.channels_out.data} channels, "
            f"weight_bits {self.weight_bits.data}, scale_bits {self.scale_bits.data}"
        )
        if self.shift.data >= 0:
            text += f", shift {self.shift.data}"
        if (self.stride_h.data, self.stride_w.data) != (1, 1):
            text += f", strides {self.stride_h.data} x {self.stride_w.data}"
        printer.print_string(text + ">")


def element_of(op: IRDLOperation, value: SSAValue, what: str) -> UniformQuantizedType:
    """The quantized 8-bit type of a window."""
    assert isinstance(value.type, MemRefType)
    element = value.type.element_type
    if not isinstance(element, UniformQuantizedType) or element.per_axis:
        raise VerifyException(f"{describe(op)}: the {what} must be quantized, got {element}")
    if element.storage.width.data != 8:
        raise VerifyException(f"{describe(op)}: the {what} must have 8 bits, got {element}")
    return element


def window_shape(value: SSAValue) -> tuple[int, int, int]:
    """Rows, columns and channels of a window [1, h, w, c], or of the n vectors [n, c]."""
    assert isinstance(value.type, MemRefType)
    *outer, channels = value.type.get_shape()
    return (1, outer[0], channels) if len(outer) == 1 else (outer[1], outer[2], channels)


@irdl_op_definition
class Conv2DOp(IRDLOperation, AsyncOp):
    """Asks for a job: a convolution, or the product of vectors with a matrix (pointwise).

    `pads` are the rows and columns of padding before the window, at most one; padding behind it
    follows from the output. Until the token is waited for nobody may write what the job reads, nor
    read or write its output.

    ```mlir
    %t = npu.conv2d ins(%x : memref<1x?x?x64x!quant.uniform<i8:f32, 0.5:-3>, strided<...>, "l1">)
      constants(%c : memref<1x2432xi8, "l1">) outs(%y : memref<...>) pads(%top, %left)
      {layer = #npu.layer<pointwise, 64 to 32 channels, weight_bits 8, scale_bits 32>}
    ```
    """

    name = "npu.conv2d"

    input = operand_def(MemRefType)
    constants = operand_def(MemRefType)
    output = operand_def(MemRefType)
    pad_top = operand_def(IndexType)
    pad_left = operand_def(IndexType)
    layer = prop_def(LayerAttr)
    token = result_def(TokenType)

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "`ins` `(` $input `:` type($input) `)` `constants` `(` $constants `:` type($constants) `)` "
        "`outs` `(` $output `:` type($output) `)` `pads` `(` $pad_top `,` $pad_left `)` attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        constants: SSAValue,
        output: SSAValue,
        pad_top: SSAValue,
        pad_left: SSAValue,
        layer: LayerAttr,
    ):
        super().__init__(
            operands=[input, constants, output, pad_top, pad_left],
            properties={"layer": layer},
            result_types=[TokenType()],
        )

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return (self.input, self.constants)

    @property
    def outputs(self) -> Sequence[SSAValue]:
        return (self.output,)

    @property
    def started(self) -> SSAValue:
        return self.token

    @property
    def queue(self) -> str:
        return "npu"

    @property
    def mode(self) -> Mode:
        """What the job does."""
        return self.layer.mode(
            element_of(self, self.input, "input"), element_of(self, self.output, "output")
        )

    @property
    def chunk(self) -> Chunk:
        """How its constants are laid out."""
        return Chunk(self.mode, self.layer.channels_in.data, self.layer.channels_out.data)

    def verify_(self) -> None:
        windows = (self.input, self.output)
        types = [value.type for value in (*windows, self.constants)]
        spaces = {type.memory_space for type in types if isinstance(type, MemRefType)}
        if len(spaces) != 1:
            found = ", ".join(sorted(map(str, spaces)))
            raise VerifyException(
                f"{describe(self)}: a job stays in one memory, the operands are in {found}"
            )
        for value, what in zip(windows, ("input", "output"), strict=True):
            check_window(self, value, what)
        assert isinstance(self.constants.type, MemRefType)
        size = self.constants.type.get_shape()[-1]
        if size != self.chunk.size:
            raise VerifyException(
                f"{describe(self)}: the chunk has {size} bytes, {self.layer} takes "
                f"{self.chunk.size}"
            )
        self.check_channels()
        self.check_size()

    def check_channels(self) -> None:
        """As many as the layer has, where the types say it."""
        (*_, channels_in), (*_, channels_out) = map(window_shape, (self.input, self.output))
        depthwise = self.mode.kind is Kind.DEPTHWISE
        expected = channels_out if depthwise else self.layer.channels_in.data
        if DYNAMIC_INDEX not in (channels_in, expected) and channels_in != expected:
            raise VerifyException(
                f"{describe(self)}: the input has {channels_in} channels, expected {expected}"
            )
        if channels_out > self.layer.channels_out.data:
            raise VerifyException(
                f"{describe(self)}: the output has {channels_out} channels, the chunk "
                f"{self.layer.channels_out.data}"
            )

    def check_size(self) -> None:
        """No more padding than a job can have, where the types say it."""
        mode = self.mode
        padding = 0 if mode.kind is Kind.POINTWISE else 2 * MAX_PAD
        sizes = zip(window_shape(self.input), window_shape(self.output), strict=True)
        for (there, wanted), stride in zip(list(sizes)[:2], mode.strides, strict=True):
            needed = (wanted - 1) * stride + mode.kind.kernel
            if DYNAMIC_INDEX not in (there, wanted) and needed > there + padding:
                raise VerifyException(
                    f"{describe(self)}: {wanted} outputs need {needed} inputs, there are {there} "
                    f"and at most {padding} of padding"
                )


def check_window(op: Conv2DOp, value: SSAValue, what: str) -> None:
    """A window of 8-bit elements whose channels are neighbours."""
    element_of(op, value, what)
    type = value.type
    assert isinstance(type, MemRefType)
    if type.get_num_dims() not in (2, 4):
        raise VerifyException(f"{describe(op)}: the {what} must be [1, h, w, c] or [n, c]")
    if isinstance(type.layout, StridedLayoutAttr):
        last = type.layout.strides.data[-1]
        if not isinstance(last, IntAttr) or last.data != 1:
            raise VerifyException(f"{describe(op)}: the channels of the {what} must be neighbours")


@irdl_op_definition
class WaitOp(AwaitOp):
    """Returns when the job has ended, and with it all that were asked for before; the token is used
    up.

    ```mlir
    npu.wait %t
    ```
    """

    name = "npu.wait"

    token = operand_def(TokenType)


__all__ = [
    "AcquireOp",
    "AddressOp",
    "Conv2DOp",
    "LayerAttr",
    "Npu",
    "SetOp",
    "StartOp",
    "TokenType",
    "WaitOp",
]

Npu = Dialect(
    "npu", [Conv2DOp, WaitOp, AddressOp, AcquireOp, SetOp, StartOp], [LayerAttr, TokenType]
)
