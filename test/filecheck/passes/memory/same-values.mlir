// Working in place and sharing bytes change no value: the interpreter runs buffers at their offsets.
// RUN: python -c "import numpy as np; np.savez('%t.npz', x=np.array([1, -2, 30, 127], 'i1'))"
// RUN: opt-tool %s --run --input %t.npz | filecheck %s
// RUN: opt-tool %s -p plan-memory,verify-memory --run --input %t.npz | filecheck %s
// RUN: opt-tool %s -p reuse-in-place,plan-memory,verify-memory --run --input %t.npz | filecheck %s
// RUN: opt-tool %s -p reuse-in-place,plan-memory,verify-memory | filecheck %s --check-prefix=ARENA
// RUN: opt-tool %s -p plan-memory,verify-memory | filecheck %s --check-prefix=PLAIN

// x + x = [2, -4, 60, 127], then + x = [3, -6, 90, 127], then twice that
// CHECK:      y : 4 int8
// CHECK-NEXT: [  6, -12, 127, 127]
// ARENA: #dma.arena<"sram", size = 20, bound = 8>
// PLAIN: #dma.arena<"sram", size = 36, bound = 12>
func.func @net() {
  %x = dma.buffer "input" 0 {graph.name = "x"} : memref<4xi8, "sram">
  %a = dma.buffer : memref<4xi8, "sram">
  %b = dma.buffer : memref<4xi8, "sram">
  %y = dma.buffer "output" 0 {graph.name = "y"} : memref<4xi8, "sram">
  cortexm.add ins(%x, %x : memref<4xi8, "sram">, memref<4xi8, "sram">) outs(%a : memref<4xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  cortexm.add ins(%a, %x : memref<4xi8, "sram">, memref<4xi8, "sram">) outs(%b : memref<4xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  cortexm.add ins(%b, %b : memref<4xi8, "sram">, memref<4xi8, "sram">) outs(%y : memref<4xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32, clamp = array<i32: -128, 127>}
  func.return
}
