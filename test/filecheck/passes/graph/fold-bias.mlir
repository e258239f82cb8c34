// A product and the constant added to it become one op.
// RUN: opt-tool %s -p fold-bias --remarks=all 2>&1 | filecheck %s

// CHECK: remark: passed: fold-bias [sum]: folded into graph.gemm (node 'product')

graph.global @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
graph.global @b : tensor<2xf32> = dense<[1.0, 2.0]>
graph.global @column : tensor<2x1xf32> = dense<[[1.0], [2.0]]>

// CHECK-LABEL: func.func @folds
// CHECK: %[[B:.*]] = graph.constant @w_bias : tensor<2xf32>
// CHECK: graph.gemm %x, %{{.*}}, %[[B]] : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return
func.func @folds(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %b = graph.constant @b : tensor<2xf32>
  %0 = graph.matmul %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("product")
  %1 = graph.add %b, %0 : (tensor<2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32> loc("sum")
  func.return %1 : tensor<1x2xf32>
}

// One value per row is no bias.
// CHECK-LABEL: func.func @rows
// CHECK: graph.gemm
// CHECK-NEXT: graph.constant @column
// CHECK-NEXT: graph.add
func.func @rows(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32>
  %0 = graph.matmul %x, %w : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = graph.constant @column : tensor<2x1xf32>
  %1 = graph.add %0, %c : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  func.return %1 : tensor<2x2xf32>
}
