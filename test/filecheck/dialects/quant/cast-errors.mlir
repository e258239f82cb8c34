// What no cast may be.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<4xf32>) {
  // expected-error@+1 {{quant.qcast: the rounding is one of half_even, single, floor, not up}}
  %0 = quant.qcast %x {rounding = "up"} : tensor<4xf32> to tensor<4x!quant.uniform<i8:f32, 0.5>>
  func.return
}

// -----

func.func @f(%x: tensor<4x!quant.uniform<i8:f32, 0.5:3>>) {
  // expected-error@+1 {{quant.widen: expected i32 and a zero point of 15, got !quant.uniform<i32:f32, 0.1:3>}}
  %0 = quant.widen %x {multiplier = 5 : i32} : tensor<4x!quant.uniform<i8:f32, 0.5:3>> to tensor<4x!quant.uniform<i32:f32, 0.1:3>>
  func.return
}

// -----

func.func @f(%x: tensor<4x!quant.uniform<i16:f32, 0.5>>) {
  // expected-error@+1 {{quant.widen: the multiplier is at least 1 and products fit i32, not 65536}}
  %0 = quant.widen %x {multiplier = 65536 : i32} : tensor<4x!quant.uniform<i16:f32, 0.5>> to tensor<4x!quant.uniform<i32:f32, 0.1>>
  func.return
}
