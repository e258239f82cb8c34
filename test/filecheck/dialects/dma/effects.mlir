// RUN: opt-tool %s -p cse,dce | filecheck %s

// Equal buffers are two places, and what the caller sees stays.

// CHECK-LABEL: func.func @two
// CHECK-NEXT:    %a = dma.buffer : memref<16xi8, "sram">
// CHECK-NEXT:    %b = dma.buffer : memref<16xi8, "sram">
// CHECK-NEXT:    %x = dma.buffer "input" 0 : memref<16xi8, "sram">
// CHECK-NEXT:    "test.op"(%a, %b)
// CHECK-NEXT:    func.return
func.func @two() {
  %a = dma.buffer : memref<16xi8, "sram">
  %b = dma.buffer : memref<16xi8, "sram">
  %x = dma.buffer "input" 0 : memref<16xi8, "sram">
  "test.op"(%a, %b) : (memref<16xi8, "sram">, memref<16xi8, "sram">) -> ()
  func.return
}
