// What no kernel op may be.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @f() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %1 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{cortexm.table: expected 1 inputs, one output and at most one scratch buffer, got 2, 1 and 0}}
  cortexm.table ins(%0, %1 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "k", table = @t}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{cortexm.add: expected 2 inputs, one output and at most one scratch buffer, got 1, 1 and 0}}
  cortexm.add ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_add_s8", multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %1 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{cortexm.add: expected two multipliers and a clamp of two}}
  cortexm.add ins(%0, %1 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_add_s8", multipliers = array<i32: 1024>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{expected six window numbers and four pads}}
  cortexm.max_pool2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "k", window = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{expected [1, H, W, C] buffers}}
  cortexm.max_pool2d ins(%0 : memref<4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_max_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>, pads = array<i64: 0, 0, 0, 0>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x3x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{the output is 2x3, the window gives 2x2}}
  cortexm.max_pool2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x3x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_max_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>, pads = array<i64: 0, 0, 0, 0>}
  func.return
}

// -----

graph.global @w : tensor<35xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
func.func @f() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %s = dma.buffer : memref<64xi8, "sram">
  // expected-error@+1 {{@w holds 35 weights, #cortexm.packing<1 x 1> of 2x18 takes 36}}
  cortexm.conv2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) scratch(%s : memref<64xi8, "sram">) {kernel = "rn_conv2d_s8", window = array<i64: 3, 3, 1, 1, 1, 1>, pads = array<i64: 1, 1, 1, 1>, packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, groups = 1 : i64, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 2 : i32}
  func.return
}

// -----

graph.global @w : tensor<36xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
func.func @f() {
  %0 = dma.buffer : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{@w holds 36 weights, #cortexm.packing<4 x 4> of 2x18 takes 80}}
  cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<4 x 4>, weight = @w, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

graph.global @w : tensor<36xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
func.func @f() {
  %0 = dma.buffer : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{18 columns do not fall into 4 equal segments}}
  cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<1 x 1, segments 4>, weight = @w, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

graph.global @w : tensor<54xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
func.func @f() {
  %0 = dma.buffer : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x3x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{@b holds 2 biases for 3 channels}}
  cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x3x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

graph.global @w : tensor<36xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
func.func @f() {
  %0 = dma.buffer : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{1 multipliers for 2 output channels}}
  cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

graph.global @v : tensor<36xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
func.func @f() {
  %0 = dma.buffer : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{no constant named @w}}
  cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x2x3x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x3x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{permutation [0, 2, 1] of [1, 2, 3] does not give [1, 2, 3]}}
  cortexm.transpose ins(%0 : memref<1x2x3x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x3x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_transpose", permutation = array<i64: 0, 2, 1>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x2x3x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{permutation [0, 1, 1] of [1, 2, 3] does not give [1, 2, 2]}}
  cortexm.transpose ins(%0 : memref<1x2x3x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_transpose", permutation = array<i64: 0, 1, 1>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{2 elements of axis 3 leave [1, 2, 2, 4] or [1, 2, 2, 4]}}
  cortexm.copy ins(%0 : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_copy_box", sizes = array<i64: 1, 2, 2, 2>, offsets = array<i64: 0, 0, 0, 1>, strides = array<i64: 1, 1, 1, -2>, target = array<i64: 0, 0, 0, 0>}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{4 elements after 1 leave axis 3 of [1, 2, 2, 4]}}
  cortexm.pad ins(%0 : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_pad_box", before = array<i64: 0, 0, 0, 1>, value = 0 : i32}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %f = dma.buffer : memref<4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{runs [2, 4, 1] of 16 by 4 elements}}
  cortexm.mul ins(%0, %f : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_mul_s8", runs = array<i64: 2, 4, 1>, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

func.func @f() {
  %0 = dma.buffer : memref<2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %f = dma.buffer : memref<2x5x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<2x3x5x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{[2, 3, 4] times [2, 5, 4] gives no [2, 3, 5]}}
  cortexm.matmul ins(%0, %f : memref<2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<2x5x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x3x5x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_matmul_s8", requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

// -----

graph.global @scales : tensor<3xi32> = dense<1048576>
graph.global @biases : tensor<4xi32> = dense<16384>
func.func @f() {
  %0 = dma.buffer : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{@scales holds 3 numbers for rows of 4}}
  cortexm.layer_norm ins(%0 : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_layer_norm_s8", weight = @scales, bias = @biases, epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

graph.global @scales : tensor<4xi32> = dense<1048576>
graph.global @biases : tensor<4xi32> = dense<16384>
func.func @f() {
  %0 = dma.buffer : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // expected-error@+1 {{the shift is 13, expected 14 to 44}}
  cortexm.layer_norm ins(%0 : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_layer_norm_s8", weight = @scales, bias = @biases, epsilon = 16 : i64, shift = 13 : i32, clamp = array<i32: -128, 127>}
  func.return
}
