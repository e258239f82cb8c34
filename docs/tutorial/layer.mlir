// One layer, for docs/cluster.md: a 3x3 convolution with padding, channels last, in integers.
graph.global @w : tensor<16x3x3x16x!quant.uniform<i8:f32, 0.01>> = dense<3>
graph.global @b : tensor<16xi32> = dense<77>
func.func @layer(%x: tensor<1x96x16x16x!quant.uniform<i8:f32, 0.5:-3>>) -> tensor<1x96x16x16x!quant.uniform<i8:f32, 0.25:4>> {
  %w = graph.constant @w : tensor<16x3x3x16x!quant.uniform<i8:f32, 0.01>>
  %b = graph.constant @b : tensor<16xi32>
  %y = quant.conv2d %x, %w, %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64, layout = "nhwc", requant = #quant.requant<[1374389535], [36], single, [-128, 127]>} : (tensor<1x96x16x16x!quant.uniform<i8:f32, 0.5:-3>>, tensor<16x3x3x16x!quant.uniform<i8:f32, 0.01>>, tensor<16xi32>) -> tensor<1x96x16x16x!quant.uniform<i8:f32, 0.25:4>>
  func.return %y : tensor<1x96x16x16x!quant.uniform<i8:f32, 0.25:4>>
}
