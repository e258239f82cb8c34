// Tensors become buffers, ops the calls of the kernels that the unit has.
// RUN: opt-tool %s -p 'set-platform{platform=host},convert-quant-to-cortexm,remove-unused-globals' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=cortex-m4},convert-quant-to-cortexm' --remarks=missed 2>&1 | filecheck %s --check-prefix=DSP

graph.global @w : tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>> = dense<[[[[1, 2, 3, 4]]]]>
graph.global @b : tensor<1xi32> = dense<5>
graph.global @t : tensor<256xi8> = dense<0>

// Two is added to the shift before the product, so that it reaches 33.
// CHECK: graph.global @first_weight : tensor<4xi8> = dense<[1, 2, 3, 4]>
// CHECK: func.func @net() {
// CHECK-NEXT: %x = dma.buffer "input" 0 {graph.name = "image"} : memref<1x2x2x4x!quant.uniform<i8:f32, 0.5>, "sram">
// CHECK-NEXT: %0 = dma.buffer : memref<1x2x2x1x!quant.uniform<i8:f32, 0.5>, "sram">
// CHECK-NEXT: cortexm.conv2d ins(%x : {{.*}}) outs(%0 : {{.*}}) {kernel = "rn_conv2d_s8", window = array<i64: 1, 1, 1, 1, 1, 1>, pads = array<i64: 0, 0, 0, 0>, packing = #cortexm.packing<1 x 1>, weight = @first_weight, bias = @first_bias, groups = 1 : i64, requant = #quant.requant<[1073741824], [33], single, [-128, 127]>, acc_shift = 2 : i32}
// CHECK-NEXT: %1 = dma.view %0
// CHECK-NEXT: %2 = dma.buffer "output" 0 {graph.name = "y"} : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
// CHECK-NEXT: cortexm.table ins(%1 : {{.*}}) outs(%2 : {{.*}}) {kernel = "rn_table_s8", table = @t}
// CHECK-NEXT: func.return
// DSP: cortexm.conv2d {{.*}} scratch({{.*}}) {kernel = "rn_conv2d_s8_dsp"{{.*}}packing = #cortexm.packing<2 x 4, column_first>
func.func @net(%x: tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>> {graph.name = "image"}) -> (tensor<1x4x!quant.uniform<i8:f32, 0.5>> {graph.name = "y"}) {
  %w = graph.constant @w : tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>
  %b = graph.constant @b : tensor<1xi32>
  %t = graph.constant @t : tensor<256xi8>
  %0 = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1073741824], [31], single, [-128, 127]>} : (tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1xi32>) -> tensor<1x2x2x1x!quant.uniform<i8:f32, 0.5>> loc("first")
  %1 = graph.reshape %0 : (tensor<1x2x2x1x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  %2 = quant.table %1, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return %2 : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}

graph.global @c : tensor<1x2x2x1x!quant.uniform<i8:f32, 0.5:-3>> = dense<7>

// A factor per channel is read again for each pixel (2 * 2 pixels, 4 channels).
// CHECK: func.func @scaled() {
// CHECK: cortexm.mul ins(%x, %f : {{.*}}) outs({{.*}}) {kernel = "rn_mul_s8", runs = array<i64: 4, 4, 1>, requant = #quant.requant<[2000000000], [35], single, [-128, 127]>, acc_shift = 0 : i32}
// DSP: cortexm.mul {{.*}} {kernel = "rn_mul_s8_dsp"
func.func @scaled(%x: tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>, %f: tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>> {
  %0 = quant.mul %x, %f {requant = #quant.requant<[2000000000], [35], single, [-128, 127]>} : (tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x1x1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5>>
}

// A concatenation is a copy per operand; a constant is read where the code is. Around a pad stands the zero point.
// CHECK: func.func @moved() {
// CHECK: cortexm.copy ins(%x : {{.*}}) outs(%[[J:.*]] : {{.*}}) {kernel = "rn_copy_box", sizes = array<i64: 1, 2, 2, 4>, offsets = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1, 1, 1>, target = array<i64: 0, 0, 0, 0>}
// CHECK: %[[C:.*]] = dma.constant @c : memref<1x2x2x1x!quant.uniform<i8:f32, 0.5:-3>, "flash">
// CHECK: cortexm.copy ins(%[[C]] : {{.*}}) outs(%[[J]] : {{.*}}) {{.*}}sizes = array<i64: 1, 2, 2, 1>, {{.*}}target = array<i64: 0, 0, 0, 4>}
// CHECK: cortexm.copy ins(%[[J]] : {{.*}}) outs(%[[S:.*]] : {{.*}}) {{.*}}sizes = array<i64: 1, 1, 2, 2>, offsets = array<i64: 0, 1, 0, 4>, strides = array<i64: 1, 1, 1, -2>, target = array<i64: 0, 0, 0, 0>}
// CHECK: cortexm.pad ins(%[[S]] : {{.*}}) outs({{.*}}) {kernel = "rn_pad_box", before = array<i64: 0, 1, 0, 0>, value = -3 : i32, header = "rn_copy_box.h"}
func.func @moved(%x: tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>> {
  %c = graph.constant @c : tensor<1x2x2x1x!quant.uniform<i8:f32, 0.5:-3>>
  %0 = graph.concat %x, %c {axis = 3 : i64} : (tensor<1x2x2x4x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x2x2x1x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x2x2x5x!quant.uniform<i8:f32, 0.5:-3>>
  %1 = graph.slice %0 {offsets = array<i64: 0, 1, 0, 4>, sizes = array<i64: 1, 1, 2, 2>, strides = array<i64: 1, 1, 1, -2>} : (tensor<1x2x2x5x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x1x2x2x!quant.uniform<i8:f32, 0.5:-3>>
  %2 = graph.pad %1 {pads = array<i64: 0, 1, 0, 0, 0, 0, 0, 0>, mode = "constant", value = 0.0 : f32} : (tensor<1x1x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>>
}

// Two is added to the shift before the product, so that it reaches 33.
// CHECK: func.func @attend() {
// CHECK: cortexm.matmul ins(%a, %b : {{.*}}) outs({{.*}}) {kernel = "rn_matmul_s8", requant = #quant.requant<[1073741824], [33], single, [-128, 127]>, acc_shift = 2 : i32}
func.func @attend(%a: tensor<2x3x4x!quant.uniform<i8:f32, 0.5>>, %b: tensor<2x4x5x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x3x5x!quant.uniform<i8:f32, 0.5>> {
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [31], single, [-128, 127]>} : (tensor<2x3x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x4x5x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x3x5x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<2x3x5x!quant.uniform<i8:f32, 0.5>>
}

graph.global @weights : tensor<4xi32> = dense<1048576>
graph.global @biases : tensor<4xi32> = dense<16384>

// CHECK: func.func @normalize() {
// CHECK: cortexm.layer_norm ins(%x : {{.*}}) outs({{.*}}) {kernel = "rn_layer_norm_s8", weight = @weights, bias = @biases, epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>}
func.func @normalize(%x: tensor<2x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>> {
  %w = graph.constant @weights : tensor<4xi32>
  %b = graph.constant @biases : tensor<4xi32>
  %0 = quant.layer_norm %x, %w, %b {epsilon = 16 : i64, shift = 40 : i32, clamp = array<i32: -128, 127>} : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>, tensor<4xi32>, tensor<4xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<2x4x!quant.uniform<i8:f32, 0.5>>
}
