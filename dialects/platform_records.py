"""What the description of a platform holds: the fields of its TOML file, with their units."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.dlti import DataLayoutEntryAttr
from xdsl.utils.exceptions import VerifyException

from .quantization import ANYTHING, Quantization
from .records import Facts, Integer, Number, Record, Text, fact_value

CORE_STACK = 0x400
"""Bytes of stack of each core of a cluster whose facts do not say `stack`."""

MemoryKind = Literal["flash", "ram"]
UnitKind = Literal["cpu", "cluster", "npu", "remote"]

# In a record a plain `int` is positive, a `float` is not negative, a `str` is not empty.
Natural = Annotated[int, Integer(0)]
Address = Annotated[int, Integer(0, hexadecimal=True)]
Size = Annotated[int, Integer(hexadecimal=True)]
Rate = Annotated[float, Number(positive=True)]
Prefix = Annotated[str, Text(may_be_empty=True)]
Names = tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """A memory: `size` bytes from `address`, reached by `units` (all of them if none is named).

    `bandwidth` in bytes per cycle and `latency` in cycles are seen from those units. The name is
    also that of its sections in the linker script (`.bss.<name>`, `.rodata.<name>`).
    """

    name: Annotated[str, Text(identifier=True)]
    kind: MemoryKind
    address: Address
    size: Size
    bandwidth: Rate
    latency: Natural = 0
    units: Names = ()

    @property
    def end(self) -> int:
        """The first address behind the memory."""
        return self.address + self.size


@dataclass(frozen=True)
class Cost:
    """The linear cost of the ops that `op` matches, in what the unit `counts`.

    A column is that of one channel of an image: what a kernel spends once for all of its rows.
    """

    op: str
    start: float = 0.0
    per_mac: float = 0.0
    per_element: float = 0.0
    per_byte: float = 0.0
    per_column: float = 0.0


@dataclass(frozen=True)
class Unit:
    """What computes: a CPU, a cluster of `cores` cores, an NPU, or a remote machine behind a link.

    `isa` and `extensions` choose its kernels. `ops` are patterns (`quant.*`) of the ops that it may
    run. `costs` are linear; what is not linear is computed by `model`, a name in the entry point
    group `runnel.unit_models`, from `facts`. `counts` says what the costs count. The facts of a
    cluster say with `l1` which memory its cores work in, and with `stack` how many bytes of it each
    core's stack takes.
    """

    name: str
    kind: UnitKind
    isa: str
    extensions: Names = ()
    cores: int = 1
    clock_hz: int | None = None
    counts: Literal["cycles", "instructions"] = "cycles"
    ops: Names = ("*",)
    costs: tuple[Cost, ...] = ()
    model: str | None = None
    facts: Annotated[tuple[DataLayoutEntryAttr, ...], Facts()] = ()

    @property
    def features(self) -> frozenset[str]:
        """The ISA and its extensions: what a kernel may ask for."""
        return frozenset((self.isa, *self.extensions))

    def runs(self, op_name: str) -> bool:
        """Whether the unit may run ops of this name at all."""
        return any(fnmatchcase(op_name, pattern) for pattern in self.ops)

    def cost(self, op_name: str, *, macs: int, elements: int, bytes: int) -> float | None:
        """The linear cost of an op (first row that matches), or None if no row says it."""
        row = self.cost_row(op_name)
        if row is None:
            return None
        return row.start + row.per_mac * macs + row.per_element * elements + row.per_byte * bytes

    def cost_row(self, op_name: str) -> Cost | None:
        """The first row of `costs` that matches an op."""
        return next((row for row in self.costs if fnmatchcase(op_name, row.op)), None)

    def fact(self, key: str) -> int | float | str:
        """One of the unit's `facts`."""
        found = self.find_fact(key)
        if found is None:
            raise VerifyException(
                f'unit "{self.name}" has no fact "{key}"; add it to [units.facts] of the platform'
            )
        return found

    def find_fact(self, key: str) -> int | float | str | None:
        """One of the unit's `facts`, or None if they do not say it."""
        for entry in self.facts:
            if entry.key == StringAttr(key):
                return fact_value(entry.value)
        return None


@dataclass(frozen=True)
class Dma:
    """A DMA engine that copies, in both directions, between the memories of each pair in `joins`.

    A transfer of up to `dimensions` dimensions and `max_bytes` bytes takes `start_cycles`, then
    moves `bytes_per_cycle`; addresses and lengths are multiples of `alignment` bytes. `units` may
    program it (all if none is named).
    """

    name: str
    bytes_per_cycle: Rate
    joins: tuple[tuple[str, str], ...]
    channels: int = 1
    dimensions: Annotated[int, Integer(maximum=3)] = 1
    alignment: int = 1
    start_cycles: Natural = 0
    max_bytes: int | None = None
    units: Names = ()

    def joined(self, a: str, b: str) -> bool:
        """Whether the engine copies between memories `a` and `b`."""
        return (a, b) in self.joins or (b, a) in self.joins


@dataclass(frozen=True)
class Link:
    """The way to the remote `unit`: bandwidth in bytes per second, round trip in microseconds."""

    name: str
    unit: str
    transport: str
    bandwidth: Rate
    round_trip_us: float
    max_message: int | None = None


@dataclass(frozen=True)
class Toolchain:
    """How C becomes a program: `prefix` + `compiler`, flags, the Debian packages that have it."""

    compiler: str
    prefix: Prefix = ""
    cpu: Names = ()
    optimize: Names = ("-O2",)
    link: Names = ()
    packages: Names = ()


@dataclass(frozen=True)
class Board:
    """How a program runs: the runner, the folders of board code, and where code and data go.

    `code` and `data` name memories; the vector table is at the start of `vectors` (`code` if not
    given). `stack` bytes of `data` are for main(); the cores of a cluster have stacks of their own.
    `timer_*` and `icount_shift` (one instruction takes 2**icount_shift ns of virtual time) are for
    exact instruction counts. `folders` are below `runtime/c/boards`, or paths. `packages` are the
    Debian packages that bring the runner.
    """

    runner: str
    folders: Names
    code: str
    data: str
    vectors: str | None = None
    stack: int = 0x4000
    machine: str | None = None
    timer_address: Address | None = None
    timer_hz: int | None = None
    icount_shift: Annotated[int, Integer(0, maximum=10)] | None = None
    packages: Names = ()


@dataclass(frozen=True)
class Description:
    """The whole machine. Order means preference: the first memory or unit that fits is taken."""

    name: str
    description: str
    memories: tuple[Memory, ...]
    units: tuple[Unit, ...]
    toolchain: Toolchain
    board: Board
    dma: tuple[Dma, ...] = ()
    links: tuple[Link, ...] = ()
    quantization: Quantization = ANYTHING


SCHEMA = Record(Description)
