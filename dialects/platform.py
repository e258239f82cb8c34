"""The platform dialect: what the machine is, as one attribute on the module.

There are no operations. The module's `platform.platform` attribute says which memories, units, DMA
engines and links there are; passes ask `platform_of(module)` and nothing else. A TOML file with the
same field names is its home (`runtime/platforms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from itertools import combinations
from typing import Annotated, Any, Literal, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.dlti import DataLayoutEntryAttr
from xdsl.ir import Data, Dialect, Operation
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .quantization import ANYTHING, Quantization
from .records import (
    Facts,
    Integer,
    Number,
    Record,
    Text,
    did_you_mean,
    fact_value,
    parse_fields,
)

KEY = "platform.platform"
"""The module attribute that holds the platform."""

KERNELS = "platform.kernels"
"""The module attribute that names a user's table of kernels, which come before the runtime's."""

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

    def reached_by(self, unit: str) -> bool:
        """Whether the unit of this name reads and writes the memory directly."""
        return not self.units or unit in self.units


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


def platform_problems(raw: object) -> list[str]:
    """All that is wrong with a raw platform, each with its field path; empty if it is sound."""
    problems = list(SCHEMA.problems(raw, ""))
    if isinstance(raw, dict):
        problems += _relations(cast(dict[str, Any], raw))
    return problems


def _entries(raw: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    """The tables of a list with their paths; what is not a table was reported already."""
    items = raw.get(key)
    found = cast(list[Any], items) if isinstance(items, list) else []
    return [(f"{key}[{i}]", item) for i, item in enumerate(found) if isinstance(item, dict)]


def _relations(raw: dict[str, Any]) -> Iterator[str]:
    """What fields must be to each other; skips what the schema has refused."""
    names: dict[str, list[str]] = {}
    for kind in ("memories", "units", "dma", "links"):
        names[kind] = []
        for path, entry in _entries(raw, kind):
            name = entry.get("name")
            if not isinstance(name, str):
                continue
            if name in names[kind]:
                yield f'{path}.name: "{name}" is taken by {kind}[{names[kind].index(name)}]'
            names[kind].append(name)
    for kind in ("memories", "units"):
        if raw.get(kind) == []:
            yield f"{kind}: there must be at least one"
    yield from _overlaps(_entries(raw, "memories"))
    for kind in ("memories", "dma"):
        for path, entry in _entries(raw, kind):
            yield from _unknown(entry.get("units"), f"{path}.units", names["units"], "unit")
    for path, entry in _entries(raw, "dma"):
        yield from _unknown(entry.get("joins"), f"{path}.joins", names["memories"], "memory")
        yield from _self_joins(entry.get("joins"), f"{path}.joins")
    yield from _links(raw, names["units"])
    yield from _clusters(_entries(raw, "units"), _entries(raw, "memories"), names["memories"])
    if isinstance(raw.get("board"), dict):
        yield from _board(raw["board"], _entries(raw, "memories"), names["memories"])


def _unknown(reference: Any, path: str, known: Sequence[str], what: str) -> Iterator[str]:
    if isinstance(reference, list):
        for i, item in enumerate(cast(list[Any], reference)):
            yield from _unknown(item, f"{path}[{i}]", known, what)
    elif isinstance(reference, str) and reference not in known:
        yield f'{path}: there is no {what} "{reference}"{did_you_mean(reference, known)}'


def _self_joins(joins: Any, path: str) -> Iterator[str]:
    for i, pair in enumerate(cast(list[Any], joins) if isinstance(joins, list) else []):
        if isinstance(pair, list) and len(cast(list[Any], pair)) == 2 and pair[0] == pair[1]:
            yield f'{path}[{i}]: joins "{pair[0]}" with itself'


def _overlaps(memories: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    ranges = [
        (path, entry.get("name"), entry["address"], entry["address"] + entry["size"])
        for path, entry in memories
        if type(entry.get("address")) is int and type(entry.get("size")) is int
    ]
    for (_, a, start_a, end_a), (path, b, start_b, end_b) in combinations(ranges, 2):
        if start_a < end_b and start_b < end_a:
            yield (
                f'{path}: memory "{b}" [{start_b:#x}, {end_b:#x}) overlaps '
                f'"{a}" [{start_a:#x}, {end_a:#x})'
            )


def _links(raw: dict[str, Any], units: Sequence[str]) -> Iterator[str]:
    kinds = {entry.get("name"): entry.get("kind") for _, entry in _entries(raw, "units")}
    linked: set[Any] = set()
    for path, entry in _entries(raw, "links"):
        unit = entry.get("unit")
        yield from _unknown(unit, f"{path}.unit", units, "unit")
        if isinstance(unit, str):
            linked.add(unit)
            if unit in kinds and kinds[unit] != "remote":
                yield f'{path}.unit: unit "{unit}" is a {kinds[unit]}, a link leads to a remote'
    for path, entry in _entries(raw, "units"):
        if entry.get("kind") == "remote" and entry.get("name") not in linked:
            yield f'{path}: no link leads to remote unit "{entry.get("name")}"; add one to links'


def _clusters(
    units: list[tuple[str, dict[str, Any]]],
    memories: list[tuple[str, dict[str, Any]]],
    names: Sequence[str],
) -> Iterator[str]:
    """The memory in which the cores of a cluster work, and their stacks there."""
    sizes = {entry.get("name"): entry.get("size") for _, entry in memories}
    for path, entry in units:
        facts = cast(dict[str, Any], entry.get("facts"))
        if entry.get("kind") != "cluster" or not isinstance(facts, dict):
            continue
        l1, stack, cores = facts.get("l1"), facts.get("stack", CORE_STACK), entry.get("cores", 1)
        yield from _unknown(l1, f"{path}.facts.l1", names, "memory")
        if type(stack) is not int or stack < 0 or stack % 16:
            yield f"{path}.facts.stack: expected bytes, a multiple of 16, got {stack!r}"
        elif type(size := sizes.get(l1)) is int and type(cores) is int and cores * stack > size:
            yield (
                f'{path}.facts.stack: {cores} stacks of {stack} bytes do not fit "{l1}" of {size} '
                "bytes"
            )


def _board(
    board: dict[str, Any], memories: list[tuple[str, dict[str, Any]]], names: Sequence[str]
) -> Iterator[str]:
    for key in ("code", "data", "vectors"):
        yield from _unknown(board.get(key), f"board.{key}", names, "memory")
    kinds = {entry.get("name"): entry.get("kind") for _, entry in memories}
    data = board.get("data")
    if isinstance(data, str) and kinds.get(data) == "flash":
        yield f'board.data: "{data}" is flash, data must be in a ram'
    sizes = {entry.get("name"): entry.get("size") for _, entry in memories}
    size, stack = (
        sizes.get(data) if isinstance(data, str) else None,
        board.get("stack", Board.stack),
    )
    if type(size) is int and type(stack) is int and stack > size:
        yield f'board.stack: {stack} bytes do not fit "{data}" of {size} bytes'
    if board.get("runner") == "qemu":
        for key in ("machine", "timer_address", "timer_hz", "icount_shift"):
            if key not in board:
                yield f"board.{key}: missing, the qemu runner needs it"


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


class UnitModel(Protocol):
    """Legality and cost of a unit that the linear table cannot say; third parties register one."""

    def refuses(self, op: Operation, unit: Unit) -> str | None:
        """Why the unit cannot run `op` exactly, or None if it can."""
        ...

    def cost(self, op: Operation, unit: Unit) -> float:
        """What `op` takes on the unit, in what the unit `counts`."""
        ...

    def tile_cost(
        self, op: Operation, unit: Unit, extents: Sequence[NDArray[np.int64]]
    ) -> NDArray[np.float64]:
        """What tiles of the result of `op` take; `extents` has one array for each dimension."""
        ...


def unit_model(unit: Unit) -> UnitModel | None:
    """The model that `unit.model` names in the entry point group `runnel.unit_models`."""
    if unit.model is None:
        return None
    found = entry_points(group="runnel.unit_models")
    if unit.model not in found.names:
        raise VerifyException(
            f'unit "{unit.name}": no installed package offers the unit model "{unit.model}"'
            + did_you_mean(unit.model, found.names)
        )
    return cast(UnitModel, found[unit.model].load())


Platform = Dialect("platform", [], [PlatformAttr])
