// What has no static quantized type.
// RUN: opt-tool %s -p convert-qdq --split-input-file --verify-diagnostics

func.func @dynamic(%x: tensor<1x4xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<1x4xi8> {
  // expected-error@+1 {{pass 'convert-qdq': graph.quantize_linear (node 'q'): scale and zero point must be constants; dynamic quantization has no integer form here}}
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4xi8> loc("q")
  func.return %0 : tensor<1x4xi8>
}

// -----

graph.global @s : tensor<f32> = dense<0.0>
graph.global @z : tensor<i8> = dense<0>
func.func @zero_scale(%x: tensor<1x4xf32>) -> tensor<1x4xi8> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<i8>
  // expected-error@+1 {{needs integer elements and positive scales, got int8 and a least scale of 0.0}}
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4xi8>
  func.return %0 : tensor<1x4xi8>
}

// -----

graph.global @s : tensor<f32> = dense<0.5>
graph.global @t : tensor<f32> = dense<0.25>
graph.global @z : tensor<i8> = dense<0>
func.func @scales(%x: tensor<1x4xf32>) -> tensor<1x8xi8> {
  %s = graph.constant @s : tensor<f32>
  %t = graph.constant @t : tensor<f32>
  %z = graph.constant @z : tensor<i8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4xi8>
  %1 = graph.quantize_linear %x, %t, %z : (tensor<1x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4xi8>
  // expected-error@+1 {{graph.concat: joins tensors of different scales; dequantize them first}}
  %2 = graph.concat %0, %1 {axis = 1 : i64} : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x8xi8>
  func.return %2 : tensor<1x8xi8>
}

// -----

graph.global @s : tensor<f32> = dense<0.5>
graph.global @z : tensor<i8> = dense<0>
func.func @computes(%x: tensor<1x4xf32>) -> tensor<1x4xi32> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<i8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4xi8>
  // expected-error@+1 {{graph.cast (node 'c'): computes with quantized integers; dequantize them first}}
  %1 = graph.cast %0 : (tensor<1x4xi8>) -> tensor<1x4xi32> loc("c")
  func.return %1 : tensor<1x4xi32>
}

// -----

graph.global @s : tensor<f32> = dense<0.5>
graph.global @z : tensor<i8> = dense<0>
func.func @input(%x: tensor<1x4xi8>) -> tensor<1x4xf32> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<i8>
  // expected-error@+1 {{does not come from a QuantizeLinear; integer network inputs need a QuantizeLinear in the model}}
  %0 = graph.dequantize_linear %x, %s, %z : (tensor<1x4xi8>, tensor<f32>, tensor<i8>) -> tensor<1x4xf32>
  func.return %0 : tensor<1x4xf32>
}

// -----

graph.global @s : tensor<f32> = dense<0.5>
graph.global @z : tensor<i8> = dense<0>
func.func @clip(%x: tensor<1x4xf32>) -> tensor<1x4xi8> {
  %s = graph.constant @s : tensor<f32>
  %z = graph.constant @z : tensor<i8>
  %0 = graph.quantize_linear %x, %s, %z : (tensor<1x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x4xi8>
  // expected-error@+1 {{graph.clip: bounds of quantized integers are whole and in order, not (0.5, 7.0)}}
  %1 = graph.clip %0 {min = 0.5 : f32, max = 7.0 : f32} : (tensor<1x4xi8>) -> tensor<1x4xi8>
  func.return %1 : tensor<1x4xi8>
}
