// Windows move over height and width of channels-last tensors; transposes meet and cancel.
// RUN: opt-tool %s -p channels-last | filecheck %s
// RUN: opt-tool %s -p 'channels-last{io=keep}' | filecheck %s --check-prefix=KEEP
// RUN: not opt-tool %s -p 'channels-last{io=upside-down}' 2>&1 | filecheck %s --check-prefix=WRONG

// WRONG: error: pass 'channels-last': unknown io 'upside-down', expected channels-last or keep

graph.global @w : tensor<2x2x1x2x!quant.uniform<i8:f32, 0.5>> = dense<[[[[1, 2]], [[3, 4]]], [[[5, 6]], [[7, 8]]]]>
graph.global @b : tensor<2xi32> = dense<0>
graph.global @t : tensor<256xi8> = dense<0>

// CHECK: graph.global @w_1 : tensor<2x1x2x2x!quant.uniform<i8:f32, 0.5>> = dense<{{....}}1, 3], [2, 4{{.*}}5, 7], [6, 8{{....}}>
// CHECK: func.func @net(%x: tensor<1x4x4x2x!quant.uniform<i8:f32, 0.5>> {graph.layout = "nhwc"}) -> (tensor<1x4x3x2x!quant.uniform<i8:f32, 0.5>> {graph.layout = "nhwc"})
// CHECK-NOT: graph.transpose
// CHECK: quant.max_pool2d %x {{{.*}}layout = "nhwc"
// CHECK-NOT: graph.transpose
// CHECK: quant.table
// CHECK-NOT: graph.transpose
// CHECK: quant.conv2d {{.*}}layout = "nhwc"
// CHECK-NOT: graph.transpose
// CHECK: func.return
// KEEP: func.func @net(%x: tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x4x3x!quant.uniform<i8:f32, 0.5>>
// KEEP: graph.transpose %x {perm = array<i64: 0, 2, 3, 1>}
// KEEP-NEXT: quant.max_pool2d
// KEEP: graph.transpose %{{.*}} {perm = array<i64: 0, 3, 1, 2>}
// KEEP-NEXT: func.return
func.func @net(%x: tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x4x3x!quant.uniform<i8:f32, 0.5>> {
  %w = graph.constant @w : tensor<2x2x1x2x!quant.uniform<i8:f32, 0.5>>
  %b = graph.constant @b : tensor<2xi32>
  %t = graph.constant @t : tensor<256xi8>
  %0 = quant.max_pool2d %x {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw"} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>
  %1 = quant.table %0, %t : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>
  %2 = quant.conv2d %1, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw", dilations = array<i64: 1, 1>, groups = 1 : i64, requant = #quant.requant<[1073741824], [36], single, [-128, 127]>} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x2x1x2x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<1x2x4x3x!quant.uniform<i8:f32, 0.5>>
  func.return %2 : tensor<1x2x4x3x!quant.uniform<i8:f32, 0.5>>
}

// A cast along an axis counts its axes: the transpose stays before it.
// CHECK-LABEL: func.func @per_axis
// CHECK: graph.transpose %{{.*}} {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: quant.dcast %{{.*}} : tensor<1x2x2x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
func.func @per_axis(%x: tensor<1x2x2x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>) -> tensor<1x2x2x2xf32> {
  %0 = graph.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x2x2x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
  %1 = quant.dcast %0 : tensor<1x2x2x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>> to tensor<1x2x2x2xf32>
  func.return %1 : tensor<1x2x2x2xf32>
}
