"""The kernel table: what is chosen, a user's own kernels, and tables with mistakes."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from quant_programs import Array, compiled
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from runnel.dialects import cortexm
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.quant_types import RequantAttr
from runnel.lowering.kernel_table import all_kernels
from runnel.lowering.kernels import Kernel, Problem, choose_kernel
from runnel.lowering.kernels_portable import PORTABLE
from runnel.lowering.user_kernels import own_kernels, read_kernels
from runnel.passes.place.set_platform import SetPlatform
from runnel.tools.artifact import Artifact

HEADER = """#ifndef MY_FC_H
#define MY_FC_H
#include "rn_requant.h"

/* Weights in blocks of 2 rows x 4 columns; inputs are copied to scratch first. */
static inline void my_fc(const rn_fully_connected_shape *s, const rn_requant *q,
                         const rn_channels *c, const int8_t *x, const int8_t *w, int8_t *y,
                         void *scratch) {
    const int32_t blocks = (s->in_c + 3) / 4;
    int8_t *row = scratch;
    for (int32_t n = 0; n < s->rows; n++) {
        for (int32_t k = 0; k < 4 * blocks; k++) row[k] = k < s->in_c ? x[n * s->in_c + k] : 99;
        for (int32_t o = 0; o < s->out_c; o++) {
            int32_t acc = c->bias[o];
            for (int32_t k = 0; k < 4 * blocks; k++)
                acc += row[k] * w[((o / 2) * blocks + k / 4) * 8 + (o % 2) * 4 + k % 4];
            acc = rn_requantize(acc, c->multiplier[o], c->shift[o], q) OFFSET;
            y[n * s->out_c + o] = (int8_t)acc;
        }
    }
}
#endif
"""

TABLE = """[[kernels]]
op = "fully_connected"
symbol = "my_fc"
header = "my_fc.h"
packing = {rows = 2, cols = 4}
scratch = 16
"""


def with_kernel(folder: Path, offset: str = "") -> Artifact:
    """The network of the tests with a fully connected kernel of our own."""
    (folder / "my_fc.h").write_text(HEADER.replace(" OFFSET", offset))
    (folder / "kernels.toml").write_text(TABLE)
    return compiled(folder, 1, kernels=folder / "kernels.toml")


def outputs_of(artifact: Artifact, to: Path) -> Array:
    info = artifact.signature.inputs[0]
    shape = (3, *info.shape[1:])
    stored = np.random.default_rng(4).integers(-128, 128, shape).astype(np.int8)
    flags = ["-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    return artifact.run(artifact.build(to, flags=flags), {info.name: stored})[1][0]


def kernel_ops(module: ModuleOp) -> dict[str, cortexm.KernelOp]:
    return {op.kernel.data: op for op in module.walk() if isinstance(op, cortexm.KernelOp)}


def test_a_kernel_of_the_user_gives_the_same_bytes(tmp_path: Path) -> None:
    ours = outputs_of(compiled(tmp_path, 1), tmp_path / "ours")
    theirs = outputs_of(with_kernel(tmp_path), tmp_path / "theirs")
    assert ours.tobytes() == theirs.tobytes()


def test_a_kernel_of_the_user_is_what_runs(tmp_path: Path) -> None:
    ours = outputs_of(compiled(tmp_path, 1), tmp_path / "ours")
    theirs = outputs_of(with_kernel(tmp_path, " / 2"), tmp_path / "theirs")
    assert ours.tobytes() != theirs.tobytes()


def test_packing_and_scratch_are_those_of_the_table(tmp_path: Path) -> None:
    op = kernel_ops(with_kernel(tmp_path).road["cortexm"].module)["my_fc"]
    assert isinstance(op, cortexm.FullyConnectedOp)
    assert (op.packing, op.include) == (cortexm.PackingAttr.get(2, 4), "my_fc.h")
    assert [cortexm.memref_shape(value) for value in op.scratches] == [(16,)]


def test_all_mistakes_of_a_table_in_one_error(tmp_path: Path) -> None:
    table = tmp_path / "broken.toml"
    table.write_text(
        '[[kernels]]\nop = "conv3d"\nsymbol = "a b"\nheader = "no.h"\nisa = "dsp"\ncolour = 1\n'
        '[[kernels]]\nop = "add"\nheader = "broken.toml"\npacking = {rows = 0}\nscratch = -1\n'
        'unit = "npu"\n'
    )
    with pytest.raises(RunnelError) as caught:
        read_kernels(table)
    problems = [re.sub(r"^.*broken.toml: ", "", message) for message in caught.value.messages]
    known = ", ".join(sorted(kernel.op for kernel in PORTABLE))
    assert problems == [
        f"kernels[0].op: unknown op conv3d, one of {known}",
        "kernels[0].symbol: 'a b' is no C identifier",
        f"kernels[0].header: no file {tmp_path / 'no.h'}",
        "kernels[0].isa: expected list, got 'dsp'",
        "kernels[0]: unknown key colour",
        "kernels[1]: missing symbol",
        "kernels[1].packing: rows, cols and segments of a packing are at least 1",
        "kernels[1].scratch: a size is at least 0, not -1",
        "kernels[1].unit: unknown unit npu, one of cpu, cluster",
    ]


@pytest.mark.parametrize(
    ("platform", "unit", "op", "taken"),
    [
        ("host", "cpu", "add", True),
        ("host", "cluster", "add", False),
        ("siracusa", "cpu", "add", False),
        ("siracusa", "cluster", "add", True),
        ("siracusa", "cpu", "softmax", True),  # core 0 runs it alone
    ],
)
def test_a_table_without_a_kernel_for_the_platform_is_refused(
    platform: str, unit: str, op: str, taken: bool, tmp_path: Path
) -> None:
    table = tmp_path / "mine.toml"
    table.write_text(
        f'[[kernels]]\nop = "{op}"\nsymbol = "f"\nheader = "mine.toml"\nunit = "{unit}"\n'
    )
    module = ModuleOp([])
    with nullcontext() if taken else pytest.raises(RunnelError, match=f"no kernel for {platform}"):
        SetPlatform(platform, str(table)).apply(Context(), module)
    assert len(own_kernels(module, unit)) == taken


@pytest.mark.parametrize(
    "text", ["kernels = 3", "kernels = [1]", "other = 1", "[[", "\xff"], ids=range(5)
)
def test_no_kernel_table(text: str, tmp_path: Path) -> None:
    table = tmp_path / "no.toml"
    table.write_bytes(text.encode("latin-1"))
    with pytest.raises(RunnelError, match="not a kernel table"):
        read_kernels(table)


WINDOW = cortexm.Window(8, 8, 4, 8, 8, 6, 3, 3, 1, 1, 1, 1, 1, 1, 0)


def conv(shift: int = 40, rounding: str = "single", groups: int = 1, **window: int) -> Problem:
    requant = RequantAttr.get([2**30] * 6, [shift] * 6, rounding, (-128, 127))
    return Problem("conv2d", WINDOW._replace(**window), groups, requant=requant)


@pytest.mark.parametrize(
    ("isa", "symbol"),
    [
        ((), "rn_conv2d_s8"),
        (("dsp",), "rn_conv2d_s8_dsp"),
        (("dsp", "mve"), "rn_conv2d_s8_mve"),
    ],
)
def test_the_most_specific_kernel_comes_first(isa: tuple[str, ...], symbol: str) -> None:
    kernel, missed = choose_kernel(conv(), frozenset(isa), all_kernels())
    assert (kernel.symbol, missed) == (symbol, [])


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (conv(rounding="half_even"), "rounds single only, not half_even"),
        (conv(shift=32), "takes shifts from 33 to 54, not 32 to 32"),
        (conv(groups=2), "takes one group, not 2"),
        (conv(dil_h=2), "takes no dilation"),
    ],
)
def test_why_a_faster_kernel_was_passed_over(problem: Problem, reason: str) -> None:
    kernel, missed = choose_kernel(problem, frozenset({"dsp"}), all_kernels())
    assert (kernel.symbol, missed) == ("rn_conv2d_s8", [f"rn_conv2d_s8_dsp: {reason}"])


def test_no_kernel_at_all() -> None:
    picky = Kernel("conv2d", "picky", refuses=lambda _: "likes nothing")
    with pytest.raises(RunnelError, match="no kernel runs conv2d of s8 here: picky: likes nothing"):
        choose_kernel(conv(), frozenset(), [picky])
