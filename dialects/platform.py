"""The platform dialect: what the machine is, as one attribute on the module.

There are no operations. The module's `platform.platform` attribute says which memories, units, DMA
engines and links there are; passes ask `platform_of(module)` and nothing else. A TOML file with the
same field names is its home (`runtime/platforms`).

The fields are in `platform_records`, what makes a description wrong in `platform_checks`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Data, Dialect
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .platform_checks import platform_problems
from .platform_records import (
    CORE_STACK,
    SCHEMA,
    Board,
    Description,
    Dma,
    Link,
    Memory,
    Toolchain,
    Unit,
)
from .quantization import Quantization
from .records import did_you_mean, parse_fields

KEY = "platform.platform"
"""The module attribute that holds the platform."""

KERNELS = "platform.kernels"
"""The module attribute that names a user's table of kernels, which come before the runtime's."""

N = TypeVar("N", Memory, Unit, Dma, Link)


@irdl_attr_definition
class PlatformAttr(Data[Description]):
    """
    The machine that the module is compiled for.

    ```mlir
    module attributes {platform.platform = #platform.platform<
      name = "tiny",
      description = "one core",
      memories = [
        {name = "flash", kind = "flash", address = 0x0, size = 0x40000, bandwidth = 4.0},
        {name = "sram", kind = "ram", address = 0x20000000, size = 0x10000, bandwidth = 4.0}],
      units = [
        {name = "cpu", kind = "cpu", isa = "armv7e-m", extensions = ["dsp"]}],
      toolchain = {compiler = "gcc", prefix = "arm-none-eabi-", cpu = ["-mcpu=cortex-m4"]},
      board = {runner = "host", folders = ["host"], code = "flash", data = "sram"}
    >} { ... }
    ```
    """

    name = KEY

    @staticmethod
    def from_raw(raw: dict[str, Any]) -> PlatformAttr:
        """The attribute of a raw platform that has no problems."""
        return PlatformAttr(cast(Description, SCHEMA.decode(raw)))

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Description:
        start = parser.pos
        raw = parse_fields(parser)
        if problems := platform_problems(raw):
            parser.raise_error("wrong platform:\n" + "\n".join(problems), start, start + 1)
        return cast(Description, SCHEMA.decode(raw))

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            with printer.indented():
                printer.print_string("\n")
                SCHEMA.print_fields(SCHEMA.encode(self.data), printer, ",\n")
            printer.print_string("\n")

    def verify(self) -> None:
        if problems := platform_problems(SCHEMA.encode(self.data)):
            raise VerifyException("wrong platform:\n" + "\n".join(problems))

    @property
    def label(self) -> str:
        """The platform's own name (`name` is the attribute's)."""
        return self.data.name

    @property
    def memories(self) -> tuple[Memory, ...]:
        return self.data.memories

    @property
    def units(self) -> tuple[Unit, ...]:
        return self.data.units

    @property
    def dma(self) -> tuple[Dma, ...]:
        return self.data.dma

    @property
    def links(self) -> tuple[Link, ...]:
        return self.data.links

    @property
    def toolchain(self) -> Toolchain:
        return self.data.toolchain

    @property
    def board(self) -> Board:
        return self.data.board

    @property
    def quantization(self) -> Quantization:
        """What it asks of quantization."""
        return self.data.quantization

    @property
    def code_memory(self) -> Memory:
        """Where code and constants go."""
        return self.memory(self.board.code)

    @property
    def data_memory(self) -> Memory:
        """Where the arena goes."""
        return self.memory(self.board.data)

    @property
    def cluster(self) -> Unit | None:
        """The unit whose cores run the network together, or None."""
        return next((unit for unit in self.units if unit.kind == "cluster"), None)

    @property
    def cluster_memory(self) -> Memory | None:
        """The memory in which the cluster's cores work (its fact `l1`), or None."""
        name = None if self.cluster is None else self.cluster.find_fact("l1")
        return None if name is None else self.memory(str(name))

    @property
    def core_stack(self) -> int:
        """Bytes of stack of each core of the cluster; they are in `cluster_memory`."""
        stack = None if self.cluster is None else self.cluster.find_fact("stack")
        return CORE_STACK if stack is None else int(stack)

    def stack_bytes(self, memory: str) -> int:
        """What stacks take of the memory of this name."""
        main = self.board.stack if memory == self.board.data else 0
        cluster, home = self.cluster, self.cluster_memory
        if cluster is None or home is None or home.name != memory:
            return main
        return main + cluster.cores * self.core_stack

    def memory(self, name: str) -> Memory:
        """The memory of this name; an unknown name is an error that lists the known ones."""
        return self._find(self.memories, "memory", name)

    def unit(self, name: str) -> Unit:
        """The unit of this name."""
        return self._find(self.units, "unit", name)

    def link_to(self, unit: str) -> Link:
        """The link that leads to a remote unit."""
        for link in self.links:
            if link.unit == unit:
                return link
        raise VerifyException(f'platform {self.label}: no link leads to unit "{unit}"')

    def dma_between(self, a: str, b: str) -> Dma | None:
        """The first engine that copies between memories `a` and `b`, or None."""
        return next((engine for engine in self.dma if engine.joined(a, b)), None)

    def farther(self, home: str, near: Collection[str]) -> list[Memory]:
        """The memories that an engine joins with each of `near` and that may take what has no room
        in `home`, the fastest first.
        """
        found = [
            memory
            for memory in self.memories
            if memory.name not in (home, *near)
            and all(self.dma_between(memory.name, name) for name in near)
        ]
        return sorted(found, key=lambda memory: -memory.bandwidth)

    def _find(self, records: tuple[N, ...], what: str, name: str) -> N:
        for record in records:
            if record.name == name:
                return record
        hint = did_you_mean(name, [record.name for record in records])
        raise VerifyException(f'platform {self.label} has no {what} "{name}"{hint}')


def platform_of(module: ModuleOp) -> PlatformAttr:
    """The platform of a module; an error says how to set one."""
    attribute = module.attributes.get(KEY)
    if not isinstance(attribute, PlatformAttr):
        raise VerifyException(
            f"the module has no platform (attribute {KEY}); run set-platform before"
        )
    return attribute


Platform = Dialect("platform", [], [PlatformAttr])
