// What no quantized type and no requantization may be.
// RUN: opt-tool %s --allow-unregistered-dialect --split-input-file --verify-diagnostics

// expected-error@+1 {{expected a storage type such as i8 or u8, got 'f32'}}
func.func private @f(tensor<4x!quant.uniform<f32:f32, 0.5>>)

// -----

// expected-error@+1 {{a storage type has 1 to 32 bits, i64 does not}}
func.func private @f(tensor<4x!quant.uniform<i64:f32, 0.5>>)

// -----

// expected-error@+1 {{storage range -129:127 is not within -128:127 of i8}}
func.func private @f(tensor<4x!quant.uniform<i8<-129:127>:f32, 0.5>>)

// -----

// expected-error@+1 {{storage range 5:5 is not within -128:127 of i8}}
func.func private @f(tensor<4x!quant.uniform<i8<5:5>:f32, 0.5>>)

// -----

// expected-error@+1 {{scales are finite and greater than 0}}
func.func private @f(tensor<4x!quant.uniform<i8:f32, 0.0>>)

// -----

// expected-error@+1 {{scales are finite and greater than 0}}
func.func private @f(tensor<4x!quant.uniform<i8:f32, 1.0e-50>>)

// -----

// expected-error@+1 {{scales are finite and greater than 0}}
func.func private @f(tensor<4x!quant.uniform<i8:f32, 1.0e50>>)

// -----

// expected-error@+1 {{a zero point lies outside -128:127 of i8}}
func.func private @f(tensor<4x!quant.uniform<i8:f32, 0.5:128>>)

// -----

// expected-error@+1 {{the zero point 9223372036854775808 does not fit in i64}}
func.func private @f(tensor<4x!quant.uniform<i8:f32, 0.5:9223372036854775808>>)

// -----

// expected-error@+1 {{Expected integer literal}}
func.func private @f(tensor<4x!quant.uniform<i8:f32:-1, 0.5>>)

// -----

// expected-error@+1 {{0 scales need as many zero points}}
func.func private @f(tensor<4x!quant.uniform<i8:f32:0, {}>>)

// -----

// expected-error@+1 {{2 multipliers need as many shifts}}
"test.op"() {requant = #quant.requant<[1, 2], [3], single, [-128, 127]>} : () -> ()

// -----

// expected-error@+1 {{multipliers lie in [0, 2**31)}}
"test.op"() {requant = #quant.requant<[-1], [3], single, [-128, 127]>} : () -> ()

// -----

// expected-error@+1 {{shifts lie in [0, 62]}}
"test.op"() {requant = #quant.requant<[1], [63], single, [-128, 127]>} : () -> ()

// -----

// expected-error@+1 {{unknown rounding 'up', expected one of single, double, half_even, floor}}
"test.op"() {requant = #quant.requant<[1], [3], up, [-128, 127]>} : () -> ()

// -----

// expected-error@+1 {{the clamp [5, 4] is empty}}
"test.op"() {requant = #quant.requant<[1], [3], single, [5, 4]>} : () -> ()

// -----

// expected-error@+1 {{expected the clamp as [low, high]}}
"test.op"() {requant = #quant.requant<[1], [3], single, [4]>} : () -> ()

// -----

// expected-error@+1 {{a number of the requantization does not fit in i32}}
"test.op"() {requant = #quant.requant<[2147483648], [3], single, [-128, 127]>} : () -> ()
