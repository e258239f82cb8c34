// What is no planned function on kernels.
// RUN: opt-tool %s -p convert-cortexm-to-c --split-input-file --verify-diagnostics

func.func @net() {
  // expected-error@+1 {{dma.buffer: has no offset; run plan-memory first}}
  %0 = dma.buffer "input" 0 : memref<1x4xf32, "sram">
  func.return
}

// -----

// expected-error@+1 {{func.func @net: has buffers in more than one memory}}
func.func @net() {
  %0 = dma.buffer at 0 "input" 0 : memref<1x4xf32, "sram">
  %1 = dma.buffer at 0 "output" 0 : memref<1x4xf32, "dram">
  func.return
}

// -----

func.func @net(%x: tensor<1x4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error@+1 {{quant.dcast (node 'd'): is no kernel call on buffers}}
  %0 = quant.dcast %x : tensor<1x4x!quant.uniform<i8:f32, 0.5>> to tensor<1x4xf32> loc("d")
  func.return
}
