// What no kernel call, fork or chunk may be.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @operands(%y : !y) {
  // expected-error@+1 {{cluster.add: expected 2 inputs, 0 constants, one output and 0 pads, got 1, 0, 1, 0}}
  cluster.add ins(%y : !y) outs(%y : !y) {kernel = "k", multipliers = array<i32: 1, 2>, bias = 0 : i32, shift = 20 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @scratches(%y : !y, %s : memref<4xi8, "l1">) {
  // expected-error@+1 {{cluster.copy: expected 1 inputs, 0 constants, one output and 0 pads, got 1, 0, 1, 0}}
  cluster.copy ins(%y : !y) outs(%y : !y) scratch(%s, %s : memref<4xi8, "l1">, memref<4xi8, "l1">) {kernel = "k"}
  func.return
}

// -----

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
!z = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l2">
func.func @far(%y : !y, %z : !z) {
  // expected-error@+1 {{cluster.copy: cores compute in one memory, the operands are in "l1", "l2"}}
  cluster.copy ins(%z : !z) outs(%y : !y) {kernel = "k"}
  func.return
}

// -----

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @constants(%y : !y, %t : memref<1x256xi8, "l2">) {
  // expected-error@+1 {{cluster.table: cores compute in one memory, the operands are in "l1", "l2"}}
  cluster.table ins(%y : !y) constants(%t : memref<1x256xi8, "l2">) outs(%y : !y) {kernel = "k"}
  func.return
}

// -----

!v = memref<1x64x!quant.uniform<i8:f32, 0.5>, "l1">
func.func @rounding(%v : !v, %d : memref<1x584xi8, "l1">) {
  // expected-error@+1 {{cluster.fully_connected: unknown rounding 'up', one of}}
  cluster.fully_connected ins(%v : !v) constants(%d : memref<1x584xi8, "l1">) outs(%v : !v) {kernel = "k", chunk = #cluster.chunk<8 channels, depth 64, packing #cortexm.packing<4 x 4>>, acc_shift = 1 : i32, rounding = "up", clamp = array<i32: -9, 127>}
  func.return
}

// -----

!v = memref<1x64x!quant.uniform<i8:f32, 0.5>, "l1">
func.func @clamp(%v : !v, %d : memref<1x584xi8, "l1">) {
  // expected-error@+1 {{cluster.fully_connected: expected a clamp of two}}
  cluster.fully_connected ins(%v : !v) constants(%d : memref<1x584xi8, "l1">) outs(%v : !v) {kernel = "k", chunk = #cluster.chunk<8 channels, depth 64, packing #cortexm.packing<4 x 4>>, acc_shift = 1 : i32, rounding = "single", clamp = array<i32: -9>}
  func.return
}

// -----

// 8 x 64 bytes of weights, 8 biases and multipliers of 4 bytes, 8 shifts
!v = memref<1x64x!quant.uniform<i8:f32, 0.5>, "l1">
func.func @chunk(%v : !v, %d : memref<2x580xi8, "l1">) {
  // expected-error@+1 {{the chunk has 580 bytes, #cluster.chunk<8 channels, depth 64, packing #cortexm.packing<4 x 4>> takes 584}}
  cluster.fully_connected ins(%v : !v) constants(%d : memref<2x580xi8, "l1">) outs(%v : !v) {kernel = "k", chunk = #cluster.chunk<8 channels, depth 64, packing #cortexm.packing<4 x 4>>, acc_shift = 1 : i32, rounding = "single", clamp = array<i32: -9, 127>}
  func.return
}

// -----

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @window(%y : !y, %p : index) {
  // expected-error@+1 {{cluster.max_pool2d: expected six window numbers}}
  cluster.max_pool2d ins(%y : !y) outs(%y : !y) pads(%p, %p) {kernel = "k", window = array<i64: 2, 2, 2, 2>}
  func.return
}

// -----

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @average(%y : !y, %p : index) {
  // expected-error@+1 {{cluster.avg_pool2d: unknown rounding 'down', one of}}
  cluster.avg_pool2d ins(%y : !y) outs(%y : !y) pads(%p, %p) {kernel = "k", window = array<i64: 8, 8, 8, 8, 1, 1>, multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "down", clamp = array<i32: -128, 127>}
  func.return
}

// -----

!y = memref<1x4x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @sum(%y : !y) {
  // expected-error@+1 {{cluster.add: expected two multipliers and a clamp of two}}
  cluster.add ins(%y, %y : !y, !y) outs(%y : !y) {kernel = "k", multipliers = array<i32: 1>, bias = 0 : i32, shift = 20 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

func.func @nobody() {
  // expected-error@+1 {{cluster.fork: at least one core is needed}}
  cluster.fork 0 {
    cluster.barrier
  }
  func.return
}

// -----

// expected-error@+1 {{expected #cortexm.packing<...>}}
func.func @packing() attributes {a = #cluster.chunk<8 channels, depth 64, packing 4 : i64>} {
  func.return
}

// -----

!a = memref<1x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
!v = memref<1x64x!quant.uniform<i8:f32, 0.5>, "l1">
func.func @ranks(%a : !a, %v : !v) {
  // expected-error@+1 {{cluster.matmul: operands must have one rank, of 3 or 4, not 3, 2 and 3}}
  cluster.matmul ins(%a, %v : !a, !v) outs(%a : !a) {kernel = "k", multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
  func.return
}

// -----

!a = memref<1x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @depth(%a : !a) {
  // expected-error@+1 {{cluster.matmul: rows of 8 elements, but columns of 6}}
  cluster.matmul ins(%a, %a : !a, !a) outs(%a : !a) {kernel = "k", multiplier = 1395864371 : i32, shift = 41 : i32, acc_shift = 0 : i32, rounding = "single", clamp = array<i32: -128, 127>}
  func.return
}

// -----

!a = memref<1x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @exponentials(%a : !a, %t : memref<1x256xi8, "l1">) {
  // expected-error@+1 {{cluster.softmax: the chunk has 256 bytes, a table of exponentials takes 1024}}
  cluster.softmax ins(%a : !a) constants(%t : memref<1x256xi8, "l1">) outs(%a : !a) {kernel = "k"}
  func.return
}

// -----

!a = memref<1x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @factors(%a : !a, %t : memref<1x32xi8, "l1">) {
  // expected-error@+1 {{cluster.layer_norm: the chunk has 32 bytes, a row of 8 elements takes 64}}
  cluster.layer_norm ins(%a : !a) constants(%t : memref<1x32xi8, "l1">) outs(%a : !a) {kernel = "k", epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

!a = memref<1x6x8x!quant.uniform<i8:f32, 0.25>, "l1">
func.func @axes(%a : !a) {
  // expected-error@+1 {{cluster.transpose: [1, 0, 2] is no order of 3 or 4 axes, the first at its place}}
  cluster.transpose ins(%a : !a) outs(%a : !a) {kernel = "k", perm = array<i64: 1, 0, 2>}
  func.return
}
