// Every kernel op reads back as it was printed, in the custom and in the generic form.
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir && opt-tool %t.mlir | diff %t.mlir -
// RUN: opt-tool %s --print-generic --print-large-constants | opt-tool - | filecheck %s

graph.global @w : tensor<36xi8> = dense<1>
graph.global @b : tensor<2xi32> = dense<[5, -5]>
graph.global @t : tensor<256xi8> = dense<0>
graph.global @e : tensor<256xi32> = dense<1>
graph.global @d : tensor<18xi8> = dense<1>

func.func @conv2d() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %s = dma.buffer : memref<64xi8, "sram">
  // CHECK: cortexm.conv2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) scratch(%s : memref<64xi8, "sram">) {kernel = "rn_conv2d_s8", window = array<i64: 3, 3, 1, 1, 1, 1>, pads = array<i64: 1, 1, 1, 1>, packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, groups = 1 : i64, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 2 : i32}
  cortexm.conv2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) scratch(%s : memref<64xi8, "sram">) {kernel = "rn_conv2d_s8", window = array<i64: 3, 3, 1, 1, 1, 1>, pads = array<i64: 1, 1, 1, 1>, packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, groups = 1 : i64, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 2 : i32}
  func.return
}

func.func @depthwise_conv2d() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.depthwise_conv2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "mine", header = "mine.h", window = array<i64: 3, 3, 1, 1, 1, 1>, pads = array<i64: 1, 1, 1, 1>, packing = #cortexm.packing<9 x 1>, weight = @d, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  cortexm.depthwise_conv2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "mine", header = "mine.h", window = array<i64: 3, 3, 1, 1, 1, 1>, pads = array<i64: 1, 1, 1, 1>, packing = #cortexm.packing<9 x 1>, weight = @d, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

func.func @fully_connected() {
  %0 = dma.buffer : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  cortexm.fully_connected ins(%0 : memref<1x18x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_fully_connected_s8", packing = #cortexm.packing<1 x 1>, weight = @w, bias = @b, requant = #quant.requant<[1073741824, 1073741825], [36, 37], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

func.func @add() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %1 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.add ins(%0, %1 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_add_s8", multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>}
  cortexm.add ins(%0, %1 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_add_s8", multipliers = array<i32: 1024, 512>, bias = 512 : i32, shift = 10 : i32, clamp = array<i32: -128, 127>}
  func.return
}

func.func @avg_pool2d() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.avg_pool2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_avg_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>, pads = array<i64: 0, 0, 0, 0>, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  cortexm.avg_pool2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_avg_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>, pads = array<i64: 0, 0, 0, 0>, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

func.func @max_pool2d() {
  %0 = dma.buffer : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.max_pool2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_max_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>, pads = array<i64: 0, 0, 0, 0>}
  cortexm.max_pool2d ins(%0 : memref<1x4x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_max_pool2d_s8", window = array<i64: 2, 2, 2, 2, 1, 1>, pads = array<i64: 0, 0, 0, 0>}
  func.return
}

func.func @table() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.table ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_table_s8", table = @t}
  cortexm.table ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_table_s8", table = @t}
  func.return
}

func.func @softmax() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.00390625:-128>, "sram">
  // CHECK: cortexm.softmax ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.00390625:-128>, "sram">) {kernel = "rn_softmax_s8", table = @e}
  cortexm.softmax ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.00390625:-128>, "sram">) {kernel = "rn_softmax_s8", table = @e}
  func.return
}

func.func @quantize() {
  %0 = dma.buffer : memref<1x4xf32, "sram">
  %o = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.quantize ins(%0 : memref<1x4xf32, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_quantize_f32_s8"}
  cortexm.quantize ins(%0 : memref<1x4xf32, "sram">) outs(%o : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_quantize_f32_s8"}
  func.return
}

func.func @dequantize() {
  %0 = dma.buffer : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x4xf32, "sram">
  // CHECK: cortexm.dequantize ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4xf32, "sram">) {kernel = "rn_dequantize_s8_f32"}
  cortexm.dequantize ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x4xf32, "sram">) {kernel = "rn_dequantize_s8_f32"}
  func.return
}

func.func @transpose() {
  %0 = dma.buffer : memref<1x2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x3x4x2x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.transpose ins(%0 : memref<1x2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x3x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_transpose", permutation = array<i64: 0, 2, 3, 1>}
  cortexm.transpose ins(%0 : memref<1x2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x3x4x2x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_transpose", permutation = array<i64: 0, 2, 3, 1>}
  func.return
}

func.func @move_and_scale() {
  %0 = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %f = dma.buffer : memref<4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %w = dma.buffer : memref<1x2x2x6x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.mul ins(%0, %f : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_mul_s8", runs = array<i64: 4, 4, 1>, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  cortexm.mul ins(%0, %f : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_mul_s8", runs = array<i64: 4, 4, 1>, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  // CHECK: cortexm.copy ins(%0 : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%w : memref<1x2x2x6x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_copy_box", sizes = array<i64: 1, 2, 2, 2>, offsets = array<i64: 0, 0, 0, 3>, strides = array<i64: 1, 1, 1, -2>, target = array<i64: 0, 0, 0, 4>}
  cortexm.copy ins(%0 : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%w : memref<1x2x2x6x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_copy_box", sizes = array<i64: 1, 2, 2, 2>, offsets = array<i64: 0, 0, 0, 3>, strides = array<i64: 1, 1, 1, -2>, target = array<i64: 0, 0, 0, 4>}
  // CHECK: cortexm.pad ins(%0 : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%w : memref<1x2x2x6x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_pad_box", header = "rn_copy_box.h", before = array<i64: 0, 0, 0, 1>, value = 0 : i32}
  cortexm.pad ins(%0 : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%w : memref<1x2x2x6x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_pad_box", header = "rn_copy_box.h", before = array<i64: 0, 0, 0, 1>, value = 0 : i32}
  func.return
}

func.func @matmul() {
  %0 = dma.buffer : memref<2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %f = dma.buffer : memref<2x4x5x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<2x3x5x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.matmul ins(%0, %f : memref<2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<2x4x5x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x3x5x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_matmul_s8", requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  cortexm.matmul ins(%0, %f : memref<2x3x4x!quant.uniform<i8:f32, 0.5>, "sram">, memref<2x4x5x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x3x5x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_matmul_s8", requant = #quant.requant<[1073741824], [36], single, [-128, 127]>, acc_shift = 0 : i32}
  func.return
}

graph.global @scales : tensor<4xi32> = dense<1048576>
graph.global @biases : tensor<4xi32> = dense<16384>
func.func @layer_norm() {
  %0 = dma.buffer : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %o = dma.buffer : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">
  // CHECK: cortexm.layer_norm ins(%0 : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_layer_norm_s8", weight = @scales, bias = @biases, epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
  cortexm.layer_norm ins(%0 : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%o : memref<2x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_layer_norm_s8", weight = @scales, bias = @biases, epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
  func.return
}
