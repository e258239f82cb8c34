// Ops that have no loops: all of them are named in one run.
// RUN: opt-tool %s --pass-pipeline='convert-graph-to-linalg{memory=sram}' --split-input-file --verify-diagnostics

func.func @net(%x: tensor<1x8x4xf32>, %i: tensor<3xi64>) -> tensor<1x6x4xf32> {
  // expected-error@+1 {{graph.gather: has no form as loops}}
  %0 = graph.gather %x, %i {axis = 1 : i64} : (tensor<1x8x4xf32>, tensor<3xi64>) -> tensor<1x3x4xf32>
  // expected-error@+1 {{graph.resize: has no form as loops}}
  %1 = graph.resize %0 {scales = array<f32: 1.0, 2.0, 1.0>, mode = "nearest", coordinates = "asymmetric", nearest = "floor"} : (tensor<1x3x4xf32>) -> tensor<1x6x4xf32>
  func.return %1 : tensor<1x6x4xf32>
}

// -----

func.func @net(%x: tensor<1x8xf16>) -> tensor<1x8xf16> {
  // expected-error@+1 {{graph.relu: loops in C take no elements of type f16}}
  %0 = graph.relu %x : (tensor<1x8xf16>) -> tensor<1x8xf16>
  func.return %0 : tensor<1x8xf16>
}
