"""What a program takes of flash and RAM, from its ELF file and its linker map."""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

NOBITS = 8
WRITE, ALLOC = 1, 2
STACKS = (".stack", ".stack.cores")
"""The sections that reserve stacks: they are no part of what a model needs."""


@dataclass(frozen=True)
class Sizes:
    """Bytes. Flash is code, constants and initial data; RAM is data and zeroed data, no stack.

    `model_*` is the part of the emitted code and its kernels, `harness_*` that of the board folder;
    what is left is the C library.
    """

    flash: int
    ram: int
    model_flash: int
    model_ram: int
    harness_flash: int
    harness_ram: int


@dataclass(frozen=True)
class Section:
    """One section of an ELF file that takes memory."""

    name: str
    address: int
    size: int
    writable: bool
    zeroed: bool

    @property
    def flash(self) -> int:
        return 0 if self.zeroed else self.size

    @property
    def ram(self) -> int:
        return self.size if self.writable and self.name not in STACKS else 0


def read_sections(elf: Path) -> list[Section]:
    """The sections that take memory; layout of ELF headers: System V ABI, chapter 4."""
    data = elf.read_bytes()
    wide = data[4] == 2
    order = "<" if data[5] == 1 else ">"
    start = struct.unpack_from(order + ("Q" if wide else "I"), data, 40 if wide else 32)[0]
    each, count, names = struct.unpack_from(order + "HHH", data, 58 if wide else 46)
    form = order + ("IIQQQQIIQQ" if wide else "10I")
    headers = [struct.unpack_from(form, data, start + i * each) for i in range(count)]
    table = headers[names][4]
    sections: list[Section] = []
    for name, kind, flags, address, _, size, *_ in headers:
        if flags & ALLOC and size:
            end = data.index(b"\0", table + name)
            text = data[table + name : end].decode()
            sections.append(Section(text, address, size, bool(flags & WRITE), kind == NOBITS))
    return sections


_OUTPUT = re.compile(r"^(\.\S+)")
_PART = re.compile(r"^ \S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*)$")


def measure_sizes(elf: Path) -> Sizes:
    """Sizes of a linked program; its map (same name, `.map`) says which object brought what."""
    sections = {
        section.name: section for section in read_sections(elf) if section.name not in STACKS
    }
    flash: Counter[str] = Counter()
    ram: Counter[str] = Counter()
    text = elf.with_suffix(".map").read_text(errors="replace")
    home: Section | None = None
    for line in text.partition("Linker script and memory map")[2].splitlines():
        if header := _OUTPUT.match(line):
            home = sections.get(header[1])
        elif home is not None and (part := _PART.match(line)):
            size, owner = int(part[1], 16), _owner(part[2])
            flash[owner] += 0 if home.zeroed else size
            ram[owner] += size if home.writable else 0
    return Sizes(
        flash=sum(section.flash for section in sections.values()),
        ram=sum(section.ram for section in sections.values()),
        model_flash=flash["model"],
        model_ram=ram["model"],
        harness_flash=flash["harness"],
        harness_ram=ram["harness"],
    )


def _owner(origin: str) -> str:
    if origin.startswith("build/plain/board/"):
        return "harness"
    return "model" if origin.startswith("build/plain/") else "library"
