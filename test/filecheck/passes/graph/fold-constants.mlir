// What depends on constants alone is computed; the integers behind a dequantization stay.
// RUN: opt-tool %s -p fold-constants,remove-unused-globals | filecheck %s

graph.global @a : tensor<2xf32> = dense<[1.0, 2.0]>
graph.global @q : tensor<2xi8> = dense<[10, 20]>
graph.global @s : tensor<f32> = dense<0.5>

// CHECK: graph.global @q : tensor<2xi8> = dense<[10, 20]>
// CHECK: graph.global @a_{{[_0-9]+}} : tensor<1x2xf32> = dense<{{\[\[}}-2.000000e+00, -4.000000e+00]]>

// CHECK-LABEL: func.func @folds
// CHECK-NEXT: %[[A:.*]] = graph.constant @a_{{[_0-9]+}} : tensor<1x2xf32>
// CHECK-NEXT: graph.mul %x, %[[A]]
func.func @folds(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %a = graph.constant @a : tensor<2xf32>
  %0 = graph.add %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = graph.neg %0 : (tensor<2xf32>) -> tensor<2xf32>
  %2 = graph.reshape %1 : (tensor<2xf32>) -> tensor<1x2xf32>
  %3 = graph.mul %x, %2 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %3 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @weights
// CHECK: graph.dequantize_linear
// CHECK-NEXT: graph.mul
func.func @weights(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %q = graph.constant @q : tensor<2xi8>
  %s = graph.constant @s : tensor<f32>
  %0 = graph.dequantize_linear %q, %s : (tensor<2xi8>, tensor<f32>) -> tensor<2xf32>
  %1 = graph.mul %x, %0 : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}
