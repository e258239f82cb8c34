"""The registers of the NPU as ops of the npu dialect: what `npu.conv2d` becomes.

A job is asked for with `npu.acquire`; its registers hold what the job before the last one had, for
there are two sets of them, in turn. `npu.set` changes them, and `npu.start` lets the job run.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IndexType, MemRefType, StringAttr
from xdsl.ir import ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .diagnostics import describe
from .npu_job import REGISTERS


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """A job that was asked for."""

    name = "npu.token"


@irdl_op_definition
class AddressOp(IRDLOperation):
    """The address of the first element of a window, as the NPU knows it.

    ```mlir
    %0 = npu.address %x : memref<1x?x?x64xi8, strided<[?, ?, ?, 1], offset: ?>, "l1">
    ```
    """

    name = "npu.address"

    source = operand_def(MemRefType)
    result = result_def(IndexType)

    traits = traits_def(Pure())
    assembly_format = "$source attr-dict `:` type($source)"

    def __init__(self, source: SSAValue):
        super().__init__(operands=[source], result_types=[IndexType()])


@irdl_op_definition
class AcquireOp(IRDLOperation):
    """A new job; returns when fewer than two are on their way.

    ```mlir
    %t = npu.acquire
    ```
    """

    name = "npu.acquire"

    token = result_def(TokenType)

    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__(result_types=[TokenType()])


@irdl_op_definition
class SetOp(IRDLOperation):
    """Writes a register of the job that was acquired last.

    ```mlir
    npu.set "padding", %0
    ```
    """

    name = "npu.set"

    register = prop_def(StringAttr)
    operand = operand_def(IndexType)

    assembly_format = "$register `,` $operand attr-dict"

    def __init__(self, register: str, value: SSAValue):
        super().__init__(operands=[value], properties={"register": StringAttr(register)})

    @property
    def number(self) -> int:
        """Which of the registers it is."""
        return REGISTERS.index(self.register.data)

    def verify_(self) -> None:
        if self.register.data not in REGISTERS:
            raise VerifyException(
                f'{describe(self)}: there is no register "{self.register.data}"; there are '
                f"{', '.join(REGISTERS)}"
            )


@irdl_op_definition
class StartOp(IRDLOperation):
    """Lets the job that was acquired last run, behind those that were started before.

    ```mlir
    npu.start
    ```
    """

    name = "npu.start"

    assembly_format = "attr-dict"

    def __init__(self) -> None:
        super().__init__()
