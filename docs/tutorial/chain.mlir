// Two layers and a sum, for docs/passes: what runs where on a cluster with an NPU.
graph.global @w3 : tensor<32x3x3x32x!quant.uniform<i8:f32, 0.1>> = dense<3>
graph.global @w5 : tensor<32x5x5x32x!quant.uniform<i8:f32, 0.1>> = dense<-5>
graph.global @b : tensor<32xi32> = dense<77>
func.func @chain(%x: tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>> {
  %w3 = graph.constant @w3 : tensor<32x3x3x32x!quant.uniform<i8:f32, 0.1>>
  %w5 = graph.constant @w5 : tensor<32x5x5x32x!quant.uniform<i8:f32, 0.1>>
  %b = graph.constant @b : tensor<32xi32>
  %0 = quant.conv2d %x, %w3, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [41], half_even, [-128, 127]>} : (tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>, tensor<32x3x3x32x!quant.uniform<i8:f32, 0.1>>, tensor<32xi32>) -> tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>
  %1 = quant.conv2d %0, %w5, %b {strides = array<i64: 1, 1>, pads = array<i64: 2, 2, 2, 2>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1395864371], [41], half_even, [-128, 127]>} : (tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>, tensor<32x5x5x32x!quant.uniform<i8:f32, 0.1>>, tensor<32xi32>) -> tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>
  %2 = quant.add %0, %1 {multipliers = array<i32: 1048576, 2097152>, bias = 524288 : i32, shift = 22 : i32, clamp = array<i32: -128, 127>} : (tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>, tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>
  func.return %2 : tensor<1x16x16x32x!quant.uniform<i8:f32, 0.5:-3>>
}
