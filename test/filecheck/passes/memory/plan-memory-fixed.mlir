// A buffer that has an offset stays there, and the others go around it; each memory has its arena.
// RUN: opt-tool %s -p plan-memory,verify-memory --split-input-file --verify-diagnostics
// RUN: not opt-tool %s -p plan-memory,verify-memory --split-input-file | filecheck %s

// CHECK-LABEL: func.func @fixed()
// CHECK-SAME: [#dma.arena<"dram", size = 48, bound = 48>, #dma.arena<"sram", size = 96, bound = 64>]
func.func @fixed() {
  // CHECK-NEXT: dma.buffer at 0 "input" 0 : memref<32xi8, "sram">
  %x = dma.buffer "input" 0 : memref<32xi8, "sram">
  // CHECK-NEXT: dma.buffer at 64 : memref<32xi8, "sram">
  %a = dma.buffer at 64 : memref<32xi8, "sram">
  // CHECK-NEXT: dma.buffer at 0 "output" 0 : memref<48xi8, "dram">
  %y = dma.buffer "output" 0 : memref<48xi8, "dram">
  "test.op"(%x, %a) : (memref<32xi8, "sram">, memref<32xi8, "sram">) -> ()
  "test.op"(%a, %y) : (memref<32xi8, "sram">, memref<48xi8, "dram">) -> ()
  func.return
}

// -----

// expected-error@+1 {{pass 'plan-memory': func.func @impossible: network input 0 is fixed at 0 and %a of test.op}}
func.func @impossible() {
  %x = dma.buffer at 0 "input" 0 : memref<32xi8, "sram">
  %a = dma.buffer at 16 : memref<32xi8, "sram">
  "test.op"(%x, %a) : (memref<32xi8, "sram">, memref<32xi8, "sram">) -> ()
  func.return
}
