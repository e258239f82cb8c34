// Every op: text that is read is printed again, also in the generic form.
// RUN: opt-tool %s | filecheck %s
// RUN: opt-tool %s | opt-tool | filecheck %s
// RUN: opt-tool %s --print-op-generic | opt-tool | filecheck %s

// CHECK: graph.global @weight : tensor<4x2x1x1xf32> = dense<5.000000e-01>
graph.global @weight : tensor<4x2x1x1xf32> = dense<0.5>
// CHECK-NEXT: graph.global @bias : tensor<4xf32> = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]>
graph.global @bias : tensor<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]>
// CHECK-NEXT: graph.global @bytes : tensor<3xi8> = dense<[1, -2, 3]>
graph.global @bytes : tensor<3xi8> = dense<[1, -2, 3]>
// CHECK-NEXT: graph.global @elided : tensor<1000xf32> = dense_resource<elided>
graph.global @elided : tensor<1000xf32> = dense_resource<elided>

// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<1x2x8x8xf32>) -> tensor<1x4x1x1xf32> {
  // CHECK: %[[W:.*]] = graph.constant @weight : tensor<4x2x1x1xf32>
  %w = graph.constant @weight : tensor<4x2x1x1xf32>
  %b = graph.constant @bias : tensor<4xf32>
  // CHECK: graph.conv %{{.*}}, %[[W]], %{{.*}} {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x8xf32>, tensor<4x2x1x1xf32>, tensor<4xf32>) -> tensor<1x4x4x4xf32>
  %0 = graph.conv %x, %w, %b {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x8x8xf32>, tensor<4x2x1x1xf32>, tensor<4xf32>) -> tensor<1x4x4x4xf32>
  // CHECK-NEXT: graph.max_pool %{{.*}} {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>}
  %1 = graph.max_pool %0 {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x4x4x4xf32>) -> tensor<1x4x3x3xf32>
  // CHECK-NEXT: graph.average_pool %{{.*}} {{{.*}}count_include_pad = true} : (tensor<1x4x3x3xf32>) -> tensor<1x4x4x4xf32>
  %2 = graph.average_pool %1 {kernel_shape = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, count_include_pad = true} : (tensor<1x4x3x3xf32>) -> tensor<1x4x4x4xf32>
  // CHECK-NEXT: graph.batch_normalization %{{.*}} {epsilon = 1.000000e-05 : f32}
  %3 = graph.batch_normalization %2, %b, %b, %b, %b {epsilon = 1.0e-5 : f32} : (tensor<1x4x4x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4x4x4xf32>
  // CHECK-NEXT: graph.resize %{{.*}} {scales = array<f32: 1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00>, coordinates = "asymmetric", nearest = "floor"} : (tensor<1x4x4x4xf32>) -> tensor<1x4x8x8xf32>
  %4 = graph.resize %3 {scales = array<f32: 1.0, 1.0, 2.0, 2.0>, coordinates = "asymmetric", nearest = "floor"} : (tensor<1x4x4x4xf32>) -> tensor<1x4x8x8xf32>
  // CHECK-NEXT: graph.global_average_pool %{{.*}} : (tensor<1x4x8x8xf32>) -> tensor<1x4x1x1xf32>
  %5 = graph.global_average_pool %4 : (tensor<1x4x8x8xf32>) -> tensor<1x4x1x1xf32>
  func.return %5 : tensor<1x4x1x1xf32>
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // CHECK: graph.relu %x : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %0 = graph.relu %x : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.sigmoid
  %1 = graph.sigmoid %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.tanh
  %2 = graph.tanh %1 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.exp
  %3 = graph.exp %2 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.log
  %4 = graph.log %3 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.abs
  %5 = graph.abs %4 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.sqrt
  %6 = graph.sqrt %5 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.neg
  %7 = graph.neg %6 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.reciprocal
  %8 = graph.reciprocal %7 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.erf
  %9 = graph.erf %8 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.hard_swish
  %10 = graph.hard_swish %9 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.hard_sigmoid %{{.*}} {alpha = 2.000000e-01 : f32, beta = 5.000000e-01 : f32}
  %11 = graph.hard_sigmoid %10 {alpha = 0.2 : f32, beta = 0.5 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.leaky_relu %{{.*}} {alpha = 1.000000e-01 : f32}
  %12 = graph.leaky_relu %11 {alpha = 0.1 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.elu %{{.*}} {alpha = 1.000000e+00 : f32}
  %13 = graph.elu %12 {alpha = 1.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.clip %{{.*}} {min = 0.000000e+00 : f32, max = 6.000000e+00 : f32}
  %14 = graph.clip %13 {min = 0.0 : f32, max = 6.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.softmax %{{.*}} {axis = 1 : i64}
  %15 = graph.softmax %14 {axis = 1 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %s = graph.constant @bias : tensor<4xf32>
  // CHECK: graph.prelu %{{.*}}, %{{.*}} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %16 = graph.prelu %15, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.add %{{.*}}, %{{.*}} : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  %17 = graph.add %16, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.sub
  %18 = graph.sub %17, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.mul
  %19 = graph.mul %18, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.div
  %20 = graph.div %19, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.pow
  %21 = graph.pow %20, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.maximum
  %22 = graph.maximum %21, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.minimum
  %23 = graph.minimum %22, %s : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  func.return %23 : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @products
func.func @products(%x: tensor<1x4xf32>, %w: tensor<3x4xf32>, %b: tensor<3xf32>) -> tensor<1x1xf32> {
  // CHECK: graph.gemm %x, %w, %b {trans_b = true} : (tensor<1x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %0 = graph.gemm %x, %w, %b {trans_b = true} : (tensor<1x4xf32>, tensor<3x4xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  // CHECK-NEXT: graph.gemm %{{.*}}, %w {alpha = 2.000000e+00 : f32} : (tensor<1x3xf32>, tensor<3x4xf32>) -> tensor<1x4xf32>
  %1 = graph.gemm %0, %w {alpha = 2.0 : f32} : (tensor<1x3xf32>, tensor<3x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.matmul %{{.*}}, %w : (tensor<1x3xf32>, tensor<3x4xf32>) -> tensor<1x4xf32>
  %2 = graph.matmul %0, %w : (tensor<1x3xf32>, tensor<3x4xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: graph.reduce_mean %{{.*}} {axes = array<i64: 1>} : (tensor<1x4xf32>) -> tensor<1x1xf32>
  %3 = graph.reduce_mean %2 {axes = array<i64: 1>} : (tensor<1x4xf32>) -> tensor<1x1xf32>
  // CHECK-NEXT: graph.reduce_sum
  %4 = graph.reduce_sum %1 {axes = array<i64: 1>} : (tensor<1x4xf32>) -> tensor<1x1xf32>
  // CHECK-NEXT: graph.reduce_max %{{.*}} {axes = array<i64: 1>, keepdims = false} : (tensor<1x4xf32>) -> tensor<1xf32>
  %5 = graph.reduce_max %1 {axes = array<i64: 1>, keepdims = false} : (tensor<1x4xf32>) -> tensor<1xf32>
  func.return %3 : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @movement
func.func @movement(%x: tensor<1x2x3xi8>, %i: tensor<2xi64>) -> tensor<1x8xf32> {
  // CHECK: graph.transpose %x {perm = array<i64: 0, 2, 1>} : (tensor<1x2x3xi8>) -> tensor<1x3x2xi8>
  %0 = graph.transpose %x {perm = array<i64: 0, 2, 1>} : (tensor<1x2x3xi8>) -> tensor<1x3x2xi8>
  // CHECK-NEXT: graph.reshape %{{.*}} : (tensor<1x3x2xi8>) -> tensor<1x6xi8>
  %1 = graph.reshape %0 : (tensor<1x3x2xi8>) -> tensor<1x6xi8>
  // CHECK-NEXT: graph.concat %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<1x6xi8>, tensor<1x6xi8>) -> tensor<1x12xi8>
  %2 = graph.concat %1, %1 {axis = 1 : i64} : (tensor<1x6xi8>, tensor<1x6xi8>) -> tensor<1x12xi8>
  // CHECK-NEXT: graph.slice %{{.*}} {offsets = array<i64: 0, 11>, sizes = array<i64: 1, 6>, strides = array<i64: 1, -2>} : (tensor<1x12xi8>) -> tensor<1x6xi8>
  %3 = graph.slice %2 {offsets = array<i64: 0, 11>, sizes = array<i64: 1, 6>, strides = array<i64: 1, -2>} : (tensor<1x12xi8>) -> tensor<1x6xi8>
  // CHECK-NEXT: graph.pad %{{.*}} {pads = array<i64: 0, 1, 0, 1>, mode = "reflect"} : (tensor<1x6xi8>) -> tensor<1x8xi8>
  %4 = graph.pad %3 {pads = array<i64: 0, 1, 0, 1>, mode = "reflect"} : (tensor<1x6xi8>) -> tensor<1x8xi8>
  // CHECK-NEXT: graph.gather %{{.*}}, %i {axis = 1 : i64} : (tensor<1x8xi8>, tensor<2xi64>) -> tensor<1x2xi8>
  %5 = graph.gather %4, %i {axis = 1 : i64} : (tensor<1x8xi8>, tensor<2xi64>) -> tensor<1x2xi8>
  // CHECK-NEXT: graph.cast %{{.*}} : (tensor<1x8xi8>) -> tensor<1x8xf32>
  %6 = graph.cast %4 : (tensor<1x8xi8>) -> tensor<1x8xf32>
  func.return %6 : tensor<1x8xf32>
}

// CHECK-LABEL: func.func @quantized
func.func @quantized(%x: tensor<1x8xf32>, %s: tensor<f32>, %z: tensor<ui8>) -> tensor<1x8xf32> {
  // CHECK: graph.quantize_linear %x, %s, %z : (tensor<1x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x8xui8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x8xui8>
  // CHECK-NEXT: graph.dequantize_linear %{{.*}}, %s, %z : (tensor<1x8xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x8xf32>
  %1 = graph.dequantize_linear %0, %s, %z : (tensor<1x8xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x8xf32>
  // CHECK-NEXT: graph.quantize_linear %{{.*}}, %s : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xi8>
  %2 = graph.quantize_linear %1, %s : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xi8>
  func.return %1 : tensor<1x8xf32>
}

// CHECK-LABEL: func.func @anything
func.func @anything(%x: tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x!quant.uniform<i8:f32, 0.5:-3>> {
  // CHECK: graph.max_pool
  %0 = graph.max_pool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>>
  // CHECK-NEXT: graph.reshape {{.*}} -> tensor<1x8x!quant.uniform<i8:f32, 0.5:-3>>
  %1 = graph.reshape %0 : (tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x8x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %1 : tensor<1x8x!quant.uniform<i8:f32, 0.5:-3>>
}

func.func @normalize(%x: tensor<2x4xf32>, %w: tensor<4xf32>) {
  // CHECK: graph.layer_normalization %x, %w, %w {epsilon = 2.500000e-01 : f32} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %0 = graph.layer_normalization %x, %w, %w {epsilon = 0.25 : f32} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  func.return
}
