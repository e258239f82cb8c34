// RUN: opt-tool %s -p 'set-platform{platform=%S/shifts.toml},verify-quantization' --split-input-file --verify-diagnostics
// RUN: opt-tool %s -p 'set-platform{platform=host},verify-quantization' --split-input-file

// expected-error@+3 {{quant.table: activations must be symmetric, !quant.uniform<i8:f32, 0.5:3> has a zero point; platform shifts asks for it: quantize the float model for this platform, or compile for another one}}
func.func @zero_point(%x: tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>, %t: tensor<256xi8>) -> tensor<4x!quant.uniform<i8:f32, 0.5:3>> {
  %0 = quant.table %x, %t : (tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>, tensor<256xi8>) -> tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>
  %1 = quant.table %0, %t : (tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>, tensor<256xi8>) -> tensor<4x!quant.uniform<i8:f32, 0.5:3>>
  func.return %1 : tensor<4x!quant.uniform<i8:f32, 0.5:3>>
}

// -----

// expected-error@+2 {{quant.add: multipliers must be powers of two, not [3, 4]}}
func.func @multipliers(%a: tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>) -> tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>> {
  %0 = quant.add %a, %a {multipliers = array<i32: 3, 4>, bias = 1 : i32, shift = 1 : i32, clamp = array<i32: -127, 127>} : (tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>, tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>) -> tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>
  func.return %0 : tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>
}

// -----

// What keeps to it passes: a shift, and sums without multiplications.
func.func @sound(%a: tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>) -> tensor<4x!quant.uniform<i8<-127:127>:f32, 0.25>> {
  %0 = quant.add %a, %a {multipliers = array<i32: 4, 4>, bias = 1 : i32, shift = 1 : i32, clamp = array<i32: -127, 127>} : (tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>, tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>) -> tensor<4x!quant.uniform<i8<-127:127>:f32, 0.25>>
  func.return %0 : tensor<4x!quant.uniform<i8<-127:127>:f32, 0.25>>
}
