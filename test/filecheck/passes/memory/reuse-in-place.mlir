// An add writes over an operand that dies with it; what is read later stays.
// RUN: opt-tool %s -p reuse-in-place --split-input-file --verify-diagnostics
// RUN: opt-tool %s -p reuse-in-place --split-input-file | filecheck %s
// RUN: opt-tool %s -p reuse-in-place,plan-memory,verify-memory --split-input-file > %t
// RUN: opt-tool %s -p 'reuse-in-place{keep-inputs}' --split-input-file | filecheck %s --check-prefix=KEEP

// CHECK-LABEL: func.func @input_dies
// KEEP-LABEL: func.func @input_dies
func.func @input_dies() {
  // CHECK: [[X:%.*]] = dma.buffer "input" 0 : memref<64xi8, "sram">
  // KEEP: [[X:%.*]] = dma.buffer "input" 0 : memref<64xi8, "sram">
  %x = dma.buffer "input" 0 : memref<64xi8, "sram">
  // CHECK-NEXT: [[V:%.*]] = dma.view [[X]] : memref<64xi8, "sram"> to memref<8x8xi8, "sram">
  // KEEP: [[A:%.*]] = dma.buffer : memref<8x8xi8, "sram">
  %a = dma.buffer : memref<8x8xi8, "sram">
  %y = dma.buffer "output" 0 : memref<8x8xi8, "sram">
  // CHECK: cortexm.add ins([[X]], [[X]] : {{.*}}) outs([[V]] : memref<8x8xi8, "sram">)
  // KEEP: cortexm.add ins([[X]], [[X]] : {{.*}}) outs([[A]] : memref<8x8xi8, "sram">)
  // expected-remark@+1 {{passed: reuse-in-place: works in place, 64 B less to place}}
  cortexm.add ins(%x, %x : memref<64xi8, "sram">, memref<64xi8, "sram">) outs(%a : memref<8x8xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>}
  // CHECK: "test.op"([[V]],
  "test.op"(%a, %y) : (memref<8x8xi8, "sram">, memref<8x8xi8, "sram">) -> ()
  func.return
}

// -----

// CHECK-LABEL: func.func @skip_connection
func.func @skip_connection() {
  // CHECK: [[X:%.*]] = dma.buffer "input" 0 : memref<64xi8, "sram">
  %x = dma.buffer "input" 0 : memref<64xi8, "sram">
  // CHECK-NEXT: [[Y:%.*]] = dma.buffer "output" 0 : memref<64xi8, "sram">
  %a = dma.buffer : memref<64xi8, "sram">
  %y = dma.buffer "output" 0 : memref<64xi8, "sram">
  // CHECK-NEXT: "test.op"([[X]], [[Y]])
  "test.op"(%x, %a) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  // CHECK-NEXT: cortexm.add ins([[X]], [[Y]] : {{.*}}) outs([[Y]] : {{.*}})
  // expected-remark@+2 {{missed: reuse-in-place: not in place: the network's input and output stay apart}}
  // expected-remark@+1 {{passed: reuse-in-place: works in place, 64 B less to place}}
  cortexm.add ins(%x, %a : memref<64xi8, "sram">, memref<64xi8, "sram">) outs(%y : memref<64xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

// CHECK-LABEL: func.func @input_lives_on
func.func @input_lives_on() {
  %x = dma.buffer "input" 0 : memref<64xi8, "sram">
  // CHECK: [[A:%.*]] = dma.buffer : memref<64xi8, "sram">
  %a = dma.buffer : memref<64xi8, "sram">
  %y = dma.buffer "output" 0 : memref<64xi8, "sram">
  // CHECK: outs([[A]] :
  // expected-remark-re@+1 {{missed: reuse-in-place: not in place: the input is still read, last by test.op {{.*}}}}
  cortexm.add ins(%x, %x : memref<64xi8, "sram">, memref<64xi8, "sram">) outs(%a : memref<64xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>}
  "test.op"(%x, %a, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}
