// A dense 3x3 convolution that steps over columns becomes one over pairs of columns, for the NPU alone.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},fold-columns' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=siracusa},fold-columns' --remarks=passed 2>&1 | filecheck %s --check-prefix=REMARK
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-cores},fold-columns' | filecheck %s --check-prefix=CORES

!x = tensor<1x32x32x16x!quant.uniform<i8:f32, 0.5:-3>>
!odd = tensor<1x32x31x16x!quant.uniform<i8:f32, 0.5:-3>>
!w = tensor<32x3x3x16x!quant.uniform<i8:f32, 0.1>>
!y = tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>
graph.global @w : !w = dense<3>
graph.global @b : tensor<32xi32> = dense<77>

// REMARK: remark: passed: fold-columns: {{[0-9]+}} cycles on npu, {{[0-9]+}} before
// REMARK-NOT: remark:

// Rows keep their stride. Columns 0 and 1 are the first pair; the column of padding becomes a pair.
// CHECK-LABEL: func.func @folds
// CHECK: %[[X:.*]] = graph.reshape %x : {{.*}} -> tensor<1x32x16x32x
// CHECK: quant.conv2d %[[X]], {{.*}}strides = array<i64: 2, 1>, pads = array<i64: 1, 1, 0, 1>,
// CHECK-SAME: tensor<32x3x3x32x{{.*}} -> tensor<1x16x16x32x
// CORES-NOT: graph.reshape
// CORES: quant.conv2d {{.*}}strides = array<i64: 2, 2>
func.func @folds(%x: !x) -> !y {
  %w = graph.constant @w : !w
  %b = graph.constant @b : tensor<32xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[5325], [24], single, [-128, 127]>} : (!x, !w, tensor<32xi32>) -> !y
  func.return %y : !y
}

// The last of 31 columns has no other one to its right.
// CHECK-LABEL: func.func @odd
// CHECK-NOT: graph.reshape
// CHECK: quant.conv2d %x, {{.*}}strides = array<i64: 2, 2>
func.func @odd(%x: !odd) -> !y {
  %w = graph.constant @w : !w
  %b = graph.constant @b : tensor<32xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[5325], [24], single, [-128, 127]>} : (!odd, !w, tensor<32xi32>) -> !y
  func.return %y : !y
}

// Wide steps over rows alone are left to the NPU.
// CHECK-LABEL: func.func @rows
// CHECK-NOT: graph.reshape
// CHECK: quant.conv2d %x, {{.*}}strides = array<i64: 2, 1>
func.func @rows(%x: !x) -> tensor<1x16x32x32x!quant.uniform<i8:f32, 0.5:-3>> {
  %w = graph.constant @w : !w
  %b = graph.constant @b : tensor<32xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 2, 1>, pads = array<i64: 1, 1, 0, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[5325], [24], single, [-128, 127]>} : (!x, !w, tensor<32xi32>) -> tensor<1x16x32x32x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %y : tensor<1x16x32x32x!quant.uniform<i8:f32, 0.5:-3>>
}
