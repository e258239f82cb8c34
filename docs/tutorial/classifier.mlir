// A small calibrated network: what each tensor was seen to hold is noted as quant.range.
graph.global @filters : tensor<2x1x3x3xf32> = dense<0.25>
graph.global @bias : tensor<2xf32> = dense<[0.5, -0.5]>
graph.global @rows : tensor<3x2xf32> = dense<[[1.0, -0.5], [0.25, 0.75], [-1.0, 0.125]]>

func.func @classifier(%image: tensor<1x1x5x5xf32> {quant.range = array<f64: -1.0, 1.0>}) -> tensor<1x3xf32> {
  %filters = graph.constant @filters : tensor<2x1x3x3xf32>
  %bias = graph.constant @bias : tensor<2xf32>
  %rows = graph.constant @rows : tensor<3x2xf32>
  %0 = graph.conv %image, %filters, %bias {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 1 : i64, quant.range = array<f64: -2.0, 2.0>} : (tensor<1x1x5x5xf32>, tensor<2x1x3x3xf32>, tensor<2xf32>) -> tensor<1x2x3x3xf32> loc("features")
  %1 = graph.relu %0 {quant.range = array<f64: 0.0, 2.0>} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> loc("relu")
  %2 = graph.global_average_pool %1 {quant.range = array<f64: 0.0, 1.5>} : (tensor<1x2x3x3xf32>) -> tensor<1x2x1x1xf32> loc("mean")
  %3 = graph.reshape %2 {quant.range = array<f64: 0.0, 1.5>} : (tensor<1x2x1x1xf32>) -> tensor<1x2xf32> loc("flat")
  %4 = graph.gemm %3, %rows {trans_b = true, quant.range = array<f64: -2.0, 2.0>} : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<1x3xf32> loc("scores")
  %5 = graph.softmax %4 {axis = 1 : i64, quant.range = array<f64: 0.0, 1.0>} : (tensor<1x3xf32>) -> tensor<1x3xf32> loc("probabilities")
  func.return %5 : tensor<1x3xf32>
}
