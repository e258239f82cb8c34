// Types and attributes in MLIR's spelling; defaults are left out, numbers are the shortest f32.
// RUN: opt-tool %s --allow-unregistered-dialect | filecheck %s
// RUN: opt-tool %s --allow-unregistered-dialect | opt-tool - --allow-unregistered-dialect | filecheck %s
// RUN: opt-tool %s --allow-unregistered-dialect --print-generic | opt-tool - --allow-unregistered-dialect | filecheck %s

// CHECK: !quant.uniform<i8:f32, 0.5>>
func.func private @symmetric(tensor<4x!quant.uniform<i8:f32, 0.5:0>>)
// CHECK: !quant.uniform<i8:f32, 0.5:-128>>
func.func private @asymmetric(tensor<4x!quant.uniform<i8:f32, 0.5:-128>>)
// CHECK: !quant.uniform<u8:f32, 0.25:255>>
func.func private @unsigned(tensor<4x!quant.uniform<u8:f32, 0.25:255>>)
// CHECK: !quant.uniform<i8<-127:127>:f32, 0.1>>
func.func private @narrow(tensor<4x!quant.uniform<i8<-127:127>:f32, 0.1>>)
// CHECK: !quant.uniform<i8:f32, 0.1>>
func.func private @full(tensor<4x!quant.uniform<i8<-128:127>:f32, 0.1>>)
// CHECK: !quant.uniform<i8:f32:1, {0.1, 0.2:4}>>
func.func private @per_axis(tensor<4x2x!quant.uniform<i8:f32:1, {0.1, 0.2:4}>>)
// CHECK: !quant.uniform<i16:f32, 1.0e-05>>
func.func private @wide(tensor<4x!quant.uniform<i16:f32, 0.00001>>)
// CHECK: !quant.uniform<i4:f32, 2.0:-8>>
func.func private @four_bits(tensor<4x!quant.uniform<i4:f32, 2.0:-8>>)

// CHECK: "test.op"() {requant = #quant.requant<[1395864371, 0], [41, 0], half_even, [-128, 127]>}
"test.op"() {requant = #quant.requant<[1395864371, 0], [41, 0], half_even, [-128, 127]>} : () -> ()
