// RUN: opt-tool %s -p insert-quant-casts --verify-diagnostics

// expected-error@+1 {{func.func @net: has no quant.range; run calibrate first}}
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-error@+1 {{graph.exp (node 'e'): has no quant.range; run calibrate first}}
  %0 = graph.exp %x : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("e")
  func.return %0 : tensor<1x2xf32>
}
