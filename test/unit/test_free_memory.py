"""What poison fills behind each layer: by the plan, nothing that is still needed."""

from __future__ import annotations

from xdsl.context import Context

from runnel.tools.free_memory import free_ranges
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.read_ir import read_mlir

PROGRAM = """
!t = memref<1x1x1x64x!quant.uniform<i8:f32, 0.5:0>, "l1">
!far = memref<1x1x1x64x!quant.uniform<i8:f32, 0.5:0>, "l2">
func.func @net() {
  %x = dma.buffer at 0 "input" 0 : !far
  %y = dma.buffer at 64 "output" 0 : !far
  %a = dma.buffer at 0 : !t
  %b = dma.buffer at 64 : !t
  %c = dma.buffer at 128 : !t
  %in = dma.token
  dma.start %x to %a on %in : !far to !t
  dma.wait %in
  cluster.add ins(%a, %a : !t, !t) outs(%b : !t) {kernel = "rn_cluster_add_s8",
    multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  cluster.add ins(%b, %b : !t, !t) outs(%c : !t) {kernel = "rn_cluster_add_s8",
    multipliers = array<i32: 2, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  %out = dma.token
  dma.start %c to %y on %out : !t to !far
  dma.wait %out
  func.return
}
"""


def test_what_a_later_op_reads_or_writes_is_not_free(context: Context) -> None:
    module = read_mlir(context, PROGRAM, "net.mlir").module
    resolve_pipeline("set-platform{platform=siracusa},fork-cores").run(context, module)
    ranges: dict[int, list[tuple[str, int]]] = {}
    for layer, place, size in free_ranges(module):
        ranges.setdefault(layer, []).append((place, size))
    # Before the second add %a is done with and %c not yet written; before the copy out so is %b.
    assert ranges == {
        0: [("net_arena_l1+0", 64), ("net_arena_l1+128", 64)],
        1: [("net_arena_l1+0", 128)],
    }
