"""The constants of the graph dialect: module-level symbols that hold raw bytes."""

from __future__ import annotations

from io import StringIO
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyDenseElement,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
)
from xdsl.ir import Attribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    AnyOf,
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .types import dtype_of, storage_type


def _dense(type: TensorType) -> TensorType[AnyDenseElement]:
    """`type` as one that xDSL's dense attributes hold."""
    return cast("TensorType[AnyDenseElement]", type)


@irdl_op_definition
class GlobalOp(IRDLOperation):
    """A constant tensor of the module: one symbol, raw bytes.

    The type is the logical one (it may be quantized); the value holds the stored elements.

    ```mlir
    graph.global @conv1_w : tensor<16x3x3x3xf32> = dense<"0x0000803F...">
    graph.global @conv1_w : tensor<16x3x3x3xf32> = dense_resource<conv1_w>   // elided
    ```
    """

    name = "graph.global"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TypeAttribute)
    value = prop_def(AnyOf((BaseAttr(DenseIntOrFPElementsAttr), BaseAttr(DenseResourceAttr))))

    traits = traits_def(SymbolOpInterface())

    def __init__(self, name: str, type: TensorType, value: Attribute):
        super().__init__(properties={"sym_name": StringAttr(name), "type": type, "value": value})

    def verify_(self) -> None:
        logical = self.type
        if not isinstance(logical, TensorType):
            raise VerifyException(f"graph.global @{self.sym_name.data}: the type must be a tensor")
        expected = storage_type(logical)
        if isinstance(self.value, DenseIntOrFPElementsAttr):
            if self.value.type != expected:
                raise VerifyException(
                    f"graph.global @{self.sym_name.data}: a value of type {self.value.type} "
                    f"cannot be the elements of {logical}, expected {expected}"
                )
            count = int(np.prod(logical.get_shape(), dtype=np.int64))
            size = count * dtype_of(expected.element_type).itemsize
            if len(self.value.data.data) != size:
                raise VerifyException(
                    f"graph.global @{self.sym_name.data}: holds {len(self.value.data.data)} bytes, "
                    f"{logical} needs {size}"
                )

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        name = parser.parse_symbol_name()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        parser.parse_punctuation("=")
        if not isinstance(type, TensorType):
            parser.raise_error("the type of a graph.global must be a tensor")
        expected = storage_type(type)
        keyword = parser.parse_identifier()
        if keyword == "dense":
            value = parser.parse_dense_int_or_fp_elements_attr(_dense(expected))
        elif keyword == "dense_resource":
            with parser.in_angle_brackets():
                value = DenseResourceAttr.from_params(parser.parse_identifier(), expected)
        else:
            parser.raise_error("expected 'dense' or 'dense_resource'")
        op = cls(name.data, type, value)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        printer.print_string(" = ")
        if isinstance(self.value, DenseIntOrFPElementsAttr):
            self._print_dense(self.value, printer)
        elif isinstance(self.value, DenseResourceAttr):
            printer.print_string(f"dense_resource<{self.value.resource_handle.data}>")
        printer.print_op_attributes(self.attributes)

    def _print_dense(self, value: DenseIntOrFPElementsAttr, printer: Printer) -> None:
        text = StringIO()
        value.print_without_type(Printer(text))
        if _survives_xdsl(self.array(), text.getvalue()):
            printer.print_string(text.getvalue())
        else:
            printer.print_string(f'dense<"0x{value.data.data.hex().upper()}">')

    def array(self) -> NDArray[Any]:
        """The stored elements as a read-only view, shaped like the type."""
        if not isinstance(self.value, DenseIntOrFPElementsAttr):
            raise VerifyException(
                f"the data of graph.global @{self.sym_name.data} is elided: read the text together "
                "with its .npz, or print it with --print-large-constants"
            )
        dtype = dtype_of(self.value.type.element_type)
        return np.frombuffer(self.value.data.data, dtype).reshape(self.value.type.get_shape())


def _survives_xdsl(array: NDArray[np.generic], text: str) -> bool:
    """Does xDSL read these elements from the `text` that it prints for them?

    It prints some floats (infinity, 1000001.0) as the hexadecimal of their bits, which it reads as
    integers in a list; and it takes 0.0 and -0.0 for one value that fills the tensor.
    """
    if array.dtype.kind != "f" or '"' in text:
        return True
    mixed_zeros = not array.any() and len(np.unique(np.signbit(array.astype(np.float64)))) > 1
    return "0x" not in text and not mixed_zeros


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """The value of a `graph.global`.

    ```mlir
    %w = graph.constant @conv1_w : tensor<16x3x3x3xf32>
    ```
    """

    name = "graph.constant"

    global_name = prop_def(SymbolRefAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$global_name attr-dict `:` type($result)"

    def __init__(self, global_name: str, type: TensorType):
        super().__init__(
            properties={"global_name": SymbolRefAttr(global_name)}, result_types=[type]
        )

    def global_op(self) -> GlobalOp:
        """The symbol that this op reads."""
        found = SymbolTable.lookup_symbol(self, self.global_name)
        if not isinstance(found, GlobalOp):
            raise VerifyException(
                f"{describe(self)}: no graph.global named @{self.global_name.string_value()}"
            )
        return found

    def verify_(self) -> None:
        if self.parent is None:
            return
        declared = self.global_op().type
        if declared != self.result.type:
            raise VerifyException(
                f"{describe(self)}: @{self.global_name.string_value()} is a {declared}, "
                f"not a {self.result.type}"
            )


def add_global(
    module: ModuleOp, name: str, array: NDArray[np.generic], type: TensorType
) -> GlobalOp:
    """Append a constant of logical `type` to `module`; `array` holds its stored elements.

    The symbol is `name`, or `name_1`, `name_2`, ... when it is taken.
    """
    expected = storage_type(type)
    dtype = dtype_of(expected.element_type)
    if array.shape != type.get_shape():
        raise ValueError(f"@{name}: an array of shape {array.shape} cannot fill {type}")
    data = np.ascontiguousarray(array, dtype).tobytes()
    taken = {op.sym_name.data for op in module.body.block.ops if isinstance(op, GlobalOp)}
    symbol, count = name, 0
    while symbol in taken:
        count += 1
        symbol = f"{name}_{count}"
    op = GlobalOp(symbol, type, DenseIntOrFPElementsAttr(_dense(expected), BytesAttr(data)))
    block = module.body.block
    following = next((other for other in block.ops if not isinstance(other, GlobalOp)), None)
    if following is None:
        block.add_op(op)
    else:
        block.insert_op_before(op, following)
    return op


def constant_array(value: SSAValue) -> NDArray[Any] | None:
    """The stored elements of `value` when a `graph.constant` defines it, else None."""
    if isinstance(value.owner, ConstantOp):
        return value.owner.global_op().array()
    return None
