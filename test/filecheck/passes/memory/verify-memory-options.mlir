// An alignment that the plan does not keep, and an input that must survive but does not.
// RUN: opt-tool %s -p verify-memory > %t
// RUN: not opt-tool %s -p 'verify-memory{alignment=32}' 2>&1 | filecheck %s --check-prefix=ALIGN
// RUN: not opt-tool %s -p 'verify-memory{keep-inputs}' 2>&1 | filecheck %s --check-prefix=KEEP

// ALIGN: buffer %a: offset 80 in sram is not a multiple of 32 B
// KEEP: func.func @net: the caller reads network input 0 (bytes 0..64 of sram), but bytes 0..64 were overwritten by test.op
// KEEP-SAME: with network output 0
func.func @net() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "sram">
  %a = dma.buffer at 80 : memref<64xi8, "sram">
  %y = dma.buffer at 0 "output" 0 : memref<64xi8, "sram">
  "test.op"(%x, %a) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  "test.op"(%a, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}
