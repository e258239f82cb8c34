// ONNX files as input: what they become, and what is said about what they cannot become.
// RUN: opt-tool %S/Inputs/small.onnx --remarks=all 2>&1 | filecheck %s
// RUN: opt-tool %S/Inputs/small.onnx --dim N=3 | filecheck %s --check-prefix=PINNED
// RUN: not opt-tool %S/Inputs/unsupported.onnx 2>&1 | filecheck %s --check-prefix=UNSUPPORTED
// RUN: not opt-tool %S/Inputs/dynamic.onnx 2>&1 | filecheck %s --check-prefix=DYNAMIC
// RUN: opt-tool %S/Inputs/dynamic.onnx --dim length=7 | filecheck %s --check-prefix=LENGTH
// RUN: opt-tool %S/Inputs/small.onnx --print-debuginfo | filecheck %s --check-prefix=PLACE

// CHECK: remark: analysis: import-onnx [small]: the batch dimension 'N' is 1; change it with --dim N=VALUE
// CHECK: builtin.module {
// CHECK-NEXT: graph.global @w : tensor<2x1x3x3xf32> = dense_resource<w>
// CHECK-NEXT: func.func @small(%x: tensor<1x1x4x4xf32> {graph.name = "x"}) -> (tensor<1x8xf32> {graph.name = "y"}) {
// CHECK-NEXT: %w = graph.constant @w : tensor<2x1x3x3xf32>
// CHECK-NEXT: %c = graph.conv %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>}
// CHECK-NEXT: %a = graph.clip %c {min = 0.000000e+00 : f32, max = 6.000000e+00 : f32}
// CHECK-NEXT: %y = graph.reshape %a : (tensor<1x2x2x2xf32>) -> tensor<1x8xf32>
// CHECK-NEXT: func.return %y : tensor<1x8xf32>

// PINNED: func.func @small(%x: tensor<3x1x4x4xf32>{{.*}} -> (tensor<3x8xf32>

// UNSUPPORTED: node 'first' (Frobnicate): the operator Frobnicate (opset 13) is not supported
// UNSUPPORTED-NEXT: node 'third' (my.domain.Enigma): the operator Enigma (domain 'my.domain') is not supported
// UNSUPPORTED-NEXT: supported are: Abs, Add, AveragePool

// DYNAMIC: input 'x': dimension 1 ('length') is dynamic: give it with --dim length=VALUE

// LENGTH: graph.relu %x : (tensor<1x7xf32>) -> tensor<1x7xf32>

// PLACE: graph.conv {{.*}} loc("conv1"("c"))
// PLACE: graph.clip {{.*}} loc("act1"("a"))
