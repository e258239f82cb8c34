// What no kernel of a single core takes.
// RUN: opt-tool %s -p 'set-platform{platform=host},convert-quant-to-cortexm' --split-input-file --verify-diagnostics
// RUN: not opt-tool %s -p convert-quant-to-cortexm 2>&1 --split-input-file | filecheck %s

// CHECK: error: {{.*}}platform
func.func @f(%x: tensor<1x4xf32>) -> tensor<1x4x!quant.uniform<i32:f32, 0.5>> {
  // expected-error@+1 {{quant.qcast: kernels take 8-bit or 16-bit signed integers, not tensor<1x4x!quant.uniform<i32:f32, 0.5>>}}
  %0 = quant.qcast %x : tensor<1x4xf32> to tensor<1x4x!quant.uniform<i32:f32, 0.5>>
  func.return %0 : tensor<1x4x!quant.uniform<i32:f32, 0.5>>
}

// -----

func.func @f(%x: tensor<1x2xf32>) -> tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>> {
  // expected-error@+1 {{quant.qcast: kernels take one scale per tensor, not tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>}}
  %0 = quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
  func.return %0 : tensor<1x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
}

// -----

graph.global @c : tensor<1x4x!quant.uniform<i8:f32, 0.5>> = dense<1>
func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>> {
  %c = graph.constant @c : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  // expected-error@+1 {{quant.add: reads a constant where kernels read a buffer; fold it before}}
  %0 = quant.add %c, %c {multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %t: tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>> {
  // expected-error@+1 {{quant.table: weights, biases and tables must be constants here}}
  %0 = quant.table %x, %t : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<256xi8>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}

// -----

func.func @f(%x: tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>> {
  // expected-error@+1 {{quant.max_pool2d: kernels are channels-last; run channels-last first}}
  %0 = quant.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, layout = "nchw"} : (tensor<1x2x4x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
  func.return %0 : tensor<1x2x2x2x!quant.uniform<i8:f32, 0.5>>
}

// -----

func.func @f(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4x!quant.uniform<i8:f32, 0.5>> {
  // expected-error@+1 {{func.return: result 0 is an input, a constant or another result; compute it, or leave it out}}
  func.return %x : tensor<1x4x!quant.uniform<i8:f32, 0.5>>
}
