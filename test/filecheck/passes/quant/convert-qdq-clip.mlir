// A clip of stored integers is the bounds of the type: of an activation, and of a weight.
// RUN: opt-tool %s -p convert-qdq | filecheck %s

graph.global @narrow_s : tensor<f32> = dense<0.5>
graph.global @narrow_z : tensor<ui8> = dense<128>
graph.global @narrow_w : tensor<1x4xui8> = dense<[[0, 127, 130, 255]]>
func.func @narrow(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %s = graph.constant @narrow_s : tensor<f32>
  %z = graph.constant @narrow_z : tensor<ui8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x4xui8>
  %1 = graph.clip %0 {min = 120.0 : f32, max = 135.0 : f32} : (tensor<1x4xui8>) -> tensor<1x4xui8>
  %2 = graph.dequantize_linear %1, %s, %z : (tensor<1x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x4xf32>
  %3 = graph.constant @narrow_w : tensor<1x4xui8>
  %4 = graph.clip %3 {min = 124.0 : f32, max = 131.0 : f32} : (tensor<1x4xui8>) -> tensor<1x4xui8>
  %5 = graph.dequantize_linear %4, %s, %z : (tensor<1x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x4xf32>
  func.return %2, %5 : tensor<1x4xf32>, tensor<1x4xf32>
}
// CHECK:     graph.global @narrow_w_1 : tensor<1x4x!quant.uniform<i8<-4:3>:f32, 0.5>> = dense<[[-4, -1, 2, 3]]>
// CHECK:     func.func @narrow
// CHECK:       quant.qcast {{.*}} to tensor<1x4x!quant.uniform<i8<-8:7>:f32, 0.5>>
// CHECK-NOT:   graph.clip
