// RUN: opt-tool %s -p insert-quant-casts --verify-diagnostics

// expected-error@unknown {{func.func: has no quant.range; run calibrate first}}
// expected-error@unknown {{graph.exp (node 'e'): has no quant.range; run calibrate first}}
func.func @net(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %0 = graph.exp %x : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("e")
  func.return %0 : tensor<1x2xf32>
}
