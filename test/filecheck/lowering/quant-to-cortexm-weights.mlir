// Weights whose type says that 4 bits hold them share bytes where the kernel reads them so; a type of 8
// bits keeps a byte for each, whatever the weights are, and a kernel that has none says so.
// RUN: opt-tool %s -p 'set-platform{platform=host},convert-quant-to-cortexm,remove-unused-globals' | filecheck %s
// RUN: opt-tool %s -p 'set-platform{platform=cortex-m4},convert-quant-to-cortexm,remove-unused-globals' | filecheck %s --check-prefix=DSP
// RUN: opt-tool %s -p 'set-platform{platform=cortex-m55},convert-quant-to-cortexm' --remarks=missed 2>&1 | filecheck %s --check-prefix=MVE

// 1 and 2 are 0x21, 3 and -8 are 0x83.
// CHECK: graph.global @narrow_weight : tensor<2xi8> = dense<[33, -125]>
// CHECK: graph.global @wide_weight : tensor<4xi8> = dense<[1, 2, 3, -8]>
// CHECK: cortexm.fully_connected {{.*}}kernel = "rn_fully_connected_s8_w4", {{.*}}packing = #cortexm.packing<1 x 2, bits 4>
// CHECK: cortexm.fully_connected {{.*}}kernel = "rn_fully_connected_s8", {{.*}}packing = #cortexm.packing<1 x 1>
// Each plus 8, zeros behind: 9, 10, 8, 8 (columns 0, 1, 4, 5), 11, 0, 8, 8; a row of zeros.
// DSP: graph.global @narrow_weight : tensor<8xi8> = dense<[-87, -120, 11, -120, -120, -120, -120, -120]>
// DSP: cortexm.fully_connected {{.*}}kernel = "rn_fully_connected_s8_w4_dsp", {{.*}}flip [0, 1], bits 4>
// MVE: missed: convert-quant-to-cortexm [narrow]: 4-bit weights take a byte each: rn_fully_connected_s8_mve reads i8
// MVE: cortexm.fully_connected {{.*}}kernel = "rn_fully_connected_s8_mve"
graph.global @n : tensor<1x4x!quant.uniform<i8<-8:7>:f32, 0.5>> = dense<[[1, 2, 3, -8]]>
graph.global @w : tensor<1x4x!quant.uniform<i8<-127:127>:f32, 0.5>> = dense<[[1, 2, 3, -8]]>
graph.global @b : tensor<1xi32> = dense<5>
func.func @net(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> (tensor<1x1x!quant.uniform<i8:f32, 0.5>>, tensor<1x1x!quant.uniform<i8:f32, 0.5>>) {
  %n = graph.constant @n : tensor<1x4x!quant.uniform<i8<-8:7>:f32, 0.5>>
  %w = graph.constant @w : tensor<1x4x!quant.uniform<i8<-127:127>:f32, 0.5>>
  %b = graph.constant @b : tensor<1xi32>
  %0 = quant.fully_connected %x, %n, %b {requant = #quant.requant<[1073741824], [35], single, [-128, 127]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8<-8:7>:f32, 0.5>>, tensor<1xi32>) -> tensor<1x1x!quant.uniform<i8:f32, 0.5>> loc("narrow")
  %1 = quant.fully_connected %x, %w, %b {requant = #quant.requant<[1073741824], [35], single, [-128, 127]>} : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>, tensor<1x4x!quant.uniform<i8<-127:127>:f32, 0.5>>, tensor<1xi32>) -> tensor<1x1x!quant.uniform<i8:f32, 0.5>> loc("wide")
  func.return %0, %1 : tensor<1x1x!quant.uniform<i8:f32, 0.5>>, tensor<1x1x!quant.uniform<i8:f32, 0.5>>
}
