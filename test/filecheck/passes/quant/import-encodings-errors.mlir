// All that does not fit the module is told at once.
// RUN: not opt-tool %s -p 'import-encodings{file=%S/import-encodings-errors.json}' 2>&1 | filecheck %s
// RUN: not opt-tool %s -p 'import-encodings{file=%S/none.json}' 2>&1 | filecheck %s --check-prefix=FILE
// RUN: not opt-tool %s -p 'import-encodings{file=%s}' 2>&1 | filecheck %s --check-prefix=JSON

// CHECK: error: {{.*}}: tensor 'in': is an activation and has a scale per channel; expected one scale
// CHECK: error: {{.*}}: tensor 'dense/w': has 3 channels, the layer has 2
// CHECK: error: {{.*}}: tensor 'other/w': has scales along axis 1; the outputs of its layer lie on axis 0
// CHECK: error: {{.*}}: tensor 'no/such': is not in the model
// CHECK: error: {{.*}}: tensor 'nor/this': is not in the model
// FILE: error: {{.*}}none.json: cannot be read as JSON
// JSON: error: {{.*}}.mlir: cannot be read as JSON
graph.global @w : tensor<2x2xf32> = dense<[[0.5, -1.0], [0.5, 2.0]]>
graph.global @v : tensor<2x2xf32> = dense<[[0.5, -1.0], [0.5, 2.0]]>
func.func @net(%x: tensor<1x2xf32> {graph.name = "in"}) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32> loc("dense/w"("dense/w"))
  %v = graph.constant @v : tensor<2x2xf32> loc("other/w"("other/w"))
  %0 = graph.gemm %x, %w {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("dense"("dense/y"))
  %1 = graph.gemm %0, %v {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("other"("other/y"))
  func.return %1 : tensor<1x2xf32>
}
