"""ELF files: what is loaded where, and in which function an address is (System V ABI, 4)."""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...dialects.diagnostics import RunnelError

LOAD = 1
SYMBOLS = 2
UNTYPED, OBJECT, FUNCTION = 0, 1, 2
RISCV = 243


@dataclass(frozen=True)
class Elf:
    """A 32-bit little-endian RISC-V program."""

    path: Path
    data: bytes

    @staticmethod
    def read(path: Path) -> Elf:
        """Raises `RunnelError` if the file is not such a program."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RunnelError(f"{path}: cannot read the program: {error.strerror}") from None
        machine = struct.unpack_from("<H", data, 18)[0] if len(data) >= 52 else 0
        if data[:6] != b"\x7fELF\x01\x01" or machine != RISCV:
            raise RunnelError(f"{path}: not a 32-bit RISC-V ELF file")
        return Elf(path, data)

    @property
    def entry(self) -> int:
        """Where the controller starts."""
        return struct.unpack_from("<I", self.data, 24)[0]

    @property
    def segments(self) -> list[tuple[int, bytes]]:
        """Physical address and bytes of what is loaded."""
        start = struct.unpack_from("<I", self.data, 28)[0]
        size, count = struct.unpack_from("<HH", self.data, 42)
        found: list[tuple[int, bytes]] = []
        for i in range(count):
            kind, offset, _, address, filled = struct.unpack_from(
                "<5I", self.data, start + i * size
            )
            if kind == LOAD and filled:
                found.append((address, self.data[offset : offset + filled]))
        return found

    @cached_property
    def _symbols(self) -> list[tuple[int, str, int]]:
        """Address, name and type of what has a section."""
        start = struct.unpack_from("<I", self.data, 32)[0]
        size, count = struct.unpack_from("<HH", self.data, 46)
        headers = [struct.unpack_from("<10I", self.data, start + i * size) for i in range(count)]
        found: list[tuple[int, str, int]] = []
        for header in headers:
            if header[1] != SYMBOLS:
                continue
            strings = headers[header[6]][4]
            for at in range(header[4], header[4] + header[5], 16):
                name, value, _, info, _, section = struct.unpack_from("<IIIBBH", self.data, at)
                if section and (text := self._text(strings + name)):
                    found.append((value, text, info & 15))
        return found

    @cached_property
    def functions(self) -> tuple[list[int], list[str]]:
        """Addresses and names of functions and labels, in order of addresses."""
        found: dict[int, str] = {}
        for value, name, kind in self._symbols:
            if kind == FUNCTION or (kind == UNTYPED and not name.startswith("$")):
                found.setdefault(value, name)
        ordered = sorted(found.items())
        return [address for address, _ in ordered], [name for _, name in ordered]

    @cached_property
    def objects(self) -> dict[str, int]:
        """Addresses of variables by name."""
        return {name: value for value, name, kind in self._symbols if kind == OBJECT}

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Values of all symbols by name, those of the linker script too."""
        return {name: value for value, name, _ in self._symbols}

    def _text(self, offset: int) -> str:
        return self.data[offset : self.data.index(b"\0", offset)].decode(errors="replace")

    def place(self, address: int) -> str:
        """`function+offset` of a code address, or the address if no symbol is before it."""
        addresses, names = self.functions
        index = bisect_right(addresses, address) - 1
        if index < 0:
            return f"{address:#010x}"
        return f"{names[index]}+{address - addresses[index]:#x}"
