// A product of several rows with weights is a 1x1 convolution over an image of one line; what else works on a
// matrix gets an axis before its rows.
// RUN: opt-tool %s -p rows-as-pixels,remove-unused-globals | filecheck %s

graph.global @w : tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>> = dense<[[1, 2, 3], [4, 5, 6]]>
graph.global @b : tensor<2xi32> = dense<[22, 37]>

// CHECK: graph.global @w_1 : tensor<2x1x1x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>> = dense<[{{\[\[\[}}1, 2, 3]]], {{\[\[\[}}4, 5, 6]]]]>
// CHECK-LABEL: func.func @sequence
// CHECK: %[[I:.*]] = graph.reshape %x : {{.*}} -> tensor<1x1x4x3x!quant.uniform<i8:f32, 0.5>>
// CHECK-NEXT: %[[C:.*]] = quant.conv2d %[[I]], %{{.*}}, %{{.*}} {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1073741824, 1073741825], [33, 34], single, [-128, 127]>} : {{.*}} -> tensor<1x1x4x2x!quant.uniform<i8:f32, 0.125>>
// CHECK-NEXT: graph.reshape %[[C]] : {{.*}} -> tensor<4x2x!quant.uniform<i8:f32, 0.125>>
func.func @sequence(%x: tensor<4x3x!quant.uniform<i8:f32, 0.5>>) -> tensor<4x2x!quant.uniform<i8:f32, 0.125>> {
  %w = graph.constant @w : tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>
  %b = graph.constant @b : tensor<2xi32>
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824, 1073741825], [33, 34], single, [-128, 127]>} : (tensor<4x3x!quant.uniform<i8:f32, 0.5>>, tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>, tensor<2xi32>) -> tensor<4x2x!quant.uniform<i8:f32, 0.125>>
  func.return %0 : tensor<4x2x!quant.uniform<i8:f32, 0.125>>
}

// CHECK-LABEL: func.func @sample
// CHECK: quant.fully_connected
// CHECK-NEXT: func.return
func.func @sample(%x: tensor<1x3x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x!quant.uniform<i8:f32, 0.125>> {
  %w = graph.constant @w : tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>
  %b = graph.constant @b : tensor<2xi32>
  %0 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824, 1073741825], [33, 34], single, [-128, 127]>} : (tensor<1x3x!quant.uniform<i8:f32, 0.5>>, tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>, tensor<2xi32>) -> tensor<1x2x!quant.uniform<i8:f32, 0.125>>
  func.return %0 : tensor<1x2x!quant.uniform<i8:f32, 0.125>>
}

// CHECK-LABEL: func.func @attention
// CHECK-DAG: %[[A:.*]] = graph.reshape %a : {{.*}} -> tensor<1x4x3x!quant.uniform<i8:f32, 0.5>>
// CHECK-DAG: %[[B:.*]] = graph.reshape %b : {{.*}} -> tensor<1x3x5x!quant.uniform<i8:f32, 0.25>>
// CHECK: %[[P:.*]] = quant.matmul %[[A]], %[[B]] {requant = #quant.requant<[1073741824], [35], single, [-128, 127]>} : {{.*}} -> tensor<1x4x5x!quant.uniform<i8:f32, 0.125>>
// CHECK: quant.add {{.*}} -> tensor<1x4x5x!quant.uniform<i8:f32, 0.125>>
// CHECK: graph.reshape {{.*}} -> tensor<4x5x!quant.uniform<i8:f32, 0.125>>
// CHECK-NEXT: func.return
func.func @attention(%a: tensor<4x3x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3x5x!quant.uniform<i8:f32, 0.25>>) -> tensor<4x5x!quant.uniform<i8:f32, 0.125>> {
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [35], single, [-128, 127]>} : (tensor<4x3x!quant.uniform<i8:f32, 0.5>>, tensor<3x5x!quant.uniform<i8:f32, 0.25>>) -> tensor<4x5x!quant.uniform<i8:f32, 0.125>>
  %1 = quant.add %0, %0 {multipliers = array<i32: 1, 2>, bias = 0 : i32, shift = 2 : i32, clamp = array<i32: -128, 127>} : (tensor<4x5x!quant.uniform<i8:f32, 0.125>>, tensor<4x5x!quant.uniform<i8:f32, 0.125>>) -> tensor<4x5x!quant.uniform<i8:f32, 0.125>>
  func.return %1 : tensor<4x5x!quant.uniform<i8:f32, 0.125>>
}

// CHECK-LABEL: func.func @one_row
// CHECK-NEXT: quant.matmul {{.*}} -> tensor<1x5x!quant.uniform<i8:f32, 0.125>>
// CHECK-NEXT: func.return
func.func @one_row(%a: tensor<1x3x!quant.uniform<i8:f32, 0.5>>, %b: tensor<3x5x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x5x!quant.uniform<i8:f32, 0.125>> {
  %0 = quant.matmul %a, %b {requant = #quant.requant<[1073741824], [35], single, [-128, 127]>} : (tensor<1x3x!quant.uniform<i8:f32, 0.5>>, tensor<3x5x!quant.uniform<i8:f32, 0.25>>) -> tensor<1x5x!quant.uniform<i8:f32, 0.125>>
  func.return %0 : tensor<1x5x!quant.uniform<i8:f32, 0.125>>
}

// CHECK-LABEL: func.func @heads
// CHECK-NEXT: %[[X:.*]] = graph.reshape %x : {{.*}} -> tensor<1x7x2x6x!quant.uniform<i8:f32, 0.5>>
// CHECK-NEXT: %[[Y:.*]] = graph.transpose %[[X]] {perm = array<i64: 0, 2, 1, 3>} : {{.*}} -> tensor<1x2x7x6x!quant.uniform<i8:f32, 0.5>>
// CHECK-NEXT: graph.reshape %[[Y]] : {{.*}} -> tensor<2x7x6x!quant.uniform<i8:f32, 0.5>>
func.func @heads(%x: tensor<7x2x6x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x7x6x!quant.uniform<i8:f32, 0.5>> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0, 2>} : (tensor<7x2x6x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x7x6x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<2x7x6x!quant.uniform<i8:f32, 0.5>>
}

// In float all stays.
// CHECK-LABEL: func.func @floats
// CHECK-NEXT: graph.transpose %x {perm = array<i64: 1, 0>}
func.func @floats(%x: tensor<7x2xf32>) -> tensor<2x7xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<7x2xf32>) -> tensor<2x7xf32>
  func.return %0 : tensor<2x7xf32>
}
