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
