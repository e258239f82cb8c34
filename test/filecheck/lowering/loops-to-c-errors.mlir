// What has no form in C.
// RUN: opt-tool %s -p convert-loops-to-c --split-input-file --verify-diagnostics

func.func @f(%x: memref<4xf32>, %i: index) {
  // expected-error@+1 {{takes 4096 bytes of stack, the limit is 1024: pass a buffer instead}}
  %0 = memref.alloc() : memref<1024xf32>
  %1 = memref.load %0[%i] : memref<1024xf32>
  memref.store %1, %x[%i] : memref<4xf32>
  func.return
}

// -----

// expected-error@+1 {{is not a dense buffer of static shape}}
func.func @f(%x: memref<?xf32>) {
  func.return
}

// -----

// expected-error@+1 {{func.func @f: C returns one value}}
func.func @f(%x: i32) -> (i32, i32) {
  func.return %x, %x : i32, i32
}

// -----

func.func @f(%x: i32) {
  // expected-error@+1 {{arith.bitcast: has no form in C here}}
  %0 = arith.bitcast %x : i32 to f32
  func.return
}

// -----

// expected-error@+1 {{func.func @f: calls itself}}
func.func @f() {
  func.call @f() : () -> ()
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{dma.buffer: has no offset; run plan-memory first}}
  %0 = dma.buffer : memref<4xf32, "sram">
  func.return
}

// -----

func.func @f() {
  // expected-error@+1 {{memref.get_global: the module has no constant @w}}
  %0 = memref.get_global @w : memref<4xf32>
  func.return
}
