// What no C of a cluster can be made from.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},convert-cortexm-to-c' --split-input-file --verify-diagnostics

// expected-error@+1 {{func.func @net: expected one cluster.fork, got 2; run fork-cores}}
func.func @net() {
  %x = dma.buffer at 0 "input" 0 : memref<1x64xi8, "l1">
  cluster.fork 8 {
    cluster.copy ins(%x : memref<1x64xi8, "l1">) outs(%x : memref<1x64xi8, "l1">) {kernel = "k"}
  }
  cluster.fork 8 {
    cluster.copy ins(%x : memref<1x64xi8, "l1">) outs(%x : memref<1x64xi8, "l1">) {kernel = "k"}
  }
  func.return
}

// -----

func.func @net() {
  %x = dma.buffer at 0 "input" 0 : memref<1x6x6x8xi8, "l2">
  %a = dma.buffer at 0 : memref<1x4x4x4xi8, "l1">
  cluster.fork 8 {
    %t = dma.token
    %w = memref.subview %x[0, 0, 0, 0][1, 4, 4, 4][1, 1, 1, 1] : memref<1x6x6x8xi8, "l2"> to memref<1x4x4x4xi8, strided<[288, 48, 8, 1]>, "l2">
    %v = memref.subview %a[0, 0, 0, 0][1, 4, 3, 4][1, 1, 1, 1] : memref<1x4x4x4xi8, "l1"> to memref<1x4x3x4xi8, strided<[64, 16, 4, 1]>, "l1">
    %u = memref.subview %w[0, 0, 0, 0][1, 4, 3, 4][1, 1, 1, 1] : memref<1x4x4x4xi8, strided<[288, 48, 8, 1]>, "l2"> to memref<1x4x3x4xi8, strided<[288, 48, 8, 1]>, "l2">
    // expected-error@+1 {{dma.start: has three dimensions; run split-transfers}}
    dma.start %u to %v on %t : memref<1x4x3x4xi8, strided<[288, 48, 8, 1]>, "l2"> to memref<1x4x3x4xi8, strided<[64, 16, 4, 1]>, "l1">
    dma.wait %t
    cluster.barrier
    cluster.copy ins(%a : memref<1x4x4x4xi8, "l1">) outs(%a : memref<1x4x4x4xi8, "l1">) {kernel = "k"}
  }
  func.return
}

// -----

func.func @net() {
  %a = dma.buffer at 0 "input" 0 : memref<1x4x4x4xi8, "l1">
  cluster.fork 8 {
    %v = memref.subview %a[0, 0, 0, 0][1, 4, 4, 2][1, 1, 1, 2] : memref<1x4x4x4xi8, "l1"> to memref<1x4x4x2xi8, strided<[64, 16, 4, 2]>, "l1">
    // expected-error@+1 {{memref<1x4x4x2xi8, strided<[64, 16, 4, 2]>, "l1"> is no window with neighbouring channels}}
    cluster.copy ins(%v : memref<1x4x4x2xi8, strided<[64, 16, 4, 2]>, "l1">) outs(%v : memref<1x4x4x2xi8, strided<[64, 16, 4, 2]>, "l1">) {kernel = "k"}
  }
  func.return
}

// -----

// expected-error@+4 {{cluster.copy: memref<1x64xi8, "l1"> has no place in C here}}
func.func @net(%a : memref<1x64xi8, "l1">) {
  %x = dma.buffer at 0 "input" 0 : memref<1x64xi8, "l1">
  cluster.fork 8 {
    cluster.copy ins(%a : memref<1x64xi8, "l1">) outs(%x : memref<1x64xi8, "l1">) {kernel = "k"}
  }
  func.return
}
