// Buffers that are alive together get bytes of their own; the arena is recorded on the function.
// RUN: opt-tool %s -p plan-memory --verify-diagnostics
// RUN: opt-tool %s -p plan-memory | filecheck %s
// RUN: opt-tool %s -p 'plan-memory{algorithm=linear}' | filecheck %s --check-prefix=LINEAR
// RUN: opt-tool %s -p 'plan-memory{algorithm=hill_climb}' | filecheck %s --check-prefix=SEARCH
// RUN: opt-tool %s -p 'plan-memory{alignment=64}' | filecheck %s --check-prefix=ALIGNED
// RUN: opt-tool %s -p 'plan-memory{memory=dram}' | filecheck %s --check-prefix=OTHER
// RUN: opt-tool %s -p 'plan-memory{keep-inputs}' | filecheck %s --check-prefix=KEEP
// RUN: opt-tool %s -p plan-memory | opt-tool - -p verify-memory,plan-memory | filecheck %s
// RUN: not opt-tool %s -p 'plan-memory{algorithm=magic}' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not opt-tool %s -p 'plan-memory{alignment=24}' 2>&1 | filecheck %s --check-prefix=ODD

// CHECK: func.func @net() attributes {dma.arenas = [#dma.arena<"sram", size = 196, bound = 194>]}
// LINEAR: dma.arenas = [#dma.arena<"sram", size = 282, bound = 194>]
// SEARCH: dma.arenas = [#dma.arena<"sram", size = 196, bound = 194>]
// ALIGNED: dma.arenas = [#dma.arena<"sram", size = 222, bound = 194>]
// OTHER-NOT: dma.arenas
// OTHER: dma.buffer : memref<1x64xi8, "sram">
// KEEP: dma.arenas = [#dma.arena<"sram", size = 228, bound = 228>]
// NAME: no placement algorithm named 'magic': choose one of linear, first_fit,
// ODD: plan-memory: alignment 24 is not a multiple of 16

// expected-remark@+1 {{analysis: plan-memory: sram: arena 196 B, liveness bound 194 B (1.01x), alignment adds 2 B, algorithm hill_climb}}
func.func @net() {
  // CHECK: dma.buffer at 96 "input" 0 : memref<1x100xi8, "sram">
  // LINEAR: dma.buffer at 0 "input" 0
  %x = dma.buffer "input" 0 : memref<1x100xi8, "sram">
  // CHECK: dma.buffer at 32 : memref<1x64xi8, "sram">
  // LINEAR: dma.buffer at 112 : memref<1x64xi8
  %a = dma.buffer : memref<1x64xi8, "sram">
  // CHECK: dma.buffer at 0 : memref<30xi8, "sram">
  // LINEAR: dma.buffer at 176 : memref<30xi8
  %s = dma.buffer : memref<30xi8, "sram">
  // CHECK: dma.buffer at 96 : memref<1x64xi8, "sram">
  // LINEAR: dma.buffer at 208 : memref<1x64xi8
  %b = dma.buffer : memref<1x64xi8, "sram">
  // CHECK: dma.buffer at 0 "output" 0 : memref<10xi8, "sram">
  // LINEAR: dma.buffer at 272 "output" 0
  %y = dma.buffer "output" 0 : memref<10xi8, "sram">
  "test.op"(%x, %s, %a) : (memref<1x100xi8, "sram">, memref<30xi8, "sram">, memref<1x64xi8, "sram">) -> ()
  %v = dma.view %a : memref<1x64xi8, "sram"> to memref<64xi8, "sram">
  "test.op"(%v, %b) : (memref<64xi8, "sram">, memref<1x64xi8, "sram">) -> ()
  "test.op"(%b, %y) : (memref<1x64xi8, "sram">, memref<10xi8, "sram">) -> ()
  func.return
}
