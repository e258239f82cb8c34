// Buffers, views and arenas read back as they were printed.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic | opt-tool - | filecheck %s

// CHECK: func.func @net() attributes {dma.arenas = [#dma.arena<"sram", size = 4096, bound = 4000>]}
func.func @net() attributes {dma.arenas = [#dma.arena<"sram", size = 4096, bound = 4000>]} {
  // CHECK-NEXT: %0 = dma.buffer at 4080 "input" 0 : memref<1x4xi8, "sram">
  %0 = dma.buffer at 4080 "input" 0 : memref<1x4xi8, "sram">
  // CHECK-NEXT: %1 = dma.buffer : memref<2x2x!quant.uniform<i8:f32, 0.5>, "dram">
  %1 = dma.buffer : memref<2x2x!quant.uniform<i8:f32, 0.5>, "dram">
  // CHECK-NEXT: %2 = dma.buffer "output" 1 {graph.name = "y"} : memref<1xf32, "sram">
  %2 = dma.buffer "output" 1 {graph.name = "y"} : memref<1xf32, "sram">
  // CHECK-NEXT: %3 = dma.view %0 : memref<1x4xi8, "sram"> to memref<2x2xi8, "sram">
  %3 = dma.view %0 : memref<1x4xi8, "sram"> to memref<2x2xi8, "sram">
  func.return
}
