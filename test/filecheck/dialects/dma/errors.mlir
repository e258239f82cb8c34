// What no buffer, view or arena may be.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @f() {
  // expected-error@+1 {{dma.buffer: memref<4xi8> names no memory, e.g. memref<..., "sram">}}
  %0 = dma.buffer : memref<4xi8>
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{dma.buffer: memref<?xi8, "sram"> has no static shape}}
  %0 = dma.buffer : memref<?xi8, "sram">
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{dma.buffer: the role is "input" or "output", not "weights"}}
  %0 = dma.buffer "weights" 0 : memref<4xi8, "sram">
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{dma.buffer: role and index come together}}
  %0 = "dma.buffer"() <{role = "input"}> : () -> memref<4xi8, "sram">
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{dma.buffer: offset 24 is not a multiple of 16}}
  %0 = dma.buffer at 24 : memref<4xi8, "sram">
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{dma.buffer: offset -16 is negative}}
  %0 = dma.buffer at -16 : memref<4xi8, "sram">
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<4xi8, "sram">
  // expected-error@+1 {{dma.view: a view stays in its memory, "sram" is not "dram"}}
  %1 = dma.view %0 : memref<4xi8, "sram"> to memref<4xi8, "dram">
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<4xi8, "sram">
  // expected-error@+1 {{dma.view: a view keeps the element size, 1 bytes are not 2}}
  %1 = dma.view %0 : memref<4xi8, "sram"> to memref<2xi16, "sram">
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<4xi8, "sram">
  // expected-error@+1 {{dma.view: memref<4xi8, "sram"> has 4 bytes, memref<5xi8, "sram"> has 5}}
  %1 = dma.view %0 : memref<4xi8, "sram"> to memref<5xi8, "sram">
  func.return
}

// -----

// expected-error@+1 {{dma.arena of memory sram: size 8 is below the liveness bound 9}}
func.func @f() attributes {dma.arenas = [#dma.arena<"sram", size = 8, bound = 9>]} {
  func.return
}
