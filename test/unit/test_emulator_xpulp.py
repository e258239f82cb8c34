"""Random Xpulp code beside the formulas of the RI5CY user manual, written in Python."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pulp_programs import build, needs_compiler

from runnel.runtime.emulator import Emulator, machine_of
from runnel.runtime.platforms import load_platform

pytestmark = needs_compiler

REGISTERS = range(5, 16)
WORD = 0xFFFFFFFF


def signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def lanes(value: int, bits: int, sign: bool) -> list[int]:
    parts = [value >> at & ((1 << bits) - 1) for at in range(0, 32, bits)]
    return [signed(part, bits) for part in parts] if sign else parts


def join(parts: list[int], bits: int) -> int:
    return sum((part & ((1 << bits) - 1)) << (bits * k) for k, part in enumerate(parts))


Lane = Callable[[int, int, int], int]
LANE_OPS: dict[int, tuple[bool, Lane]] = {
    0x00: (True, lambda a, b, _: a + b),
    0x02: (True, lambda a, b, _: a - b),
    0x04: (True, lambda a, b, w: signed(a + b, w) >> 1),
    0x06: (False, lambda a, b, w: (a + b) % (1 << w) >> 1),
    0x08: (True, lambda a, b, _: min(a, b)),
    0x0A: (False, lambda a, b, _: min(a, b)),
    0x0C: (True, lambda a, b, _: max(a, b)),
    0x0E: (False, lambda a, b, _: max(a, b)),
    0x10: (False, lambda a, b, w: a >> b % w),
    0x12: (True, lambda a, b, w: a >> b % w),
    0x14: (False, lambda a, b, w: a << b % w),
    0x16: (True, lambda a, b, _: a | b),
    0x18: (True, lambda a, b, _: a ^ b),
    0x1A: (True, lambda a, b, _: a & b),
    0x01: (True, lambda a, b, _: -(a == b)),
    0x03: (True, lambda a, b, _: -(a != b)),
    0x05: (True, lambda a, b, _: -(a > b)),
    0x07: (True, lambda a, b, _: -(a >= b)),
    0x09: (True, lambda a, b, _: -(a < b)),
    0x0B: (True, lambda a, b, _: -(a <= b)),
    0x0D: (False, lambda a, b, _: -(a > b)),
    0x0F: (False, lambda a, b, _: -(a >= b)),
    0x11: (False, lambda a, b, _: -(a < b)),
    0x13: (False, lambda a, b, _: -(a <= b)),
}
"""Bits 31:26 of the word: whether the lanes are signed, and what each becomes."""

DOTS = {
    **{0x20: (False, False, False), 0x22: (False, True, False), 0x26: (True, True, False)},
    **{0x28: (False, False, True), 0x2A: (False, True, True), 0x2E: (True, True, True)},
}
"""Dot products: signs of both sides, and whether the old value is added."""

Scalar = Callable[[int, int, int], int]
SCALAR_OPS: dict[tuple[int, int], Scalar] = {
    (2, 0x02): lambda a, b, _: signed(a) <= signed(b),
    (3, 0x02): lambda a, b, _: a <= b,
    (4, 0x02): lambda a, b, _: min(signed(a), signed(b)),
    (5, 0x02): lambda a, b, _: min(a, b),
    (6, 0x02): lambda a, b, _: max(signed(a), signed(b)),
    (7, 0x02): lambda a, b, _: max(a, b),
    (5, 0x04): lambda a, b, _: a >> b % 32 | a << (32 - b % 32),
    (0, 0x21): lambda a, b, d: d + a * b,
    (1, 0x21): lambda a, b, d: d - a * b,
}
"""funct3 and funct7 below opcode 0x33."""

UNARY_OPS: dict[tuple[int, int], Callable[[int], int]] = {
    (0, 0x02): lambda a: abs(signed(a)),
    (0, 0x08): lambda a: (a & -a).bit_length() - 1 if a else 32,
    (1, 0x08): lambda a: a.bit_length() - 1 if a else 32,
    (2, 0x08): lambda a: 31 - max(a, 0).bit_length() if 0 < a < 1 << 31 else _negative_clb(a),
    (3, 0x08): lambda a: a.bit_count(),
    (4, 0x08): lambda a: signed(a, 16),
    (5, 0x08): lambda a: a & 0xFFFF,
    (6, 0x08): lambda a: signed(a, 8),
    (7, 0x08): lambda a: a & 0xFF,
}


def _negative_clb(a: int) -> int:
    return 0 if a == 0 else 31 - (a ^ WORD).bit_length()


def clip(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


class Code:
    """Instructions, and the registers as they are after them."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        special = (0, 1, 0x7FFFFFFF, 0x80000000, WORD, 0x807F00FF, 0x80008000)
        self.state = [self.rng.choice((*special, self.rng.getrandbits(32))) for _ in range(32)]
        self.initial = list(self.state)
        self.lines: list[str] = []

    def add(self, opcode: int, f3: int, f7: int, rd: int, rs1: int, rs2: int, value: int) -> None:
        self.lines.append(f".insn r {opcode}, {f3}, {f7}, x{rd}, x{rs1}, x{rs2}")
        self.state[rd] = int(value) & WORD

    def simd(self, rd: int, rs1: int, rs2: int) -> None:
        rng = self.rng
        mode = rng.choice((0, 1, 4, 5, 6, 7))
        width = 8 if mode & 1 else 16
        op = rng.choice((*LANE_OPS, *DOTS))
        a, b, d = self.state[rs1], self.state[rs2], self.state[rd]
        sign_a, sign_b = (LANE_OPS[op][0],) * 2 if op in LANE_OPS else DOTS[op][:2]
        imm = rng.randrange(64)
        right = lanes(b, width, sign_b)
        if mode in (4, 5):
            right = right[:1] * len(right)
        elif mode >= 6:
            right = [imm - 64 if sign_b and imm >= 32 else imm] * len(right)
        pairs = list(zip(lanes(a, width, sign_a), right, strict=True))
        if op in LANE_OPS:
            value = join([LANE_OPS[op][1](x, y, width) for x, y in pairs], width)
        else:
            value = sum(x * y for x, y in pairs) + (d if DOTS[op][2] else 0)
        low = imm & 1 if mode >= 6 else 0
        self.add(0x57, mode, op << 1 | low, rd, rs1, imm >> 1 if mode >= 6 else rs2, value)

    def scalar(self, rd: int, rs1: int, rs2: int) -> None:
        f3, f7 = self.rng.choice(tuple(SCALAR_OPS))
        value = SCALAR_OPS[f3, f7](self.state[rs1], self.state[rs2], self.state[rd])
        self.add(0x33, f3, f7, rd, rs1, rs2, value)

    def unary(self, rd: int, rs1: int, rs2: int) -> None:
        f3, f7 = self.rng.choice(tuple(UNARY_OPS))
        self.add(0x33, f3, f7, rd, rs1, 0, UNARY_OPS[f3, f7](self.state[rs1]))

    def fields(self, rd: int, rs1: int, rs2: int) -> None:
        """p.extract, p.extractu, p.insert, p.bclr, p.bset of a field that is inside of the word."""
        width = self.rng.randint(1, 32)
        at = self.rng.randint(0, 32 - width)
        a, mask, f3 = self.state[rs1], ((1 << width) - 1) << at, self.rng.randrange(5)
        value = (
            signed(a >> at, width),
            a >> at & ((1 << width) - 1),
            self.state[rd] & ~mask | a << at & mask,
            a & ~mask,
            a | mask,
        )[f3]
        self.add(0x33, f3, 0x60 | (width - 1), rd, rs1, at, value)

    def clips(self, rd: int, rs1: int, rs2: int) -> None:
        bits, f3 = self.rng.randint(1, 31), self.rng.choice((1, 2))
        high = (1 << (bits - 1)) - 1
        low = 0 if f3 == 2 else -high - 1
        self.add(0x33, f3, 0x0A, rd, rs1, bits, clip(signed(self.state[rs1]), low, high))

    def sums(self, rd: int, rs1: int, rs2: int) -> None:
        """p.addN, p.subN and kin: shift and rounding; f7 is the sign (bit 6) and the shift."""
        shift, unsigned = self.rng.randrange(32), self.rng.randrange(2)
        subtract, rounding = self.rng.randrange(2), self.rng.randrange(2)
        b = self.state[rs2]
        total = self.state[rs1] + (-b if subtract else b)
        total = (total + (1 << shift >> 1 if rounding else 0)) & WORD
        value = total >> shift if unsigned else signed(total) >> shift
        f3 = 2 + subtract + 4 * rounding
        self.add(0x5B, f3, unsigned << 6 | shift, rd, rs1, rs2, value)

    def any(self) -> None:
        make = self.rng.choice(
            (self.simd, self.simd, self.scalar, self.unary, self.fields, self.clips, self.sums)
        )
        make(*(self.rng.choice(REGISTERS) for _ in range(3)))


@pytest.mark.parametrize("seed", range(4))
def test_random_xpulp_code_is_right(tmp_path: Path, seed: int) -> None:
    code = Code(seed)
    for _ in range(2000):
        code.any()
        if code.rng.randrange(3) == 0:  # keep the registers random
            rd, value = code.rng.choice(REGISTERS), code.rng.getrandbits(32)
            code.lines.append(f"li x{rd}, {value:#x}")
            code.state[rd] = value
    (tmp_path / "fuzz.inc").write_text("\n".join(code.lines) + "\n")
    (tmp_path / "fuzz_state.inc").write_text(", ".join(f"{value}u" for value in code.initial))
    platform = load_platform("siracusa")
    program = build("fuzz", tmp_path, platform, [f"-I{tmp_path}", f"-Wa,-I{tmp_path}"])
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert Emulator(machine_of(platform)).run(program).exit_code == 0
    finally:
        os.chdir(here)
    found = struct.unpack("<11I", (tmp_path / "out.bin").read_bytes()[:44])
    assert found == tuple(code.state[number] for number in REGISTERS)
